"""Whether particles fit into the measurement volume. Strict only where nothing would be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scene.features import FeatureValue
from scene.specimen import MeasurementVolume

if TYPE_CHECKING:
    from scene.recipe import Recipe

DIMENSIONS = "dimensions"


def too_large(dimensions: FeatureValue, volume: MeasurementVolume, *, enclosed: bool) -> str | None:
    """Return why a particle can't be in the measurement volume, or None if it can.

    Parameters
    ----------
    dimensions
        Its bounding box (x, y, z) in scene units.
    enclosed
        Whether walls, floor and lid will hold it. Then it has to be thinner somewhere than the
        volume is at its thinnest; without them, than the volume is at its widest: whatever is
        larger all round has the camera inside it.
    """
    assert isinstance(dimensions, tuple)
    limit = min(volume.sides) if enclosed else max(volume.sides)
    if min(dimensions) <= limit:
        return None
    whither = "can't be relaxed in" if enclosed else "is larger all round than"
    return (
        f"a particle of {_by(dimensions)} scene units {whither} "
        f"the measurement volume of {_by(volume.sides)}"
    )


def fitting_problems(recipe: Recipe) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield (path, message) for every step after which no particle could fit, whatever is drawn."""
    from scene.steps.relax import RelaxCollisions
    from scene.steps.update import TriggerFeatureUpdate

    variabilities = recipe.process_conditions.feature_variabilities
    volume, smallest = recipe.volume, dict[str, FeatureValue]()
    for index, step in enumerate(recipe.synth_chain.feature_generation_steps):
        if not isinstance(step, RelaxCollisions | TriggerFeatureUpdate):
            continue
        affected = recipe.all_sets[step.affected_set_name]
        members = [name for name in recipe.blueprints.particles if affected.includes(name)]
        if isinstance(step, TriggerFeatureUpdate):
            entry = variabilities[step.feature_variability_name]
            if entry.feature_name != DIMENSIONS:
                continue
            drawn = [value for value in entry.variability.extremes() if isinstance(value, tuple)]
            if not drawn:
                continue
            smallest |= dict.fromkeys(members, min(drawn, key=min))
        enclosed = isinstance(step, RelaxCollisions)
        for name in members:
            problem = name in smallest and too_large(smallest[name], volume, enclosed=enclosed)
            if problem:
                key = "affected_set_name" if enclosed else "feature_variability_name"
                yield ("synth_chain", "feature_generation_steps", index, key), problem
                smallest = {}  # told once
                break


def _by(lengths: tuple[float, ...]) -> str:
    return " x ".join(f"{length:g}" for length in lengths)
