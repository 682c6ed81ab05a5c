"""What files of older Blenders need, so that their links and their looks stay as they were."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

type Version = tuple[int, ...]

_BEFORE_4 = (
    "Base Color",
    "Subsurface",
    "Subsurface Radius",
    "Subsurface Color",
    "Subsurface IOR",
    "Subsurface Anisotropy",
    "Metallic",
    "Specular",
    "Specular Tint",
    "Roughness",
    "Anisotropic",
    "Anisotropic Rotation",
    "Sheen",
    "Sheen Tint",
    "Clearcoat",
    "Clearcoat Roughness",
    "IOR",
    "Transmission",
    "Transmission Roughness",
    "Emission",
    "Emission Strength",
    "Alpha",
    "Normal",
    "Clearcoat Normal",
    "Tangent",
)
"""Inputs of the Principled BSDF from 3.0 to 3.6, in their order."""

_SINCE_4 = {
    "Subsurface": "Subsurface Weight",
    "Specular": "Specular IOR Level",
    "Transmission": "Transmission Weight",
    "Sheen": "Sheen Weight",
    "Clearcoat": "Coat Weight",
    "Clearcoat Roughness": "Coat Roughness",
    "Clearcoat Normal": "Coat Normal",
    "Emission": "Emission Color",
}
"""Their names since then, where they changed."""

_ADDED: tuple[tuple[Version, str], ...] = (
    ((2, 91), "Emission Strength"),
    ((3, 0), "Subsurface IOR"),
    ((3, 0), "Subsurface Anisotropy"),
    ((4, 3), "Diffuse Roughness"),
    ((5, 2), "Thin Wall"),
)
"""Inputs that were put between others, and since when they are there."""

_SPECULAR_IOR = 1.5
"""Index of refraction of the reflection that `Specular` 0.5 gave before 4.0."""

_PRINCIPLED = "BSDF_PRINCIPLED"


def todays_socket(owner: Any, key: str | int, version: Version) -> str | int:
    """Return where an item of a node's inputs is today.

    Parameters
    ----------
    owner
        A collection; only the inputs of a Principled BSDF have moved.
    key
        Name or position of the item in Blender `version`.

    Raises
    ------
    ValueError
        If the item no longer exists; the text is the predicate of a sentence.
    """
    if not _is_principled_inputs(owner):
        return key
    today = [socket.name for socket in owner]
    if isinstance(key, int):
        names = _BEFORE_4 if version < (4,) else today
        later = {name for since, name in _ADDED if version < since}
        names = [name for name in names if name not in later]
        if key >= len(names):
            return key  # which there never was
        key = names[key]
    name = _SINCE_4.get(str(key), str(key)) if version < (4,) else str(key)
    if version < (4,) and name in _BEFORE_4 and name not in today:
        raise ValueError(f"leads nowhere: today's Principled BSDF has no {key!r}")
    return name


def repair_materials(trees: Iterable[Any], version: Version) -> None:
    """Give shaders of files from before 4.0 back the reflection that they had.

    It followed from `Specular`, whatever `IOR`; since then it follows from `IOR`.
    """
    if version >= (4,):
        return
    for tree in trees:
        for node in tree.nodes if tree is not None else ():
            if node.type == _PRINCIPLED:
                _reflect_by_specular(node.inputs)


def _reflect_by_specular(inputs: Any) -> None:
    transmission, level, index = (
        inputs[name] for name in ("Transmission Weight", "Specular IOR Level", "IOR")
    )
    opaque = not transmission.is_linked and transmission.default_value == 0.0
    usual = not level.is_linked and abs(level.default_value - 0.5) < 1e-6
    if opaque and usual and not index.is_linked:
        index.default_value = _SPECULAR_IOR


def _is_principled_inputs(owner: Any) -> bool:
    return (
        getattr(getattr(owner, "bl_rna", None), "identifier", "") == "NodeInputs"
        and len(owner) > 0
        and owner[0].node.type == _PRINCIPLED
    )
