"""Looking for what a data set holds that its plan does not ask for. Nothing is changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, final

import pyarrow as pa
import pyarrow.compute as pc

from orchestrator.dataset.layout import (
    FAILURES,
    PARTICLES,
    RUNS,
    SPECIMEN_FILE,
    SPECIMENS,
    failed_run,
    in_run_folder,
    is_run_id,
    is_specimen,
    run_folder,
    specimen_folder,
)
from orchestrator.dataset.reader import Reader
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.storage.storage import TEMPORARY_PREFIX, Storage
from orchestrator.dataset.unasked import Unasked
from scene.errors import ConfigurationError, Problem
from scene.execution.record import RunRecord
from scene.imaging.files import RECORD_FILE, RUN_FILES

AT_ONCE = 8
"""This many folders are looked into or deleted at a time; each takes a request or more."""

_COLUMNS = ("run_id", "recipe_hash", "sweep", "status", "specimen", "files", "finished_at")
_LINK = "is a link"

type Sizes = Mapping[str, int | None]
"""As `Storage.sizes` gives them."""


def find_unasked(data: Reader) -> Unasked:
    """Return what a data set holds that its plan does not ask for.

    A run's folder counts only if all files in it are the run's own.

    Raises
    ------
    ConfigurationError
        If there is no data set, it does not say what was asked for last, or a part of a table is
        damaged.
    """
    _check_plan(data)
    _check_folders(data.storage)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return _Search(data, pool).result()


def _check_plan(data: Reader) -> None:
    """Refuse a data set of which it is not known for sure what was asked for last."""
    if data.plan.ids is None or data.plan.sweep_digest != data.sweep.digest:
        message = (
            "does not say for sure which runs are asked for: its plan.parquet is missing, made by "
            "an older version, or not yet that of the last start; start its sweep's command again"
        )
        raise ConfigurationError([Problem(data.uri, "", message)])


def _check_folders(storage: Storage) -> None:
    """Refuse folders that lie elsewhere, where another data set may have them, too."""
    for name in (RUNS, FAILURES, SPECIMENS):
        if storage.folder is not None and (storage.folder / name).is_symlink():
            message = "is a link; nothing is removed from behind it"
            raise ConfigurationError([Problem(f"{storage.public_uri}/{name}", "", message)])


@final
class _Search:
    """One search; what it finds is gathered in its attributes."""

    def __init__(self, data: Reader, pool: ThreadPoolExecutor) -> None:
        self._data, self._storage, self._plan = data, data.storage, data.plan
        self._pool = pool
        self._kept: set[str] = set()  # runs whose rows stay
        self._made: set[str] = set()  # runs of the plan that succeeded
        self._shared: set[str] = set()  # their specimens
        self._runs: dict[str, int] = {}
        self._failed: set[str] = set()
        self._sweeps: dict[str, str] = {}
        self._ended: list[datetime] = []
        self._strange: dict[str, str] = {}

    def result(self) -> Unasked:
        """Look everywhere."""
        for part, asked in self._data.recorded(_COLUMNS):
            self._planned(part.filter(pa.array(asked)))
            self._recorded(part.filter(pa.array(~asked)).to_pylist())
        folders = self._unrecorded()
        logs = self._logs()
        specimens = self._specimens()
        # Runs that share none read none.
        open_runs = self._plan.runs > len(self._made) and self._plan.sharing > 0
        unneeded = {} if open_runs else specimens
        sweep = self._data.sweep
        return Unasked(
            output=self._data.uri,
            sweep=sweep.name,
            limit=sweep.limit,
            overrides=sweep.overrides,
            planned=self._plan.runs,
            made=len(self._made),
            runs=self._runs,
            failed=len(self._failed),
            sweeps=Counter(self._sweeps.values()),
            ended=(min(self._ended), max(self._ended)) if self._ended else None,
            particles=self._particles(),
            folders=folders,
            logs=logs,
            specimens=unneeded,
            needed=len(specimens) - len(unneeded),
            strange=self._strange,
        )

    def _planned(self, rows: pa.Table) -> None:
        self._kept.update(rows["run_id"].to_pylist())
        made = rows.filter(pc.equal(rows["status"], RunStatus.SUCCEEDED))
        self._made.update(made["run_id"].to_pylist())
        self._shared.update(made["specimen"].to_pylist())

    def _recorded(self, rows: list[dict[str, Any]]) -> None:
        """Note the runs on record, by rows of runs that are not asked for."""
        for row, sizes in self._looked_into(rows):
            run_id = row["run_id"]
            names = {in_run_folder(file["path"]) for file in row["files"] or ()}
            if self._is_strange(run_folder(run_id), sizes, names):
                self._kept.add(run_id)
                continue
            self._runs[run_id] = _total(sizes)
            self._sweeps[run_id] = row["sweep"] or "an unnamed sweep"
            if row["status"] == RunStatus.FAILED:
                self._failed.add(run_id)
            if row["finished_at"] is not None:
                self._ended.append(row["finished_at"])

    def _unrecorded(self) -> dict[str, int]:
        """Return folders of runs that are neither on record nor asked for, with their bytes."""
        found: dict[str, int] = {}
        names = [name for name in self._storage.list(RUNS) if not name.startswith(".")]
        for name in names:
            if not is_run_id(name):
                self._strange[run_folder(name)] = "is not a run"
        known = self._kept | self._runs.keys()
        others = [name for name in names if is_run_id(name) and name not in known]
        asked = self._plan.holds(others)
        rows = [{"run_id": name} for name, ours in zip(others, asked, strict=True) if not ours]
        for row, sizes in self._looked_into(rows):
            folder = run_folder(row["run_id"])
            files = self._files_on_record(folder)
            # What a store has without a record is an upload, or a removal, that was cut short.
            cut_short = files is None and self._storage.folder is None
            names_of_run = sizes.keys() if cut_short else files
            if names_of_run is None:
                self._strange[folder] = _LINK if None in sizes.values() else "is not a run"
            elif not self._is_strange(folder, sizes, names_of_run):
                found[row["run_id"]] = _total(sizes)
        return found

    def _files_on_record(self, folder: str) -> Collection[str] | None:
        try:
            record = RunRecord.from_json(self._storage.read(f"{folder}/{RECORD_FILE}").decode())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return {file.path for file in record.files}

    def _logs(self) -> dict[str, int]:
        """Return the logs of failures of runs that are not asked for, with their bytes."""
        found: dict[str, int] = {}
        for name, size in self._storage.sizes(FAILURES).items():
            run_id = failed_run(name)
            if size is None or run_id is None:
                self._strange[f"{FAILURES}/{name}"] = _LINK if size is None else "is not a log"
            elif run_id not in self._kept and not self._plan.holds([run_id]).all():
                found[run_id] = size
        return found

    def _specimens(self) -> dict[str, int]:
        """Return the specimens that no run of the plan on record has, with their bytes."""
        found: defaultdict[str, dict[str, int | None]] = defaultdict(dict)
        for path, size in self._storage.sizes(SPECIMENS).items():
            folder, _, name = path.partition("/")
            found[folder][name] = size
        chosen: dict[str, int] = {}
        for name, sizes in found.items():
            folder = specimen_folder(name)
            own = {file for file in sizes if file.startswith(TEMPORARY_PREFIX)} | {SPECIMEN_FILE}
            if not is_specimen(name):
                self._strange[folder] = "is not a specimen"
            elif name not in self._shared and not self._is_strange(folder, sizes, own):
                chosen[name] = _total(sizes)
        return chosen

    def _particles(self) -> int:
        """Return how many rows of particles are of no run whose row stays."""
        kept = pa.array(self._kept, pa.string())
        return sum(
            len(part) - (pc.sum(pc.is_in(part["run_id"], kept)).as_py() or 0)
            for part in self._data.tables[PARTICLES].parts(["run_id"])
        )

    def _looked_into(self, rows: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Sizes]]:
        folders = [run_folder(row["run_id"]) for row in rows]
        return zip(rows, self._pool.map(self._storage.sizes, folders), strict=True)

    def _is_strange(self, folder: str, sizes: Sizes, names: Collection[str]) -> bool:
        """Whether a folder holds, or is, what is not our own; it is noted then."""
        for name, size in sizes.items():
            if size is None:
                self._strange[folder if name in {".", ""} else f"{folder}/{name}"] = _LINK
                return True
            if name not in names and name not in RUN_FILES:
                self._strange[f"{folder}/{name}"] = "is not a file of ours"
                return True
        return False


def _total(sizes: Sizes) -> int:
    return sum(size or 0 for size in sizes.values())
