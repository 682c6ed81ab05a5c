"""Prototypes made from what lies in a library: a class of its own for each file."""

from __future__ import annotations

from typing import Any

from scene.prototypes.base import Prototype
from scene.prototypes.library.facts import FileFacts, facts_of
from scene.prototypes.library.folder import GEOMETRIES, MATERIALS, TECHNIQUES, PrototypeFile
from scene.prototypes.library.geometry import LibraryGeometry
from scene.prototypes.library.material import LibraryMaterial
from scene.prototypes.library.metaball import LibraryMetaball, Metaball
from scene.prototypes.library.prototype import LibraryPrototype
from scene.prototypes.library.stl import stl_geometry
from scene.prototypes.library.technique import LibraryTechnique
from scene.specimen.blueprints import VACUUM

_CLASSES: dict[str, type[LibraryPrototype]] = {
    GEOMETRIES: LibraryGeometry,
    MATERIALS: LibraryMaterial,
    TECHNIQUES: LibraryTechnique,
}


def made_prototype(file: PrototypeFile) -> Prototype:
    """Return the prototype that a file is.

    Raises
    ------
    ValueError
        If it can't be used; the text is one sentence that names the file.
    """
    settings = file.settings()
    try:
        if file.is_stl:
            return stl_geometry(file.path)
        (facts,) = facts_of([file])
    except OSError as error:
        raise ValueError(f"{file.path} can't be read: {error.strerror}") from error
    if facts.problems:
        raise ValueError("; ".join(facts.problems))
    own: dict[str, Any] = {
        "file": file,
        "settings": settings,
        "facts": facts,
        "features": facts.features,
        "unavailable": facts.unavailable,
        "true_size": facts.true_size,
        "fills_box": not facts.true_size,
        "has_one_index": facts.has_one_index,
        "is_nothing": file.kind == MATERIALS and file.path.stem == VACUUM,
        "__doc__": f"What {file.path} holds.",
    }
    if facts.metaball is not None:
        return _metaball(file, facts, facts.metaball)
    if facts.technique is not None:
        own["resolution"] = facts.technique.resolution
        own["max_samples"] = facts.technique.max_samples
        own["color_mode"] = facts.technique.color_mode
        own["develops"] = facts.technique.develops
    made: LibraryPrototype = type(file.path.stem, (_CLASSES[file.kind],), own)()
    return made


def _metaball(file: PrototypeFile, facts: FileFacts, ball: Metaball) -> LibraryMetaball:
    own = {
        "ball": ball,
        "features": facts.features,
        "unavailable": facts.unavailable,
        "__doc__": f"What {file.path} holds.",
    }
    made: LibraryMetaball = type(file.path.stem, (LibraryMetaball,), own)()
    return made
