"""The files of prototype libraries: which a recipe uses, and what names their content.

A library is a folder with ``geometries/``, ``materials/`` and ``measurement_techniques/``; each
``NAME.blend`` or ``NAME.stl`` there is a prototype, with a ``NAME.yaml`` beside it or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scene.errors import ConfigurationError, Problem
from scene.prototypes.library.folder import (
    GEOMETRIES,
    MATERIALS,
    PROTOTYPE_NAME,
    TECHNIQUES,
    content_hash,
    prototype_file,
)
from scene.recipe.references import texts
from scene.specimen.blueprints import DEFAULT_MATERIAL, VACUUM

_KIND_OF_KEY = {
    "geometry": GEOMETRIES,
    "material": MATERIALS,
    "measurement_technique": TECHNIQUES,
}
_KEY = re.compile(r"(geometry|material|measurement_technique)_prototype_name$")
_OVERRIDE = re.compile(r"(geometry|material|measurement_technique)_prototype_name=(.*)", re.DOTALL)

type Prototype = tuple[str, str]
"""The folder of its kind, and its name."""


def key_of(kind: str) -> str:
    """Return a key of recipes that names prototypes of a kind, one of a library's folders."""
    (word,) = (word for word, folder in _KIND_OF_KEY.items() if folder == kind)
    return f"{word}_prototype_name"


def prototype_versions(recipe: Any, folders: Sequence[str | Path]) -> Mapping[str, str]:
    """Return what names the content of the library prototypes that a recipe uses.

    Parameters
    ----------
    recipe
        A resolved recipe, or anything else of mappings, lists and texts in which keys, or overrides
        in Hydra's grammar, name prototypes.
    folders
        The libraries.

    Returns
    -------
    Mapping
        ``prototypes.<folder of the kind>.<name>`` to hex digits of a hash, sorted.

    Raises
    ------
    ConfigurationError
        If a file can't be read.
    """
    found = {}
    for kind, name in sorted(set(_named(recipe))) if folders else ():
        if (file := prototype_file(kind, name, folders)) is not None:
            found[f"prototypes.{kind}.{name}"] = _version(file)
    return found


def _named(recipe: Any) -> Iterator[Prototype]:
    # A recipe that says nothing of a material means one of these.
    yield from ((MATERIALS, name) for name in (DEFAULT_MATERIAL, VACUUM))
    for path, text in texts(recipe):
        if match := _KEY.search(path):
            yield _KIND_OF_KEY[match[1]], text
        elif match := _OVERRIDE.search(text):
            for name in PROTOTYPE_NAME.findall(match[2]):
                yield _KIND_OF_KEY[match[1]], name


def _version(file: Path) -> str:
    try:
        return content_hash(file)
    except OSError as error:
        message = f"can't be read: {error.strerror}"
        raise ConfigurationError([Problem(str(error.filename), "", message)]) from error
