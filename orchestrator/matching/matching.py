"""Matches a recipe to micrographs: measures, simulates, infers, writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack, final

from orchestrator.common.words import counted
from orchestrator.execution.progress import Shown
from orchestrator.matching.draws import alike
from orchestrator.matching.findings import outside, sentences
from orchestrator.matching.micrographs import measured
from orchestrator.matching.parameters import Parameter
from orchestrator.matching.ranged import RangedRecipe
from orchestrator.matching.rounds import in_two_rounds
from orchestrator.matching.simulations import Simulations, simulate
from orchestrator.matching.writing import (
    Matched,
    draws_text,
    recipe_text,
    report_text,
)
from orchestrator.plan.options import Options
from orchestrator.statistics.comparison import compare
from orchestrator.statistics.gray import Floats
from orchestrator.statistics.summary import Summary
from scene.errors import COMMAND_LINE, ConfigurationError, Problem
from scene.language.paths import is_there
from scene.language.yaml_files import YAML_ENDINGS
from scene.recipe.compose import BUILTIN_RECIPES, recipe_file
from scene.recipe.registry import Registry


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
    registry = Registry(
        [str(folder) for folder in options.get("plugins") or ()],
        [str(folder) for folder in options.get("prototypes") or ()],
    )
    ranged = RangedRecipe.of(source, registry)
    document, parameters = ranged.document, ranged.parameters
    if not parameters:
        message = "draws nothing once for each image from a range, so there is nothing to match"
        raise ConfigurationError([Problem(str(source), "", message)])
    real = measured(folder, side)
    say(
        f"{len(real.names)} images, of which {len(real.statistics)} pieces of {real.side} x "
        f"{real.side} pixels are compared with simulations"
    )
    kept = target.with_suffix(".match")

    def simulated(
        content: Mapping[str, Any], drawn: Sequence[Parameter], to: Path, count: int, until: float
    ) -> Simulations:
        left = max(0.0, seconds * until - (time.monotonic() - start))
        return simulate(content, drawn, to, count, left, progress=progress, **options)

    told = in_two_rounds(real, ranged, kept, simulations, simulated, say)
    first, every, doubts = told.first, told.every, [*real.doubts, *told.doubts]
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
        findings=told.findings,
        draws=every.positions[nearest],
        distances=(
            _distance(real.statistics, first.statistics),
            _distance(real.statistics, every.statistics[nearest]),
        ),
        doubts=doubts,
        outside=sentences(outside(first.statistics, real.statistics)),
    )
    report = kept / "report.md"
    report.write_text(report_text(matched), encoding="utf-8")
    with draws.open("x", encoding="utf-8") as file:
        file.write(draws_text(matched, document, parameters))
    with target.open("x", encoding="utf-8") as file:
        file.write(recipe_text(matched, document))
    return Written(target, draws, report, matched)


def _distance(real: Floats, simulated: Floats) -> float:
    return compare(*([Summary(row) for row in table] for table in (real, simulated))).distance


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
