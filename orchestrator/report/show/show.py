"""Shows runs: finds them, draws their labels, writes the picture."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import final

from PIL import Image

from orchestrator.dataset.dataset import DataSet
from orchestrator.dataset.layout import CONTACT_SHEET, RUNS, SHOW, SWEEP, is_run_id
from orchestrator.dataset.recorded_run import RecordedRun
from orchestrator.dataset.run_files import RunFilesError
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import OutputError, reason
from orchestrator.dataset.tables import read_errors_told
from orchestrator.report.labels import swept_names
from orchestrator.report.sample import read_sample
from orchestrator.report.show.sheet import Tile, sheet, tile_side
from scene.errors import COMMAND_LINE, ConfigurationError, Problem, unknown
from scene.imaging.files import RECORD_FILE
from scene.imaging.overlay import LARGEST_SIDE, LAYERS, MOST_SCALE, Overlay

DEFAULT_RUNS = 9

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


@final
@dataclass(frozen=True, slots=True)
class Shown:
    """What was written.

    Parameters
    ----------
    path
        The picture's file, or its URI.
    notes
        Sentences on what it shows and what it does not.
    """

    path: str
    notes: Sequence[str]


def show(
    uri: str,
    run: str | None = None,
    *,
    to: str | None = None,
    layers: Collection[str] = LAYERS,
    image: str = "real",
    scale: int | None = None,
    runs: int = DEFAULT_RUNS,
    agglomerates: bool = False,
) -> Shown:
    """Draw a run's labels over its image, or those of some runs of a data set on one sheet.

    Parameters
    ----------
    uri
        A data set, or the folder of a run.
    run
        Id, start of an id, or index of a run of the data set; None for a sheet of several.
    to
        File or URI to write, ending with ``.png``, ``.jpg`` or ``.webp``; None for a PNG in
        ``show/`` of the data set, in the run's folder where that belongs to no data set, or in the
        current folder where the data set is on an object store.
    layers
        Which of outlines, ids and boxes.
    image
        What they are drawn over: ``real`` or another image of the runs.
    scale
        Enlargement of a single run's picture; None chooses.
    runs
        Most runs on the sheet. They lie as far apart in their swept values as can be.
    agglomerates
        Whether the labels are of agglomerates, not of particles.

    Raises
    ------
    ConfigurationError
        If what was asked for does not exist, or the file can't be written.
    RunFilesError
        If files of the run, or of all the runs, are missing or damaged.
    """
    data, one = locate(uri, run)
    kind = _format(to)
    if one is not None:
        picture, notes = _draw_run(one, layers, image, scale, agglomerates=agglomerates)
    else:
        assert data is not None
        picture, notes = _draw_sheet(data, layers, image, runs, agglomerates=agglomerates)
    try:
        return Shown(_write(picture, kind, to or _default(data, one)), notes)
    except (OSError, OutputError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else getattr(error, "reason", str(error))
        message = f"the picture can't be written: {why}; --to names another file"
        raise _wrong(to or uri, message) from error


def parsed_layers(text: str) -> tuple[str, ...]:
    """Return the layers that a text names, separated by commas.

    Raises
    ------
    ConfigurationError
        If there is no such layer, or none is named.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in LAYERS:
            raise _wrong(COMMAND_LINE, unknown("layer", name, LAYERS), "--layers")
    if not names:
        message = f"names nothing to draw; there are: {', '.join(LAYERS)}"
        raise _wrong(COMMAND_LINE, message, "--layers")
    return tuple(names)


