"""Spheres and ellipsoids whose surface is moved along its normals by noise."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from scene.shapes.mesh import TriangleMesh
from scene.shapes.noise import fractal_noise, gradient_noise
from scene.shapes.sphere import directions

STRENGTH = 2.0
SCALE, DETAIL, ROUGHNESS, LACUNARITY, DISTORTION = 0.3, 1.4, 1.0, 2.0, 0.3
CHANNELS = 3
"""Independent noises whose mean is taken."""

SPREAD = 100.0
"""Shapes are taken from places of the noise up to this far from the origin, along each axis."""

DEEPEST = 0.9
"""Deepest dent over the smallest half axis; a tiny particle would be turned inside out."""


@lru_cache(maxsize=1024)
def potato(cells: int, size: tuple[float, float, float], shape: int) -> TriangleMesh:
    """Return an ellipsoid of a nominal size with dents and bumps of an absolute size.

    Parameters
    ----------
    cells
        As of :func:`scene.shapes.sphere.directions`.
    size
        Of the ellipsoid, in scene units, which the depth and the width of dents are in, too.
    shape
        Selects where in the noise the shape is taken from.
    """
    ellipsoid = directions(cells).stretched(np.array(size) / 2)
    generator = np.random.Generator(np.random.Philox(shape))
    places = (ellipsoid.vertices + generator.uniform(-SPREAD, SPREAD, 3)) * SCALE
    shift = gradient_noise(places, range(CHANNELS, CHANNELS + 3)).T
    noises = fractal_noise(
        places + DISTORTION * shift, DETAIL, ROUGHNESS, LACUNARITY, range(CHANNELS)
    )
    # Noise in -1 to 1 is (noise - 0.5) in 0 to 1, twice.
    height = STRENGTH / 2 * noises.sum(axis=0) / CHANNELS
    height = np.maximum(height, -DEEPEST * min(size) / 2)
    assert ellipsoid.normals is not None
    vertices = ellipsoid.vertices + height[:, np.newaxis] * ellipsoid.normals
    return TriangleMesh(vertices, ellipsoid.triangles).smooth()
