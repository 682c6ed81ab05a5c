"""Shapes from STL files, the format of scans and of CAD programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, override

import numpy as np
from numpy.typing import NDArray

from scene.prototypes.geometry import ProceduralGeometry
from scene.prototypes.library.features import OWN
from scene.shapes.mesh import TriangleMesh
from scene.shapes.stl import HEADER_BYTES, TRIANGLE
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import DIMENSIONS

_MOST_TRIANGLES = 5_000_000


class StlGeometry(ProceduralGeometry):
    """The surface in an STL file, in the middle of its bounding box and stretched to the unit cube.

    Particles have the file's size, in scene units, until `dimensions` is set. A shape that is too
    small or too large for a particle is scaled as a whole to the nearest size that is not.
    """

    shape: ClassVar[TriangleMesh]
    fraction: ClassVar[float | None]

    @override
    def surface(self, features: Mapping[str, FeatureValue]) -> TriangleMesh:
        return self.shape

    @override
    def volume_fraction(self, features: Mapping[str, FeatureValue]) -> float | None:
        return self.fraction


def stl_geometry(path: Path) -> StlGeometry:
    """Return the geometry that an STL file is.

    Raises
    ------
    ValueError
        If it is not an STL file; the text is one sentence that names the file.
    OSError
        If it can't be read.
    """
    try:
        corners = stl_triangles(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
    flat = corners.reshape(-1, 3)
    low, high = flat.min(axis=0), flat.max(axis=0)
    sides = high - low
    if not (sides > 0).all():
        raise ValueError(f"{path} holds a flat surface, {sides.tolist()} wide; a particle is solid")
    vertices, triangles = np.unique((flat - (low + high) / 2) / sides, axis=0, return_inverse=True)
    size = _possible(sides)
    if size is None:
        raise ValueError(f"{path} is {sides.tolist()} wide, longer and thinner than any particle")
    shape = TriangleMesh(vertices, triangles.reshape(-1, 3).astype(np.int64))
    if shape.volume < 0:  # it was written inside out
        shape = TriangleMesh(vertices, np.ascontiguousarray(shape.triangles[:, ::-1]))
    known = shape.is_closed and 0 < shape.volume <= 1
    own = {
        "shape": shape,
        "fraction": shape.volume if known else None,
        "features": (replace(OWN[DIMENSIONS], default=tuple(size.tolist())), *_ratios(size)),
        "__doc__": f"What {path} holds.",
    }
    made: StlGeometry = type(path.stem, (StlGeometry,), own)()
    return made


def _possible(sides: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the size nearest to `sides` in proportion that a particle can have; None for none."""
    smallest, largest = OWN[DIMENSIONS].minimum, OWN[DIMENSIONS].maximum
    least, most = smallest / sides.min(), largest / sides.max()
    if least > most:
        return None
    size: NDArray[np.float64] = np.clip(sides * np.clip(1.0, least, most), smallest, largest)
    return size


def stl_triangles(content: bytes) -> NDArray[np.float64]:
    """Return the corners of all triangles in an STL file, binary or text: (T, 3, 3) float64.

    Raises
    ------
    ValueError
        If they are not an STL file; the text is the predicate of a sentence.
    """
    corners = _binary(content)
    if corners is None:
        corners = _text(content)
    if len(corners) == 0:
        raise ValueError("holds no triangles")
    if len(corners) > _MOST_TRIANGLES:
        raise ValueError(f"holds {len(corners)} triangles, more than {_MOST_TRIANGLES}")
    if not np.isfinite(corners).all():
        raise ValueError("holds corners at no finite place")
    return corners


def _binary(content: bytes) -> NDArray[np.float64] | None:
    """Return the corners in a binary file; None if it is not one, going by its length."""
    start = HEADER_BYTES + 4
    if len(content) < start:
        return None
    count = int.from_bytes(content[HEADER_BYTES:start], "little")
    if len(content) != start + count * TRIANGLE.itemsize:
        return None
    return np.frombuffer(content, TRIANGLE, count, start)["corners"].astype(np.float64)


def _text(content: bytes) -> NDArray[np.float64]:
    content = content.lower()  # some programs write capitals
    if not content.lstrip().startswith(b"solid"):
        raise ValueError(
            "is not an STL file: it is neither text nor as long as its number of triangles says"
        )
    if b"endsolid" not in content:
        raise ValueError("breaks off: it has no 'endsolid'")
    rows = [line.split()[1:] for line in content.splitlines() if line.split()[:1] == [b"vertex"]]
    try:
        found = np.array(rows, dtype=np.float64).reshape(-1, 3, 3)
    except ValueError:
        raise ValueError(
            "has a vertex that is not three numbers, or a facet of not three"
        ) from None
    return found


def _ratios(size: NDArray[np.float64]) -> list[FeatureSpec]:
    """Return the features that stretch a particle along y and z, counted from its length."""
    smallest = OWN[DIMENSIONS].minimum
    return [
        FeatureSpec(
            name=name,
            default=float(np.clip(size[axis] / size[0], smallest, 1 / smallest)),
            description=f"size along {'xyz'[axis]}, relative to that along x",
            minimum=smallest,
            maximum=1 / smallest,
            alias_of=(DIMENSIONS, axis),
            ratio=True,
        )
        for axis, name in ((1, "width"), (2, "height"))
    ]
