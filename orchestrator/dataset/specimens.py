"""Specimens that several runs share: stored once, under their hash, for whichever run comes next.

What is stored, with a checksum of its own, is the scene's matter; here is where it lies. That the
same specimen is written by two workers at a time does no harm: both write the same bytes.
"""

from __future__ import annotations

from typing import final

from orchestrator.dataset.layout import (
    SPECIMENS,
    is_specimen,
    specimen_file,
    specimen_folder,
)
from orchestrator.dataset.results import SpecimenUse
from orchestrator.dataset.storage.storage import OutputError, Storage, reason, without_litter


@final
class SharedSpecimen:
    """What one run loads its specimen from, or saves it to, and how it came by it.

    Parameters
    ----------
    storage
        The data set.

    Attributes
    ----------
    use : SpecimenUse or None
        None until the data set holds the specimen.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.use: SpecimenUse | None = None

    def load(self, specimen: str) -> bytes | None:
        """Return what is stored under a hash, or None.

        Raises
        ------
        OutputError
            If the data set can't be read.
        """
        try:
            content = self._storage.read(specimen_file(specimen))
        except (FileNotFoundError, NotADirectoryError):
            return None
        self.use = SpecimenUse.REUSED
        return content

    def save(self, specimen: str, content: bytes) -> None:
        """Store a specimen; one that was loaded before was damaged, and is replaced.

        Raises
        ------
        OutputError
            If the data set can't be written.
        """
        made = SpecimenUse.MADE if self.use is None else SpecimenUse.MENDED
        self.use = None
        try:
            self._storage.write_file(specimen_file(specimen), content)
        except NotADirectoryError as error:  # what is in the way is no fault of the run
            why = f"{reason(error)} ({specimen_folder(specimen)})"
            raise OutputError(self._storage.public_uri, why) from error
        self.use = made


def stored_specimens(storage: Storage, *, clear: bool = False) -> set[str]:
    """Return the hashes of the specimens that a data set holds.

    Parameters
    ----------
    clear
        Whether to delete what killed workers were writing; nobody may be at work then.
    """
    names = [name for name in storage.list(SPECIMENS) if is_specimen(name)]
    if storage.folder is None:  # a folder of an object store holds a whole file, or is not there
        return set(names)
    if clear:
        for name in names:
            without_litter(storage, specimen_folder(name))
    return {name for name in names if storage.exists(specimen_file(name))}
