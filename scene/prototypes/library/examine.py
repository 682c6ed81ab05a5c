"""A file looked at as a whole, before anything in it is used: what it may not hold, what it has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from scene.prototypes.library.facts import FileFacts
from scene.prototypes.library.folder import GEOMETRIES, MATERIALS, PrototypeFile
from scene.prototypes.library.geometry import geometry_facts
from scene.prototypes.library.material import material_facts
from scene.prototypes.library.settings import (
    GeometrySettings,
    MaterialSettings,
    TechniqueSettings,
)
from scene.prototypes.library.technique import technique_facts

_WITH_FILES = ("images", "fonts", "sounds", "movieclips", "cache_files", "volumes")
_MADE_HERE = {"GENERATED", "VIEWER"}
_BUILT_IN = "<builtin>"


def examined(file: PrototypeFile) -> FileFacts:
    """Return what is known of a file. Blender is empty before, and is not afterwards."""
    import bpy

    settings = file.settings()
    try:
        _check_version(file.path)
        bpy.ops.wm.open_mainfile(filepath=str(file.path), load_ui=False, use_scripts=False)
    except (RuntimeError, ValueError) as error:
        message = " ".join(str(error).split())
        if str(file.path) not in message:
            message = f"{file.path} can't be read as a Blender file: {message}"
        return FileFacts(problems=(message,))
    if problems := tuple(f"{file.path} {text}" for text in _unwanted()):
        return FileFacts(problems=problems)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    try:
        if file.kind == GEOMETRIES:
            return geometry_facts(file, cast("GeometrySettings", settings))
        if file.kind == MATERIALS:
            return material_facts(file, cast("MaterialSettings", settings))
        return technique_facts(file, cast("TechniqueSettings", settings))
    except ValueError as error:
        return FileFacts(problems=(str(error),))


def _check_version(path: Path) -> None:
    import bpy

    try:
        with bpy.data.libraries.load(str(path), link=False) as (held, _):
            version = held.version[:2]
    except OSError as error:
        raise ValueError(f"{path} can't be read as a Blender file") from error
    newest = bpy.app.version[:2]
    if version > newest:
        raise ValueError(
            f"{path} was written by Blender {_dotted(version)}, which is newer than the "
            f"{_dotted(newest)} here; save it with {_dotted(newest)} or an older one"
        )


def _unwanted() -> Iterator[str]:
    """Yield what the file that is open may not hold, each as the predicate of a sentence."""
    import bpy

    data = bpy.data
    for text in data.texts:
        yield f"holds the text block {text.name!r}; remove it, since no script is ever run"
    linked = (lib for lib in data.libraries if not (lib.is_archive or lib.packed_file))
    for library in linked:
        yield (
            f"links to another file, {library.filepath!r}; make its data local "
            "(Object > Relations > Make Local > All)"
        )
    for block in (block for kind in _WITH_FILES for block in getattr(data, kind)):
        if _is_outside(block):
            yield (
                f"uses the file {block.filepath!r}, which is not packed into it "
                "(File > External Data > Pack Resources)"
            )
    for owner, driver in _drivers():
        if driver.driver.type == "SCRIPTED" and not driver.driver.is_simple_expression:
            yield (
                f"has a driver that needs Python, {driver.driver.expression!r} for "
                f"{driver.data_path!r} of {owner.name!r}; only expressions that Blender "
                "computes itself work here"
            )


def _is_outside(block: Any) -> bool:
    """Return whether something that is used lies in a file that is not packed."""
    packed = getattr(block, "packed_file", None) or getattr(block, "packed_files", None)
    made_here = getattr(block, "source", "") in _MADE_HERE
    path = block.filepath
    return bool(path and path != _BUILT_IN and block.users and not packed and not made_here)


def _drivers() -> Iterator[tuple[Any, Any]]:
    """Yield all drivers of the file that is open, and what each is a part of."""
    import bpy

    blocks = {block for block in bpy.data.user_map() if block is not None}
    blocks |= {tree for block in blocks if (tree := getattr(block, "node_tree", None)) is not None}
    for block in sorted(blocks, key=lambda found: (type(found).__name__, found.name)):
        animation = getattr(block, "animation_data", None)
        yield from ((block, driver) for driver in (animation.drivers if animation else ()))


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
