"""What simulations say of images, parameter by parameter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from orchestrator.matching.findings import Finding, finding
from orchestrator.matching.micrographs import Measured
from orchestrator.matching.parameters import Parameter
from orchestrator.matching.posterior import Posterior
from orchestrator.matching.simulations import Simulations
from orchestrator.statistics.gray import Floats

FEWEST_SIMULATIONS = 50


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
        min(
            (one, again.get(one.parameter.name, one)),
            key=lambda finding: finding.judgement.uncertainty,
        )
        for one in first
    ]


def _with_scale(statistics: Floats, pixel_nm: Floats) -> Floats:
    return np.column_stack([statistics, np.log(pixel_nm)])
