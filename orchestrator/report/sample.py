"""What a report draws, sampled from a data set of any size in bounded memory.

The runs are those with the smallest ids, which are hashes: the same data set gives the same sample.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from orchestrator.dataset.arrow import as_one, text_of
from orchestrator.dataset.dataset import DataSet
from orchestrator.dataset.layout import PARTICLES
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.schema import FEATURE, OVERRIDE, QUALITY, TIME, VARIABILITY
from orchestrator.report.swept_values import spread_runs

MOST_RUNS = 20_000
"""This many runs are sampled, or fewer where they have hundreds of columns."""

MOST_VALUES = 4_000_000
"""Most values of the sampled runs together."""

PARTICLE_PARTS = 24
PARTICLES_PER_PART = 8_000
"""At most this many particles are sampled, evenly, of each of at most `PARTICLE_PARTS` parts."""

DIAMETER = "equivalent_diameter_nm"
"""Column of the particles' sizes in nm."""

_OF_AGGLOMERATES = (
    *("agglomerate_particles", "agglomerate_gyration_radius", "agglomerate_fractal_dimension"),
    *("coordination_number", "largest_neck_diameter"),
)

_OTHERS = {"run_id", "index", "status", "recipe_hash", "device", "coverage", "pixel_size_nm",
           "finished_at", "versions", "rendering"}  # fmt: skip
_KINDS = (OVERRIDE, FEATURE, VARIABILITY, QUALITY, TIME)

_STATISTICS = {"mean", "std", "min", "max", "count"}

type Floats = NDArray[np.float64]
type Words = NDArray[np.str_]


@final
@dataclass(frozen=True)
class Sample:
    """Succeeded runs that the last sweep asks for, and some of their particles.

    Parameters
    ----------
    rows
        Rows of the manifest, by the order of the sweep; all, or `MOST_RUNS` of them.
    particles
        Column name to sampled values of the particles' sampled features, `DIAMETER`, and figures of
        agglomerates.
    particle_words
        The same of those that are text, or true and false.
    particle_parts
        How many parts of the particles' table were read, and how many there are.
    last
        When the last run on record ended.
    devices, versions, renderings
        What rendered, and how, each with its number of runs.
    """

    rows: pa.Table
    particles: Mapping[str, Floats]
    particle_words: Mapping[str, Words]
    particle_parts: tuple[int, int]
    last: datetime | None
    devices: Mapping[str, int]
    versions: Mapping[str, int]
    renderings: Mapping[str, int]

    def numbers(self, column: str) -> Floats:
        """Return a column of the sample, NaN where it is null or no number."""
        return _numbers(self.rows, column)

    @cached_property
    def swept(self) -> dict[str, list[Any]]:
        """Columns of the swept keys that take more than one value, and their values."""
        names = [name for name in self.rows.schema.names if name.startswith(OVERRIDE)]
        columns = {name: self.rows[name].to_pylist() for name in names}
        return {name: values for name, values in columns.items() if len(set(values)) > 1}

    def label(self, position: int, names: Mapping[str, str]) -> list[str]:
        """Return the swept values of the run at a position of the sample, one to a line."""
        return [
            f"{names[key]} {values[position]:{'g' if isinstance(values[position], float) else ''}}"
            for key, values in self.swept.items()
        ]

    def spread(self, count: int) -> list[int]:
        """Return up to `count` positions of runs that lie far apart in their swept values."""
        return spread_runs([*self.swept.values()] or [[0] * len(self.rows)], count)

    @cached_property
    def features(self) -> dict[str, Floats]:
        """What was drawn once a run, name to value of each sampled run.

        Features of the measurement technique, and parameters of variabilities.
        """
        names = [
            name for name in self._of_technique if not _is_words(self.rows, f"{FEATURE}{name}")
        ]
        drawn = [name for name in self.rows.schema.names if name.startswith(VARIABILITY)]
        features = {name: self.numbers(f"{FEATURE}{name}") for name in names}
        return features | {name: self.numbers(name) for name in drawn}

    @cached_property
    def words(self) -> dict[str, Words]:
        """Features of the measurement technique that are text, or true and false."""
        names = {name: f"{FEATURE}{name}" for name in self._of_technique}
        return {
            name: _words(self.rows, column)
            for name, column in names.items()
            if _is_words(self.rows, column)
        }

    @property
    def _of_technique(self) -> list[str]:
        return [
            name.removeprefix(FEATURE)
            for name in self.rows.schema.names
            if name.startswith(FEATURE) and name.rpartition(".")[2] not in _STATISTICS
        ]

    @cached_property
    def timings(self) -> dict[str, Floats]:
        """Seconds of each step of the sampled runs, without the total."""
        names = [name for name in self.rows.schema.names if name.startswith(TIME)]
        found = {
            name.removeprefix(TIME): self.numbers(name) for name in names if name != f"{TIME}total"
        }
        return {name: seconds for name, seconds in found.items() if np.isfinite(seconds).any()}


