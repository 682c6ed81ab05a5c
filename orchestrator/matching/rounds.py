"""Simulations in two rounds: of a whole recipe, then of the ranges that the first has left.

In the second, with something beyond these ranges, simulations are more like the images and differ
by less from one another, so they tell more, also of how narrower ranges look together (truncated
proposals: Deistler, Goncalves and Macke 2022, Advances in Neural Information Processing Systems
35).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from orchestrator.matching.findings import Finding
from orchestrator.matching.inference import FEWEST_SIMULATIONS, infer, surer
from orchestrator.matching.micrographs import Measured
from orchestrator.matching.parameters import Parameter, parameters_of
from orchestrator.matching.ranged import RangedRecipe
from orchestrator.matching.simulations import Simulations, kept, simulated_recipe
from orchestrator.matching.writing import narrowed_recipe
from scene.errors import COMMAND_LINE, ConfigurationError, Problem
from scene.recipe.parse import parse

ROUNDS = ("round-1", "round-2")
"""Folders of the simulations."""

_IN_THE_FIRST = 0.6
"""Fraction of the simulations that are of the whole recipe."""

_UNTIL = (0.5, 0.8)
"""Fractions of the time until which simulations of each round are started."""


@final
@dataclass(frozen=True, slots=True)
class Told:
    """What two rounds of simulations have told.

    Parameters
    ----------
    findings
        Of each parameter.
    doubts
        What is doubtful, in sentences.
    first, every
        Simulations of the whole recipe, and these with those of narrower ranges.
    """

    findings: Sequence[Finding]
    doubts: Sequence[str]
    first: Simulations
    every: Simulations


def in_two_rounds(
    real: Measured,
    ranged: RangedRecipe,
    folder: Path,
    count: int,
    simulate: Callable[[Mapping[str, Any], Sequence[Parameter], Path, int, float], Simulations],
    say: Callable[[str], None],
) -> Told:
    """Simulate a recipe, infer, simulate what is left, and infer again.

    Parameters
    ----------
    real
        What it is matched to.
    ranged
        The recipe.
    folder
        Where simulations are kept.
    count
        The most simulations.
    simulate
        Makes some, until a fraction of the time is over: see `simulations.simulate`.
    say
        Is called with a sentence whenever another part of the work begins.

    Raises
    ------
    ConfigurationError
        If there are too few simulations, or those in the folder are of another recipe.
    """
    parameters = ranged.parameters
    content = simulated_recipe(ranged.document, ranged.recipe, real.side)
    drawn = parameters_of(parse(content, str(folder), ranged.registry))
    first_folder, second_folder = (folder / name for name in ROUNDS)
    in_first = count
    if count >= 2 * FEWEST_SIMULATIONS:
        in_first = max(FEWEST_SIMULATIONS, round(count * _IN_THE_FIRST))
    if second_folder.exists():  # it follows from the first round as that was
        first = kept(content, drawn, first_folder)
    else:
        first = simulate(content, drawn, first_folder, in_first, _UNTIL[0])
    if len(first.positions) < FEWEST_SIMULATIONS:
        message = (
            f"{len(first.positions)} simulations succeeded; at least {FEWEST_SIMULATIONS} are "
            "needed: give more time, the same command goes on"
        )
        raise ConfigurationError([Problem(COMMAND_LINE, "--budget", message)])
    say(f"inferring {len(parameters)} ranges from {len(first.positions)} simulations")
    findings, doubts = infer(real, first, parameters)
    in_second = count - in_first
    if not in_second or not any(one.narrowed for one in findings):
        return Told(findings, doubts, first, first)
    narrower = simulated_recipe(
        narrowed_recipe(findings, ranged.document), ranged.recipe, real.side
    )
    second = simulate(narrower, drawn, second_folder, in_second, _UNTIL[1])
    if len(second.positions) >= FEWEST_SIMULATIONS:
        say(f"inferring them again from {len(second.positions)} simulations of narrower ranges")
        findings = surer(findings, infer(real, second, parameters)[0])
    return Told(findings, doubts, first, first.and_more(second))
