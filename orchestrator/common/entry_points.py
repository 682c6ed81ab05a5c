"""What installed packages add to a registry of ours."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from scene.errors import ConfigurationError, Problem


def with_installed[T](group: str, built_in: Mapping[str, T]) -> dict[str, T]:
    """Return a registry with the entry points of installed packages after its own entries.

    Parameters
    ----------
    group
        The entry points' group, such as ``blendsweep.sinks``.
    built_in
        Our own entries, by name.

    Raises
    ------
    ConfigurationError
        If an entry point fails to load, is not callable, or has a name that is taken.
    """
    found = dict(built_in)
    for point in entry_points(group=group):
        if point.name in found:
            raise _error(point, f"there is another {point.name!r} already; rename one of them")
        found[point.name] = cast("T", _load(point))
    return found


def _load(point: EntryPoint) -> Any:
    try:
        value = point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, and what libraries derive from no Exception
        text = " ".join(str(error).split())
        raise _error(point, f"it fails to load: {type(error).__name__}: {text}") from error
    if not callable(value):
        raise _error(point, f"it must name a callable, not {value!r:.60}")
    return value


def _error(point: EntryPoint, message: str) -> ConfigurationError:
    package = f"installed package {point.dist.name}" if point.dist else "an installed package"
    return ConfigurationError([Problem(package, point.group, f"{point.name}: {message}")])
