"""What features and swept keys are called in a report."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from orchestrator.common.names import short_keys
from orchestrator.dataset.schema import OVERRIDE

_UNITS = {
    **dict.fromkeys(("dimensions", "location"), "scene units"),
    **dict.fromkeys(("agglomerate_gyration_radius", "largest_neck_diameter"), "scene units"),
    "rotation": "rad",
}
_LENGTHS = (("mm", 1e6), ("µm", 1e3))
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


def unit_of(lengths: NDArray[np.float64]) -> tuple[str, float]:
    """Return the unit in which lengths in nm are best read, and how many nm it is.

    >>> unit_of(np.array([80.0, 90.0])), unit_of(np.array([800.0, 5000.0, np.nan]))
    (('nm', 1.0), ('µm', 1000.0))
    """
    known = lengths[np.isfinite(lengths)]
    for unit, factor in _LENGTHS:
        if known.size and np.median(known) >= factor:
            return unit, factor
    return "nm", 1.0


def length(nm: float) -> str:
    """Return a length with its unit.

    >>> length(0.25), length(100.0), length(1234.5), length(2e6)
    ('0.25 nm', '100 nm', '1.23 µm', '2 mm')
    """
    unit, factor = unit_of(np.array([nm]))
    return f"{nm / factor:.3g} {unit}"


def swept_names(columns: Iterable[str]) -> dict[str, str]:
    """Return the short names of the manifest's ``override.`` columns."""
    keys = [column.removeprefix(OVERRIDE) for column in columns]
    return {f"{OVERRIDE}{key}": name for key, name in short_keys(keys).items()}
