"""The runs of a data set as an export takes them: in a fixed order, in bounded memory."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from orchestrator.dataset.arrow import united
from orchestrator.dataset.plan_table import read_plan
from orchestrator.dataset.reading import (
    RUN_ID,
    RowsOfRuns,
    described_sweep,
    read_errors_told,
    tables,
)
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.schema import FEATURE, OVERRIDE, PARTICLE
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import OutputError
from orchestrator.export.names import image_names
from orchestrator.export.splits import Splits
from scene.errors import COMMAND_LINE, BlendsweepError, ConfigurationError, Problem, unknown
from scene.language.yaml_texts import parse_mapping

INSTANCES = "instances"
"""The image that holds the particles' ids."""

_WINDOW = 128
"""So many runs' rows are in memory at a time."""

_AHEAD = 8
"""So many runs' files are fetched ahead where each takes a round trip."""

type Ids = NDArray[np.bytes_]


class ExportError(BlendsweepError):
    """A run can't be exported as it is."""


@final
@dataclass(frozen=True, slots=True)
class ImageFile:
    """One image of a run.

    Parameters
    ----------
    name
        ``real``, ``instances``, ...: see :func:`~orchestrator.export.names.image_names`.
    path
        Relative to the data set.
    sha256
        Hex digest of the bytes on record.
    width, height
        Pixels.
    """

    name: str
    path: str
    sha256: str
    width: int
    height: int

    @property
    def suffix(self) -> str:
        """``.png`` or ``.tiff``."""
        return PurePosixPath(self.path).suffix


