"""What a report shows, read from a data set of any size in bounded memory.

Counts are of all runs. What is drawn comes from a sample where there are many: the runs with the
smallest ids, which are hashes, so that the same data set gives the same sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from orchestrator.dataset.arrow import conform, united
from orchestrator.dataset.plan_table import read_plan
from orchestrator.dataset.reading import part_names, tables
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.schema import FEATURE, OVERRIDE, TIME
from orchestrator.dataset.status import SHOWN_LOGS
from orchestrator.dataset.storage.storage import Storage

MOST_RUNS = 20_000
"""So many runs are sampled, or fewer where they have hundreds of columns."""

MOST_VALUES = 4_000_000
"""Most values of the sampled runs together."""

PARTICLE_PARTS = 24
PARTICLES_PER_PART = 8_000
"""So many particles are sampled, evenly, of so many parts of their table."""

MOST_CAUSES = 20

_OTHERS = {"run_id", "index", "status", "error_type", "error_message", "recipe_hash", "device",
           "coverage", "visible_particles", "finished_at", "versions"}  # fmt: skip

type Floats = NDArray[np.float64]


@final
@dataclass(slots=True)
class Cause:
    """Why runs failed: an error, how many runs it ended, and some of their ids."""

    error_type: str
    message: str
    runs: int = 0
    run_ids: list[str] = field(default_factory=list)


@final
@dataclass(frozen=True)
class ReportData:
    """What a report shows.

    Parameters
    ----------
    sweep
        Name of the sweep that was started last.
    asked
        How many runs it has.
    succeeded, failed
        Its runs on record.
    others
        Other runs on record.
    causes
        Why runs failed, the most frequent first.
    last
        When the last run on record ended.
    devices, versions
        What rendered, each with its number of runs.
    sample
        Rows of succeeded runs, by the order of the sweep; all, or `MOST_RUNS` of them.
    particles
        Column name to sampled values of the particles' sampled features.
    particle_parts
        How many parts of the particles' table were read, and how many there are.
    """

    sweep: str
    asked: int
    succeeded: int
    failed: int
    others: int
    causes: Sequence[Cause]
    last: datetime | None
    devices: Mapping[str, int]
    versions: Mapping[str, int]
    sample: pa.Table
    particles: Mapping[str, Floats]
    particle_parts: tuple[int, int]

    def numbers(self, column: str) -> Floats:
        """Return a column of the sample, NaN where it is null or no number."""
        return _numbers(self.sample, column)

    @cached_property
    def swept(self) -> dict[str, list[Any]]:
        """Columns of the swept keys that take more than one value, and their values."""
        names = [name for name in self.sample.schema.names if name.startswith(OVERRIDE)]
        columns = {name: self.sample[name].to_pylist() for name in names}
        return {name: values for name, values in columns.items() if len(set(values)) > 1}

    @cached_property
    def features(self) -> dict[str, Floats]:
        """The measurement technique's features, name to value of each sampled run."""
        statistics = {"mean", "std", "min", "max", "count"}
        names = [
            name.removeprefix(FEATURE)
            for name in self.sample.schema.names
            if name.startswith(FEATURE) and name.rpartition(".")[2] not in statistics
        ]
        return {name: self.numbers(f"{FEATURE}{name}") for name in names}

    @cached_property
    def timings(self) -> dict[str, Floats]:
        """Seconds of each step of the sampled runs, without the total."""
        names = [name for name in self.sample.schema.names if name.startswith(TIME)]
        found = {
            name.removeprefix(TIME): self.numbers(name) for name in names if name != f"{TIME}total"
        }
        return {name: seconds for name, seconds in found.items() if np.isfinite(seconds).any()}


