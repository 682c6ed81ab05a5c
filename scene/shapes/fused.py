"""What belongs to one particle of a body that several have grown together to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from scene.shapes.mesh import TriangleMesh


@final
@dataclass(frozen=True, slots=True)
class FusedPart:
    """A closed piece of a body: where it lies on the surface, and walls towards its neighbours.

    The pieces of a body fill it without overlap, so that each can be shown and measured like a
    particle of its own.

    Parameters
    ----------
    mesh
        The piece. Its normals are those of the body's surface, smooth across the seams between
        pieces; for vertices inside the body, those of the wall.
    is_outer
        (T,) bool, whether a triangle lies on the body's surface.
    """

    mesh: TriangleMesh
    is_outer: NDArray[np.bool_]

    @property
    def outer(self) -> TriangleMesh:
        """What lies on the body's surface; open where the piece has walls."""
        used, corners = np.unique(self.mesh.triangles[self.is_outer], return_inverse=True)
        normals = None if self.mesh.normals is None else self.mesh.normals[used]
        return TriangleMesh(self.mesh.vertices[used], corners.reshape(-1, 3), normals)