def locate(uri: str, run: str | None) -> tuple[DataSet | None, RecordedRun | None]:
    """Return the data set, if it is one or lies in one, and the run that is meant.

    Parameters
    ----------
    uri
        A data set, a run's folder in one, or the folder that ``python -m scene`` wrote.
    run
        Id of a run of the data set, the start of one, or its index; None for all runs.

    Raises
    ------
    ConfigurationError
        If there is no such place or run.
    """
    storage = open_storage(uri)
    with read_errors_told(storage):
        if storage.exists(SWEEP):
            data = DataSet(storage)
            return data, None if run is None else data[run]
        head, inside, name = storage.uri.rstrip("/").rpartition(f"/{RUNS}/")
        above = open_storage(head) if inside and is_run_id(name) else None
        if above is not None and not above.exists(SWEEP):
            above = None
        if above is None and not storage.exists(RECORD_FILE):
            raise _wrong(
                storage.public_uri,
                "is neither the output of a sweep nor the folder of a run: "
                f"there is no {SWEEP} and no {RECORD_FILE} in it",
            )
        if run is not None:
            message = f"is the folder of one run, so that no other can be chosen: leave out {run}"
            raise _wrong(uri, message)
        if above is None:
            return None, RecordedRun.from_folder(uri)
        data = DataSet(above)
        return data, data[name]


def _draw_run(
    run: RecordedRun,
    layers: Collection[str],
    image: str,
    scale: int | None,
    *,
    agglomerates: bool,
) -> tuple[Image.Image, list[str]]:
    longer = max(run.instances_of(image).shape)
    if scale is not None and longer * scale > max(LARGEST_SIDE, longer):
        message = f"makes the picture {longer * scale} pixels long; at most {LARGEST_SIDE}"
        raise _wrong(COMMAND_LINE, message, "--scale")
    picture = run.picture(layers, image, scale=scale, agglomerates=agglomerates)
    what = "agglomerates" if agglomerates else "particles"
    return Image.fromarray(picture.pixels), [_note(run, picture, what)]


def _draw_sheet(
    data: DataSet, layers: Collection[str], image: str, count: int, *, agglomerates: bool
) -> tuple[Image.Image, list[str]]:
    sample = read_sample(data)
    positions = sample.spread(count)
    if not positions:
        raise _wrong(data.uri, "has no run to show yet: none has succeeded")
    names = swept_names(sample.swept)
    runs = data.runs_of(sample.rows["run_id"].take(positions).to_pylist())
    tiles, notes = [], []
    for position, run in zip(positions, runs, strict=True):
        try:
            side = tile_side(len(positions))
            picture = run.picture(layers, image, side=side, agglomerates=agglomerates)
        except RunFilesError as error:
            failure = error
            notes.append(f"left out: {error}")
        else:
            tiles.append(Tile(run.run_id, ", ".join(sample.label(position, names)), picture))
    if not tiles:
        raise failure
    if len(sample.rows) > len(tiles):
        notes.append(f"{len(tiles)} of {len(sample.rows)} runs; --runs shows more")
    return sheet(tiles), notes


def _note(run: RecordedRun, picture: Overlay, what: str) -> str:
    note = f"run {run.run_id}: {picture.visible} visible {what}"
    if picture.unlabelled:
        note += f", {picture.unlabelled} of them without id, which would cover another one"
        if picture.scale < MOST_SCALE:
            note += f"; --scale {picture.scale + 1} has more room"
    return note


def _default(data: DataSet | None, run: RecordedRun | None) -> str:
    """Return where the picture goes: of a folder alone into it, else into the data set."""
    if data is None:
        assert run is not None
        storage, name = run.storage, f"{SHOW}.png"
    else:
        storage, name = data.storage, CONTACT_SHEET if run is None else f"{run.run_id}.png"
    if storage.folder is None:
        return f"{posixpath.basename(storage.public_uri.rstrip('/'))}-{name}"
    return str(storage.folder / name if data is None else storage.folder / SHOW / name)


def _format(to: str | None) -> str:
    ending = ".png" if to is None else posixpath.splitext(to)[1].lower()
    if ending not in _FORMATS:
        message = f"{to} names no picture: a name ends with {', '.join(_FORMATS)}"
        raise _wrong(COMMAND_LINE, message, "--to")
    return _FORMATS[ending]


def _write(picture: Image.Image, kind: str, to: str) -> str:
    folder, name = posixpath.split(to)
    target = open_storage(folder or ".")
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, compress_level=3, quality=90)
    if target.folder is not None:
        target.folder.mkdir(parents=True, exist_ok=True)
    target.write_file(name, buffer.getvalue())
    return posixpath.join(target.public_uri, name)


def _wrong(source: str, message: str, option: str = "") -> ConfigurationError:
    return ConfigurationError([Problem(source, option, message)])
