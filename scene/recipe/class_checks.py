"""Whether a class that a plugin offers is one that recipes can use: asked when it is found."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from scene.imaging.frame import RenderingMode
from scene.language.element import Members
from scene.prototypes.base import Prototype
from scene.specimen.distributions import Distribution
from scene.specimen.features import FeatureSpec
from scene.specimen.sets import ObjectSet

_IMAGE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ENDING = re.compile(r"[a-z0-9]{1,16}")


def class_problem(offered: object, base: type) -> str | None:
    """Return why `offered` can't be used as a `base`, or None if it can."""
    if not inspect.isclass(offered):
        return f"it is a {type(offered).__name__}, not a class"
    if not issubclass(offered, base):
        parents = ", ".join(parent.__name__ for parent in offered.__bases__)
        return f"it derives from {parents}, not from {base.__name__}"
    if missing := getattr(offered, "__abstractmethods__", None):
        return f"it has no {', no '.join(sorted(missing))}"
    for kind, check in _CHECKS.items():
        if issubclass(offered, kind):
            return next(check(offered), None)
    return None


def _prototype(cls: type) -> Iterator[str]:
    features = getattr(cls, "features", None)
    if not isinstance(features, tuple | list) or not all(
        isinstance(spec, FeatureSpec) for spec in features
    ):
        yield f"its 'features' must be a tuple of FeatureSpec, not {features!r:.60}"
        return
    names = [spec.name for spec in features]
    yield from (f"it has two features {n!r}" for n in names if names.count(n) > 1)
    yield from _instance(cls)


def _mode(cls: type) -> Iterator[str]:
    name, outputs = getattr(cls, "name", None), getattr(cls, "outputs", None)
    if not isinstance(name, str) or not _IMAGE_NAME.fullmatch(name):
        yield f"its 'name' must be letters, digits, - and _, not {name!r:.60}"
    if not isinstance(outputs, Mapping) or not outputs:
        yield f"its 'outputs' must be a mapping of image names to endings, not {outputs!r:.60}"
        return
    for image, ending in outputs.items():
        if not isinstance(image, str) or not _IMAGE_NAME.fullmatch(image):
            yield f"an image's name must be letters, digits, - and _, not {image!r:.60}"
        if not isinstance(ending, str) or not _ENDING.fullmatch(ending):
            yield f"a file's ending must be small letters and digits, not {ending!r:.60}"
    yield from _instance(cls)


def _set(cls: type) -> Iterator[str]:
    members = getattr(cls, "members", None)
    if not isinstance(members, Members):
        yield f"its 'members' must be one of Members, not {members!r:.60}"


def _distribution(cls: type[Distribution]) -> Iterator[str]:
    own = {name for name in dir(Distribution) if not hasattr(BaseModel, name)}
    for name in cls.model_fields.keys() & own:
        yield f"its field {name!r} hides what a distribution has of this name; rename it"


def _instance(cls: type) -> Iterator[str]:
    try:
        cls()
    except Exception as error:  # noqa: BLE001 (a plugin's own code)
        yield f"it can't be made without arguments: {type(error).__name__}: {error}"


_CHECKS: dict[type, Callable[[Any], Iterator[str]]] = {
    Distribution: _distribution,
    Prototype: _prototype,
    RenderingMode: _mode,
    ObjectSet: _set,
}
