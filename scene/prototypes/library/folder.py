"""Library folders: where users' prototypes lie, and what stands beside them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import final

from pydantic import ValidationError

from scene.errors import ConfigurationError
from scene.language.messages import schema_problems
from scene.language.paths import is_file
from scene.language.yaml_files import read_mapping
from scene.prototypes.base import Prototype
from scene.prototypes.geometry import GeometryPrototype
from scene.prototypes.library.settings import (
    GeometrySettings,
    LinkedFeature,
    MaterialSettings,
    PrototypeSettings,
    TechniqueSettings,
)
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.technique import MeasurementTechniquePrototype

GEOMETRIES = "geometries"
MATERIALS = "materials"
TECHNIQUES = "measurement_techniques"
"""The folders of a library."""

FOLDERS: dict[type[Prototype], str] = {
    GeometryPrototype: GEOMETRIES,
    MaterialPrototype: MATERIALS,
    MeasurementTechniquePrototype: TECHNIQUES,
}
"""Kind of prototype to the folder of a library that it is in."""

PROTOTYPE_NAME = re.compile(r"[\w.-]+")
"""What prototypes can be called."""

_SETTINGS: dict[str, type[PrototypeSettings]] = {
    GEOMETRIES: GeometrySettings,
    MATERIALS: MaterialSettings,
    TECHNIQUES: TechniqueSettings,
}
_BLEND, _STL = ".blend", ".stl"
_ENDINGS = (_BLEND, _STL, ".STL")  # Windows programs like capitals
_HEX_DIGITS = 12


@final
@dataclass(frozen=True, slots=True)
class PrototypeFile:
    """A prototype in a library, as it lies there.

    Parameters
    ----------
    kind
        The library's folder that it is in, `GEOMETRIES` for instance.
    path
        The file of Blender, or the STL file.
    links
        Features that a recipe adds to those of the YAML file.
    """

    kind: str
    path: Path
    links: tuple[LinkedFeature, ...] = ()

    @property
    def is_stl(self) -> bool:
        """Whether it is a surface alone."""
        return self.path.suffix.lower() == _STL

    def settings(self) -> PrototypeSettings:
        """Return what the YAML file beside it says, and the recipe's links.

        Raises
        ------
        ValueError
            If the YAML file can't be used; the text is one sentence that names the file.
        """
        own = self._stated()
        return own.model_copy(update={"features": (*own.features, *self.links)})

    def _stated(self) -> PrototypeSettings:
        """Return what the YAML file beside it says.

        Raises
        ------
        ValueError
            If that can't be used; the text is one sentence that names the file.
        """
        path, model = self.path.with_suffix(".yaml"), _SETTINGS[self.kind]
        if not is_file(path):
            return model()
        if self.is_stl:
            raise ValueError(f"{path}: there is nothing to set in an STL file; remove this one")
        try:
            return model.model_validate(read_mapping(path))
        except ConfigurationError as error:
            raise ValueError("; ".join(map(str, error.problems))) from error
        except ValidationError as error:
            told = [
                f"{path}: {'.'.join(map(str, place))}: {text}"
                for place, text in schema_problems(error)
            ]
            raise ValueError("; ".join(told)) from error


@final
class Library:
    """The prototypes in library folders.

    Parameters
    ----------
    folders
        Searched in order.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(dict.fromkeys(folder.resolve() for folder in folders))

    def find(self, base: type[Prototype], name: str) -> PrototypeFile | None:
        """Return the prototype `name` of the kind `base`; None if no library has it.

        Raises
        ------
        ValueError
            If what is there under this name is not a prototype; the text is one sentence.
        """
        kind = FOLDERS[base]
        path = prototype_file(kind, name, self.folders)
        if path is not None:
            found = PrototypeFile(kind, path)
            for other in map(path.with_suffix, _ENDINGS[1:]):
                if not found.is_stl and is_file(other):
                    raise ValueError(f"{path} and {other} have the same name; rename one of them")
            if found.is_stl and kind != GEOMETRIES:
                raise ValueError(f"{path}: an STL file can only be a geometry")
            return found
        for folder in self.folders if PROTOTYPE_NAME.fullmatch(name) else ():
            if is_file(settings := folder / kind / f"{name}.yaml"):
                missing = settings.with_suffix(_BLEND)
                raise ValueError(f"{settings} describes {missing}, which does not exist")
        for path in self._files(kind):
            if path.stem == name:
                raise ValueError(
                    f"{path}: the name of a prototype is made of letters, digits, "
                    "'_', '.' and '-'; rename the file"
                )
        return None

    def names(self, base: type[Prototype]) -> set[str]:
        """Return the names of all prototypes of a kind."""
        stems = (path.stem for path in self._files(FOLDERS[base]))
        return {stem for stem in stems if PROTOTYPE_NAME.fullmatch(stem)}

    def _files(self, kind: str) -> Iterator[Path]:
        for folder in self.folders:
            yield from (path for path in (folder / kind).glob("*.*") if path.suffix in _ENDINGS)


def prototype_file(kind: str, name: str, folders: Sequence[str | Path]) -> Path | None:
    """Return the file of a prototype in the first library that has it; None if none has.

    Parameters
    ----------
    kind
        One of `FOLDERS`.
    name
        As recipes name it.
    folders
        The libraries.
    """
    if not PROTOTYPE_NAME.fullmatch(name):
        return None
    files = (Path(f, kind, f"{name}{ending}") for f in folders for ending in _ENDINGS)
    return next((file for file in files if is_file(file)), None)


def content_hash(file: Path) -> str:
    """Return hex digits that name the content of a prototype's file and of the YAML beside it.

    Raises
    ------
    OSError
        If one can't be read.
    """
    whole = hashlib.sha256()
    for part in (file, file.with_suffix(".yaml")):
        try:
            status = part.stat()
        except FileNotFoundError:
            continue
        content = _sha256(part, status.st_mtime_ns, status.st_size)
        whole.update(content + part.suffix.encode())
    return whole.hexdigest()[:_HEX_DIGITS]


@lru_cache(maxsize=1024)
def _sha256(path: Path, changed_ns: int, size: int) -> bytes:  # noqa: ARG001
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def library_problem(folder: Path) -> str | None:
    """Return what is wrong with a library folder: one sentence, or None if nothing is.

    The files in it are looked at when a recipe names them.
    """
    if not folder.is_dir():
        return f"{folder} is not a folder"
    if not any((folder / kind).is_dir() for kind in _SETTINGS):
        if folder.name in _SETTINGS:
            return f"{folder} is a part of a library; give the folder above it, {folder.parent}"
        return f"{folder} holds none of the folders of a library: {', '.join(_SETTINGS)}"
    return None
