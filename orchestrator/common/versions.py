"""Versions of what makes the images, read from package metadata: nothing is imported."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version


def versions() -> dict[str, str]:
    """Return the versions of blendsweep, bpy, ray, mlflow and Python; ``unknown`` if missing."""
    found = {name: _version(name) for name in ("blendsweep", "bpy", "ray", "mlflow")}
    return found | {"python": platform.python_version()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
