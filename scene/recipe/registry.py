"""From names in a recipe to classes: ``$builtins.X``, ``$plugins.package.X``, prototypes, modes.

Nothing else is looked up: a recipe can't call arbitrary Python.
"""

from __future__ import annotations

import importlib
import inspect
import keyword
import pkgutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from scene.errors import unknown
from scene.imaging.frame import RenderingMode
from scene.language.element import Configurable
from scene.prototypes.base import (
    GeometryPrototype,
    MaterialPrototype,
    MeasurementTechniquePrototype,
    Prototype,
)
from scene.recipe.class_checks import class_problem
from scene.recipe.plugins import PluginPackages

_BUILTIN_MODULES = (
    "scene.specimen.distributions",
    "scene.specimen.sets",
    "scene.steps.invoke",
    "scene.steps.update",
    "scene.steps.relax",
    "scene.steps.render",
)
_MODES_MODULE = "scene.imaging.modes"
_PROTOTYPES: dict[type[Prototype], tuple[str, str]] = {
    GeometryPrototype: ("scene.prototypes.geometries", "geometry prototype"),
    MaterialPrototype: ("scene.prototypes.materials", "material prototype"),
    MeasurementTechniquePrototype: (
        "scene.prototypes.measurement_techniques",
        "measurement technique prototype",
    ),
}


class Registry:
    """Finds what recipes name.

    Parameters
    ----------
    plugin_folders
        Folders whose packages resolve ``$plugins.<package>.<Class>``, searched in order, before
        installed entry points.
    """

    def __init__(self, plugin_folders: Sequence[str | Path] = ()) -> None:
        self._packages = PluginPackages([Path(folder) for folder in plugin_folders])
        self._prototypes: dict[tuple[type[Prototype], str], Prototype] = {}
        self._found: dict[tuple[type, str], type] = {}

    @property
    def folders(self) -> tuple[Path, ...]:
        """The plugin folders, in the order in which they are searched."""
        return self._packages.folders

    def find[T](self, base: type[T], target: object, what: str) -> type[T]:
        """Return the class that `target` names.

        Parameters
        ----------
        base
            What the class must be derived from.
        target
            ``$builtins.X`` or ``$plugins.package.X``.
        what
            What messages call the class that is looked for.

        Raises
        ------
        ValueError
            If there is no such class; the text is one sentence with the nearest name.
        """
        if not isinstance(target, str):
            raise ValueError(f"expected a name such as '$builtins.X', got {target!r}")
        key = (base, target)
        if key not in self._found:
            self._found[key] = self._look_up(base, target, what)
        return self._found[key]

    def _look_up[T](self, base: type[T], target: str, what: str) -> type[T]:
        namespace, _, name = target.partition(".")
        if namespace == "$builtins":
            builtins = {n: c for n, c in _builtin_classes().items() if issubclass(c, base)}
            if name not in builtins:
                raise ValueError(unknown(what, target, [f"$builtins.{n}" for n in builtins]))
            return builtins[name]
        if namespace == "$plugins":
            return self._plugin_class(base, name, what)
        raise ValueError(f"only '$builtins.' and '$plugins.' names are allowed, got {target!r}")

    def prototype[P: Prototype](self, base: type[P], name: str) -> P:
        """Return the prototype `name` of the kind `base`.

        Raises
        ------
        ValueError
            If there is no such name; the text is one sentence with the nearest one.
        """
        key = (base, name)
        if key not in self._prototypes:
            package, what = _PROTOTYPES[base]
            if name.startswith("$"):
                cls = self.find(base, name, what)
            else:
                if name not in _module_names(package):
                    raise ValueError(unknown(what, name, _module_names(package)))
                classes = _classes_in(importlib.import_module(f"{package}.{name}"), base)
                (cls,) = classes.values()
            self._prototypes[key] = cls()
        return cast("P", self._prototypes[key])

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
        if name.startswith("$"):
            return self.find(RenderingMode, name, "rendering mode")()
        modes = _builtin_modes()
        if name not in modes:
            raise ValueError(unknown("rendering mode", name, modes))
        return modes[name]()

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
def _module_names(package: str) -> tuple[str, ...]:
    paths = importlib.import_module(package).__path__
    return tuple(sorted(module.name for module in pkgutil.iter_modules(paths)))


@cache
def _builtin_classes() -> dict[str, type[Configurable]]:
    found: dict[str, type[Configurable]] = {}
    for module in _BUILTIN_MODULES:
        found |= _classes_in(importlib.import_module(module), Configurable)
    return found


@cache
def _builtin_modes() -> dict[str, type[RenderingMode]]:
    classes = _classes_in(importlib.import_module(_MODES_MODULE), RenderingMode)
    return {cls.name: cls for cls in classes.values()}


def _classes_in(module: ModuleType, base: type) -> dict[str, Any]:
    """Return the public concrete subclasses of `base` that `module` offers."""
    return {
        name: member
        for name, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, base) and not inspect.isabstract(member) and not name.startswith("_")
    }
