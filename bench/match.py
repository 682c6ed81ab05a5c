"""How well parameters of a recipe are told from its images, and by which method best.

::

    uv run python -m bench.match RECIPE MY.match [--images OUTPUT] [--others]

MY.match is what ``match`` has kept of RECIPE: its simulations, of which those of the first round,
of the whole recipe, are used. Some of these are hidden: their parameters are inferred from the
others by the forests of ``match``, with ``--others`` by two other methods, too, which takes
minutes, and compared with the truth. Each method's columns are the error of the median and the
fraction of truths that intervals of 90 % hold; for the forests also as they judge themselves.
Errors are fractions of the range. Among the parameters stands what images show of several of them
together.

OUTPUT is a data set of the same ranges, its images of the recipe's own size: each is asked for its
parameters as a folder with a single micrograph is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import typer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from orchestrator.dataset.dataset import DataSet
from orchestrator.matching.findings import population
from orchestrator.matching.micrographs import pieces
from orchestrator.matching.parameters import Parameter, parameters_of
from orchestrator.matching.posterior import Posterior
from orchestrator.matching.ranged import RangedRecipe
from orchestrator.matching.rounds import ROUNDS
from orchestrator.matching.simulations import collected
from orchestrator.statistics.gray import Floats
from orchestrator.statistics.summary import summary
from scene.language.yaml_texts import parse_mapping
from scene.recipe.compose import Composition, recipe_file
from scene.recipe.parse import parse
from scene.recipe.registry import Registry

LEVELS = (0.05, 0.5, 0.95)
NEIGHBOURS = 40

TOGETHER = {
    "mean size in pixels": {"BeadSize.geometric_mean": 1, "Magnification": 1},
    "probe in pixels": {"ProbeDiameter": 1, "Magnification": 1},
    "electrons a pixel": {"BeamCurrent": 1, "DwellTime": 1, "CollectionEfficiency": 1},
}
"""Products of powers of parameters that images depend on, where they can't be told apart."""


def main(
    recipe: str,
    kept: Path,
    images: str | None = None,
    *,
    hidden: int = 200,
    others: bool = False,
) -> None:
    """Print a line for each parameter, the best told first."""
    kept /= ROUNDS[0]
    own = RangedRecipe.of(recipe_file(Path(recipe)), Registry([], [])).parameters
    simulated = parse(
        Composition(kept / "simulated.yaml").resolve(), "simulated.yaml", Registry([], [])
    )
    found = collected(parameters_of(simulated), kept)
    count, positions = len(found.positions), found.positions
    if images:
        shown, theirs = whole_images(images, own, kept)
        positions = np.concatenate([positions, theirs])
    every = targets(own, positions)
    truths = {name: truth[:count] for name, truth in every.items()}
    known, asked = found.statistics[hidden:], found.statistics[:hidden]
    typer.echo(f"{len(known)} simulations, {hidden} hidden; error and held by 90 % intervals")
    heads = ["forests", "judged", *(["whole images"] if images else [])]
    if others:
        heads += ["boosting", "neighbours"]
        reduced = regressed(known, asked, np.column_stack(list(truths.values()))[hidden:])
    typer.echo(f"{'parameter':42}  {'  '.join(f'{head:11}' for head in heads)}")
    lines = []
    for name, truth in truths.items():
        posterior = Posterior(known, truth[hidden:])
        judged = posterior.judgement
        told = posterior.quantiles(posterior.weights(asked), LEVELS)
        scores = [score(told, truth[:hidden]), (judged.error, judged.coverage)]
        if images:
            scores.append(of_images(posterior, shown, every[name][count:]))
        if others:
            scores += [
                score(boosted(known, truth[hidden:], asked), truth[:hidden]),
                score(near(*reduced, truth[hidden:]), truth[:hidden]),
            ]
        cells = "  ".join(f"{error:5.3f} {held:5.2f}" for error, held in scores)
        lines.append((scores[0][0], f"{name:42}  {cells}"))
    for _, line in sorted(lines):
        typer.echo(line)


def targets(parameters: Sequence[Parameter], positions: Floats) -> dict[str, Floats]:
    """Return what is to be told, by name: parameters, and what images show of several together."""
    found = {one.name: column for one, column in zip(parameters, positions.T, strict=True)}
    values = {
        one.name: np.array([one.value(float(at)) for at in found[one.name]]) for one in parameters
    }
    return found | {name: spread_out(logs) for name, logs in together(values).items()}


