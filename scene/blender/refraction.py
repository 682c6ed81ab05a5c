"""Refraction of particles in what fills the measurement volume."""

from __future__ import annotations

import bpy  # noqa: TID253

from scene.prototypes.shader import indices_of_refraction


def index_of_refraction(material: bpy.types.Material) -> float:
    """Return the index of refraction of a material that particles lie in.

    Raises
    ------
    ValueError
        If the material has not exactly one; the text is one sentence.
    """
    found = [socket.default_value for socket in indices_of_refraction(material)]
    if len(found) != 1:
        number = f"{len(found)} have" if found else "none has"
        raise ValueError(
            f"the material {material.name!r} of the measurement volume needs exactly one node with "
            f"an input IOR, which particles are refracted by; {number} one"
        )
    if found[0] <= 0:
        raise ValueError(
            f"the material {material.name!r} of the measurement volume has an index of refraction "
            f"of {found[0]:g}; it has to be positive"
        )
    return float(found[0])


def immerse(material: bpy.types.Material, index: float) -> None:
    """Let a material refract as it does in surroundings of another index than 1."""
    for socket in indices_of_refraction(material):
        socket.default_value /= index
