"""What features and swept keys are called in a report."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.common.names import short_keys
from orchestrator.dataset.schema import OVERRIDE

_UNITS = {"dimensions": "scene units", "location": "scene units", "rotation": "rad"}
_CALLED = {"dimensions": "particle size"}


def feature_name(column: str) -> str:
    """Return a feature's name in words, with its unit where that is known.

    >>> feature_name("location_x"), feature_name("dimensions"), feature_name("defocus")
    ('location x (scene units)', 'particle size (scene units)', 'defocus')
    """
    feature, _, axis = column.rpartition("_")
    if not feature or axis not in {"x", "y", "z"}:
        feature, axis = column, ""
    words = [_CALLED.get(feature, feature.replace("_", " ")), axis]
    unit = _UNITS.get(feature)
    return " ".join(filter(None, [*words, f"({unit})" if unit else ""]))


def swept_names(columns: Iterable[str]) -> dict[str, str]:
    """Return the short names of the manifest's ``override.`` columns."""
    keys = [column.removeprefix(OVERRIDE) for column in columns]
    return {f"{OVERRIDE}{key}": name for key, name in short_keys(keys).items()}