def together(values: dict[str, Floats]) -> dict[str, Floats]:
    """Return logarithms of what images show of several parameters together, by name."""
    found = {
        name: np.sum([power * np.log(values[one]) for one, power in powers.items()], axis=0)
        for name, powers in TOGETHER.items()
        if powers.keys() <= values.keys()
    }
    if (beads := covered(values)) is not None:
        found["coverage by all beads"] = beads
    return found


def whole_images(
    output: str, parameters: Sequence[Parameter], kept: Path
) -> tuple[list[Floats], Floats]:
    """Return statistics of each image's pieces, and positions of parameters, (images, k)."""
    side = yaml_side(kept)
    data = DataSet.open(output)
    runs = list(data.runs(status="succeeded"))
    rows = {row["run_id"]: row for row in data.manifest().to_pylist()}
    statistics = [
        np.array([summary(piece).vector for piece in pieces(run.image("real"), side)])
        for run in runs
    ]
    positions = [
        one.positions(np.array([rows[run.run_id][one.column] for run in runs], float))
        for one in parameters
    ]
    return statistics, np.stack(positions, axis=1)


def yaml_side(kept: Path) -> int:
    """Return the pixels along each side of the simulations."""
    render = parse_mapping((kept / "simulated.yaml").read_text(encoding="utf-8"), "")["render"]
    return int(render["resolution"][0] * render.get("resolution_percentage", 100) / 100)


def of_images(
    posterior: Posterior, statistics: Sequence[Floats], truth: Floats
) -> tuple[float, float]:
    """Return the error of single images of several pieces, and how many truths ranges hold."""
    told = []
    for of_one in statistics:
        medians = posterior.quantiles(posterior.weights(of_one), (0.5,))[:, 0]
        told.append(population(medians, np.zeros(len(medians), np.int64), posterior.judgement))
    return score(np.array(told), truth)


def covered(values: dict[str, Floats]) -> Floats | None:
    """Return the logarithm of the area of all beads in a frame, in pixels."""
    mean, spread = (
        values.get(f"BeadSize.geometric_{what}") for what in ("mean", "standard_deviation")
    )
    numbers = [value for name, value in values.items() if name.endswith(".number")]
    if mean is None or spread is None or not numbers:
        return None
    # The mean of squares of a log-normal distribution.
    area = np.log(np.sum(numbers, axis=0)) + 2 * np.log(mean) + 2 * np.log(spread) ** 2
    return area + 2 * np.log(values.get("Magnification", np.ones(1)))


def spread_out(numbers: Floats) -> Floats:
    """Return numbers so that the middle 90 % of them lie from 0 to 1."""
    low, high = np.quantile(numbers, (0.05, 0.95))
    return (numbers - low) / (high - low)


def score(found: Floats, truth: Floats) -> tuple[float, float]:
    """Return the mean error of the median, and how many truths lie between the ends."""
    low, middle, high = found.T
    return float(np.abs(middle - truth).mean()), float(((low <= truth) & (truth <= high)).mean())


def boosted(known: Floats, truth: Floats, asked: Floats) -> Floats:
    """Return quantiles by gradient boosting of each."""
    found = [
        HistGradientBoostingRegressor(
            loss="quantile", quantile=level, max_iter=60, learning_rate=0.1, random_state=0
        )
        .fit(known, truth)
        .predict(asked)
        for level in LEVELS
    ]
    return np.stack(found, axis=1)


def regressed(known: Floats, asked: Floats, truths: Floats) -> tuple[Floats, Floats]:
    """Return all parameters as a regression of second order has them: a summary of statistics.

    Fearnhead and Prangle 2012, Journal of the Royal Statistical Society B 74, 419.
    """
    model = make_pipeline(
        SimpleImputer(strategy="median"),
        StandardScaler(),
        PolynomialFeatures(2, include_bias=False),
        StandardScaler(),
        RidgeCV(np.logspace(1, 6, 11)),
    ).fit(known, truths)
    return model.predict(known), model.predict(asked)


def near(known: Floats, asked: Floats, truth: Floats) -> Floats:
    """Return quantiles among the simulations nearest in that summary."""
    neighbours = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(known)
    places = neighbours.kneighbors(asked, return_distance=False)
    return np.quantile(truth[places], LEVELS, axis=1).T


if __name__ == "__main__":
    typer.run(main)
