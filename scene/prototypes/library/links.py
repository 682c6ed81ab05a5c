"""Links: texts such as ``bpy.data.materials["X"].node_tree`` that name a place in a Blender file.

They look like Python and are never evaluated: this grammar is all there is::

    link  = "bpy.data." collection item { "." attribute | item }
    item  = '["key"]' | "['key']" | "[number]"
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import final

from scene.errors import unknown

COLLECTIONS = (
    "objects",
    "meshes",
    "metaballs",
    "materials",
    "node_groups",
    "textures",
    "particles",
    "scenes",
    "worlds",
    "cameras",
    "lights",
    "curves",
)
"""The data blocks that a link may begin at."""

_ROOT = "bpy.data."
_STEP = re.compile(
    r"""\.(?P<attribute>[A-Za-z_][A-Za-z0-9_]*)
    | \[ (?: "(?P<double>[^"\\]*)" | '(?P<single>[^'\\]*)' | (?P<number>[0-9]{1,6}) ) \]""",
    re.VERBOSE,
)


@final
@dataclass(frozen=True, slots=True)
class Attribute:
    """The step ``.name``."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@final
@dataclass(frozen=True, slots=True)
class Item:
    """The step ``["key"]`` or ``[number]``."""

    key: str | int

    def __str__(self) -> str:
        if isinstance(self.key, int):
            return f"[{self.key}]"
        quote = "'" if '"' in self.key else '"'
        return f"[{quote}{self.key}{quote}]"


type LinkStep = Attribute | Item


@final
@dataclass(frozen=True, slots=True)
class Link:
    """A place in a Blender file.

    Parameters
    ----------
    collection
        One of `COLLECTIONS`.
    block
        Name or position of the data block in it.
    steps
        The way from the data block to the place, at least one step.
    """

    collection: str
    block: Item
    steps: tuple[LinkStep, ...]

    def __str__(self) -> str:
        return f"{_ROOT}{self.collection}{self.block}{''.join(map(str, self.steps))}"


def parsed_link(text: str) -> Link:
    """Return the place that a text names.

    Raises
    ------
    ValueError
        If it is not a link; the text is the predicate of a sentence.
    """
    if not text.startswith(_ROOT):
        raise ValueError(f"has to start with '{_ROOT}'")
    steps: list[LinkStep] = []
    end = len(_ROOT) - 1  # the dot belongs to the collection's name
    while end < len(text):
        found = _STEP.match(text, end)
        if found is None:
            raise ValueError(
                f"can't be read from character {end + 1} on, {text[end : end + 20]!r}; a step is "
                '.attribute, ["key"] or [number]'
            )
        steps.append(_step(found))
        end = found.end()
    match steps:
        case [Attribute(collection), Item() as block, *way]:
            if collection not in COLLECTIONS:
                raise ValueError(unknown("collection", collection, COLLECTIONS))
            if not way:
                raise ValueError("names a data block, and has to go on to one of its values")
            return Link(collection, block, tuple(way))
    raise ValueError(f"""has to begin like {_ROOT}objects["Name"]""")


def _step(found: re.Match[str]) -> LinkStep:
    if found["attribute"] is not None:
        return Attribute(found["attribute"])
    if found["number"] is not None:
        return Item(int(found["number"]))
    return Item(found["single"] if found["double"] is None else found["double"])
