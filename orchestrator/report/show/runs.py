"""The runs that are to be shown, and their images: of a data set, or a run's folder alone."""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from orchestrator.dataset.reading import manifest_rows
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import Storage
from scene.errors import BlendsweepError, ConfigurationError, Problem, unknown
from scene.execution.record import RunRecord
from scene.imaging.files import RECORD_FILE, FileRecord

INSTANCES = "instances"

_RUN_ID = re.compile(r"[0-9a-f]{16}")
_START_OF_ID = re.compile(r"[0-9a-f]{4,16}")


class ShowError(BlendsweepError):
    """A run's images can't be shown as they are."""


@final
@dataclass(frozen=True, slots=True)
class Place:
    """Where a run's files are.

    Parameters
    ----------
    storage
        The data set, or the run's own folder.
    run_id
        The run's id; of a folder that belongs to no data set, its name.
    prefix
        What stands before the paths of the run's files: ``runs/<run_id>/``, or nothing.
    """

    storage: Storage
    run_id: str
    prefix: str

    @property
    def folder(self) -> str:
        """The run's folder, for people."""
        return posixpath.join(self.storage.public_uri, self.prefix).rstrip("/")


@final
@dataclass(frozen=True, slots=True)
class Labelled:
    """A run's image and where its particles are.

    Parameters
    ----------
    image
        uint8 or uint16: (height, width), or (height, width, 3 or 4).
    instances
        (height, width): the particle's id at each pixel, 0 where nothing is.
    """

    image: NDArray[Any]
    instances: NDArray[Any]


def locate(uri: str, run: str | None) -> tuple[Storage, Place | None]:
    """Return the data set, or the folder of a run alone, and the run that is meant.

    Parameters
    ----------
    uri
        A data set, a run's folder in one, or the folder that ``python -m scene`` wrote.
    run
        Id of a run of the data set, the start of one, or its index; None for all runs.

    Raises
    ------
    ConfigurationError
        If there is no such place or run, or if the run failed.
    """
    storage = open_storage(uri)
    if storage.exists("sweep.yaml"):
        return storage, None if run is None else _in_data_set(storage, run)
    above, name = _split(storage)
    inside = above is not None and above.exists("sweep.yaml")
    if run is not None and (inside or storage.exists(RECORD_FILE)):
        _refuse(uri, f"is the folder of one run, so that no other can be chosen: leave out {run}")
    if inside and above is not None:
        return above, _in_data_set(above, name)
    if not storage.exists(RECORD_FILE):
        _refuse(
            storage.public_uri,
            "is neither the output of a sweep nor the folder of a run: "
            f"there is no sweep.yaml and no {RECORD_FILE} in it",
        )
    return storage, Place(storage, posixpath.basename(storage.public_uri.rstrip("/")), "")


def in_data_set(storage: Storage, run_id: str) -> Place:
    """Return where a succeeded run of a data set lies."""
    return Place(storage, run_id, f"runs/{run_id}/")


def read_run(place: Place, image: str) -> Labelled:
    """Read an image of a run and the instances that belong to it.

    Parameters
    ----------
    image
        Its name without ending: ``real``, or any other that the run has; or its mode, where the run
        has one image of that mode under another name.

    Raises
    ------
    ConfigurationError
        If the run has no such image.
    ShowError
        If a file is missing or damaged.
    """
    files = {posixpath.splitext(f.path)[0]: f for f in _files(place) if f.width is not None}
    shown = [name for name, file in files.items() if file.mode not in {INSTANCES, "depth"}]
    of_mode = [name for name in shown if files[name].mode == image]
    if image not in shown and len(of_mode) == 1:
        image = of_mode[0]
    if image not in shown:
        where = f"in run {place.run_id}"
        _refuse(place.folder, unknown("image", image, shown, where))
    mode = files[image].mode
    candidates = (image.replace(mode, INSTANCES), INSTANCES)
    instances = next((files[name] for name in candidates if name in files), None)
    if instances is None:
        _refuse(
            place.folder,
            f"run {place.run_id} has no {INSTANCES}.png, which says where its particles are; "
            "a recipe has it written by rendering the mode 'categorical'",
        )
    return Labelled(_pixels(place, files[image]), _pixels(place, instances))


def _in_data_set(storage: Storage, run: str) -> Place:
    columns = ["run_id", "index", "status", "error_type", "error_message"]
    index = int(run) if run.isdecimal() and len(run) < 16 else None
    found: dict[str, dict[str, Any]] = {}
    for row in manifest_rows(storage, columns):
        named = _START_OF_ID.fullmatch(run) and row["run_id"].startswith(run)
        if named or (index is not None and row["index"] == index):
            found[row["run_id"]] = row
    by_index = {run_id: row for run_id, row in found.items() if row["index"] == index}
    found = by_index or found
    if len(found) > 1:
        several = f"{run!r} can mean {len(found)} runs, among them {', '.join([*found][:3])}"
        _refuse(storage.public_uri, f"{several}; say its id")
    if not found:
        wanted = f"there is no run {run!r} on record"
        _refuse(storage.public_uri, f"{wanted}; a run is named by its id, or by its index")
    ((run_id, row),) = found.items()
    if row["status"] != RunStatus.SUCCEEDED:
        why = f"{row['error_type']}: {(row['error_message'] or '').partition('\n')[0]}"
        _refuse(
            storage.public_uri,
            f"run {run_id} failed, so that it has no images ({why}); "
            f"its log is failures/{run_id}.log",
        )
    return in_data_set(storage, run_id)


def _split(storage: Storage) -> tuple[Storage | None, str]:
    """Return the data set that a folder ``runs/<run id>`` belongs to, and the run's id."""
    head, separator, name = storage.uri.rstrip("/").rpartition("/runs/")
    if separator and _RUN_ID.fullmatch(name):
        return open_storage(head), name
    return None, ""


def _files(place: Place) -> Sequence[FileRecord]:
    path = f"{place.prefix}{RECORD_FILE}"
    try:
        return RunRecord.from_json(place.storage.read(path).decode()).files
    except (FileNotFoundError, NotADirectoryError):
        raise ShowError(f"{place.folder}: {RECORD_FILE} is missing") from None
    except ValueError as error:
        raise ShowError(f"{place.folder}: {RECORD_FILE} is damaged: {error}") from error


def _pixels(place: Place, file: FileRecord) -> NDArray[Any]:
    try:
        with Image.open(io.BytesIO(place.storage.read(place.prefix + file.path))) as opened:
            return np.asarray(opened)
    except (FileNotFoundError, NotADirectoryError):
        raise ShowError(f"{place.folder}: {file.path} is missing") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ShowError(f"{place.folder}: {file.path} can't be read as an image") from error


def _refuse(place: str, message: str) -> NoReturn:
    raise ConfigurationError([Problem(place, "", message)])
