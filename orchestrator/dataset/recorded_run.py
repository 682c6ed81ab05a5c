"""One run on record: its values, its features, its particles and its images."""

from __future__ import annotations

import hashlib
import html
import io
import posixpath
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self, final

import numpy as np
from numpy.typing import NDArray

from orchestrator.dataset.layout import failure_log, in_run_folder, run_folder
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.schema import FEATURE, OVERRIDE, content_of
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import OutputError, Storage
from scene.errors import BlendsweepError, ConfigurationError, Problem, unknown
from scene.execution.record import RunRecord
from scene.imaging.files import RECIPE_FILE, RECORD_FILE, FileRecord
from scene.imaging.overlay import LAYERS, Overlay, overlay
from scene.language.yaml_texts import parse_mapping

if TYPE_CHECKING:
    import pyarrow as pa

INSTANCES, DEPTH = "instances", "depth"
"""Images that hold numbers for programs, such as particle ids and distances."""

_SHOWN_SIDE = 480
"""Longest side of a run's picture in a notebook, in pixels."""


class RunFilesError(BlendsweepError):
    """Files of a run are missing or damaged, or are not what they should be."""


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RecordedRun:
    """One run on record.

    It reads files only when it is asked for what they hold.

    Parameters
    ----------
    storage
        The data set, or the run's folder alone.
    folder
        The run's folder in it, empty for a run's folder alone.
    row
        The manifest's row: column name to value.
    files
        Every file of the run, its path relative to the run's folder; none if it failed.

    Examples
    --------
    >>> run = data[0]  # doctest: +SKIP
    >>> run.image("real").shape, run.features["defocus"]  # doctest: +SKIP
    ((960, 960), 0.31)
    """

    storage: Storage
    folder: str
    row: Mapping[str, Any]
    files: tuple[FileRecord, ...]
    _table: Callable[[], pa.Table] = field()
    _folder_owner: object = None

    @classmethod
    def of_row(cls, storage: Storage, row: Mapping[str, Any], table: Callable[[], Any]) -> Self:
        """Return the run that a row of the manifest is about.

        Parameters
        ----------
        table
            Reads its rows of the particles table.
        """
        files = (dict(file) for file in row.get("files") or ())
        records = (FileRecord(**file | {"path": in_run_folder(file["path"])}) for file in files)
        return cls(storage, run_folder(row["run_id"]), row, tuple(records), table)

    @classmethod
    def from_folder(cls, folder: str | Path, owner: object = None) -> Self:
        """Return the run whose files lie in `folder`, as ``python -m scene`` writes them.

        Its id is the folder's name; which of its values were swept is not known.

        Parameters
        ----------
        folder
            The run's folder.
        owner
            What removes the folder once nothing refers to it any more.

        Raises
        ------
        ConfigurationError
            If it is not the folder of a run.
        RunFilesError
            If its record is damaged.
        """
        storage = open_storage(str(folder))
        place = storage.public_uri
        try:
            record = RunRecord.from_json(storage.read(RECORD_FILE).decode())
        except (FileNotFoundError, NotADirectoryError):
            message = f"is not the folder of a run: there is no {RECORD_FILE} in it"
            raise ConfigurationError([Problem(place, "", message)]) from None
        except ValueError as error:
            raise RunFilesError(f"{place}: {RECORD_FILE} is damaged: {error}") from error
        row = {
            "run_id": posixpath.basename(place.rstrip("/")),
            "status": RunStatus.SUCCEEDED.value,
            "seed": record.seed,
            "device": record.device,
            "versions": record.versions,
        }

        def table() -> pa.Table:
            import pyarrow as pa

            return pa.table(record.particles)

        return cls(storage, "", row | content_of(record, "."), record.files, table, owner)

    @property
    def run_id(self) -> str:
        """16 hex digits that name its resolved recipe; of a folder alone, the folder's name."""
        return str(self.row["run_id"])

    @property
    def index(self) -> int | None:
        """Its place in the sweep, from 0; None for a folder alone."""
        return self.row.get("index")

    @property
    def status(self) -> RunStatus:
        """``succeeded`` or ``failed``."""
        return RunStatus(self.row["status"])

    @property
    def seed(self) -> int | None:
        """Its seed."""
        return self.row.get("seed")

    @property
    def values(self) -> dict[str, Any]:
        """The overridden values, by key of the recipe."""
        return self._columns(OVERRIDE)

    @property
    def features(self) -> dict[str, Any]:
        """The sampled features by name; of particles their ``.mean``, ``.std``, ..."""
        return self._columns(FEATURE)

    @property
    def error(self) -> str | None:
        """Why it failed, in one line; None if it succeeded."""
        if self.status is RunStatus.SUCCEEDED:
            return None
        message = (self.row.get("error_message") or "").partition("\n")[0]
        return f"{self.row.get('error_type')}: {message}"

    @property
    def place(self) -> str:
        """Its folder as people are shown it, a path or a URI without credentials."""
        return posixpath.join(self.storage.public_uri, self.folder).rstrip("/")

    @property
    def particles(self) -> pa.Table:
        """Its particles, by ``particle_id``, which is their value in ``instances.png``."""
        table = self._table()
        return table.sort_by("particle_id") if "particle_id" in table.schema.names else table

    @property
    def instances(self) -> NDArray[np.uint16]:
        """The particle's id at each pixel, (height, width) uint16, 0 where there is none."""
        return self.instances_of(INSTANCES)

    @property
    def depth(self) -> NDArray[np.float32]:
        """Distance along the view axis, (height, width) float32, inf where there is no particle."""
        return self.image(DEPTH).astype(np.float32, copy=False)

    def file(self, name: str) -> FileRecord:
        """Return the record of a file.

        Parameters
        ----------
        name
            Its path in the run's folder, with its ending or without; or its mode, where the run
            has one file of that mode.

        Raises
        ------
        ConfigurationError
            If the run has no such file, or several are meant.
        RunFilesError
            If the run failed.
        """
        return self._file("file", name, self.files)

    def image(self, name: str = "real") -> NDArray[Any]:
        """Read an image.

        Parameters
        ----------
        name
            As for `file`: ``real``, ``normal_map``, ``stylized``, ``top/a_real_Beads``, ...

        Returns
        -------
        array
            (height, width), or (height, width, 3), uint8; ``instances`` are uint16, ``depth`` is
            float32.

        Raises
        ------
        ConfigurationError
            If the run has no such image, or several are meant.
        RunFilesError
            If the run failed, or the file is missing or damaged.
        """
        return self.pixels(self._file("image", name, [f for f in self.files if f.width]))

    def instances_of(self, image: str) -> NDArray[np.uint16]:
        """Return where the particles are in an image, which may be one of several views.

        Raises
        ------
        ConfigurationError, RunFilesError
            As for `image`.
        """
        shown = self._file("image", image, [f for f in self.files if f.width])
        stem = _stem(shown)
        names = (stem.replace(shown.mode, INSTANCES), INSTANCES)
        by_name = {_stem(file): file for file in self.files if file.mode == INSTANCES}
        found = next((by_name[name] for name in names if name in by_name), None)
        if found is None:
            self._refuse(
                f"run {self.run_id} has no {INSTANCES}.png, which says where its particles are; "
                "a recipe has it written by rendering the mode 'categorical'"
            )
        return self.ids(found)

    def pixels(self, file: FileRecord, data: bytes | None = None) -> NDArray[Any]:
        """Return an image file's pixels.

        Parameters
        ----------
        data
            The file's bytes, if they are known.

        Raises
        ------
        RunFilesError
            If it is missing or damaged.
        """
        try:
            return _decoded(self._bytes(file) if data is None else data, file.path)
        except (OSError, SyntaxError, ValueError) as error:
            raise self._fault(file, f"can't be read as an image: {error}") from error

    def ids(self, file: FileRecord, data: bytes | None = None) -> NDArray[np.uint16]:
        """Return the particles' ids that an image file holds; see `pixels`."""
        pixels = self.pixels(file, data)
        if pixels.ndim != 2 or pixels.dtype.kind not in "iu":
            raise self._fault(file, "is not a gray image of particle ids")
        return pixels.astype(np.uint16, copy=False)

    def read(self, name: str) -> bytes:
        """Return a file's bytes, which are those on record.

        Raises
        ------
        ConfigurationError
            If the run has no such file.
        RunFilesError
            If it is missing, or its checksum is not that on record.
        """
        file = self.file(name)
        data = self._bytes(file)
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise self._fault(file, "has another checksum than its record")
        return data

    def path(self, name: str = "") -> Path:
        """Return the path of a file, or of the run's folder.

        Raises
        ------
        ConfigurationError
            If the run has no such file, or the data set is on an object store.
        """
        if self.storage.folder is None:
            self._refuse(
                "is on an object store, where files have no path; `read` gives their bytes"
            )
        folder = self.storage.folder / self.folder
        return folder / self.file(name).path if name else folder

    def recipe(self) -> dict[str, Any]:
        """Return its resolved recipe, which makes the run again by itself.

        Raises
        ------
        RunFilesError
            If it is missing or damaged.
        """
        try:
            return parse_mapping(self.read(RECIPE_FILE).decode(), f"{self.place}/{RECIPE_FILE}")
        except ValueError as error:
            raise self._fault(self.file(RECIPE_FILE), f"can't be read: {error}") from error

    def log(self) -> str:
        """Return the log of a run that failed; empty if it succeeded."""
        if self.status is RunStatus.SUCCEEDED:
            return ""
        return self.storage.read(failure_log(self.run_id)).decode(errors="replace")

    def picture(
        self,
        layers: Collection[str] = LAYERS,
        image: str = "real",
        *,
        scale: int | None = None,
        side: int | None = None,
    ) -> Overlay:
        """Draw the labels of its particles over an image.

        Parameters
        ----------
        layers
            Which of outlines, ids and boxes.
        image
            The image under them.
        scale
            Enlarges the picture by a whole number; None chooses one at which ids can be read.
        side
            Most pixels along the longer side, in place of `scale`.

        Raises
        ------
        ConfigurationError, RunFilesError
            As for `image`.
        """
        arrays = self.image(image), self.instances_of(image)
        try:
            return (
                overlay(*arrays, layers, scale) if side is None else _small(*arrays, layers, side)
            )
        except ValueError as error:
            raise RunFilesError(f"{self.place}: {error}") from error

    def __repr__(self) -> str:
        return f"<RecordedRun {self.run_id} {self.status.value} in {self.storage.public_uri}>"

    def _repr_png_(self) -> bytes | None:
        """Return a small picture with outlines for a notebook; None if there is nothing to show."""
        from PIL import Image

        try:
            shown = self.picture(("outlines",), side=_SHOWN_SIDE).pixels
        except (ConfigurationError, RunFilesError):
            return None
        buffer = io.BytesIO()
        Image.fromarray(shown).save(buffer, format="PNG")
        return buffer.getvalue()

    def _repr_html_(self) -> str:
        """Return the picture with a caption for a notebook."""
        picture = self._repr_png_()
        shown = ""
        if picture is not None:
            shown = f'<img src="data:image/png;base64,{b64encode(picture).decode()}" alt="real">'
        caption = html.escape("; ".join(self._caption()))
        return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"

    def _caption(self) -> Iterator[str]:
        yield f"run {self.run_id}" + ("" if self.index is None else f", index {self.index}")
        if (error := self.error) is not None:
            yield f"failed: {error}"
        elif (visible := self.row.get("visible_particles")) is not None:
            yield f"{visible} visible particles"
        yield from (f"{key}={value}" for key, value in self.values.items())

    def _columns(self, prefix: str) -> dict[str, Any]:
        return {
            name.removeprefix(prefix): value
            for name, value in self.row.items()
            if name.startswith(prefix) and value is not None
        }

    def _file(self, what: str, name: str, files: Collection[FileRecord]) -> FileRecord:
        self._check_succeeded()
        chosen: tuple[Callable[[FileRecord], str], ...] = (lambda f: f.path, _stem)
        for called in chosen:
            if found := [file for file in files if called(file) == name]:
                return found[0]
        of_mode = [file for file in files if file.mode == name]
        if len(of_mode) == 1:
            return of_mode[0]
        names = {_stem(file) for file in files}
        return self._refuse(unknown(what, name, names, f"in run {self.run_id}"))

    def _check_succeeded(self) -> None:
        if self.status is not RunStatus.SUCCEEDED:
            self._refuse(
                f"run {self.run_id} failed, so that it has no images ({self.error}); "
                f"its log is {failure_log(self.run_id)}"
            )

    def _bytes(self, file: FileRecord) -> bytes:
        try:
            return self.storage.read(posixpath.join(self.folder, file.path))
        except (FileNotFoundError, NotADirectoryError):
            raise self._fault(file, "is missing") from None
        except OutputError as error:
            raise self._fault(file, f"can't be read: {error.reason}") from error

    def _fault(self, file: FileRecord, problem: str) -> RunFilesError:
        remedy = ""
        if self.folder:
            output = self.storage.public_uri
            remedy = (
                f"; `verify {output}` sets such runs aside, the sweep's command makes them again"
            )
        return RunFilesError(f"run {self.run_id}: {self.place}/{file.path} {problem}{remedy}")

    def _refuse(self, message: str) -> NoReturn:
        raise ConfigurationError([Problem(self.place, "", message)])


