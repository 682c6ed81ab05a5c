"""Gaussian random spheres: the logarithm of the radius is a random field on the sphere.

K. Muinonen, Introducing the Gaussian shape hypothesis for asteroids and comets, Astronomy and
Astrophysics 332 (1998) 1087. The field is a sum of real spherical harmonics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
from numpy.typing import NDArray

from scene.shapes.mesh import TriangleMesh
from scene.shapes.sphere import directions, star_shaped


@final
@dataclass(frozen=True, slots=True)
class Spectrum:
    """How much of the roughness each degree has.

    Parameters
    ----------
    amplitude
        Standard deviation of the radius over the mean one, for small ones.
    exponent
        The variance of degree l is proportional to l to the power of minus this.
    lowest, highest
        Degrees that are there; a degree l has l bumps round the equator.
    """

    amplitude: float
    exponent: float
    lowest: int
    highest: int

    def deviations(self) -> NDArray[np.float64]:
        """Return the standard deviation of each coefficient, degree by degree."""
        degree = np.arange(self.lowest, max(self.lowest, self.highest) + 1)
        variance = degree.astype(float) ** -self.exponent
        variance /= variance.sum()
        # Harmonics are normalised so that the squares of a degree add up to 1 anywhere, on average.
        each = np.sqrt(variance / (2 * degree + 1))
        return self.amplitude * np.repeat(each, 2 * degree + 1)


def rough_sphere(cells: int, spectrum: Spectrum, seed: int) -> TriangleMesh:
    """Return a sphere of diameter 1 with a random relief, the same for the same seed."""
    generator = np.random.Generator(np.random.Philox(seed))
    deviations = spectrum.deviations()
    # Drawn from degree 0 on, so that another spectrum of this seed is a filtered one.
    first = spectrum.lowest**2
    normal = generator.standard_normal(first + len(deviations))[first:]
    basis = _harmonics(cells, spectrum.lowest, max(spectrum.lowest, spectrum.highest))
    field = np.einsum("nv,n->v", basis, normal * deviations)
    return star_shaped(cells, 0.5 * np.exp(field))


@lru_cache(maxsize=8)
def _harmonics(cells: int, lowest: int, highest: int) -> NDArray[np.float64]:
    """Return real spherical harmonics of variance 1, (number, V), degree by degree."""
    from scipy.special import sph_harm_y

    x, y, z = directions(cells).vertices.T
    polar, azimuth = np.arccos(np.clip(z, -1.0, 1.0)), np.arctan2(y, x)
    rows = []
    for degree in range(lowest, highest + 1):
        for order in range(-degree, degree + 1):
            value = sph_harm_y(degree, abs(order), polar, azimuth)
            part = value.imag if order < 0 else value.real
            rows.append(part * math.sqrt(4 * math.pi * (1 if order == 0 else 2)))
    basis = np.array(rows)
    basis.flags.writeable = False
    return basis