@final
@dataclass(slots=True)
class Record:
    """One succeeded run.

    Parameters
    ----------
    run_id, index, seed
        As in the manifest.
    row
        The manifest's whole row.
    images
        Name to image, those left out that show one particle alone.
    table
        Its rows of the particles table, in the order of their ids.
    """

    run_id: str
    index: int
    seed: int
    row: Mapping[str, Any]
    images: Mapping[str, ImageFile]
    table: pa.Table
    fetched: dict[str, Future[bytes]] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Any]:
        """The swept values by key."""
        return self._columns(OVERRIDE)

    @property
    def features(self) -> dict[str, Any]:
        """The sampled features by name; those of particles as ``.mean``, ``.std``, ..."""
        return self._columns(FEATURE)

    def particles(self, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return the particles as plain values; columns that the table lacks are left out."""
        present = [name for name in self.table.schema.names if name != "run_id"]
        if columns is not None:
            present = [name for name in columns if name in present]
        found: list[dict[str, Any]] = self.table.select(present).to_pylist()
        return found

    def _columns(self, prefix: str) -> dict[str, Any]:
        return {
            name.removeprefix(prefix): value
            for name, value in self.row.items()
            if name.startswith(prefix) and value is not None
        }


@final
class Source:
    """The succeeded runs of a data set, ordered by index and run id.

    Parameters
    ----------
    uri
        The data set.
    splits
        Where runs go.
    image
        Name of the image that is learned from.
    all_runs
        Whether to take runs too that the last sweep does not ask for.

    Attributes
    ----------
    image_names : tuple of str
        The images that runs have, `image` first and ``instances`` second.
    blueprints : tuple of str
        Names of the particles' blueprints, sorted.
    manifest_schema, particles_schema : pyarrow.Schema
        Columns of both tables.

    Raises
    ------
    ConfigurationError
        If there is no data set, no run to export, or no such image.
    """

    def __init__(
        self, uri: str, splits: Splits, image: str = "real", *, all_runs: bool = False
    ) -> None:
        self.storage = open_storage(uri)
        self.splits = splits
        self.image = image
        self.manifest_schema = pa.schema([])
        # What annotations lean on is there even where an older table has no part file.
        self.particles_schema = pa.schema(list(PARTICLE.items()))
        self._hashes: set[str] = set()
        self._names: dict[str, str] = {}
        with read_errors_told(self.storage):
            self._prepare(all_runs=all_runs)

    def _prepare(self, *, all_runs: bool) -> None:
        self.sweep = described_sweep(self.storage)
        self._plan(all_runs=all_runs)
        names = set(self._names.values())
        self._check_images(names)
        rest = sorted(name for name in names if name not in (self.image, INSTANCES))
        self.image_names = (self.image, INSTANCES, *rest)
        self._manifest = RowsOfRuns(self.storage, "manifest")
        self._particles = RowsOfRuns(self.storage, "particles")
        self.blueprints = tuple(sorted(self._blueprints()))

    @property
    def uri(self) -> str:
        """The data set's URI without credentials."""
        return self.storage.public_uri

    @property
    def ids(self) -> Ids:
        """All run ids, in order, as fixed-width bytes."""
        return self._ids

    def ids_of(self, split: str) -> Ids:
        """Return the run ids of one split, in order."""
        chosen: Ids = self._ids[self._codes == self.splits.names.index(split)]
        return chosen

    def seeds_of(self, split: str) -> int:
        """Return how many different seeds the runs of a split have."""
        return len(np.unique(self._seeds[self._codes == self.splits.names.index(split)]))

    def records(self, ids: Ids, fetch: Sequence[str] = ()) -> Iterator[Record]:
        """Yield runs.

        Parameters
        ----------
        ids
            Which, in which order.
        fetch
            Images that `read` will be asked for: from an object store, they are fetched ahead.
        """
        records = self._records(ids)
        if self.storage.folder is not None or not fetch:
            yield from records
            return
        with ThreadPoolExecutor(_AHEAD) as pool:
            waiting: deque[Record] = deque()
            for record in records:
                for name in fetch:
                    if name in record.images:
                        record.fetched[name] = pool.submit(self._fetch, record, name)
                waiting.append(record)
                if len(waiting) > _AHEAD:
                    yield waiting.popleft()
            yield from waiting

    def read(self, record: Record, name: str) -> bytes:
        """Return an image's bytes, held against the checksum on record.

        Raises
        ------
        ExportError
            If the run has no such image, or it is missing or damaged.
        """
        if name in record.fetched:
            return record.fetched.pop(name).result()
        return self._fetch(record, name)

    def has(self, record: Record, name: str) -> ImageFile:
        """Return what is on record of an image.

        Raises
        ------
        ExportError
            If the run has no such image.
        """
        if name not in record.images:
            present = ", ".join(sorted(record.images)) or "no images"
            raise ExportError(f"run {record.run_id} has no image {name!r}; it has {present}")
        return record.images[name]

    def _fetch(self, record: Record, name: str) -> bytes:
        file = self.has(record, name)
        try:
            data = self.storage.read(file.path)
        except (FileNotFoundError, NotADirectoryError):
            problem = "is missing"
        except OutputError as error:
            problem = f"can't be read: {error.reason}"
        else:
            if hashlib.sha256(data).hexdigest() == file.sha256:
                return data
            problem = "has another checksum than its record"
        raise ExportError(
            f"run {record.run_id}: {self.uri}/{file.path} {problem}; "
            f"`verify {self.uri}` sets such runs aside, the sweep's command makes them again"
        )

    def _plan(self, *, all_runs: bool) -> None:
        """Note which runs there are, and how many of them have which image."""
        plan = read_plan(self.storage)
        ids: list[Ids] = []
        numbers: list[NDArray[np.int64]] = []
        self._counts: Counter[str] = Counter()
        others = failed = 0
        columns = ["run_id", "index", "seed", "status", "recipe_hash", "files"]
        for part in tables(self.storage, "manifest"):
            self.manifest_schema = united(self.manifest_schema, part.schema.remove_metadata())
            part = part.select([name for name in columns if name in part.schema.names])
            failed += pc.sum(pc.equal(part["status"], RunStatus.FAILED.value)).as_py() or 0
            part = part.filter(pc.equal(part["status"], RunStatus.SUCCEEDED.value))
            if not all_runs:
                wanted = plan.asks_for(part)
                others += len(part) - int(wanted.sum())
                part = part.filter(pa.array(wanted))
            self._hashes.update(filter(None, part["recipe_hash"].unique().to_pylist()))
            ids.append(np.array(part["run_id"].to_pylist(), RUN_ID))
            pairs = (part[name].to_numpy().astype(np.int64) for name in ("index", "seed"))
            numbers.append(np.stack(tuple(pairs), axis=1))
            self._counts.update(_image_paths(part["files"]))
        if not sum(map(len, ids)):
            message = f"holds no succeeded run of the sweep {self.sweep['name']} yet"
            if failed:
                message += f"; {failed} failed, and `status` names the causes"
            if others:
                message += f"; --all-runs takes the {others} succeeded runs of other sweeps"
            raise ConfigurationError([Problem(self.uri, "", message)])
        self._names = image_names(self._counts)
        joined, values = np.concatenate(ids), np.concatenate(numbers)
        order = np.lexsort((joined, values[:, 0]))
        self._ids, self._seeds = joined[order], values[order, 1]
        codes = [self.splits.names.index(self.splits.of(int(seed))) for seed in self._seeds]
        self._codes = np.array(codes, np.int32)

    def _check_images(self, names: set[str]) -> None:
        """Refuse an image, or a data set without masks, before anything is written."""
        problems = []
        valid = names - {INSTANCES}
        having = Counter({self._names[path]: count for path, count in self._counts.items()})
        if self.image == INSTANCES:
            message = f"{INSTANCES} holds the masks; give an image to learn from"
            problems.append(Problem(COMMAND_LINE, "--image", message))
        elif self.image not in names:
            message = unknown("image", self.image, valid, where=f"in {self.uri}")
            if "did you mean" in message:
                message += f" there are: {', '.join(sorted(valid))}"
            problems.append(Problem(COMMAND_LINE, "--image", message))
        elif having[self.image] < len(self._ids):
            whole = sorted(name for name in valid if having[name] == len(self._ids))
            message = f"only {having[self.image]} of {len(self._ids)} runs have an image "
            message += f"{self.image!r}; all have: {', '.join(whole) or 'none'}"
            problems.append(Problem(COMMAND_LINE, "--image", message))
        if having[INSTANCES] < len(self._ids):
            count = f"only {having[INSTANCES]} of {len(self._ids)} runs have"
            message = f"{count if having[INSTANCES] else 'no run has'} instances.png, which the "
            message += "rendering mode categorical writes for all particles"
            problems.append(Problem(self.uri, "", message))
        if problems:
            raise ConfigurationError(problems)

    def _blueprints(self) -> set[str]:
        """Return the blueprints that recipes declare and those that particles name."""
        found: set[str] = set()
        for recipe_hash in self._hashes:
            try:
                name = f"recipes/{recipe_hash}.yaml"
                recipe = parse_mapping(self.storage.read(name).decode(), name)
                found.update(recipe["blueprints"]["particles"])
            except (FileNotFoundError, KeyError, TypeError, ValueError, ConfigurationError):
                continue
        for part in tables(self.storage, "particles"):
            self.particles_schema = united(self.particles_schema, part.schema.remove_metadata())
            pairs = part.select(["run_id", "blueprint"]).group_by(["run_id", "blueprint"])
            distinct = pairs.aggregate([])
            mine = np.isin(np.array(distinct["run_id"].to_pylist(), RUN_ID), self._ids)
            found.update(distinct["blueprint"].filter(pa.array(mine)).unique().to_pylist())
        return found

    def _records(self, ids: Ids) -> Iterator[Record]:
        for start in range(0, len(ids), _WINDOW):
            run_ids = [run_id.decode() for run_id in ids[start : start + _WINDOW].tolist()]
            with read_errors_told(self.storage):
                rows = self._manifest.take(run_ids)
                particles = self._particles.take(run_ids)
            for run_id in run_ids:
                if run_id not in rows:
                    raise ExportError(f"run {run_id} is no longer in {self.uri}/manifest")
                table = particles.get(run_id)
                yield self._record(rows[run_id].to_pylist()[0], table)

    def _record(self, row: dict[str, Any], table: pa.Table | None) -> Record:
        images = {}
        for file in row["files"]:
            if file["width"] is None or file.get("particle_id") is not None:
                continue
            relative = file["path"].split("/", 2)[2]
            name = self._names.get(relative, relative)  # the same run may be recorded anew
            images[name] = ImageFile(
                name, file["path"], file["sha256"], file["width"], file["height"]
            )
        empty = self.particles_schema.empty_table()
        return Record(
            run_id=row["run_id"],
            index=row["index"],
            seed=row["seed"],
            row=row,
            images=images,
            table=empty if table is None else table.sort_by("particle_id"),
        )


def _image_paths(files: pa.ChunkedArray) -> dict[str, int]:
    """Return how many runs have which image of a set, by its path in the run's folder."""
    flat = files.combine_chunks().flatten()
    shown = pc.is_valid(flat.field("width"))
    if "particle_id" in {entry.name for entry in flat.type}:
        shown = pc.and_(shown, pc.is_null(flat.field("particle_id")))
    paths = flat.filter(shown).field("path")
    counts = pc.value_counts(pc.replace_substring_regex(paths, "^runs/[^/]*/", ""))
    return {entry["values"]: entry["counts"] for entry in counts.to_pylist()}
