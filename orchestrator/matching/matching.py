"""Matches a recipe to micrographs: simulates, measures, infers, writes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack, final

import numpy as np

from orchestrator.execution.progress import Shown
from orchestrator.matching.findings import finding, outside, sentences
from orchestrator.matching.micrographs import Measured, measured
from orchestrator.matching.numbers import with_ranges
from orchestrator.matching.parameters import Parameter, parameters_of
from orchestrator.matching.posterior import Posterior
from orchestrator.matching.simulations import Simulations, simulate, simulated_recipe
from orchestrator.matching.writing import Matched, recipe_text, report_text
from orchestrator.plan.options import Options
from orchestrator.statistics.gray import Floats
from scene.errors import COMMAND_LINE, ConfigurationError, Problem
from scene.language.paths import is_there
from scene.language.yaml_files import YAML_ENDINGS
from scene.language.yaml_texts import parse_mapping
from scene.recipe.compose import BUILTIN_RECIPES, Composition, recipe_file
from scene.recipe.parse import parse
from scene.recipe.registry import Registry

FEWEST_SIMULATIONS = 50
_FOR_SIMULATIONS = 0.8
"""Fraction of the time in which simulations are started; the rest is for inference."""


@final
@dataclass(frozen=True, slots=True)
class Written:
    """What a match has written.

    Parameters
    ----------
    recipe, report
        The files.
    matched
        What is in them.
    """

    recipe: Path
    report: Path
    matched: Matched


def match(
    folder: str,
    recipe: str,
    to: str,
    *,
    seconds: float,
    simulations: int,
    side: int,
    say: Callable[[str], None],
    progress: Shown = None,
    **options: Unpack[Options],
) -> Written:
    """Narrow a recipe's ranges to what micrographs show.

    Parameters
    ----------
    folder
        Holds from 5 to 50 images.
    recipe
        A file, or the name of a recipe that ships.
    to
        The recipe to write, a new file; its simulations are kept in a folder of its name.
    seconds
        The time that it may take, about.
    simulations
        The most that are made.
    side
        Pixels along each side of simulations and of the pieces of images they are compared with.
    say
        Is called with a sentence whenever another part of the work begins.
    progress, options
        As for a sweep.

    Raises
    ------
    ConfigurationError
        If images, recipe or file can't be used.
    """
    start = time.monotonic()
    target = _target(to)
    source = recipe_file(Path(recipe))
    name = _name_for(source, target)
    composition = Composition(source)
    registry = Registry(
        [str(folder) for folder in options.get("plugins") or ()],
        [str(folder) for folder in options.get("prototypes") or ()],
    )
    document = with_ranges(parse_mapping(composition.document(), str(source)), str(source))
    parsed = parse(with_ranges(composition.resolve(), str(source)), str(source), registry)
    parameters = parameters_of(parsed)
    if not parameters:
        message = "draws nothing once for each image from a range, so there is nothing to match"
        raise ConfigurationError([Problem(str(source), "", message)])
    real = measured(folder, side)
    say(
        f"{len(real.names)} images, of which {len(real.statistics)} pieces of {real.side} x "
        f"{real.side} pixels are compared with simulations"
    )
    found = simulate(
        simulated_recipe(document, parsed, real.side),
        target.with_suffix(".match"),
        simulations,
        max(0.0, seconds * _FOR_SIMULATIONS - (time.monotonic() - start)),
        progress=progress,
        **options,
    )
    if len(found.positions) < FEWEST_SIMULATIONS:
        message = (
            f"{len(found.positions)} simulations succeeded; at least {FEWEST_SIMULATIONS} are "
            "needed: give more time, the same command goes on"
        )
        raise ConfigurationError([Problem(COMMAND_LINE, "--budget", message)])
    say(f"inferring {len(parameters)} ranges from {len(found.positions)} simulations")
    matched = infer(real, found, parameters, name, folder)
    report = target.with_suffix(".match") / "report.md"
    report.write_text(report_text(matched), encoding="utf-8")
    with target.open("x", encoding="utf-8") as file:
        file.write(recipe_text(matched, document))
    return Written(target, report, matched)


def infer(
    real: Measured,
    simulated: Simulations,
    parameters: list[Parameter],
    recipe: str,
    folder: str,
) -> Matched:
    """Return what images say of parameters, by simulations."""
    beyond = outside(simulated.statistics, real.statistics)
    doubts = list(real.doubts)
    made, seen = simulated.statistics, real.statistics
    if simulated.failed:
        doubts.append(f"{simulated.failed} simulations failed; the others are used.")
    if real.pixel_nm is not None:
        low, high = np.nanmin(simulated.pixel_nm), np.nanmax(simulated.pixel_nm)
        if low <= real.pixel_nm <= high:
            made = _with_scale(made, simulated.pixel_nm)
            seen = _with_scale(seen, np.full(len(seen), real.pixel_nm))
        else:
            doubts.append(
                f"A pixel of the images is {real.pixel_nm:.3g} nm wide, and one of the recipe's "
                f"{low:.3g} to {high:.3g} nm: lengths in nm are not true, those in pixels are."
            )
    found = []
    for number, parameter in enumerate(parameters):
        positions = simulated.positions[:, number]
        drawn = np.isfinite(positions)  # a step may draw it in some runs alone
        if drawn.sum() < FEWEST_SIMULATIONS:
            doubts.append(f"{parameter.name} was drawn in too few runs to be told.")
            continue
        posterior = Posterior(made[drawn], positions[drawn])
        found.append(finding(parameter, posterior, seen, real.owners))
    return Matched(
        recipe=recipe,
        folder=folder,
        images=len(real.names),
        simulations=len(simulated.positions),
        side=real.side,
        findings=found,
        doubts=doubts,
        outside=sentences(beyond),
    )


def _with_scale(statistics: Floats, pixel_nm: Floats) -> Floats:
    return np.column_stack([statistics, np.log(pixel_nm)])


def _target(to: str) -> Path:
    target = Path(to)
    message = None
    if target.suffix not in YAML_ENDINGS:
        message = f"{to} is no YAML file; give a name that ends in .yaml"
    elif is_there(target):
        message = f"{to} exists and is not overwritten; remove it, or give another name"
    elif not target.parent.is_dir():
        message = f"there is no folder {target.parent}"
    if message:
        raise ConfigurationError([Problem(COMMAND_LINE, "--to", message)])
    return target


def _name_for(source: Path, target: Path) -> str:
    """Return what the recipe is called in the defaults list of one that derives from it."""
    if source.parent not in (target.parent, BUILTIN_RECIPES) and (
        source.parent.resolve() != target.parent.resolve()
    ):
        message = (
            f"a recipe that derives from {source} is found by it only in the same folder; give a "
            f"file in {source.parent}"
        )
        raise ConfigurationError([Problem(COMMAND_LINE, "--to", message)])
    return source.stem
