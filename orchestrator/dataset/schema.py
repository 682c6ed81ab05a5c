"""Rows and columns of the manifest and of the particles table.

The schemas follow from the sweep and its recipe, before anything ran: every part file of a data
set has the same columns. Columns are flat; nothing is a map.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import final

import pyarrow as pa
import pyarrow.compute as pc

from orchestrator.dataset.arrow import scalar_type
from orchestrator.dataset.layout import MANIFEST, PARTICLES
from orchestrator.plan.run import Scalar
from scene.errors import ConfigurationError, Problem
from scene.imaging.quality import Quality
from scene.specimen.columns import AGGLOMERATE_COLUMNS
from scene.specimen.features import FeatureSpec
from scene.specimen.specimen import POSE

QUALITY = "quality."
"""Begins the names of those that say how good the image `real` is."""

OVERRIDE = "override."
"""Begins the names of the manifest's columns that hold the swept values."""

FEATURE = "feature."
"""Begins the names of those that hold sampled features."""

VARIABILITY = "variability."
"""Begins the names of those that hold parameters of variabilities, drawn once a run."""

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
    "specimen": pa.string(),
    "overrides": _OVERRIDES,
}
_CONTENT = {
    "files": _FILES,
    "visible_particles": pa.int32(),
    "agglomerates": pa.int32(),
    "coverage": pa.float64(),
    "pixel_size_nm": pa.float64(),
    **{f"{QUALITY}{measure.name}": pa.float64() for measure in fields(Quality)},
}
_TRAILING = {
    "started_at": TIMESTAMP,
    "finished_at": TIMESTAMP,
    "versions": _VERSIONS,
    "rendering": pa.string(),
    "code_hash": pa.string(),
    "code": _CODE,
    "mlflow_run_id": pa.string(),
}
PARTICLE = {
    "run_id": pa.string(),
    "particle_id": pa.int32(),
    "blueprint": pa.string(),
    "category_color": pa.string(),
    "parent_id": pa.int32(),
    "agglomerate_id": pa.int32(),
}
"""First columns of the particles table."""

_INITIAL_POSE = {f"initial_{name}_{axis}": pa.float64() for name in POSE for axis in "xyz"}
_SIZE = {"equivalent_diameter_nm": pa.float64()}
_AGGLOMERATES = dict.fromkeys(AGGLOMERATE_COLUMNS, pa.float64()) | {
    "agglomerate_particles": pa.int32(),
    "coordination_number": pa.int32(),
}
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
class Columns:
    """What decides the columns of a data set.

    Parameters
    ----------
    overrides
        Overridden key to some of its values.
    technique_features
        Features of the measurement technique and its background material that a step sets.
    particle_features
        Features of all particles.
    sampled_particle_features
        Names of the particle features that a step sets.
    variabilities
        Parameters of variabilities that each run draws.
    timings
        Labels of all steps.
    joins_particles
        Whether a step makes agglomerates, or particles grow together.
    """

    overrides: Mapping[str, Sequence[Scalar]] = field(default_factory=dict)
    technique_features: Sequence[FeatureSpec] = ()
    particle_features: Sequence[FeatureSpec] = ()
    sampled_particle_features: Sequence[str] = ()
    variabilities: Sequence[str] = ()
    timings: Sequence[str] = ()
    joins_particles: bool = False


def manifest_schema(columns: Columns) -> pa.Schema:
    """Return the schema of the manifest, one row a run.

    Raises
    ------
    ConfigurationError
        If two of its columns would have one name.
    """
    sizes = {spec.name: spec for spec in columns.particle_features}
    stages = ("reset", "build", "specimen", *columns.timings, "record", "publish", "total")
    return _schema(
        MANIFEST,
        _LEADING.items(),
        ((f"{OVERRIDE}{key}", scalar_type(v)) for key, v in columns.overrides.items()),
        (
            (f"{FEATURE}{name}", _type(spec))
            for spec in columns.technique_features
            for name in spec.columns
        ),
        (
            (f"{FEATURE}{column}.{statistic}", kind)
            for name in columns.sampled_particle_features
            for column in summarized(name, sizes[name].columns if name in sizes else (name,))
            for statistic, kind in _STATISTICS.items()
            if statistic == "count" or name not in sizes or sizes[name].is_numeric
        ),
        ((f"{VARIABILITY}{name}", pa.float64()) for name in columns.variabilities),
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
        PARTICLES,
        PARTICLE.items(),
        ((name, _type(spec)) for spec in columns.particle_features for name in spec.columns),
        _INITIAL_POSE.items(),
        _SIZE.items(),
        _AGGLOMERATES.items() if columns.joins_particles else (),
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


def summarized(name: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return what a particle feature's statistics are of: each of its columns.

    Those of a vector also have its own name, for runs in which its components are equal, as the
    dimensions of spheres are; a place, a rotation and a colour are never meant as one number.
    """
    return (*columns,) if len(columns) in {1, 4} or name in POSE else (name, *columns)


def counts_particles(name: str) -> bool:
    """Whether a column of the manifest counts a run's particles."""
    return name == "visible_particles" or (name.startswith(FEATURE) and name.endswith(".count"))


def with_particles(rows: pa.Table) -> set[str]:
    """Return the ids of the runs that have particles, by rows of the manifest."""
    found: set[str] = set()
    for name in filter(counts_particles, rows.schema.names):
        found.update(rows.filter(pc.greater(rows[name], 0))["run_id"].to_pylist())
    return found


def _type(spec: FeatureSpec) -> pa.DataType:
    if not spec.is_numeric:
        return pa.bool_() if spec.kind == "boolean" else pa.string()
    return pa.int64() if spec.integer else pa.float64()
