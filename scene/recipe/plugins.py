"""Plugin packages: in folders and installed distributions, each loaded in isolation."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import final

from scene.errors import MissingLibraryError, unknown
from scene.language.paths import is_file, is_there
from scene.language.plugin_code import blamed, remember_plugin
from scene.machine.libraries import load_libraries

ENTRY_POINTS = "blendsweep.plugins"
"""Group of the entry points by which an installed distribution offers a plugin package."""

BUNDLED = {"official": "scene.official"}
"""Packages that come with Blendsweep, name to module."""

_NAMESPACE = "blendsweep_plugins_"


@final
class PluginPackages:
    """The packages that ``$plugins.<package>`` can name.

    Parameters
    ----------
    folders
        Searched in order, before installed entry points, and these before what is `BUNDLED`.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(dict.fromkeys(folder.resolve() for folder in folders))
        self._loaded: dict[str, ModuleType] = {}

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders, in the order in which they are searched."""
        return self._folders

    def module(self, name: str) -> ModuleType:
        """Return a package, loaded at its first use.

        Raises
        ------
        ValueError
            If there is no such package, more than one, or it fails to load; the text is one
            sentence.
        """
        if name not in self._loaded:
            with suppress(MissingLibraryError):
                load_libraries()  # a plugin may import bpy as it loads, before any session does
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> ModuleType:
        homes = [folder for folder in self._folders if is_file(folder / name / "__init__.py")]
        if len(homes) > 1:
            both = " and in ".join(str(folder) for folder in homes)
            raise ValueError(f"a plugin package {name!r} lies in {both}; rename one of them")
        if homes:
            return _load_package(name, homes[0] / name)
        points = importlib.metadata.entry_points(group=ENTRY_POINTS, name=name)
        if len(points) > 1:
            names = sorted(point.dist.name if point.dist else point.value for point in points)
            both = " and ".join(names)
            raise ValueError(f"the distributions {both} both offer a plugin package {name!r}")
        for point in points:
            return _load_entry_point(point)
        if name in BUNDLED:
            return importlib.import_module(BUNDLED[name])
        raise ValueError(self._absent(name))

    def _absent(self, name: str) -> str:
        for folder in self._folders:
            if is_file(folder / f"{name}.py"):
                return (
                    f"{folder / name}.py is a module; a plugin is a package: "
                    f"move it to {folder / name / '__init__.py'}"
                )
            if is_there(folder / name):
                return f"{folder / name} has no __init__.py, so it is not a package"
            if folder.name == name and is_file(folder / "__init__.py"):
                return (
                    f"{folder} is the package itself; --plugins takes its folder, {folder.parent}"
                )
        known = {p.parent.name for f in self._folders for p in f.glob("*/__init__.py")}
        known |= importlib.metadata.entry_points(group=ENTRY_POINTS).names
        hint = "" if known else " (--plugins DIR names the folder that holds plugin packages)"
        return unknown("plugin package", name, known | BUNDLED.keys()) + hint


def _load_package(name: str, folder: Path) -> ModuleType:
    # A name of its own for every folder and content keeps a plugin from hiding an installed
    # package, another folder's plugin of the same name, or itself as it was before an edit.
    digest = hashlib.sha256(str(folder).encode())
    for file in sorted(folder.rglob("*.py")):
        digest.update(str(file).encode() + b"\0" + _content(file) + b"\0")
    unique = f"{_NAMESPACE}{name}_{digest.hexdigest()[:16]}"
    if unique in sys.modules:
        return sys.modules[unique]
    file = folder / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        unique, file, submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} can't be loaded as a Python package")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    remember_plugin(unique, file)
    importlib.invalidate_caches()
    # Python compares only time, in seconds, and size to see whether bytecode is out of date.
    writes_none, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, and what libraries derive from no Exception
        where = blamed(error)
        for loaded in [n for n in sys.modules if n == unique or n.startswith(f"{unique}.")]:
            del sys.modules[loaded]
        raise ValueError(f"plugin {file} fails to import: {_told(error, name)}{where}") from error
    finally:
        sys.dont_write_bytecode = writes_none
    return module


def _load_entry_point(point: importlib.metadata.EntryPoint) -> ModuleType:
    offered = f"{point.name} = {point.value}"
    if point.dist is not None:
        offered += f" of {point.dist.name}"
    try:
        module = point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, and what libraries derive from no Exception
        raise ValueError(
            f"plugin entry point {offered} fails to load: {_told(error)}{blamed(error)}"
        ) from error
    if not isinstance(module, ModuleType):
        raise ValueError(f"plugin entry point {offered} must name a package, not {module!r:.60}")
    remember_plugin(module.__name__, Path(module.__file__ or point.value))
    return module


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""  # loading it will say what is wrong


def _told(error: BaseException, package: str = "") -> str:
    text = " ".join(str(error).split())
    missing = error.name or "" if isinstance(error, ModuleNotFoundError) else ""
    if package and missing.partition(".")[0] == package:
        text += "; inside a plugin package use relative imports, 'from . import ...'"
    return f"{type(error).__name__}: {text}"
