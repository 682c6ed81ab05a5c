"""The code that decides the pixels: versions, and hashes of the sources that may differ within one.

What made a run is written down as components, name to version: ``blendsweep`` and ``bpy`` by their
versions, ``scene``, the package that executes recipes, and each ``plugins.<package>`` and
``prototypes.<kind>.<name>`` that the recipe names by a hash of its files. Nothing is imported.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any

from scene.errors import ConfigurationError, Problem
from scene.recipe.plugins import ENTRY_POINTS
from scene.recipe.prototype_files import key_of, prototype_versions
from scene.recipe.references import texts
from scene.recipe.target_names import short_name

type Code = Mapping[str, str]
"""Component to its version."""

_DISTRIBUTIONS = ("blendsweep", "bpy", "numpy")
_PLUGIN = re.compile(r"\$plugins\.([^\W\d]\w*)")
_HEX_DIGITS = 12
_RECORDED_BEFORE = ("blendsweep", "bpy")


def code_of(
    recipe: Any,
    plugin_folders: Sequence[str | Path] = (),
    prototype_folders: Sequence[str | Path] = (),
) -> Code:
    """Return the code that executes a recipe on this machine.

    Parameters
    ----------
    recipe
        A resolved recipe, or anything else of mappings, lists and texts that names plugins and
        prototypes.
    plugin_folders
        Where packages of plugins are found, before installed entry points.
    prototype_folders
        Libraries of prototypes.

    Raises
    ------
    ConfigurationError
        If a plugin's or a prototype's file can't be read.
    """
    code = dict(_base())
    folders = tuple(str(folder) for folder in plugin_folders)
    packages = {
        package for _, text in texts(recipe) for package in _PLUGIN.findall(short_name(text))
    }
    for package in sorted(packages):
        if (found := _plugin_hash(package, folders)) is not None:
            code[f"plugins.{package}"] = found
    return code | dict(prototype_versions(recipe, prototype_folders))


def named_in(code: Code) -> list[Any]:
    """Return a recipe that names the plugins and prototypes of a code, and nothing else."""
    named: list[Any] = []
    for component in code:
        origin, _, rest = component.partition(".")
        if origin == "plugins":
            named.append(f"${component}")
        elif origin == "prototypes":
            kind, _, name = rest.partition(".")
            named.append({key_of(kind): name})
    return named


def code_hash(code: Code) -> str:
    """Return 16 hex digits that name a code."""
    text = json.dumps(dict(code), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differences(old: Code, new: Code) -> list[tuple[str, str, str]]:
    """Return (component, version in `old`, version in `new`) where both have it and it differs."""
    return [(name, old[name], new[name]) for name in old if new.get(name, old[name]) != old[name]]


def code_of_versions(versions: Mapping[str, str | None]) -> Code:
    """Return what is known from the versions that data sets recorded before they recorded code."""
    return {
        name: value.split()[0]  # Blender calls itself "5.2.3 LTS"
        for name in _RECORDED_BEFORE
        if (value := versions.get(name))
    }


@cache
def _base() -> Code:
    code = {name: _version(name) for name in _DISTRIBUTIONS}
    return code | {"scene": _tree_hash(Path(__file__).parents[1], sources_only=True)}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


@cache  # a package that is imported stays as it was
def _plugin_hash(package: str, folders: tuple[str, ...]) -> str | None:
    """Return the hash of a plugin package's files; None if there is no such package."""
    for folder in folders:
        if (Path(folder) / package / "__init__.py").is_file():
            return _tree_hash(Path(folder) / package)
    for entry_point in entry_points(group=ENTRY_POINTS, name=package):
        # The package at the top, which is found without being imported, holds all of its modules.
        spec = importlib.util.find_spec(entry_point.module.partition(".")[0])
        if spec is not None and spec.submodule_search_locations:
            return _tree_hash(Path(next(iter(spec.submodule_search_locations))))
        if spec is not None and spec.origin is not None:
            return _digest([(Path(spec.origin).name, Path(spec.origin))])
    return None


def _tree_hash(folder: Path, *, sources_only: bool = False) -> str:
    """Return a hash of the files in a folder, their names and contents, without caches."""
    files = []
    seen = set()
    for directory, folders, names in folder.walk(follow_symlinks=True):
        if (place := directory.resolve()) in seen:  # a link leads back to it
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(n for n in folders if not n.startswith((".", "__pycache__")))
        for name in names:
            path = directory / name
            if name.startswith(".") or path.suffix in {".pyc", ".pyo"} or not path.is_file():
                continue  # a socket, or a link to nowhere, holds no code
            if not sources_only or path.suffix == ".py":
                files.append((path.relative_to(folder).as_posix(), path))
    return _digest(files)


def _digest(files: Iterable[tuple[str, Path]]) -> str:
    whole = hashlib.sha256()
    for name, path in sorted(files):
        try:
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            message = f"can't be read, so it is not known which code this is: {error.strerror}"
            raise ConfigurationError([Problem(str(path), "", message)]) from error
        whole.update(f"{content} {name}\n".encode())
    return whole.hexdigest()[:_HEX_DIGITS]