def read_sample(data: DataSet) -> Sample:
    """Read what a report draws.

    Raises
    ------
    ConfigurationError
        If there is no data set, or a part of it is damaged.
    """
    devices: Counter[str] = Counter()
    versions: Counter[str] = Counter()
    renderings: Counter[str] = Counter()
    last: datetime | None = None
    smallest = _Smallest()
    for part, asked in data.recorded(_wanted):
        own = part.filter(pa.array(asked))
        devices.update(filter(None, own["device"].to_pylist()))
        versions.update(map(_version, own["versions"].to_pylist()))
        if "rendering" in own.schema.names:  # not in old data sets
            renderings.update(map(_rendering, filter(None, own["rendering"].to_pylist())))
        last = max(filter(None, (last, pc.max(own["finished_at"]).as_py())), default=None)
        own = own.drop([name for name in ("versions", "rendering") if name in own.schema.names])
        smallest.add(own.filter(pc.equal(own["status"], RunStatus.SUCCEEDED)))
    rows = smallest.rows()
    particles, words, parts_read = _particles(data, rows.schema.names)
    return Sample(
        rows=rows,
        particles=particles,
        particle_words=words,
        particle_parts=(parts_read, len(data.tables[PARTICLES].part_names())),
        last=last,
        devices=dict(devices.most_common()),
        versions=dict(versions.most_common()),
        renderings=dict(renderings.most_common()),
    )


class _Smallest:
    """The rows with the smallest run ids, of any number of rows."""

    def __init__(self) -> None:
        self._tables: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        self._tables.append(table)
        if sum(map(len, self._tables)) > 2 * self._most:
            self._tables = [self._smallest()]

    def rows(self) -> pa.Table:
        if not self._tables:
            return pa.table({"run_id": pa.array([], pa.string())})
        return self._smallest().sort_by("index")

    @property
    def _most(self) -> int:
        columns = max(len(table.schema) for table in self._tables)
        return min(MOST_RUNS, MOST_VALUES // columns)

    def _smallest(self) -> pa.Table:
        whole = as_one(self._tables).sort_by("run_id")
        return whole.slice(0, self._most).combine_chunks()


def _wanted(column: str) -> bool:
    return column.startswith(_KINDS) or column in _OTHERS


def _version(versions: Mapping[str, str | None] | None) -> str:
    return ", ".join(f"{name} {number}" for name, number in (versions or {}).items() if number)


def _rendering(text: str) -> str:
    """Return in short how images were rendered, whatever their noise."""
    entry = json.loads(text)
    if entry.get("model"):
        return f"computed from geometry by {entry['model']}"
    limit = "at most " if entry.get("adaptive_threshold") is not None else ""
    parts = [f"{entry.get('fidelity')}: {limit}{entry.get('samples')} samples a pixel"]
    parts += ["denoised"] * bool(entry.get("denoiser"))
    return ", ".join([*parts, *["noise added"] * bool(entry.get("noise"))])


def _particles(
    data: DataSet, columns: Sequence[str]
) -> tuple[dict[str, Floats], dict[str, Words], int]:
    """Return sampled values of the particles' features and sizes, and how many parts gave them.

    A vector whose components are always equal, such as the dimensions of a sphere, is one.
    """
    suffix = ".count"
    features = [
        name.removeprefix(FEATURE).removesuffix(suffix)
        for name in columns
        if name.startswith(FEATURE) and name.endswith(suffix)
    ]
    # The statistics of vectors have a column for each axis; those of old have one for all.
    features = list(
        dict.fromkeys(f[:-2] if f.endswith(("_x", "_y", "_z")) else f for f in features)
    )
    wanted = {name for f in features for name in (f, f"{f}_x", f"{f}_y", f"{f}_z")} | {
        DIAMETER,
        *_OF_AGGLOMERATES,
    }
    found: dict[str, list[Floats]] = {}
    words: dict[str, list[Words]] = {}
    read = 0
    for part in data.tables[PARTICLES].parts(wanted.__contains__, most=PARTICLE_PARTS):
        read += 1
        step = -(-len(part) // PARTICLES_PER_PART) or 1
        rows = part.take(np.arange(0, len(part), step))
        for name in rows.schema.names:
            if _is_words(rows, name):
                words.setdefault(name, []).append(_words(rows, name))
            else:
                found.setdefault(name, []).append(_numbers(rows, name))
    values = {name: np.concatenate(arrays) for name, arrays in found.items()}
    for feature in features:
        axes = [f"{feature}_{axis}" for axis in "xyz"]
        if all(name in values for name in axes) and all(
            np.array_equal(values[axes[0]], values[name], equal_nan=True) for name in axes[1:]
        ):
            values = {feature if n == axes[0] else n: v for n, v in values.items()}
            for name in axes[1:]:
                del values[name]
    return values, {name: np.concatenate(arrays) for name, arrays in words.items()}, read


def _is_words(table: pa.Table, column: str) -> bool:
    kind = table.schema.field(column).type
    return bool(pa.types.is_boolean(kind) or pa.types.is_string(kind))


def _words(table: pa.Table, column: str) -> Words:
    """Return a column's values as text, without those that are null."""
    return np.array([text_of(value) for value in table[column].drop_null().to_pylist()], dtype=str)


def _numbers(table: pa.Table, column: str) -> Floats:
    if column not in table.schema.names:
        return np.full(len(table), np.nan)
    kind = table.schema.field(column).type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return np.full(len(table), np.nan)
    values = table[column].cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.float64)
