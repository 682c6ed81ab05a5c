"""Shows runs: finds them, draws their labels, writes the picture."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import final

from PIL import Image

from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import OutputError, Storage, reason
from orchestrator.report.choice import spread_runs
from orchestrator.report.data import read_data
from orchestrator.report.labels import run_label, swept_names
from orchestrator.report.show.runs import Labelled, Place, ShowError, in_data_set, locate, read_run
from orchestrator.report.show.sheet import Tile, drawn, sheet, tile_side
from scene.errors import COMMAND_LINE, ConfigurationError, Problem, unknown
from scene.imaging.overlay import LARGEST_SIDE, LAYERS, MOST_SCALE, Overlay, overlay

FOLDER = "show"
CONTACT_SHEET = "contact_sheet.png"
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

    Raises
    ------
    ConfigurationError
        If what was asked for does not exist, or the file can't be written.
    ShowError
        If files of the run, or of all the runs, are missing or damaged.
    """
    storage, place = locate(uri, run)
    kind = _format(to)
    if place is None:
        picture, notes = _draw_sheet(storage, layers, image, runs)
    else:
        picture, notes = _draw_run(place, layers, image, scale)
    try:
        return Shown(_write(picture, kind, to or _default(storage, place)), notes)
    except (OSError, OutputError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else getattr(error, "reason", str(error))
        message = f"the picture can't be written: {why}; --to names another file"
        raise ConfigurationError([Problem(to or storage.public_uri, "", message)]) from error


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
            problem = Problem(COMMAND_LINE, "--layers", unknown("layer", name, LAYERS))
            raise ConfigurationError([problem])
    if not names:
        message = f"names nothing to draw; there are: {', '.join(LAYERS)}"
        raise ConfigurationError([Problem(COMMAND_LINE, "--layers", message)])
    return tuple(names)


def _draw_run(
    place: Place, layers: Collection[str], image: str, scale: int | None
) -> tuple[Image.Image, list[str]]:
    read = read_run(place, image)
    longer = max(read.instances.shape)
    if scale is not None and longer * scale > max(LARGEST_SIDE, longer):
        message = f"makes the picture {longer * scale} pixels long; at most {LARGEST_SIDE}"
        raise ConfigurationError([Problem(COMMAND_LINE, "--scale", message)])
    picture = _overlay(place, read, layers, scale)
    return Image.fromarray(picture.pixels), [_note(place, picture)]


def _draw_sheet(
    storage: Storage, layers: Collection[str], image: str, runs: int
) -> tuple[Image.Image, list[str]]:
    data = read_data(storage)
    swept = list(data.swept.values()) or [[0] * len(data.sample)]
    positions = spread_runs(swept, runs)
    if not positions:
        message = "has no run to show yet: none has succeeded"
        raise ConfigurationError([Problem(storage.public_uri, "", message)])
    names = list(swept_names(data.swept).values())
    run_ids = data.sample["run_id"].take(positions).to_pylist()
    tiles, notes = [], []
    for n, run_id in zip(positions, run_ids, strict=True):
        values = ", ".join(run_label(names, [values[n] for values in data.swept.values()]))
        place = in_data_set(storage, run_id)
        try:
            read = read_run(place, image)
            tiles.append(Tile(run_id, values, drawn(read, layers, tile_side(len(positions)))))
        except (ShowError, ValueError) as error:
            failure = error if isinstance(error, ShowError) else _misfit(place, error)
            notes.append(f"left out: {failure}")
    if not tiles:
        raise failure
    if len(data.sample) > len(tiles):
        notes.append(f"{len(tiles)} of {len(data.sample)} runs; --runs shows more")
    return sheet(tiles), notes


def _overlay(place: Place, read: Labelled, layers: Collection[str], scale: int | None) -> Overlay:
    try:
        return overlay(read.image, read.instances, layers, scale)
    except ValueError as error:
        raise _misfit(place, error) from error


def _misfit(place: Place, error: ValueError) -> ShowError:
    return ShowError(f"{place.folder}: {error}")


def _note(place: Place, picture: Overlay) -> str:
    note = f"run {place.run_id}: {picture.visible} visible particles"
    if picture.unlabelled:
        note += f", {picture.unlabelled} of them without id, which would cover another one"
        if picture.scale < MOST_SCALE:
            note += f"; --scale {picture.scale + 1} has more room"
    return note


def _default(storage: Storage, place: Place | None) -> str:
    name = CONTACT_SHEET if place is None else f"{place.run_id}.png"
    if storage.folder is None:
        return f"{posixpath.basename(storage.public_uri.rstrip('/'))}-{name}"
    alone = place is not None and not place.prefix
    return str(storage.folder / (f"{FOLDER}.png" if alone else f"{FOLDER}/{name}"))


def _format(to: str | None) -> str:
    ending = ".png" if to is None else posixpath.splitext(to)[1].lower()
    if ending not in _FORMATS:
        message = f"{to} names no picture: a name ends with {', '.join(_FORMATS)}"
        raise ConfigurationError([Problem(COMMAND_LINE, "--to", message)])
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
