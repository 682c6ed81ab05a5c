"""Rows and columns of the manifest and of the particles table.

The schemas follow from the sweep and its recipe, before anything ran: every part file of a data
set has the same columns. Columns are flat; nothing is a map.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestrator.common.versions import versions
from orchestrator.dataset.arrow import Row, array, common_type, scalar_type
from orchestrator.dataset.layout import run_folder
from orchestrator.dataset.results import RunResult
from orchestrator.plan.run import Scalar
from scene.errors import ConfigurationError, Problem
from scene.execution.record import RunRecord
from scene.recipe.code import Code, code_hash
from scene.specimen.features import FeatureSpec
from scene.specimen.specimen import POSE

OVERRIDE = "override."
"""Begins the names of the manifest's columns that hold the swept values."""

FEATURE = "feature."
"""Begins the names of those that hold sampled features."""

TIME = "time."
"""Begins the names of those that hold seconds."""

_STATISTICS = dict.fromkeys(("mean", "std", "min", "max"), pa.float64()) | {"count": pa.int64()}

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
_CODE = pa.list_(pa.struct([("component", pa.string()), ("version", pa.string())]))
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
    "code_hash": pa.string(),
    "code": _CODE,
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
    "occluded_fraction": pa.float64(),
    "occluded_share": pa.float64(),  # the same under its old name, for one release
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
    code
        The code that the sweep was started with, for runs that made nothing.
    """

    sweep: str
    recipe: str
    recipe_hash: str | None = None
    code: Code = field(default_factory=dict)


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
    """Return the schema of the manifest, one row a run.

    Raises
    ------
    ConfigurationError
        If two of its columns would have one name.
    """
    sizes = {spec.name: spec for spec in columns.particle_features}
    stages = ("reset", "build", *columns.timings, "record", "publish", "total")
    return _schema(
        "manifest",
        _LEADING.items(),
        ((f"{OVERRIDE}{key}", scalar_type(v)) for key, v in columns.overrides.items()),
        (
            (f"{FEATURE}{name}", _number_type(spec))
            for spec in columns.technique_features
            for name in spec.columns
        ),
        (
            (f"{FEATURE}{column}.{statistic}", kind)
            for name in columns.sampled_particle_features
            for column in _summarized(name, sizes[name].columns if name in sizes else (name,))
            for statistic, kind in _STATISTICS.items()
        ),
        _CONTENT.items(),
        ((f"{TIME}{stage}", pa.float64()) for stage in stages),
        _TRAILING.items(),
    )


def particles_schema(columns: Columns) -> pa.Schema:
    """Return the schema of the particles table, one row a particle a run.

    Raises
    ------
    ConfigurationError
        If two of its columns would have one name.
    """
    return _schema(
        "particles",
        PARTICLE.items(),
        ((name, _number_type(spec)) for spec in columns.particle_features for name in spec.columns),
        _INITIAL_POSE.items(),
        _PIXELS.items(),
    )


def _schema(table: str, *groups: Iterable[tuple[str, pa.DataType]]) -> pa.Schema:
    """Return the schema of columns that have a name each."""
    fields: dict[str, pa.DataType] = {}
    for name, kind in itertools.chain.from_iterable(groups):
        if name in fields:
            message = f"the table {table} would have two columns {name!r}; rename a feature or step"
            raise ConfigurationError([Problem("recipe", "", message)])
        fields[name] = kind
    return pa.schema(list(fields.items()))


def _summarized(name: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return what a particle feature's statistics are of: each of its columns.

    Those of a vector also have its own name, for runs in which its components are equal, as the
    dimensions of spheres are; a place and a rotation are never meant as one number.
    """
    return (*columns,) if len(columns) == 1 or name in POSE else (name, *columns)


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


def counts_particles(name: str) -> bool:
    """Whether a column of the manifest counts a run's particles."""
    return name == "visible_particles" or (name.startswith(FEATURE) and name.endswith(".count"))


def with_particles(rows: pa.Table) -> set[str]:
    """Return the ids of the runs that have particles, by rows of the manifest."""
    found: set[str] = set()
    for name in filter(counts_particles, rows.schema.names):
        found.update(rows.filter(pc.greater(rows[name], 0))["run_id"].to_pylist())
    return found


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


def content_of(record: RunRecord, folder: str) -> Row:
    """Return the part of a row that says what was made.

    Parameters
    ----------
    folder
        Precedes the paths of the run's files.
    """
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
    """Return mean, standard deviation and bounds over all particles, for each component.

    `count` is the number of particles that have the feature.
    """
    vector = [column for axis in "xyz" if (column := f"{name}_{axis}") in particles]
    columns = [name] if name in particles or not vector else vector
    row: Row = {}
    for summarized in _summarized(name, columns):
        if summarized in particles or not particles:
            values = particles.get(summarized, ())
        elif all(particles[columns[0]] == particles[column] for column in columns[1:]):
            values = particles[columns[0]]
        else:
            continue  # the components differ: no number stands for all of them
        row |= {f"{FEATURE}{summarized}.{key}": value for key, value in _summary(values).items()}
    return row


def _summary(column: Sequence[Any]) -> Row:
    values = np.array([value for value in column if value is not None], dtype=np.float64)
    if not values.size:
        return {"count": 0}
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
