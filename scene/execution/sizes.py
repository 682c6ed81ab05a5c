"""Sizes of particles in physical units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from scene.language.plugin_code import described
from scene.prototypes.geometry import GeometryPrototype
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import DIMENSIONS, Particle
from scene.specimen.values import values

type Geometries = Mapping[str, GeometryPrototype]


def equivalent_diameters_nm(
    particles: Iterable[Particle], geometries: Geometries, scene_unit_nm: float
) -> list[float | None]:
    """Return the diameter in nm of the sphere of equal volume, for each particle (ISO 9276).

    Parameters
    ----------
    particles
        Whose sizes are asked for.
    geometries
        Prototypes by name, for all of them.
    scene_unit_nm
        Length of a scene unit in nm.

    Returns
    -------
    list
        None for a particle whose geometry does not know its volume.

    Raises
    ------
    ValueError
        If a geometry gives something else than a fraction; the text names it.
    """
    return [_diameter(particle, geometries, scene_unit_nm) for particle in particles]


def _diameter(particle: Particle, geometries: Geometries, scene_unit_nm: float) -> float | None:
    geometry = geometries[particle.geometry]
    dimensions = particle.features[DIMENSIONS]
    assert isinstance(dimensions, tuple)
    own = values(particle.features, geometry.features)
    if geometry.true_size:
        own[DIMENSIONS] = dimensions
    fraction = _checked(geometry, own)
    if fraction is None:
        return None
    # Each side for itself: a product of three lengths in nm can be out of any range.
    sides = math.prod(math.cbrt(side) for side in dimensions)
    return scene_unit_nm * sides * math.cbrt(6 * fraction / math.pi)


def _checked(geometry: GeometryPrototype, features: Mapping[str, FeatureValue]) -> float | None:
    fraction: Any = geometry.volume_fraction(features)  # whatever a plugin gives
    most = 1 if geometry.fills_box else math.inf
    if fraction is None or (isinstance(fraction, int | float) and 0 < fraction <= most):
        return fraction
    bounds = "in (0, 1]" if geometry.fills_box else "greater than 0"
    raise ValueError(
        f"{described(type(geometry))}: volume_fraction must give a number {bounds} or None, "
        f"got {fraction!r:.60}"
    )
