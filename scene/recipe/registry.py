"""From names in a recipe to classes: ``$builtins.X``, ``$plugins.package.X``, prototypes, modes.

Nothing else is looked up: a recipe can't call arbitrary Python.
"""

from __future__ import annotations

import importlib
import inspect
import keyword
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from scene.errors import unknown
from scene.imaging.frame import RenderingMode
from scene.language.element import Configurable
from scene.prototypes.base import Prototype
from scene.prototypes.geometry import GeometryPrototype
from scene.prototypes.library.facts import facts_of
from scene.prototypes.library.folder import Library, PrototypeFile
from scene.prototypes.library.made import made_prototype
from scene.prototypes.library.settings import LinkedFeature
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.recipe.class_checks import class_problem
from scene.recipe.plugins import PluginPackages
from scene.recipe.target_names import absence, short_name

_ELEMENTS = (
    "scene.specimen.distributions",
    "scene.specimen.criteria",
    "scene.specimen.sets",
    "scene.steps.invoke",
    "scene.steps.update",
    "scene.steps.relax",
    "scene.steps.agglomerate",
    "scene.steps.distribute",
    "scene.steps.render",
)
_MODES = "scene.imaging.modes"
_PROTOTYPES: dict[type, tuple[str, str]] = {
    GeometryPrototype: ("scene.prototypes.geometries", "geometry prototype"),
    MaterialPrototype: ("scene.prototypes.materials", "material prototype"),
    MeasurementTechniquePrototype: (
        "scene.prototypes.measurement_techniques",
        "measurement technique prototype",
    ),
}

type Links = Mapping[tuple[type[Prototype], str], Sequence[LinkedFeature]]


