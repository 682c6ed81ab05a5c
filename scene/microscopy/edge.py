"""Edge brightening: a tilted surface gives more secondary electrons.

Secondary electrons leave from a thin layer. A beam that meets the surface at an angle to its
normal has a longer way in that layer, so that the yield grows as ``1 / cos(angle)**n``. n is 1 for
a straight way; measured on flat samples it is above 1 for light elements and below for heavy ones:
L. Reimer, Scanning Electron Microscopy, 2nd ed. (1998); H. Seiler, Journal of Applied Physics 54
(1983) R1.

At the limb of a sphere that way does not become infinite. With electrons from a depth d leaving
with the probability ``exp(-d / T)``, T the escape depth, a beam through a sphere of radius R has
the yield::

    integral of exp(-d(s) / T) ds / T = 2 sqrt(2 R / T) D(cos sqrt(R / (2 T))),    T << R

with Dawson's function D, since the depth at the distance s along the beam is
``d = s cos - s**2 / (2 R)``. For ``cos >> sqrt(T / R)`` this is 1 / cos, and it is at most
``1.530 sqrt(R / T)``. A simple law with the same limits, for any n, is
``(cos**2 + lambda)**(-n / 2)`` with ``lambda = T / (1.530**2 R)``. What it leaves out is the
fall of the yield within 0.85 T of the outline, which is far less than a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.geometry import GeometryBuffers
from scene.microscopy.settings import Settings
from scene.specimen.features import FeatureSpec

LIMIT = 0.427
"""Of lambda, ``1 / (2 sqrt(2) max(D))**2``, D being Dawson's function."""

FLAT_LIMIT = 0.01
"""Lambda of a flat surface.

The law has been measured up to some 80 degrees; a beam that grazes at less is scattered out.
"""

LARGEST_LIMIT = 1.0
"""Lambda where a particle is no thicker than the escape depth, and has no edges to speak of."""

_LEVEL = np.float32(1e-3)
"""Square of the tilt below which it decides no direction."""


@final
@dataclass(frozen=True, slots=True)
class Edge(Settings):
    """How the yield depends on tilt.

    Parameters
    ----------
    edge_exponent
        n; 0 is a yield that does not depend on it.
    escape_depth
        Depth T in nm from which one in e secondary electrons still leaves.
    """

    edge_exponent: float = 0.0
    escape_depth: float = 0.0

    FEATURES: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            "edge_exponent",
            0.6,
            "exponent with which the yield grows with 1 / cos of the tilt; 0 is no edge "
            "brightening",
            minimum=0.0,
            maximum=2.0,
        ),
        FeatureSpec(
            "escape_depth",
            40.0,
            "depth in nm from which secondary electrons leave; a larger one limits edge "
            "brightening where surfaces are strongly curved",
            minimum=0.0,
            maximum=10_000.0,
        ),
    )

    @property
    def is_neutral(self) -> bool:
        """Whether a tilted surface gives as much as a level one."""
        return self.edge_exponent == 0


def edge_brightening(
    cosine: NDArray[np.float32], curvature: NDArray[np.float32], edge: Edge
) -> NDArray[np.float32]:
    """Return by what factor tilt increases the yield; 1 for a surface at right angles to the beam.

    Parameters
    ----------
    cosine
        Of the angle between the surface's normal and the beam, between 0 and 1.
    curvature
        1 / radius along the tilt, in 1 / nm, as `curvature` returns it; below 0 counts as flat.
    edge
        How the yield depends on tilt.
    """
    limit = curvature * np.float32(LIMIT * edge.escape_depth)
    np.clip(limit, np.float32(0.0), np.float32(LARGEST_LIMIT - FLAT_LIMIT), out=limit)
    limit += np.float32(FLAT_LIMIT)
    factor = cosine * cosine
    factor += limit
    limit += 1
    np.divide(limit, factor, out=factor)
    # Not a power: logarithm and exponential of single precision are several times as fast.
    np.log(factor, out=factor)
    factor *= np.float32(edge.edge_exponent / 2)
    return np.exp(factor, out=factor)


def curvature(buffers: GeometryBuffers, pixel_nm: float) -> NDArray[np.float32]:
    """Return the curvature of the surface along its tilt, in 1 / nm, positive for a ball's.

    Along the direction of tilt, the change of the normal's lateral part with the lateral distance
    is that curvature, whatever the shape and however steep the surface: with the profile z(r),
    ``d sin(angle) / dr = z'' / (1 + z'**2)**1.5``. On a sphere that part is linear in the place, so
    that differences between pixels are exact up to the outline. Where nothing is tilted, which
    leaves no direction, the result goes over into the mean of both curvatures.

    Differences are taken between neighbours of the same particle alone. Where a pixel has none, the
    particle is as small as that, and the radius is half a pixel.

    Parameters
    ----------
    buffers
        What every pixel shows.
    pixel_nm
        Side of a pixel in nm.

    Returns
    -------
    numpy.ndarray
        (height, width) float32; 0 where nothing is.
    """
    x, y = (np.ascontiguousarray(buffers.normal[..., axis]) for axis in (0, 1))
    (xx, yx), along_columns = _differences((x, y), buffers.instance, axis=1)
    (xy, yy), along_rows = _differences((x, y), buffers.instance, axis=0)
    # y points upwards, against the rows.
    np.negative(yy, out=yy)
    yx -= xy
    # Of a pixel with neighbours along one axis alone, both curvatures count as equal.
    for known, other, there in ((xx, yy, along_rows), (yy, xx, along_columns)):
        np.copyto(other, known, where=~there)
    yx *= along_columns & along_rows
    square_x, square_y = x * x, y * y
    found = (square_x + _LEVEL / 2) * xx
    found += (square_y + _LEVEL / 2) * yy
    found += x * y * yx
    found /= square_x + square_y + _LEVEL
    found[~(along_columns | along_rows) & (buffers.instance > 0)] = 2
    found *= np.float32(1 / pixel_nm)
    return found


def _differences(
    images: tuple[NDArray[np.float32], ...], instance: NDArray[np.uint16], axis: int
) -> tuple[list[NDArray[np.float32]], NDArray[np.bool_]]:
    """Return the change of images from pixel to pixel along an axis, within each particle.

    It is the mean of those to both neighbours, or the one that there is; and whether there is any.
    """
    first = tuple(slice(None, -1) if a == axis else slice(None) for a in (0, 1))
    last = tuple(slice(1, None) if a == axis else slice(None) for a in (0, 1))
    same = (instance[first] == instance[last]) & (instance[first] > 0)
    count = np.zeros(instance.shape, np.uint8)
    count[first] += same
    count[last] += same
    weight = np.array([0.0, 1.0, 0.5], np.float32)[count]
    changes = []
    for image in images:
        step = image[last] - image[first]
        step *= same
        change = np.zeros_like(image)
        change[first] += step
        change[last] += step
        change *= weight
        changes.append(change)
    return changes, count > 0
