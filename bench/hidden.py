"""Whether ``match`` finds hidden instruments: renders of known parameters, matched as a folder.

::

    uv run python -m bench.hidden RECIPE FOLDER --instruments 4 --images 10

Each instrument is a draw of all of the recipe's ranges; its images are of its parameters and differ
by their specimens alone. Their files say the size of a pixel, as those of most instruments do, or,
with ``--no-pixel-size``, do not. Simulations of the whole recipe are those of the first match for
all. The table has, for each parameter, the mean distance of the middle that was told from the
truth, as a fraction of the recipe's range, and how many of the ranges written hold the truth. The
middle of the recipe's range, which is told by saying nothing, has an error of 0.25. What images
show of several parameters together is told by the draws that look most like them.

The same command goes on where it was interrupted.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer

import blendsweep as bs
from bench.match import together
from orchestrator.matching.matching import match
from orchestrator.matching.parameters import Parameter
from orchestrator.matching.ranged import RangedRecipe
from orchestrator.matching.rounds import ROUNDS
from orchestrator.matching.writing import set_range
from orchestrator.statistics.gray import Floats
from scene.imaging.png import FASTEST, write_png
from scene.language.yaml_files import write_mapping
from scene.recipe.compose import recipe_file
from scene.recipe.registry import Registry

REAL = [{"_target_": "$builtins.RenderParticlesTogether", "rendering_mode": "real"}]


def main(
    recipe: str,
    to: Path,
    *,
    instruments: int = 6,
    images: int = 20,
    budget: float = 300,
    simulations: int = 1000,
    size: int = 320,
    seed: int = 0,
    pixel_size: bool = True,
) -> None:
    """Print a line for each parameter, the best told first."""
    source = recipe_file(Path(recipe))
    ranged = RangedRecipe.of(source, Registry([], []))
    document, parameters = ranged.document, ranged.parameters
    rng = np.random.default_rng(seed)
    combined: dict[str, list[Sequence[float]]] = {}
    errors, held, widths = (np.full((instruments, len(parameters)), np.nan) for _ in range(3))
    for number in range(instruments):
        truth = rng.random(len(parameters))
        # From half to twice the recipe's number: all particles have to fit.
        of_particles = np.array([one.of_particles for one in parameters])
        truth[of_particles] = 0.25 + truth[of_particles] / 2
        instrument = to / f"instrument-{number}"
        real = render(document, parameters, truth, instrument, images, pixel_size=pixel_size)
        mine = instrument.with_suffix(".yaml")
        first, kept = (to / f"instrument-{n}.match" / ROUNDS[0] for n in (0, number))
        if not kept.exists() and first.exists():
            shutil.copytree(first, kept)
        for written_before in (mine, mine.with_stem(f"{mine.stem}_draws")):
            written_before.unlink(missing_ok=True)
        own = to / source.name  # a recipe that derives from another lies beside it
        shutil.copy(source, own)
        written = match(
            str(real), str(own), str(mine),
            seconds=budget, simulations=simulations, side=size, say=typer.echo, progress="auto",
        )  # fmt: skip
        found = {one.parameter.name: one for one in written.matched.findings}
        middles = np.empty(len(parameters))
        for column, one in enumerate(parameters):
            told = found[one.name]
            ends = one.positions(np.array([told.low, told.middle, told.high]))
            middles[column] = ends[1]
            errors[number, column] = abs(ends[1] - truth[column])
            held[number, column] = ends[0] <= truth[column] <= ends[2]
            widths[number, column] = min(1.0, ends[2] - ends[0])
        told_together = shown_together(parameters, truth, written.matched.draws, middles)
        for name, row in told_together.items():
            combined.setdefault(name, []).append(row)
    typer.echo(f"{instruments} instruments, {images} images each; error, held, width of the range")
    for column in np.argsort(errors.mean(axis=0)):
        cells = (table[:, column].mean() for table in (errors, held, widths))
        typer.echo(f"{parameters[column].name:42}  " + "  ".join(f"{cell:5.3f}" for cell in cells))
    typer.echo(f"{'all':42}  {errors.mean():5.3f}  {held.mean():5.3f}  {widths.mean():5.3f}")
    typer.echo("what images show of several together, by draws, and error by middles of ranges")
    for name, rows in combined.items():
        means = np.mean(rows, axis=0).tolist()
        typer.echo(f"{name:42}  " + "  ".join(f"{mean:5.3f}" for mean in means))


def shown_together(
    parameters: Sequence[Parameter], truth: Floats, draws: Floats, middles: Floats
) -> dict[str, Sequence[float]]:
    """Return error, held and width of what images show of several parameters together, by draws.

    The last is the error by middles of ranges. In units of the middle 90 % of what the recipe's
    ranges make.
    """
    prior = np.random.default_rng(1).random((2000, len(parameters)))
    prior_logs, truths, told, by_middles = (
        together(
            {
                one.name: np.array([one.value(at) for at in column.tolist()])
                for one, column in zip(parameters, table.T, strict=True)
            }
        )
        for table in (prior, truth[None, :], draws, middles[None, :])
    )
    found: dict[str, Sequence[float]] = {}
    for name, logs in prior_logs.items():
        unit = float(np.diff(np.quantile(logs, (0.05, 0.95)))[0])
        low, middle, high = np.quantile(told[name], (0.05, 0.5, 0.95)).tolist()
        true = float(truths[name][0])
        found[name] = (
            abs(middle - true) / unit,
            low <= true <= high,
            (high - low) / unit,
            abs(float(by_middles[name][0]) - true) / unit,
        )
    return found


def render(
    document: Mapping[str, Any],
    parameters: Sequence[Parameter],
    truth: Floats,
    folder: Path,
    images: int,
    *,
    pixel_size: bool,
) -> Path:
    """Render images whose parameters are at these positions, and return their folder."""
    shown = folder.with_suffix(".images" if pixel_size else ".unscaled")
    if shown.exists():
        return shown
    content = copy.deepcopy(dict(document))
    for one, position in zip(parameters, truth.tolist(), strict=True):
        value = one.value(position)
        # A range has to have two ends; of a whole number they may be the same.
        beside = value if one.whole else value + 1e-9 * (one.high - one.low)
        set_range(content, document, one, int(value) if one.whole else value, beside)
    content["synth_chain"]["rendering_steps"] = REAL
    folder.parent.mkdir(parents=True, exist_ok=True)
    recipe = folder.with_suffix(".hidden.yaml")
    recipe.write_text(write_mapping(content), encoding="utf-8")
    seeds = f"initial_runtime_state.seed=range(100000,{100000 + images})"
    sweep = {"recipe": str(recipe), "overrides": [seeds], "output": str(folder)}
    result = bs.run(sweep, mlflow=False)
    part = folder.with_suffix(".part")
    part.mkdir(exist_ok=True)
    for rendered in result.data.runs(status="succeeded"):
        size = rendered.pixel_size_nm if pixel_size else None
        write_png(part / f"{rendered.run_id}.png", rendered.image("real"), size, FASTEST)
    part.rename(shown)
    return shown


if __name__ == "__main__":
    typer.run(main)
