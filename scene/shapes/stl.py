"""Surfaces as STL files: binary, the same bytes for the same triangles."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from scene.shapes.mesh import TriangleMesh

HEADER_BYTES = 80
TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
"""A triangle in a file."""

_HEADER = b"binary STL"


def stl_file(surfaces: Iterable[TriangleMesh]) -> bytes:
    """Return surfaces as one file: a header, the number of triangles, and the triangles.

    A triangle's normal has length 1, or is 0 where it has no area.
    """
    corners = [surface.vertices[surface.triangles] for surface in surfaces]
    every = np.concatenate([np.empty((0, 3, 3)), *corners])
    normals = np.cross(every[:, 1] - every[:, 0], every[:, 2] - every[:, 0])
    lengths = np.sqrt(np.einsum("ij,ij->i", normals, normals))
    written = np.zeros(len(every), dtype=TRIANGLE)
    written["corners"] = every
    written["normal"] = normals / np.where(lengths > 0, lengths, 1.0)[:, np.newaxis]
    head = _HEADER.ljust(HEADER_BYTES, b"\0") + len(every).to_bytes(4, "little")
    return head + written.tobytes()
