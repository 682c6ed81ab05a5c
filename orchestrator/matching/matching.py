"""Matches a recipe to micrographs: simulates, measures, infers, writes.

In two rounds: of the whole recipe, then of the ranges that the first has left, with something
beyond them. There, simulations are more like the images and differ by less from one another, so
they tell more, also of how narrower ranges look together (truncated proposals: Deistler, Goncalves
and Macke 2022, Advances in Neural Information Processing Systems 35).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack, final

import numpy as np

from orchestrator.common.words import counted
from orchestrator.execution.progress import Shown
from orchestrator.matching.draws import alike
from orchestrator.matching.findings import Finding, finding, outside, sentences
from orchestrator.matching.micrographs import Measured, measured
from orchestrator.matching.numbers import with_ranges
from orchestrator.matching.parameters import Parameter, parameters_of
from orchestrator.matching.posterior import Posterior
from orchestrator.matching.simulations import Simulations, kept, simulate, simulated_recipe
from orchestrator.matching.writing import (
    Matched,
    draws_text,
    narrowed_recipe,
    recipe_text,
    report_text,
)
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

ROUNDS = ("round-1", "round-2")
"""Folders of the simulations."""

_IN_THE_FIRST = 0.6
"""Fraction of the simulations that are of the whole recipe."""

_UNTIL = (0.5, 0.8)
"""Fractions of the time until which simulations of each round are started."""


@final
@dataclass(frozen=True, slots=True)
class Written:
    """What a match has written.

    Parameters
    ----------
    recipe, draws, report
        The files: of ranges, of draws, and what is known of them.
    matched
        What is in them.
    """

    recipe: Path
    draws: Path
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
    target, draws = _targets(to)
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
    content = simulated_recipe(document, parsed, real.side)
    drawn = parameters_of(parse(content, str(source), registry))
    first_folder, second_folder = (target.with_suffix(".match") / name for name in ROUNDS)

    def simulated(
        content: Mapping[str, Any], folder: Path, count: int, until: float
    ) -> Simulations:
        left = max(0.0, seconds * until - (time.monotonic() - start))
        return simulate(content, drawn, folder, count, left, progress=progress, **options)

    in_first = simulations
    if simulations >= 2 * FEWEST_SIMULATIONS:
        in_first = max(FEWEST_SIMULATIONS, round(simulations * _IN_THE_FIRST))
    if second_folder.exists():  # it follows from the first round as that was
        first = kept(content, drawn, first_folder)
    else:
        first = simulated(content, first_folder, in_first, _UNTIL[0])
    if len(first.positions) < FEWEST_SIMULATIONS:
        message = (
            f"{len(first.positions)} simulations succeeded; at least {FEWEST_SIMULATIONS} are "
            "needed: give more time, the same command goes on"
        )
        raise ConfigurationError([Problem(COMMAND_LINE, "--budget", message)])
    say(f"inferring {len(parameters)} ranges from {len(first.positions)} simulations")
    findings, doubts = infer(real, first, parameters)
    every = first
    in_second = simulations - in_first
    if in_second and any(one.narrowed for one in findings):
        narrower = simulated_recipe(narrowed_recipe(findings, document), parsed, real.side)
        second = simulated(narrower, second_folder, in_second, _UNTIL[1])
        every = first.and_more(second)
        if len(second.positions) >= FEWEST_SIMULATIONS:
            say(f"inferring them again from {len(second.positions)} simulations of narrower ranges")
            findings = surer(findings, infer(real, second, parameters)[0])
    if every.failed:
        doubts.append(f"{counted(every.failed, 'simulation')} failed; the others are used.")
    scales = None if real.pixel_nm is None else every.pixel_nm / real.pixel_nm
    nearest = alike(every.statistics, real.statistics, real.owners, scales)
    matched = Matched(
        recipe=name,
        folder=folder,
        images=len(real.names),
        simulations=len(every.positions),
        side=real.side,
        findings=findings,
        draws=every.positions[nearest],
        doubts=[*real.doubts, *doubts],
        outside=sentences(outside(first.statistics, real.statistics)),
    )
    report = target.with_suffix(".match") / "report.md"
    report.write_text(report_text(matched), encoding="utf-8")
    with draws.open("x", encoding="utf-8") as file:
        file.write(draws_text(matched, document, parameters))
    with target.open("x", encoding="utf-8") as file:
        file.write(recipe_text(matched, document))
    return Written(target, draws, report, matched)


def infer(
    real: Measured, simulated: Simulations, parameters: Sequence[Parameter]
) -> tuple[list[Finding], list[str]]:
    """Return what images say of parameters, by simulations, and what is doubtful, in sentences."""
    doubts = []
    made, seen = simulated.statistics, real.statistics
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
    return found, doubts


def surer(first: Sequence[Finding], second: Sequence[Finding]) -> list[Finding]:
    """Return of each parameter the finding of the round that tells it better."""
    again = {one.parameter.name: one for one in second}
    return [
        min((one, again.get(one.parameter.name, one)), key=lambda finding: finding.uncertainty)
        for one in first
    ]


def _with_scale(statistics: Floats, pixel_nm: Floats) -> Floats:
    return np.column_stack([statistics, np.log(pixel_nm)])


def _targets(to: str) -> tuple[Path, Path]:
    """Return the files of ranges and of draws, new ones in a folder that exists."""
    target = Path(to)
    draws = target.with_name(f"{target.stem}_draws{target.suffix}")
    message = None
    if target.suffix not in YAML_ENDINGS:
        message = f"{to} is no YAML file; give a name that ends in .yaml"
    elif there := [str(file) for file in (target, draws) if is_there(file)]:
        message = f"{there[0]} exists and is not overwritten; remove it, or give another name"
    elif not target.parent.is_dir():
        message = f"there is no folder {target.parent}"
    if message:
        raise ConfigurationError([Problem(COMMAND_LINE, "--to", message)])
    return target, draws


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
