"""Where everything lies in a data set: every path, once, relative to its root.

::

    sweep.yaml                     the sweep that was started last, and by which code
    plan.parquet                   its runs
    recipes/<hash>.yaml            recipes before overrides
    manifest/part-*.parquet        one row a run
    particles/part-*.parquet       one row a particle a run
    runs/<run_id>/                 a run's files, with the record of them in record.json
    specimens/<hash>/              particles that several runs of the plan share, after relaxation
    failures/<run_id>.log          why a run failed
    damaged/<run_id>-<n>/          what was set aside
    report/, show/                 what the commands of these names draw
    .attempts/                     runs that are being made
    .lock                          held by whoever writes
    mlflow.db, mlartifacts/        MLflow's, where no other place is given

What begins with a dot or an underscore is not data: readers of folders of Parquet files skip it.
"""

from __future__ import annotations

import re

from scene.imaging.files import PREVIEW_FILE

SWEEP = "sweep.yaml"
PLAN = "plan.parquet"
RECIPES = "recipes"
MANIFEST = "manifest"
PARTICLES = "particles"
RUNS = "runs"
SPECIMENS = "specimens"
SPECIMEN_FILE = "specimen.bin"
"""All that is kept of a specimen, in its folder."""

FAILURES = "failures"
DAMAGED = "damaged"
REPORT = "report"
REPORT_PAGE = "report.html"
SHOW = "show"
CONTACT_SHEET = "contact_sheet.png"
"""In the folders of both the report and `show`."""

ATTEMPTS = ".attempts"
"""Folders of runs in the making lie in the output, so that publishing one is a rename."""

LOCK = ".lock"
ARTIFACTS = "mlartifacts"

OWN = (MANIFEST, PARTICLES, RECIPES, RUNS, SPECIMENS, FAILURES, DAMAGED, ARTIFACTS)
"""Folders in which nobody else may write."""

_PART = re.compile(r"part-(\d{5,})\.parquet")
_RUN_ID = re.compile(r"[0-9a-f]{16}")
_SPECIMEN = re.compile(r"[0-9a-f]{32}")


def run_folder(run_id: str) -> str:
    """Return a run's folder."""
    return f"{RUNS}/{run_id}"


def in_run_folder(path: str) -> str:
    """Return the path of a run's file relative to the run's folder.

    >>> in_run_folder("runs/0123456789abcdef/top/real.png")
    'top/real.png'
    """
    return path.split("/", 2)[2]


def preview_file(run_id: str) -> str:
    """Return the small picture of a run."""
    return f"{run_folder(run_id)}/{PREVIEW_FILE}"


def specimen_folder(specimen: str) -> str:
    """Return the folder of a specimen, by its hash."""
    return f"{SPECIMENS}/{specimen}"


def specimen_file(specimen: str) -> str:
    """Return the file that holds a specimen, by its hash; it appears whole or not at all."""
    return f"{specimen_folder(specimen)}/{SPECIMEN_FILE}"


def failure_log(run_id: str) -> str:
    """Return the log of a failed run."""
    return f"{FAILURES}/{run_id}.log"


def failed_run(name: str) -> str | None:
    """Return the id of the run whose failure's log is called `name`; None if that is none.

    >>> failed_run("0123456789abcdef.log"), failed_run("notes.log")
    ('0123456789abcdef', None)
    """
    run_id, ending = name[:-4], name[-4:]
    return run_id if ending == ".log" and is_run_id(run_id) else None


def recipe_file(recipe_hash: str) -> str:
    """Return the recipe before overrides that a hash names."""
    return f"{RECIPES}/{recipe_hash}.yaml"


def part_file(table: str, number: int) -> str:
    """Return a part file of a table.

    >>> part_file(MANIFEST, 3)
    'manifest/part-00003.parquet'
    """
    return f"{table}/part-{number:05d}.parquet"


def part_number(name: str) -> int | None:
    """Return the number of the part file that is called `name`; None if that is none.

    >>> part_number("part-00003.parquet"), part_number("notes.txt")
    (3, None)
    """
    match = _PART.fullmatch(name)
    return None if match is None else int(match[1])


def is_run_id(name: str) -> bool:
    """Whether a run could have this id."""
    return _RUN_ID.fullmatch(name) is not None


def is_specimen(name: str) -> bool:
    """Whether a specimen could have this hash."""
    return _SPECIMEN.fullmatch(name) is not None
