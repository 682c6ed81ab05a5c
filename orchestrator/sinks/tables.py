"""Rows and columns of the manifest and of the particles table.

The schemas follow from the sweep and its recipe, before anything ran: every part file of a data
set has the same columns. Columns are flat; nothing is a map.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import pyarrow as pa

from orchestrator.run import RunResult, Scalar
from orchestrator.versions import versions
from scene.features import FeatureSpec

type Row = dict[str, Any]
"""Column name to plain value."""

STATISTICS = ("mean", "std", "min", "max")

TIMESTAMP = pa.timestamp("us", tz="UTC")

_OVERRIDES = pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())]))
_FILES = pa.list_(
    pa.struct(
        [
            ("mode", pa.string()),
            ("path", pa.string()),
            ("sha256", pa.string()),
            ("bytes", pa.int64()),
            ("width", pa.int32()),
            ("height", pa.int32()),
        ]
    )
)
_VERSIONS = pa.struct([(name, pa.string()) for name in ("blendsweep", "bpy", "python")])

_LEADING = {
    "run_id": pa.string(),
    "sweep": pa.string(),
    "recipe": pa.string(),
    "index": pa.int64(),
    "status": pa.string(),
    "error_type": pa.string(),
    "error_message": pa.string(),
    "attempts": pa.int32(),
    "worker": pa.string(),
    "node": pa.string(),
    "device": pa.string(),
    "seed": pa.int64(),
    "overrides": _OVERRIDES,
}
_TRAILING = {
    "files": _FILES,
    "visible_particles": pa.int32(),
    "coverage": pa.float64(),
    "started_at": TIMESTAMP,
    "finished_at": TIMESTAMP,
    "versions": _VERSIONS,
    "mlflow_run_id": pa.string(),
}
_PARTICLE = {
    "run_id": pa.string(),
    "particle_id": pa.int32(),
    "blueprint": pa.string(),
    "category_color": pa.string(),
}
_PIXELS = {
    "visible_pixels": pa.int32(),
    "bbox_x": pa.int32(),
    "bbox_y": pa.int32(),
    "bbox_width": pa.int32(),
    "bbox_height": pa.int32(),
    "touches_border": pa.bool_(),
}


@final
@dataclass(frozen=True, slots=True)
class Columns:
    """What decides the columns of a data set.

    Parameters
    ----------
    overrides
        Overridden key to some of its values.
    technique_features
        Features of the measurement technique and its background material.
    particle_features
        Features of all particles.
    sampled_particle_features
        Names of the particle features that a step sets.
    timings
        Labels of all steps.
    """

    overrides: Mapping[str, Sequence[Scalar]] = field(default_factory=dict)
    technique_features: Sequence[FeatureSpec] = ()
    particle_features: Sequence[FeatureSpec] = ()
    sampled_particle_features: Sequence[str] = ()
    timings: Sequence[str] = ()


def manifest_schema(columns: Columns) -> pa.Schema:
    """Return the schema of the manifest, one row a run."""
    fields = dict(_LEADING)
    fields |= {f"override.{key}": scalar_type(v) for key, v in columns.overrides.items()}
    for spec in columns.technique_features:
        fields |= {f"feature.{name}": _number_type(spec) for name in spec.columns}
    for name in columns.sampled_particle_features:
        fields |= {f"feature.{name}.{statistic}": pa.float64() for statistic in STATISTICS}
        fields[f"feature.{name}.count"] = pa.int64()
    fields |= {name: _TRAILING[name] for name in ("files", "visible_particles", "coverage")}
    stages = ("reset", "build", *columns.timings, "record", "publish", "total")
    fields |= {f"time.{stage}": pa.float64() for stage in stages}
    return pa.schema(list((fields | _TRAILING).items()))


def particles_schema(columns: Columns) -> pa.Schema:
    """Return the schema of the particles table, one row a particle a run."""
    fields = dict(_PARTICLE)
    for spec in columns.particle_features:
        fields |= dict.fromkeys(spec.columns, _number_type(spec))
    return pa.schema(list((fields | _PIXELS).items()))


def manifest_row(result: RunResult, sweep: str, recipe: str) -> Row:
    """Return the manifest's row of one run.

    Parameters
    ----------
    sweep, recipe
        Names of both.
    """
    outcome, run = result.outcome, result.run
    record, failure = outcome.record, outcome.failure
    row: Row = {
        "run_id": run.run_id,
        "sweep": sweep,
        "recipe": recipe,
        "index": run.index,
        "status": result.status.value,
        "error_type": failure.error_type if failure else None,
        "error_message": failure.message if failure else None,
        "attempts": result.attempts,
        "worker": outcome.worker,
        "node": outcome.node,
        "device": outcome.device,
        "seed": record.seed if record else _seed(run.recipe),
        "overrides": [{"key": key, "value": value} for key, value in run.overrides],
        "started_at": outcome.started_at,
        "finished_at": outcome.finished_at,
        "versions": record.versions if record else versions(),
        "time.publish": outcome.publish_seconds,
        "time.total": (outcome.finished_at - outcome.started_at).total_seconds(),
    }
    row |= {f"override.{key}": value for key, value in run.values.items()}
    if record is None:
        return row
    for name, value in record.features.items():
        row |= _feature_columns(name, value)
    for name in record.particle_features:
        row |= _statistics(name, record.particles)
    row |= {f"time.{stage}": seconds for stage, seconds in record.timings.items()}
    row["visible_particles"] = record.visible_particles
    row["coverage"] = record.coverage
    row["files"] = [
        {
            "mode": file.mode,
            "path": f"runs/{run.run_id}/{file.path}",
            "sha256": file.sha256,
            "bytes": file.bytes,
            "width": file.width,
            "height": file.height,
        }
        for file in record.files
    ]
    return row


def particles_table(results: Iterable[RunResult], schema: pa.Schema) -> pa.Table:
    """Return the particles of some runs, with at least the columns of `schema`.

    Columns that the schema does not know are added after its own.
    """
    columns: dict[str, list[Any]] = {"run_id": []}
    count = 0
    for result in results:
        if not has_particles(result) or result.outcome.record is None:
            continue
        particles = result.outcome.record.particles
        added = len(particles["particle_id"])
        columns["run_id"] += [result.run.run_id] * added
        for name in particles.keys() - columns.keys():
            columns[name] = [None] * count
        for name, values in columns.items():
            if name != "run_id":
                values += particles.get(name) or [None] * added
        count += added
    return build(schema, columns, count)


def has_particles(result: RunResult) -> bool:
    """Whether a run has rows in the particles table."""
    record = result.outcome.record
    return record is not None and bool(record.particles.get("particle_id"))


def rows_table(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """Return rows as a table with at least the columns of `schema`."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return build(schema, columns, len(rows))


