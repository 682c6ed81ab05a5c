"""Prototypes made from the files of a library."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

from scene.prototypes.base import Prototype
from scene.prototypes.library.blocks import Blocks, load_blocks
from scene.prototypes.library.facts import FileFacts
from scene.prototypes.library.folder import PrototypeFile
from scene.prototypes.library.links import Link, parsed_link
from scene.prototypes.library.settings import PrototypeSettings


class LibraryPrototype(Prototype):
    """What prototypes from files have in common; a class for each file is made of it.

    A file's data blocks are loaded at the first use in a run, and again after Blender was emptied.
    """

    file: ClassVar[PrototypeFile]
    facts: ClassVar[FileFacts]
    settings: ClassVar[PrototypeSettings]
    collection: ClassVar[str]
    """Of Blender's data, that what is loaded is in."""

    _loaded: Blocks | None = None

    @property
    @abstractmethod
    def name_in_file(self) -> str:
        """Name of what is loaded."""

    @cached_property
    def links(self) -> Mapping[str, Link]:
        """The links that lead somewhere, by their features' names."""
        return {
            feature.name: parsed_link(feature.blender_link)
            for feature in self.settings.features
            if feature.name not in self.facts.unavailable
        }

    def blocks(self) -> Blocks:
        """Return what the file brought into Blender as it is now."""
        if self._loaded is None or not self._loaded.is_alive:
            self._loaded = load_blocks(self.file.path, self.collection, self.name_in_file)
            self.prepare(self._loaded)
        return self._loaded

    def prepare(self, blocks: Blocks) -> None:
        """Do what is done once to data blocks that were just loaded."""
