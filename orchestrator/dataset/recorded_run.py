"""One run on record: its values, its features, its particles and its images."""

from __future__ import annotations

import html
import io
import json
import posixpath
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final, override

import numpy as np
from numpy.typing import NDArray

from orchestrator.dataset.layout import PARTICLES, failure_log, in_run_folder, run_folder
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.rows import content_of
from orchestrator.dataset.run_files import INSTANCES, RunFiles, RunFilesError
from orchestrator.dataset.schema import FEATURE, OVERRIDE, QUALITY, VARIABILITY
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import Storage
from scene.errors import ConfigurationError, Problem
from scene.execution.record import RunRecord
from scene.imaging.files import RECIPE_FILE, RECORD_FILE, FileRecord
from scene.imaging.overlay import LAYERS, Overlay, overlay
from scene.language.arguments import listed
from scene.language.yaml_texts import parse_mapping

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN_SIDE = 480
"""Longest side of a run's picture in a notebook, in pixels."""


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RecordedRun(RunFiles):
    """One run on record.

    Parameters
    ----------
    storage, folder, run_id, files
        As for `RunFiles`.
    row
        The manifest's row: column name to value.

    Examples
    --------
    >>> run = data[0]  # doctest: +SKIP
    >>> run.image("real").shape, run.features["defocus"]  # doctest: +SKIP
    ((960, 960), 0.31)
    """

    row: Mapping[str, Any]
    _table: Callable[[], pa.Table]
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
        run_id = row["run_id"]
        return cls(storage, run_folder(run_id), run_id, tuple(records), row, table)

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
        run_id = posixpath.basename(place.rstrip("/"))
        row = {
            "run_id": run_id,
            "status": RunStatus.SUCCEEDED.value,
            "seed": record.seed,
            "specimen": record.specimen,
            "device": record.device,
            "versions": record.versions,
        }
        row |= content_of(record, ".")
        return cls(storage, "", run_id, record.files, row, partial(_table, record.particles), owner)

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle it with its particles, so that another process reads its images as this one does.

        Raises
        ------
        ConfigurationError
            If its folder is a temporary one, which goes with the run.
        """
        if self._folder_owner is not None:
            self._refuse(
                "is a temporary folder, removed with this run, so that the run can't be pickled; "
                "rendered with an output it can"
            )
        arguments = self.storage, self.folder, self.run_id, self.files, dict(self.row)
        return type(self), (*arguments, partial(_given, self._table()))

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
    def specimen(self) -> str | None:
        """32 hex digits that its particles share with all runs which have the same ones.

        None for a run that failed, one made by an older version, or one whose particles can't be
        those of another run.
        """
        return self.row.get("specimen")

    @property
    def pixel_size_nm(self) -> float | None:
        """Side of a pixel on the specimen in nm.

        None for a run that failed or rendered nothing, where the camera has a perspective, and for
        one made by an older version.
        """
        return self.row.get("pixel_size_nm")

    @property
    def quality(self) -> dict[str, float]:
        """What could be measured of its image `real`, by name, such as ``snr`` and ``noise``."""
        return self._columns(QUALITY)

    @property
    def rendering(self) -> dict[str, Any]:
        """Fidelity, samples, denoiser, law of the noise and more of its image `real`, by name.

        Empty for a run that failed, rendered nothing, or was made by an older version.
        """
        found: dict[str, Any] = json.loads(self.row.get("rendering") or "{}")
        return found

    @property
    def values(self) -> dict[str, Any]:
        """The overridden values, by key of the recipe."""
        return self._columns(OVERRIDE)

    @property
    def features(self) -> dict[str, Any]:
        """The sampled features by name; of particles their ``.mean``, ``.std``, ..."""
        return self._columns(FEATURE)

    @property
    def variabilities(self) -> dict[str, float]:
        """The parameters of variabilities that were drawn for the run, by ``<name>.<path>``."""
        return self._columns(VARIABILITY)

    @property
    def error(self) -> str | None:
        """Why it failed, in one line; None if it succeeded."""
        if self.status is RunStatus.SUCCEEDED:
            return None
        message = (self.row.get("error_message") or "").partition("\n")[0]
        return f"{self.row.get('error_type')}: {message}"

    @property
    def particles(self) -> pa.Table:
        """Its particles, by ``particle_id``, which is their value in ``instances.png``.

        Raises
        ------
        RunFilesError
            If it made particles, but their rows are lost.
        """
        table = self._table()
        if not len(table) and self.row.get("visible_particles"):
            message = f"has lost its rows in {PARTICLES}/; the sweep's command adds them again"
            raise RunFilesError(f"{self.storage.public_uri}: run {self.run_id} {message}")
        return table.sort_by("particle_id") if "particle_id" in table.schema.names else table

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
        agglomerates: bool = False,
    ) -> Overlay:
        """Draw the labels of its particles, or of its agglomerates, over an image.

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
        agglomerates
            Whether labels are of agglomerates, a particle on its own among them.

        Raises
        ------
        ConfigurationError, RunFilesError
            As for `image`.
        """
        layers = listed("layers", layers)
        instances = self.instances_of(image)
        labels = self._agglomerated(instances) if agglomerates else instances
        arrays = self._shown(image), labels
        try:
            return (
                overlay(*arrays, layers, scale) if side is None else _small(*arrays, layers, side)
            )
        except ValueError as error:
            raise RunFilesError(f"{self.place}: {error}") from error

    def _agglomerated(self, instances: NDArray[Any]) -> NDArray[Any]:
        """Return the id of the agglomerate at each pixel, for that of the particle."""
        table = self.particles
        if "agglomerate_id" not in table.schema.names or table["agglomerate_id"].null_count:
            message = "was made by an older version, which recorded no agglomerates"
            raise RunFilesError(f"{self.place}: run {self.run_id} {message}")
        ids, roots = (table[name].to_pylist() for name in ("particle_id", "agglomerate_id"))
        lookup = np.zeros(max([0, *ids, int(instances.max(initial=0))]) + 1, instances.dtype)
        lookup[ids] = roots
        return lookup.take(instances)

    def __repr__(self) -> str:
        return f"<RecordedRun {self.run_id} {self.status.value} in {self.storage.public_uri}>"

    def _repr_png_(self) -> bytes | None:
        """Return a small picture with outlines for a notebook; None if there is nothing to show."""
        from PIL import Image

        try:
            names = {file.mode for file in self.files}
            if INSTANCES in names or "real" not in names:
                shown = Image.fromarray(self.picture(("outlines",), side=_SHOWN_SIDE).pixels)
            else:  # whose recipe asks for no labels
                shown = Image.fromarray(self._shown())
                shown.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE))
        except (ConfigurationError, RunFilesError):
            return None
        buffer = io.BytesIO()
        shown.save(buffer, format="PNG")
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

    @override
    def _why_unknown(self, what: str, name: str, names: Collection[str]) -> str:
        if self.status is RunStatus.SUCCEEDED:
            return super(RecordedRun, self)._why_unknown(what, name, names)
        return (
            f"run {self.run_id} failed, so that it has no images ({self.error}); "
            f"its log is {failure_log(self.run_id)}"
        )


def _table(particles: Mapping[str, Any]) -> pa.Table:
    import pyarrow as pa

    return pa.table(particles)


def _given(table: pa.Table) -> pa.Table:
    return table


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