def build(schema: pa.Schema, columns: Mapping[str, Sequence[Any]], count: int) -> pa.Table:
    """Return a table of `count` rows; unknown columns get the type of their values."""
    fields = list(schema)
    fields += [
        pa.field(name, scalar_type(values))
        for name, values in sorted(columns.items())
        if name not in schema.names
    ]
    arrays = []
    for index, column in enumerate(fields):
        values = columns.get(column.name)
        if values is None:
            arrays.append(pa.nulls(count, column.type))
            continue
        if column.name.startswith("override."):
            known = column.type
            fields[index] = column = column.with_type(common_type(known, scalar_type(values)))
        arrays.append(pa.array(_fitting(values, column.type), column.type))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def scalar_type(values: Iterable[Scalar]) -> pa.DataType:
    """Return the narrowest type of a column that holds all of `values`."""
    found = pa.null()
    for value in values:
        found = common_type(found, _type_of(value))
    return found


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type of a column that can hold values of both: numbers widen, the rest is text."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    return pa.string()


def united(one: pa.Schema, other: pa.Schema) -> pa.Schema:
    """Return a schema with the columns of both; those of one name get a common type."""
    types = {column.name: column.type for column in one}
    for column in other:
        types[column.name] = common_type(types.get(column.name, column.type), column.type)
    return pa.schema(list(types.items()))


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return `table` with the columns of `schema`, which holds all of the table's own."""
    if table.schema == schema:
        return table.replace_schema_metadata(None)
    arrays = []
    for column in schema:
        if column.name not in table.schema.names:
            arrays.append(pa.nulls(len(table), column.type))
            continue
        values = table[column.name]
        if pa.types.is_string(column.type) and not pa.types.is_string(values.type):
            values = pa.array(_fitting(values.to_pylist(), column.type), column.type)
        arrays.append(values.cast(column.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def text_of(value: Scalar) -> str | None:
    """Return a swept value as a text column holds it: as YAML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None else str(value)


def _fitting(values: Sequence[Any], kind: pa.DataType) -> Sequence[Any]:
    if pa.types.is_string(kind):
        return [text_of(value) for value in values]
    if pa.types.is_float64(kind):
        return [None if value is None else float(value) for value in values]
    return values


def _type_of(value: object) -> pa.DataType:
    if value is None:
        return pa.null()
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, int):
        return pa.int64() if -(2**63) <= value < 2**63 else pa.string()
    return pa.float64() if isinstance(value, float) else pa.string()


def _number_type(spec: FeatureSpec) -> pa.DataType:
    return pa.int64() if spec.integer else pa.float64()


def _feature_columns(name: str, value: object) -> Row:
    if isinstance(value, tuple):
        return {f"feature.{name}_{axis}": v for axis, v in zip("xyz", value, strict=False)}
    return {f"feature.{name}": value}


def _statistics(name: str, particles: Mapping[str, Sequence[Any]]) -> Row:
    """Return mean, standard deviation and bounds over all particles and components.

    `count` is the number of particles that have the feature.
    """
    columns = [
        particles[c] for c in (name, *(f"{name}_{axis}" for axis in "xyz")) if c in particles
    ]
    values = np.array([v for column in columns for v in column if v is not None], dtype=np.float64)
    if not values.size:
        return {f"feature.{name}.count": 0}
    numbers = (values.mean(), values.std(), values.min(), values.max())
    row: Row = {f"feature.{name}.{s}": float(v) for s, v in zip(STATISTICS, numbers, strict=True)}
    row[f"feature.{name}.count"] = len(values) // len(columns)
    return row


def _seed(recipe: Mapping[str, Any]) -> int | None:
    seed = recipe.get("initial_runtime_state", {}).get("seed")
    return seed if isinstance(seed, int) else None