def _stem(file: FileRecord) -> str:
    return posixpath.splitext(file.path)[0]


def _decoded(data: bytes, path: str) -> NDArray[Any]:
    """Return the pixels of an image file."""
    if path.endswith((".tif", ".tiff")):  # of floats, compressed as Pillow can't read them
        import tifffile

        return np.asarray(tifffile.imread(io.BytesIO(data)))
    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        return np.asarray(opened)


def _small(
    image: NDArray[Any], instances: NDArray[Any], layers: Collection[str], side: int
) -> Overlay:
    """Return a picture at most `side` pixels long.

    A larger image is reduced first, so that outlines are as thin as on a smaller one.
    """
    from PIL import Image

    height, width = instances.shape
    longer = max(height, width)
    if longer <= side or image.shape[:2] != instances.shape:
        return overlay(image, instances, layers, max(1, min(side // longer, 4)))
    size = max(1, width * side // longer), max(1, height * side // longer)

    def resized(array: NDArray[Any], how: Image.Resampling) -> NDArray[Any]:
        # Pillow resizes no 16 bits but as whole numbers of 32.
        wide = array.dtype.itemsize > 1
        picture = Image.fromarray(array.astype(np.int32) if wide else array)
        return np.asarray(picture.resize(size, how)).astype(array.dtype, copy=False)

    # The nearest pixel, since a mean of two ids would be a third one.
    small = resized(image, Image.Resampling.BOX), resized(instances, Image.Resampling.NEAREST)
    return overlay(*small, layers, 1)
