"""Where a link leads in loaded data blocks: what can be read and set there, and what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from scene.prototypes.library.links import Attribute, Item, LinkStep
from scene.prototypes.library.old_files import Version, todays_socket
from scene.specimen.features import FeatureValue

_LETTERS = {letter: index for row in ("xyzw", "rgba") for index, letter in enumerate(row)}
_MOST_COMPONENTS = 4
_PATHS = {"FILE_PATH", "DIR_PATH", "FILE_NAME"}
_LEVELS = {"levels", "render_levels"}
"""Of subdivision, each four times as many faces as the one below it."""

_CLOSED = {"rna_type", "animation_data"}
"""What no link goes through, types and drivers, whose expressions are programs."""


@final
@dataclass(frozen=True, slots=True)
class Value:
    """A value in Blender's data that can be read and set.

    Parameters
    ----------
    owner
        The struct, vector or group of custom properties that holds it.
    step
        From there to the value.
    rna
        Its property's declaration; None for a custom property.
    block
        The data block that it is a part of.
    description
        What it is in the file, in words.
    """

    owner: Any
    step: LinkStep
    rna: Any
    block: Any
    description: str

    def read(self) -> FeatureValue:
        """Return the value as a feature holds it.

        Raises
        ------
        ValueError
            If features can't have such values; the text is the predicate of a sentence.
        """
        value = self._get()
        if isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return shortest(value)
        if isinstance(value, Sequence) or hasattr(value, "__len__"):
            items: list[Any] = list(value)
            if 1 < len(items) <= _MOST_COMPONENTS and all(_is_number(item) for item in items):
                return tuple(shortest(item) for item in items)
        raise ValueError(f"leads to {value!r:.60}, which is not a number, a text or a vector")

    def set(self, value: FeatureValue) -> None:
        """Set the value, and mark its data block as changed, or drivers would stay behind."""
        match self.step:
            case Attribute(name) if name in _LETTERS and not _is_struct(self.owner):
                self.owner[_LETTERS[name]] = value
            case Attribute(name):
                setattr(self.owner, name, value)
            case Item(key):
                self.owner[key] = value
        self.block.update_tag()

    def _get(self) -> Any:
        return _followed(self.owner, self.step, ())

    @property
    def is_whole(self) -> bool:
        """Whether it takes whole numbers alone."""
        value = self._get()
        return isinstance(value, int) and not isinstance(value, bool)

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest number that Blender takes, or offers where more is ruin."""
        if self.rna is None or not hasattr(self.rna, "hard_min"):
            return -float("inf"), float("inf")
        if self.rna.identifier in _LEVELS:
            return float(self.rna.soft_min), float(self.rna.soft_max)
        return _finite(self.rna.hard_min), _finite(self.rna.hard_max)


def value_at(block: Any, steps: Sequence[LinkStep], version: Version) -> Value:
    """Return the value that lies at the end of steps from a data block.

    Parameters
    ----------
    block
        The data block.
    steps
        Of a link, at least one.
    version
        Of the Blender that wrote the file.

    Raises
    ------
    ValueError
        If there is none; the text is the predicate of a sentence.
    """
    owner = struct = block
    start = 0
    for position, step in enumerate(steps[:-1], 1):
        owner = _followed(owner, step, version)
        if _is_struct(owner):
            struct, start = owner, position
    block = struct.id_data or block
    last = steps[-1]
    tail = "".join(map(str, steps[start:])).removeprefix(".")
    if isinstance(last, Item) and _is_modifier_with_nodes(owner):
        owner, last = _followed(owner, last, version), Attribute("value")
    _followed(owner, last, version)
    rna = _declaration(owner, last)
    if rna is not None:
        if rna.type in {"POINTER", "COLLECTION"}:
            raise ValueError(f"leads to no value but to {rna.name!r}, which has values")
        if rna.is_readonly:
            raise ValueError(f"leads to {rna.name!r}, which can't be set")
        if getattr(rna, "subtype", "NONE") in _PATHS:
            raise ValueError(f"leads to {rna.name!r}, a path of files, which recipes can't set")
    found = Value(owner, last, rna, block, f"{tail} of {_called(struct)}")
    found.read()
    return found


def _followed(owner: Any, step: LinkStep, version: Version) -> Any:
    if isinstance(step, Attribute):
        return _attribute(owner, step.name)
    return _item(owner, step.key, version)


def _attribute(owner: Any, name: str) -> Any:
    if _is_struct(owner):
        declared = owner.bl_rna.properties
        if name.startswith("_") or name in _CLOSED or name not in declared:
            raise ValueError(f"leads nowhere: {_called(owner)} has no {name!r}")
        return _something(getattr(owner, name), name)
    if name in _LETTERS and _is_vector(owner) and _LETTERS[name] < len(owner):
        return owner[_LETTERS[name]]
    raise ValueError(f"leads nowhere: {_called(owner)} has no {name!r}")


def _item(owner: Any, key: str | int, version: Version) -> Any:
    if _is_modifier_with_nodes(owner) and isinstance(key, str):
        # Until 5.0 the inputs of its nodes were its custom properties.
        return _attribute(owner.properties.inputs, key)
    if _is_collection(owner):
        key = todays_socket(owner, key, version)
    held = _is_collection(owner) or _is_vector(owner) or _is_struct(owner)
    if not held or (_is_struct(owner) and not isinstance(key, str)):
        raise ValueError(f"leads nowhere: {_called(owner)} has no items")
    try:
        return _something(owner[key], key)
    except (KeyError, IndexError, TypeError):
        raise ValueError(f"leads nowhere: {_called(owner)} has no {key!r}") from None


def _something(found: Any, key: object) -> Any:
    if found is None:
        raise ValueError(f"leads nowhere: {key!r} is empty")
    return found


def _declaration(owner: Any, step: LinkStep) -> Any:
    """Return how Blender declares a value; None for custom properties and parts of vectors."""
    if isinstance(step, Attribute) and _is_struct(owner):
        return owner.bl_rna.properties[step.name]
    return None


def _is_struct(thing: Any) -> bool:
    import bpy

    return isinstance(thing, bpy.types.bpy_struct)


def _is_collection(thing: Any) -> bool:
    import bpy

    return isinstance(thing, bpy.types.bpy_prop_collection)


def _is_modifier_with_nodes(thing: Any) -> bool:
    return _is_struct(thing) and thing.bl_rna.identifier == "NodesModifier"


def _is_vector(thing: Any) -> bool:
    """Return whether it is a vector, colour, array or group of custom properties."""
    return not _is_struct(thing) and not _is_collection(thing) and hasattr(thing, "__getitem__")


def _is_number(thing: Any) -> bool:
    return isinstance(thing, int | float)


def _called(thing: Any) -> str:
    name = getattr(thing, "name", "") if _is_struct(thing) else ""
    kind = thing.bl_rna.identifier if hasattr(thing, "bl_rna") else type(thing).__name__
    return f"{kind} {name!r}" if name else kind


def shortest(value: float) -> float:
    """Return the shortest number that is the same in single precision, in which Blender counts.

    >>> shortest(0.20000000298023224)
    0.2
    """
    return float(str(np.float32(value)))


def _finite(bound: float) -> float:
    """Return a bound, infinite where it is the largest number of single precision."""
    return shortest(bound) if abs(bound) < 3e38 else float("inf") * (1 if bound > 0 else -1)