def read_data(storage: Storage) -> ReportData:
    """Read what a report shows of the data set in `storage`.

    Raises
    ------
    ConfigurationError
        If there is no data set.
    """
    plan = read_plan(storage)
    counts: Counter[str] = Counter()
    others = 0
    causes: dict[tuple[str, str], Cause] = {}
    devices: Counter[str] = Counter()
    versions: Counter[str] = Counter()
    last: datetime | None = None
    sample = _Sample()
    for part in tables(storage, "manifest", _wanted):
        own = part.filter(pa.array(plan.asks_for(part)))
        others += len(part) - len(own)
        counts.update(own["status"].to_pylist())
        _add_causes(causes, own.filter(pc.equal(own["status"], RunStatus.FAILED)))
        devices.update(filter(None, own["device"].to_pylist()))
        versions.update(map(_version, own["versions"].to_pylist()))
        last = max(filter(None, (last, pc.max(own["finished_at"]).as_py())), default=None)
        sample.add(own.filter(pc.equal(own["status"], RunStatus.SUCCEEDED)).drop(["versions"]))
    table = sample.table()
    particles, read = _particles(storage, table.schema.names)
    return ReportData(
        sweep=plan.sweep,
        asked=plan.runs,
        succeeded=counts[RunStatus.SUCCEEDED],
        failed=counts[RunStatus.FAILED],
        others=others,
        causes=sorted(causes.values(), key=lambda cause: -cause.runs),
        last=last,
        devices=dict(devices.most_common()),
        versions=dict(versions.most_common()),
        sample=table,
        particles=particles,
        particle_parts=read,
    )


def files_of(storage: Storage, run_ids: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the manifest's `files` of some runs, by run id."""
    wanted = pa.array(run_ids, pa.string())
    found: dict[str, list[dict[str, Any]]] = {}
    for part in tables(storage, "manifest", {"run_id", "files"}.__contains__):
        rows = part.filter(pc.is_in(part["run_id"], wanted))
        found |= {row["run_id"]: row["files"] or [] for row in rows.to_pylist()}
    return found


class _Sample:
    """The rows with the smallest run ids, of any number of rows."""

    def __init__(self) -> None:
        self._tables: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        self._tables.append(table)
        if sum(map(len, self._tables)) > 2 * self._most:
            self._tables = [self._smallest()]

    def table(self) -> pa.Table:
        if not self._tables:
            return pa.table({"run_id": pa.array([], pa.string())})
        smallest = self._smallest()
        return smallest.sort_by("index")

    @property
    def _most(self) -> int:
        columns = max(len(table.schema) for table in self._tables)
        return min(MOST_RUNS, MOST_VALUES // columns)

    def _smallest(self) -> pa.Table:
        schema = self._tables[0].schema
        for table in self._tables[1:]:
            schema = united(schema, table.schema)
        whole = pa.concat_tables([conform(table, schema) for table in self._tables])
        return whole.sort_by("run_id").slice(0, self._most).combine_chunks()


def _wanted(column: str) -> bool:
    return column.startswith((OVERRIDE, FEATURE, TIME)) or column in _OTHERS


def _version(versions: Mapping[str, str | None] | None) -> str:
    return ", ".join(f"{name} {number}" for name, number in (versions or {}).items() if number)


def _add_causes(causes: dict[tuple[str, str], Cause], failed: pa.Table) -> None:
    for row in failed.select(["run_id", "error_type", "error_message"]).to_pylist():
        message = (row["error_message"] or "").partition("\n")[0]
        key = row["error_type"] or "", message
        # Messages may each name their own run: then the type alone has to do.
        if key not in causes and len(causes) >= MOST_CAUSES:
            key = key[0], "with other messages"
        cause = causes.setdefault(key, Cause(*key))
        cause.runs += 1
        if len(cause.run_ids) < SHOWN_LOGS:
            cause.run_ids.append(row["run_id"])


def _particles(
    storage: Storage, columns: Sequence[str]
) -> tuple[dict[str, Floats], tuple[int, int]]:
    """Return sampled values of the particles' sampled features, by column of their table.

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
    wanted = {name for f in features for name in (f, f"{f}_x", f"{f}_y", f"{f}_z")}
    names = part_names(storage, "particles")
    found: dict[str, list[Floats]] = {}
    read = 0
    for part in tables(storage, "particles", wanted.__contains__, most=PARTICLE_PARTS):
        read += 1
        step = -(-len(part) // PARTICLES_PER_PART) or 1
        rows = part.take(np.arange(0, len(part), step))
        for name in rows.schema.names:
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
    return values, (read, len(names))


def _numbers(table: pa.Table, column: str) -> Floats:
    if column not in table.schema.names:
        return np.full(len(table), np.nan)
    kind = table.schema.field(column).type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return np.full(len(table), np.nan)
    values = table[column].cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.float64)
