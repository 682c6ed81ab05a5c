"""How well parameters of a recipe are told from its images, and by which method best.

::

    uv run python bench/match.py RECIPE OUTPUT [--size 320] [--hidden 20]

OUTPUT is a data set of a sweep of RECIPE over seeds. One piece of each image is measured. Some runs
are hidden: their parameters are inferred from the other runs, by the forests of ``match`` and by
two other methods, and compared with the truth. Each method's columns are the error of the median
and the fraction of truths that intervals of 90 % hold; for the forests also as they judge
themselves. Errors are fractions of the range.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import typer
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from orchestrator.dataset.dataset import DataSet
from orchestrator.matching.micrographs import pieces
from orchestrator.matching.parameters import parameters_of
from orchestrator.matching.posterior import Posterior
from orchestrator.statistics.gray import Floats
from orchestrator.statistics.summary import summary
from scene.recipe.compose import Composition, recipe_file
from scene.recipe.parse import parse
from scene.recipe.registry import Registry

LEVELS = (0.05, 0.5, 0.95)
NEIGHBOURS = 40


def main(recipe: str, output: str, size: int = 320, hidden: int = 20) -> None:
    """Print a line for each parameter, the best told first."""
    source = recipe_file(Path(recipe))
    parameters = parameters_of(parse(Composition(source).resolve(), str(source), Registry([], [])))
    data = DataSet.open(output)
    runs = list(data.runs(status="succeeded"))
    vectors = np.array([summary(pieces(run.image("real"), size)[0]).vector for run in runs])
    columns = {row["run_id"]: row for row in data.manifest().to_pylist()}
    known, asked = vectors[hidden:], vectors[:hidden]
    typer.echo(f"{len(known)} simulations, {hidden} hidden; error and held by 90 % intervals")
    typer.echo(f"{'parameter':42}  forests      judged       boosting     neighbours")
    truths = np.array(
        [
            [
                float(one.positions(np.float64(columns[run.run_id][one.column])))
                for one in parameters
            ]
            for run in runs
        ]
    )
    reduced = regressed(known, asked, truths[hidden:])
    lines = []
    for parameter, truth in zip(parameters, truths.T, strict=True):
        posterior = Posterior(known, truth[hidden:])
        judged = posterior.judgement
        found = posterior.quantiles(posterior.weights(asked), LEVELS)
        found += np.array([-1, 0, 1]) * judged.widening
        scores = [
            score(found, truth[:hidden]),
            (judged.error, judged.coverage),
            score(boosted(known, truth[hidden:], asked), truth[:hidden]),
            score(near(*reduced, truth[hidden:]), truth[:hidden]),
        ]
        cells = "  ".join(f"{error:5.3f} {held:5.2f}" for error, held in scores)
        lines.append((judged.error, f"{parameter.name:42}  {cells}"))
    for _, line in sorted(lines):
        typer.echo(line)


def score(found: Floats, truth: Floats) -> tuple[float, float]:
    """Return the mean error of the median, and how many truths lie between the ends."""
    low, middle, high = found.T
    return float(np.abs(middle - truth).mean()), float(((low <= truth) & (truth <= high)).mean())


def boosted(known: Floats, truth: Floats, asked: Floats) -> Floats:
    """Return quantiles by gradient boosting of each."""
    fill = SimpleImputer(strategy="median").fit(known)
    found = [
        GradientBoostingRegressor(
            loss="quantile",
            alpha=level,
            n_estimators=80,
            max_depth=3,
            subsample=0.7,
            random_state=0,
        )
        .fit(fill.transform(known), truth)
        .predict(fill.transform(asked))
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
