"""What a row of the manifest is in MLflow's words; MLflow itself is not needed to tell."""

from __future__ import annotations

import math
import posixpath
import re
from datetime import datetime

from orchestrator.sinks.arrow import Row, text_of
from orchestrator.sinks.tables import OVERRIDE

_LONGEST_KEY, _LONGEST_PARAM, _LONGEST_TAG = 250, 6000, 5000


def run_name(row: Row) -> str:
    """Return the child run's name: its number and the values that it takes."""
    values = [f"{pair['key'].rpartition('.')[2]}={pair['value']}" for pair in row["overrides"]]
    return " ".join([f"{row['index']:04d}", *values])[:_LONGEST_KEY]


def params(row: Row) -> dict[str, str]:
    """Return the seed and the swept values."""
    values = {"seed": row.get("seed")} | {
        name.removeprefix(OVERRIDE): value
        for name, value in row.items()
        if name.startswith(OVERRIDE)
    }
    return {
        entity_name(key): (text_of(value) or "null")[:_LONGEST_PARAM]
        for key, value in values.items()
    }


def metrics(row: Row) -> dict[str, float]:
    """Return the finite features, timings and counts."""
    chosen = {
        name: value
        for name, value in row.items()
        if name.startswith(("feature.", "time.")) or name in {"coverage", "visible_particles"}
    }
    return {
        entity_name(name): float(value)
        for name, value in chosen.items()
        if value is not None and math.isfinite(value)
    }


def tags(row: Row, output: str) -> dict[str, str]:
    """Return status, place, device, versions and, for a failed run, the error.

    Parameters
    ----------
    output
        The run's folder.
    """
    values = {
        "status": row["status"],
        "output": output,
        "recipe": row["recipe"],
        "device": row["device"],
        "error_type": row.get("error_type"),
        "error_message": row.get("error_message"),
    }
    values |= {f"version.{name}": value for name, value in row["versions"].items()}
    return {
        f"blendsweep.{key}": value[:_LONGEST_TAG]
        for key, value in values.items()
        if value is not None
    }


def entity_name(key: str) -> str:
    """Return `key` as MLflow takes it for params and metrics.

    >>> entity_name("a.b@c")
    'a.b_c'
    """
    name = posixpath.normpath(re.sub(r"[^/\w.\- :]", "_", key)).lstrip("/.") or "_"
    return name[:_LONGEST_KEY]


def milliseconds(moment: datetime) -> int:
    """Return a time as MLflow counts it, since 1970."""
    return round(moment.timestamp() * 1000)
