"""Rows and columns of the manifest and of the particles table.

The schemas follow from the sweep and its recipe, before anything ran: every part file of a data
set has the same columns. Columns are flat; nothing is a map.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, final

import numpy as np
import pyarrow as pa

from orchestrator.run import RunResult, Scalar
from orchestrator.sinks.arrow import Row, array, common_type, scalar_type
from orchestrator.versions import versions
from scene.features import FeatureSpec
from scene.record import RunRecord
from scene.specimen import POSE

OVERRIDE = "override."
"""Begins the names of the manifest's columns that hold the swept values."""

FEATURE = "feature."
"""Begins the names of those that hold sampled features."""

TIME = "time."
"""Begins the names of those that hold seconds."""

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
            ("particle_id", pa.int32()),
        ]
    )
)
_VERSIONS = pa.struct([(name, pa.string()) for name in ("blendsweep", "bpy", "python")])

_LEADING = {
    "run_id": pa.string(),
    "sweep": pa.string(),
    "recipe": pa.string(),
    "recipe_hash": pa.string(),
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
_CONTENT = {
    "files": _FILES,
    "visible_particles": pa.int32(),
    "coverage": pa.float64(),
}
_TRAILING = {
    "started_at": TIMESTAMP,
    "finished_at": TIMESTAMP,
    "versions": _VERSIONS,
    "mlflow_run_id": pa.string(),
}
PARTICLE = {
    "run_id": pa.string(),
    "particle_id": pa.int32(),
    "blueprint": pa.string(),
    "category_color": pa.string(),
}
"""First columns of the particles table."""

_INITIAL_POSE = {f"initial_{name}_{axis}": pa.float64() for name in POSE for axis in "xyz"}
_PIXELS = {
    "visible_pixels": pa.int32(),
    "bbox_x": pa.int32(),
    "bbox_y": pa.int32(),
    "bbox_width": pa.int32(),
    "bbox_height": pa.int32(),
    "touches_border": pa.bool_(),
    "occluded_share": pa.float64(),
}


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
    """

    sweep: str
    recipe: str
    recipe_hash: str | None = None


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
    fields |= {f"{OVERRIDE}{key}": scalar_type(v) for key, v in columns.overrides.items()}
    for spec in columns.technique_features:
        fields |= {f"{FEATURE}{name}": _number_type(spec) for name in spec.columns}
    for name in columns.sampled_particle_features:
        fields |= {f"{FEATURE}{name}.{statistic}": pa.float64() for statistic in STATISTICS}
        fields[f"{FEATURE}{name}.count"] = pa.int64()
    fields |= _CONTENT
    stages = ("reset", "build", *columns.timings, "record", "publish", "total")
    fields |= {f"{TIME}{stage}": pa.float64() for stage in stages}
    return pa.schema(list((fields | _TRAILING).items()))


def particles_schema(columns: Columns) -> pa.Schema:
    """Return the schema of the particles table, one row a particle a run."""
    fields = dict(PARTICLE)
    for spec in columns.particle_features:
        fields |= dict.fromkeys(spec.columns, _number_type(spec))
    return pa.schema(list((fields | _INITIAL_POSE | _PIXELS).items()))


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
        "overrides": [{"key": key, "value": value} for key, value in run.overrides],
        "started_at": outcome.started_at,
        "finished_at": outcome.finished_at,
        "versions": record.versions if record else versions(),
        f"{TIME}publish": outcome.publish_seconds,
        f"{TIME}total": (outcome.finished_at - outcome.started_at).total_seconds(),
    }
    row |= {f"{OVERRIDE}{key}": value for key, value in run.values.items()}
    return row if record is None else row | _content(record, f"runs/{run.run_id}")


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


def _number_type(spec: FeatureSpec) -> pa.DataType:
    return pa.int64() if spec.integer else pa.float64()


def _content(record: RunRecord, folder: str) -> Row:
    """Return the part of a row that tells what was made."""
    row: Row = {
        "files": [asdict(file) | {"path": f"{folder}/{file.path}"} for file in record.files],
        "visible_particles": record.visible_particles,
        "coverage": record.coverage,
    }
    for name, value in record.features.items():
        row |= _feature_columns(name, value)
    for name in record.particle_features:
        row |= _statistics(name, record.particles)
    return row | {f"{TIME}{stage}": seconds for stage, seconds in record.timings.items()}


def _feature_columns(name: str, value: object) -> Row:
    if isinstance(value, tuple):
        return {f"{FEATURE}{name}_{axis}": v for axis, v in zip("xyz", value, strict=False)}
    return {f"{FEATURE}{name}": value}


def _statistics(name: str, particles: Mapping[str, Sequence[Any]]) -> Row:
    """Return mean, standard deviation and bounds over all particles and components.

    `count` is the number of particles that have the feature.
    """
    columns = [
        particles[c] for c in (name, *(f"{name}_{axis}" for axis in "xyz")) if c in particles
    ]
    values = np.array([v for column in columns for v in column if v is not None], dtype=np.float64)
    if not values.size:
        return {f"{FEATURE}{name}.count": 0}
    numbers = (values.mean(), values.std(), values.min(), values.max())
    row: Row = {f"{FEATURE}{name}.{s}": float(v) for s, v in zip(STATISTICS, numbers, strict=True)}
    row[f"{FEATURE}{name}.count"] = len(values) // len(columns)
    return row


def _seed(recipe: Mapping[str, Any]) -> int | None:
    seed = recipe.get("initial_runtime_state", {}).get("seed")
    return seed if isinstance(seed, int) else None
