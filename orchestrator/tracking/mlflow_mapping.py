"""What a row of the manifest becomes in MLflow: names, values and descriptions."""

from __future__ import annotations

import json
import math
import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeGuard

from orchestrator.common import commands
from orchestrator.dataset.arrow import Row, text_of
from orchestrator.dataset.schema import FEATURE, OVERRIDE, QUALITY, TIME, VARIABILITY

ERROR_TAGS = frozenset({"blendsweep.error_type", "blendsweep.error_message"})
"""Tags that only a failed run has."""

_COUNTS = ("coverage", "visible_particles", "agglomerates", "pixel_size_nm")
_LONGEST_KEY, _LONGEST_PARAM, _LONGEST_TAG = 250, 6000, 5000
_LONGEST_NAME = _LONGEST_KEY - len("blendsweep.param.")  # it is part of a tag's name, too


def run_name(row: Row, names: Mapping[str, str], swept: Collection[str]) -> str:
    """Return the child run's name: its index, and its values of the keys that have several.

    Parameters
    ----------
    names
        Overridden key to the name of its param.
    swept
        The keys with more than one value.
    """
    short = {key: _last_word(names.get(key, key)) for key in swept}
    counts = Counter(short.values())
    values = [
        f"{short[key] if counts[short[key]] == 1 else names.get(key, key)}={pair['value']}"
        for pair in row["overrides"]
        if (key := pair["key"]) in swept
    ]
    return " ".join([f"{row['index']:04d}", *values])[:_LONGEST_KEY]


def _last_word(name: str) -> str:
    parts = name.split(".")
    start = max((index for index, part in enumerate(parts) if not part.isdigit()), default=0)
    return ".".join(parts[start:])


def overridden(row: Row) -> dict[str, Any]:
    """Return the overridden keys of a row, with their typed values."""
    return {
        name.removeprefix(OVERRIDE): value
        for name, value in row.items()
        if name.startswith(OVERRIDE)
    }


def params(row: Row, names: Mapping[str, str]) -> dict[str, str]:
    """Return the seed and the overridden values, by the names of their params."""
    values = {"seed": row.get("seed")} | {
        names[key]: value for key, value in overridden(row).items()
    }
    return {name: (text_of(value) or "null")[:_LONGEST_PARAM] for name, value in values.items()}


def metrics(row: Row) -> dict[str, float]:
    """Return the finite features, drawn parameters, qualities, timings and counts.

    They are named as `metric_name` says. Features that are not numbers are among the tags.
    """
    kinds = (FEATURE, VARIABILITY, QUALITY, TIME)
    columns = [*_COUNTS, *(name for name in row if name.startswith(kinds))]
    return {
        entity_name(metric_name(column)): float(value)
        for column in columns
        if _is_number(value := row.get(column)) and math.isfinite(value)
    }


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def metric_name(column: str) -> str:
    """Return the name of the metric that holds a column of the manifest.

    MLflow groups metrics by what comes before a slash.

    >>> [metric_name(name) for name in ("feature.defocus", "feature.location.std", "quality.snr")]
    ['defocus', 'location/std', 'quality/snr']
    """
    short = column.removeprefix(FEATURE).replace(".", "/", 1)
    return column.replace(".", "/", 1) if short in _COUNTS and short != column else short


def run_note(row: Row, output: str, plugins: Iterable[str], prototypes: Iterable[str] = ()) -> str:
    """Return a child's description: what it is, where its files are, how to make it again.

    Parameters
    ----------
    output
        The run's folder.
    plugins
        Folders of plugin packages.
    prototypes
        Libraries of prototypes.
    """
    # MLflow shows the first lines alone until "Show more" is clicked.
    lines = [f"Run `{row['run_id']}` of the sweep **{row['sweep']}**, recipe `{row['recipe']}`."]
    if row["status"] == "failed":
        lines += ["", f"**Failed** with {row.get('error_type')}; the log is among the artifacts."]
        lines += ["The sweep's command tries it again with `--retry-failed`."]
    else:
        options = [word for folder in plugins for word in ("--plugins", folder)]
        options += [word for folder in prototypes for word in ("--prototypes", folder)]
        recipe, place = f"{output}/recipe.yaml", ""
        if "://" in output:
            recipe, place = "recipe.yaml", ", after copying `recipe.yaml` from there"
        again = commands.module("scene", recipe, "--output", "DIR", *options)
        lines += [f"Files at full size: `{output}`", "", f"To make it again{place}:"]
        lines += ["", "```", again, "```"]
    lines += ["", "| key in the recipe | value |", "| --- | --- |"]
    lines += [f"| `{pair['key']}` | {_cell(pair['value'])} |" for pair in row["overrides"]]
    return "\n".join(lines)[:_LONGEST_TAG]


def sweep_note(sweep: str, output: str) -> str:
    """Return the parent's description.

    Parameters
    ----------
    output
        The data set.
    """
    place = f"{output}/manifest"
    return "\n".join(
        [
            f"Data set of the sweep **{sweep}**: one child run for each of its runs.",
            "",
            "| | |",
            "| --- | --- |",
            f"| Files | `{output}` |",
            f"| Every value as a table | `pandas.read_parquet({place!r})` |",
            "| What was swept | `sweep.yaml`, among the artifacts |",
            "",
            "Its progress:",
            "",
            "```",
            commands.program("status", output),
            "```",
            "",
            "The tag `blendsweep.param.NAME` holds the key of the recipe that the param NAME sets.",
        ]
    )[:_LONGEST_TAG]


def _cell(text: str) -> str:
    """Return text for a cell of a Markdown table."""
    return f"`{text}`".replace("|", "\\|").replace("\n", " ")


def tags(row: Row, output: str) -> dict[str, str]:
    """Return what describes a run in words.

    Status, place, device, specimen, versions, rendering, features other than numbers, and a failed
    run's error.

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
        "specimen": row.get("specimen"),
        "error_type": row.get("error_type"),
        "error_message": row.get("error_message"),
    }
    values |= {f"version.{name}": value for name, value in row["versions"].items()}
    values |= {
        entity_name(column): text_of(value)
        for column, value in row.items()
        if column.startswith(FEATURE) and isinstance(value, bool | str)
    }
    rendering = json.loads(row.get("rendering") or "{}")
    values |= {f"rendering.{name}": str(v) for name, v in rendering.items() if v is not None}
    return {
        f"blendsweep.{key}": value[:_LONGEST_TAG]
        for key, value in values.items()
        if value is not None
    }


def entity_name(key: str) -> str:
    """Return `key` in the characters that MLflow allows for params and metrics.

    >>> entity_name("a.b@c")
    'a.b_c'
    """
    name = posixpath.normpath(re.sub(r"[^/\w.\- :]", "_", key)).lstrip("/.") or "_"
    return name[:_LONGEST_NAME]


def milliseconds(moment: datetime) -> int:
    """Return a time as MLflow counts it: in milliseconds since 1970."""
    return round(moment.timestamp() * 1000)
