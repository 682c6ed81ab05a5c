"""Whether particles fit into the measurement volume. Strict only where nothing would be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scene.specimen.features import FeatureValue
from scene.specimen.specimen import MeasurementVolume

if TYPE_CHECKING:
    from scene.recipe.schema import Recipe

DIMENSIONS = "dimensions"


def too_large(dimensions: FeatureValue, volume: MeasurementVolume) -> str | None:
    """Return why a particle can't be in the measurement volume, or None if it can.

    What is larger all round than the volume at its widest has the camera inside it. One that is
    only wider than the volume is narrow is pushed through its walls, and may well be seen.

    Parameters
    ----------
    dimensions
        Its bounding box (x, y, z) in scene units.
    """
    assert isinstance(dimensions, tuple)
    if min(dimensions) <= max(volume.sides):
        return None
    return (
        f"a particle of {_by(dimensions)} scene units is larger all round than "
        f"the measurement volume of {_by(volume.sides)}"
    )


def fitting_problems(recipe: Recipe) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield (path, message) for every step after which no particle could fit, whatever is drawn."""
    from scene.steps.update import TriggerFeatureUpdate

    variabilities = recipe.process_conditions.feature_variabilities
    for index, step in enumerate(recipe.synth_chain.feature_generation_steps):
        if not isinstance(step, TriggerFeatureUpdate):
            continue
        entry = variabilities[step.feature_variability_name]
        affected = recipe.all_sets[step.affected_set_name]
        if entry.feature_name != DIMENSIONS or not any(
            affected.includes(name) for name in recipe.blueprints.particles
        ):
            continue
        drawn = [value for value in entry.variability.extremes() if isinstance(value, tuple)]
        if drawn and (problem := too_large(min(drawn, key=min), recipe.volume)):
            place = "synth_chain", "feature_generation_steps", index, "feature_variability_name"
            yield place, problem


def _by(lengths: tuple[float, ...]) -> str:
    return " x ".join(f"{length:g}" for length in lengths)
