"""The files of a run: what is recorded of each, and those that every run has."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

RECORD_FILE = "record.json"
RECIPE_FILE = "recipe.yaml"
PREVIEW_FILE = "preview.jpg"
RUN_FILES = (RECORD_FILE, RECIPE_FILE, PREVIEW_FILE)
"""Files in every run's folder, besides those of its rendering steps."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file of a run.

    Parameters
    ----------
    mode
        Rendering mode or kind of file: ``real``, ``instances``, ``state``, ...
    path
        Relative to the run's folder, with forward slashes.
    sha256
        Hex digest of the bytes.
    bytes
        Size in bytes.
    width, height
        Pixels; None for files that are not images.
    particle_id
        The particle that an image shows alone in the scene; None for all other files.
    """

    mode: str
    path: str
    sha256: str
    bytes: int
    width: int | None = None
    height: int | None = None
    particle_id: int | None = None

    @classmethod
    def of(
        cls,
        folder: Path,
        path: Path,
        mode: str,
        size: tuple[int, int] | None = None,
        particle_id: int | None = None,
    ) -> Self:
        """Return the record of a file that is written.

        Parameters
        ----------
        folder
            The run's folder.
        path
            Relative to `folder`.
        mode, particle_id
            As in the record.
        size
            Width and height in pixels of an image.
        """
        with (folder / path).open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            length = stream.tell()
        width, height = size or (None, None)
        return cls(mode, path.as_posix(), digest, length, width, height, particle_id)
