"""Which particles are balls: what is known of them without their mesh."""

from __future__ import annotations

from scene.prototypes.geometry import GeometryPrototype
from scene.specimen.specimen import DIMENSIONS, Particle
from scene.specimen.values import values


def ball_diameter(particle: Particle, geometry: GeometryPrototype) -> float | None:
    """Return the diameter of a particle in scene units if it is a ball, as long as it is alone.

    Parameters
    ----------
    particle
        With all its features.
    geometry
        Its prototype.
    """
    dimensions = particle.features[DIMENSIONS]
    assert isinstance(dimensions, tuple)
    own = values(particle.features, geometry.features)
    return dimensions[0] if len({*dimensions}) == 1 and geometry.is_ball(own) else None