class Registry:
    """Finds what recipes name.

    Parameters
    ----------
    plugin_folders
        Folders whose packages resolve ``$plugins.<package>.<Class>``, searched in order, before
        installed entry points.
    prototype_folders
        Libraries of prototypes, searched in order, before those that ship with Blendsweep.
    links
        Features that their prototypes have beside their own, by kind and name.
    """

    def __init__(
        self,
        plugin_folders: Sequence[str | Path] = (),
        prototype_folders: Sequence[str | Path] = (),
        links: Links | None = None,
    ) -> None:
        self._packages = PluginPackages([Path(folder) for folder in plugin_folders])
        self.library = Library([Path(folder) for folder in prototype_folders])
        self._prototypes: dict[tuple[type[Prototype], str], Prototype] = {}
        self._links = links or {}
        self._found: dict[tuple[type, str], type] = {}

    @property
    def folders(self) -> tuple[Path, ...]:
        """The plugin folders, in the order in which they are searched."""
        return self._packages.folders

    @property
    def prototype_folders(self) -> tuple[Path, ...]:
        """The libraries of prototypes, in the order in which they are searched."""
        return self.library.folders

    def find[T](self, base: type[T], target: object, what: str) -> type[T]:
        """Return the class that `target` names.

        Parameters
        ----------
        base
            What the class must be derived from.
        target
            ``$plugins.package.X``, or the name of a built-in class: ``$builtins.X``, or for
            prototypes and rendering modes ``x``; or one of the dotted paths in `target_names`.
        what
            What messages call the class that is looked for.

        Raises
        ------
        ValueError
            If there is no such class; the text is one sentence with the nearest name.
        """
        if not isinstance(target, str):
            raise ValueError(f"expected a name such as '$builtins.X', got {target!r}")
        kind: type = base
        target = short_name(target)
        if (sentence := absence(target, what)) is not None:
            raise ValueError(sentence)
        key = (kind, target)
        if key not in self._found:
            builtins = builtin_classes(kind)
            if target.startswith("$plugins."):
                self._found[key] = self._plugin_class(base, target.removeprefix("$plugins."), what)
            elif target in builtins:
                self._found[key] = builtins[target]
            elif issubclass(kind, Configurable) and not target.startswith("$builtins."):
                message = f"only '$builtins.' and '$plugins.' names are allowed, got {target!r}"
                raise ValueError(message)
            else:
                raise ValueError(unknown(what, target, builtins))
        return self._found[key]

    def prototype[P: Prototype](self, base: type[P], name: str) -> P:
        """Return the prototype `name` of the kind `base`.

        Raises
        ------
        ValueError
            If there is no such name; the text is one sentence with the nearest one.
        """
        key = (base, name)
        if key not in self._prototypes:
            file = self._file(base, name)
            self._prototypes[key] = (
                self._shipped(base, name) if file is None else made_prototype(file)
            )
        return cast("P", self._prototypes[key])

    def unavailable(self, feature: str) -> str | None:
        """Return why a feature that a prototype in use should have is not there, if one should."""
        reasons = (made.unavailable.get(feature) for made in self._prototypes.values())
        return next(filter(None, reasons), None)

    def with_links(self, links: Links) -> Registry:
        """Return a registry of the same, where library prototypes have further features."""
        return Registry(self.folders, self.prototype_folders, links)

    def look_into(self, named: Iterable[tuple[type[Prototype], str]]) -> None:
        """Let Blender look into the files of library prototypes, all in one go.

        It is only faster: each prototype's file is looked into when it is asked for.
        """
        files = []
        for base, name in named:
            with suppress(ValueError):
                if (file := self._file(base, name)) is not None and not file.is_stl:
                    file.settings()
                    files.append(file)
        with suppress(ValueError, OSError):
            facts_of(files)

    def _file(self, base: type[Prototype], name: str) -> PrototypeFile | None:
        """Return a prototype's file in a library, with the recipe's links; None if none has it."""
        file = self.library.find(base, name)
        links = tuple(self._links.get((base, name), ()))
        return replace(file, links=links) if file is not None and links else file

    @staticmethod
    def kind(base: type[Prototype]) -> str:
        """Return what messages call a kind of prototype."""
        return _PROTOTYPES[base][1]

    def mode(self, name: str) -> RenderingMode:
        """Return the rendering mode `name`.

        Raises
        ------
        ValueError
            If there is no such name; the text is one sentence with the nearest one.
        """
        return self.find(RenderingMode, name, "rendering mode")()

    def _shipped(self, base: type[Prototype], name: str) -> Prototype:
        if self.library.folders and not name.startswith("$"):
            builtins = builtin_classes(base)
            if name not in builtins:
                raise ValueError(
                    unknown(self.kind(base), name, self.library.names(base) | {*builtins})
                )
        return self.find(base, name, self.kind(base))()

    def _plugin_class[T](self, base: type[T], name: str, what: str) -> type[T]:
        package, _, class_name = name.partition(".")
        if not (_is_name(package) and _is_name(class_name)):
            raise ValueError(
                f"expected '$plugins.<package>.<Class>' in names of Python, got '$plugins.{name}'"
            )
        module = self._packages.module(package)
        offered = getattr(module, class_name, None)
        if offered is None or class_name.startswith("_"):
            names = [f"$plugins.{package}.{n}" for n in _classes_in(module, base)]
            raise ValueError(f"{unknown(what, f'$plugins.{name}', names)} (in {module.__file__})")
        if problem := class_problem(offered, base):
            raise ValueError(f"$plugins.{name} in {module.__file__} can't be a {what}: {problem}")
        return cast("type[T]", offered)


def _is_name(text: str) -> bool:
    return text.isidentifier() and text.isascii() and not keyword.iskeyword(text)


@cache
def builtin_classes(base: type) -> dict[str, type]:
    """Return the built-in classes derived from `base`, by the names that recipes use."""
    if base is RenderingMode:
        modes = _classes_in(importlib.import_module(_MODES), RenderingMode)
        return {mode.name: mode for mode in modes.values()}
    if base in _PROTOTYPES:
        package = importlib.import_module(_PROTOTYPES[base][0])
        names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
        files = {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}
        return {n: cls for n, file in files.items() for cls in _classes_in(file, base).values()}
    modules = map(importlib.import_module, _ELEMENTS)
    found = {name: cls for file in modules for name, cls in _classes_in(file, base).items()}
    return {f"$builtins.{name}": cls for name, cls in found.items()}


def _classes_in(module: ModuleType, base: type) -> dict[str, Any]:
    """Return the public concrete subclasses of `base` that `module` offers."""
    return {
        name: member
        for name, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, base) and not inspect.isabstract(member) and not name.startswith("_")
    }
