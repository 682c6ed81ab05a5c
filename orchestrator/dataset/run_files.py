"""The files of one run: as images, as bytes, as paths."""

from __future__ import annotations

import hashlib
import io
import posixpath
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from orchestrator.dataset.storage.storage import OutputError, Storage
from scene.errors import BlendsweepError, ConfigurationError, Problem, unknown
from scene.imaging.eight_bit import eight_bit
from scene.imaging.files import FileRecord

INSTANCES = "instances"
DEPTH = "depth"
"""Images that hold numbers for programs, such as particle ids and distances."""


class RunFilesError(BlendsweepError):
    """Files of a run are missing or damaged, or are not what they should be."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RunFiles:
    """The files of one run. They are read only when it is asked for what they hold.

    Parameters
    ----------
    storage
        The data set, or the run's folder alone.
    folder
        The run's folder in it, empty for a run's folder alone.
    run_id
        16 hex digits that name its resolved recipe; of a folder alone, the folder's name.
    files
        Every file of the run, its path relative to the run's folder; none if it failed.
    """

    storage: Storage
    folder: str
    run_id: str
    files: tuple[FileRecord, ...]

    @property
    def place(self) -> str:
        """Its folder as people are shown it, a path or a URI without credentials."""
        return posixpath.join(self.storage.public_uri, self.folder).rstrip("/")

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
            float32. ``real`` is uint16 where ``render.bit_depth`` is 16, and (height, width, 3 or
            4) where it is in colour.

        Raises
        ------
        ConfigurationError
            If the run has no such image, or several are meant.
        RunFilesError
            If the file is missing or damaged.
        """
        return self.pixels(self._image_file(name))

    def _shown(self, name: str = "real") -> NDArray[Any]:
        """Read an image as screens show it: see `image`, but with 8 bits where it has more.

        Raises
        ------
        ConfigurationError, RunFilesError
            As for `image`.
        """
        file = self._image_file(name)
        return eight_bit(self.pixels(file), file.mode)

    def instances_of(self, image: str) -> NDArray[np.uint16]:
        """Return where the particles are in an image, which may be one of several views.

        Raises
        ------
        ConfigurationError, RunFilesError
            As for `image`.
        """
        shown = self._image_file(image)
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

    def _image_file(self, name: str) -> FileRecord:
        return self._file("image", name, [file for file in self.files if file.width])

    def _file(self, what: str, name: str, files: Collection[FileRecord]) -> FileRecord:
        chosen: tuple[Callable[[FileRecord], str], ...] = (lambda f: f.path, _stem)
        for called in chosen:
            if found := [file for file in files if called(file) == name]:
                return found[0]
        of_mode = [file for file in files if file.mode == name]
        if len(of_mode) == 1:
            return of_mode[0]
        names = {_stem(file) for file in files}
        return self._refuse(self._why_unknown(what, name, names))

    def _why_unknown(self, what: str, name: str, names: Collection[str]) -> str:
        return unknown(what, name, names, f"in run {self.run_id}")

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
    from PIL import UnidentifiedImageError

    from scene.imaging.png import read_png

    try:
        return read_png(data)
    except UnidentifiedImageError:  # whose text names an object in memory
        raise ValueError("it begins as no image does") from None
