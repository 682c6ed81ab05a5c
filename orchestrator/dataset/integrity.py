"""Holding a data set against its manifest, checksum by checksum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, final

from orchestrator.common.words import counted
from orchestrator.dataset.layout import (
    DAMAGED,
    PARTICLES,
    specimen_file,
    specimen_folder,
)
from orchestrator.dataset.provenance import Made, codes_of, mixture
from orchestrator.dataset.reader import Reader
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.runs_folder import difference, set_aside
from orchestrator.dataset.schema import counts_particles, with_particles
from orchestrator.dataset.specimens import stored_specimens
from orchestrator.dataset.storage.locking import exclusive
from orchestrator.dataset.storage.storage import OutputError, Storage, denied
from scene.errors import SpecimenDamagedError
from scene.specimen.stored import StoredSpecimen


@final
@dataclass(frozen=True, slots=True)
class Verification:
    """What came of holding a data set against its manifest.

    Parameters
    ----------
    runs, files
        How many were compared.
    others
        How many of the runs the last sweep does not ask for.
    damaged
        What is wrong, by run id.
    kept
        Why damaged runs were left where they are; None if they were set aside.
    codes
        Which code made the runs.
    parts
        What is wrong with part files of the tables.
    lost
        Runs that made particles, but have no rows in the particles table, though all its parts
        are whole.
    specimens
        How many stored specimens were compared with their checksums.
    damaged_specimens
        What is wrong with them, by hash; they are removed where runs would be set aside.
    """

    runs: int
    files: int
    others: int
    damaged: Mapping[str, str]
    kept: str | None = None
    codes: tuple[Made, ...] = ()
    parts: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    specimens: int = 0
    damaged_specimens: Mapping[str, str] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether nothing is damaged or lost."""
        return not (self.damaged or self.parts or self.lost or self.damaged_specimens)

    def lines(self) -> Iterator[str]:
        """Yield the result as people read it."""
        others = f" ({self.others} of them not of the last sweep)" if self.others else ""
        compared = f"{self.runs} runs{others} with {self.files} files compared"
        yield f"{compared}, {len(self.damaged)} damaged"
        for run_id, problem in self.damaged.items():
            yield f"    {run_id}: {problem}"
        if self.specimens:
            damaged = len(self.damaged_specimens)
            yield f"{counted(self.specimens, 'stored specimen')} compared, {damaged} damaged"
        for specimen, problem in self.damaged_specimens.items():
            yield f"    {specimen}: {problem}"
        if self.damaged_specimens and self.kept is None:
            yield "removed; the next run that has one of these makes it again"
        yield from self.parts
        if self.damaged and self.kept is None:
            yield f"set aside in {DAMAGED}/; the sweep's command makes them again"
        if self.kept is not None and (self.damaged or self.damaged_specimens):
            yield f"left in place, since the data set can't be written: {self.kept}"
        if self.lost:
            runs = "1 run has" if len(self.lost) == 1 else f"{len(self.lost)} runs have"
            yield f"{runs} lost their rows in {PARTICLES}/; the sweep's command adds them again"
            yield from (f"    {run_id}" for run_id in self.lost)
        yield from mixture(self.codes)

    def as_json(self) -> dict[str, Any]:
        """Return the result for programs."""
        return {
            "runs": self.runs,
            "files": self.files,
            "others": self.others,
            "damaged": dict(self.damaged),
            "damaged_parts": list(self.parts),
            "lost_particles": list(self.lost),
            "specimens": self.specimens,
            "damaged_specimens": dict(self.damaged_specimens),
            "set_aside": bool(self.damaged) and self.kept is None,
            "codes": [made.as_json() for made in self.codes],
        }


def verify(data: Reader) -> Verification:
    """Compare every file of a data set with its checksum, and its tables with each other.

    A run that does not hold what its record says is moved to ``damaged/``, so that the next start
    of the sweep makes it again; a damaged specimen is removed. A data set that can only be read is
    compared all the same.

    Raises
    ------
    ConfigurationError
        If there is no data set.
    OutputLockedError
        If a driver is at work on it.
    """
    damaged: dict[str, str] = {}
    parts: list[str] = []
    runs = files = others = 0
    made_particles: set[str] = set()
    _ = data.plan  # raises where there is no data set
    with ExitStack() as stack:
        # A data set that can only be read is not held.
        kept = _refusal(partial(stack.enter_context, exclusive(data.storage)))
        for part, asked in data.recorded(_wanted, damaged=parts):
            made_particles |= with_particles(part)
            rows = part.select(["run_id", "status", "files"]).to_pylist()
            for row, ours in zip(rows, asked.tolist(), strict=True):
                if row["status"] != RunStatus.SUCCEEDED:
                    continue
                runs += 1
                files += len(row["files"])
                others += not ours
                if problem := difference(data.storage, row["files"]):
                    damaged[row["run_id"]] = problem
                    kept = kept or _refusal(partial(set_aside, data.storage, row["run_id"]))
        lost = _without_rows(data, made_particles, parts)
        specimens = stored_specimens(data.storage)
        spoilt = _spoilt(data.storage, specimens)
        for name in spoilt:
            kept = kept or _refusal(partial(data.storage.delete, specimen_folder(name)))
    return Verification(
        runs,
        files,
        others,
        damaged,
        kept,
        codes_of(data),
        tuple(parts),
        lost,
        len(specimens),
        spoilt,
    )


def _wanted(column: str) -> bool:
    return column in {"run_id", "recipe_hash", "status", "files"} or counts_particles(column)


def _without_rows(data: Reader, run_ids: set[str], damaged: list[str]) -> tuple[str, ...]:
    """Return which of some runs have no particles on record; damaged parts are noted."""
    known = len(damaged)
    for part in data.tables[PARTICLES].parts(damaged=damaged):  # whole: any column may be damaged
        run_ids = run_ids.difference(part["run_id"].unique().to_pylist())
    # Whose rows a damaged part held can't be known.
    return () if len(damaged) > known else tuple(sorted(run_ids))


def _spoilt(storage: Storage, specimens: Iterable[str]) -> dict[str, str]:
    """Return what is wrong with stored specimens, by hash."""
    found = {}
    for name in sorted(specimens):
        try:
            StoredSpecimen.from_bytes(storage.read(specimen_file(name)), name)
        except FileNotFoundError:
            found[name] = "it is missing"  # from a folder in an object store that holds other files
        except SpecimenDamagedError as error:
            found[name] = error.reason
    return found


def _refusal(change: Callable[[], object]) -> str | None:
    """Change something in the data set; return why, if that is not allowed."""
    try:
        change()
    except (OSError, OutputError) as error:
        if (why := denied(error)) is None:
            raise
        return why
    return None
