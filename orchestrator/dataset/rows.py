"""Rows of the tables, from what became of runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, final

import numpy as np
import pyarrow as pa

from orchestrator.common.versions import versions
from orchestrator.dataset.arrow import Row, array, common_type, scalar_type
from orchestrator.dataset.layout import run_folder
from orchestrator.dataset.results import RunResult
from orchestrator.dataset.schema import (
    FEATURE,
    OVERRIDE,
    QUALITY,
    TIME,
    VARIABILITY,
    summarized,
)
from scene.execution.record import RunRecord
from scene.recipe.code import Code, code_hash
from scene.specimen.features import AXES, component_columns


@final
@dataclass(frozen=True, slots=True)
class Origin:
    """Where runs come from.

    Parameters
    ----------
    sweep, recipe
        Names of both.
    recipe_hash
        16 hex digits that name the recipe's content before overrides.
    code
        The code that the sweep was started with, for runs that made nothing.
    """

    sweep: str
    recipe: str
    recipe_hash: str | None = None
    code: Code = field(default_factory=dict)


def manifest_row(result: RunResult, origin: Origin) -> Row:
    """Return the manifest's row of one run."""
    outcome, run = result.outcome, result.run
    record, failure = outcome.record, outcome.failure
    row: Row = {
        "run_id": run.run_id,
        "sweep": origin.sweep,
        "recipe": origin.recipe,
        "recipe_hash": origin.recipe_hash,
        "index": run.index,
        "status": result.status.value,
        "error_type": failure.error_type if failure else None,
        "error_message": failure.message if failure else None,
        "attempts": result.attempts,
        "worker": outcome.worker,
        "node": outcome.node,
        "device": outcome.device,
        "seed": record.seed if record else _seed(run.recipe),
        "specimen": record.specimen if record else None,
        "overrides": [{"key": key, "value": value} for key, value in run.overrides],
        "started_at": outcome.started_at,
        "finished_at": outcome.finished_at,
        "versions": record.versions if record else versions(),
        f"{TIME}publish": outcome.publish_seconds,
        f"{TIME}total": (outcome.finished_at - outcome.started_at).total_seconds(),
    }
    if code := (record.code if record else origin.code):
        row["code_hash"] = code_hash(code)
        row["code"] = [{"component": name, "version": code[name]} for name in sorted(code)]
    row |= {f"{OVERRIDE}{key}": value for key, value in run.values.items()}
    return row if record is None else row | content_of(record, run_folder(run.run_id))


def particles_table(results: Iterable[RunResult], schema: pa.Schema) -> pa.Table:
    """Return the particles of some runs, with at least the columns of `schema`.

    Columns that the schema does not know are added after its own.
    """
    parts = [
        (result.run.run_id, particles) for result in results if (particles := particles_of(result))
    ]
    run_ids = [run_id for run_id, particles in parts for _ in particles["particle_id"]]
    columns: dict[str, list[Any]] = {}
    for name in dict.fromkeys(name for _, particles in parts for name in particles):
        columns[name] = []
        for _, particles in parts:
            columns[name] += particles.get(name) or [None] * len(particles["particle_id"])
    return _table(schema, columns | {"run_id": run_ids}, len(run_ids))


def particles_of(result: RunResult) -> Mapping[str, Sequence[Any]]:
    """Return a run's particles, by column; nothing if there are none."""
    record = result.outcome.record
    return record.particles if record and record.particles.get("particle_id") else {}


def rows_table(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """Return rows as a table with at least the columns of `schema`."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return _table(schema, columns, len(rows))


def content_of(record: RunRecord, folder: str) -> Row:
    """Return the part of a row that says what was made.

    Parameters
    ----------
    folder
        Precedes the paths of the run's files.
    """
    row: Row = {
        "files": [asdict(file) | {"path": f"{folder}/{file.path}"} for file in record.files],
        "rendering": json.dumps(record.rendering) if record.rendering else None,
        "visible_particles": record.visible_particles,
        "agglomerates": _agglomerates(record.particles),
        "coverage": record.coverage,
        "pixel_size_nm": record.pixel_size_nm,
    }
    row |= {f"{QUALITY}{name}": value for name, value in record.quality.items()}
    names = record.features if record.technique_features is None else record.technique_features
    for name in names:
        if name in record.features:  # whatever step was to set it on what was never made
            row |= _feature_columns(name, record.features[name])
    for name in record.particle_features:
        row |= _statistics(name, record.particles)
    row |= {f"{VARIABILITY}{name}": float(n) for name, n in record.variabilities.items()}
    return row | {f"{TIME}{stage}": seconds for stage, seconds in record.timings.items()}


def _agglomerates(particles: Mapping[str, Sequence[Any]]) -> int | None:
    """Return how many agglomerates of two or more particles there are; None where none are made."""
    if "agglomerate_particles" not in particles:
        return None
    parents = particles["parent_id"]
    return len({parent for parent in parents if parent is not None})


def _feature_columns(name: str, value: object) -> Row:
    if isinstance(value, tuple):
        columns = component_columns(name, len(value))
        return {f"{FEATURE}{column}": part for column, part in zip(columns, value, strict=True)}
    return {f"{FEATURE}{name}": value}


def _statistics(name: str, particles: Mapping[str, Sequence[Any]]) -> Row:
    """Return mean, standard deviation and bounds over all particles, for each component.

    `count` is the number of particles that have the feature; it is all there is of text, and of
    true and false.
    """
    vectors = (component_columns(name, number) for number in sorted(AXES, reverse=True))
    vector = next((v for v in vectors if particles.keys() >= set(v)), None)
    columns = (name,) if name in particles or vector is None else vector
    row: Row = {}
    for column in summarized(name, columns):
        if column in particles or not particles:
            values = particles.get(column, ())
        elif all(particles[columns[0]] == particles[other] for other in columns[1:]):
            values = particles[columns[0]]
        else:
            continue  # the components differ: no number stands for all of them
        row |= {f"{FEATURE}{column}.{key}": value for key, value in _summary(values).items()}
    return row


def _summary(column: Sequence[Any]) -> Row:
    own = [value for value in column if value is not None]
    if not own or isinstance(own[0], bool | str):
        return {"count": len(own)}
    values = np.array(own, dtype=np.float64)
    return {
        "mean": float(values.mean()),
        "std": float(values.std()),
        "min": float(values.min()),
        "max": float(values.max()),
        "count": len(values),
    }


def _seed(recipe: Mapping[str, Any]) -> int | None:
    seed = recipe.get("initial_runtime_state", {}).get("seed")
    return seed if isinstance(seed, int) else None


def _table(schema: pa.Schema, columns: Mapping[str, Sequence[Any]], count: int) -> pa.Table:
    """Return a table of `count` rows; overrides and unknown columns take their values' type."""
    types = {column.name: column.type for column in schema}
    for name in sorted(columns):
        if name not in types or name.startswith(OVERRIDE):
            types[name] = common_type(types.get(name, pa.null()), scalar_type(columns[name]))
    arrays = [
        array(columns[name], kind) if name in columns else pa.nulls(count, kind)
        for name, kind in types.items()
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(list(types.items())))
