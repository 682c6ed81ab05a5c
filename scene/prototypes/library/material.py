"""Materials from files of Blender, copied for each set of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast, override

from scene.prototypes.base import Fidelity
from scene.prototypes.library.blocks import load_blocks
from scene.prototypes.library.facts import FileFacts
from scene.prototypes.library.features import linked_features, set_links
from scene.prototypes.library.folder import PrototypeFile
from scene.prototypes.library.prototype import LibraryPrototype
from scene.prototypes.library.settings import MaterialSettings
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.shader import indices_of_refraction
from scene.specimen.features import FeatureValue

if TYPE_CHECKING:
    import bpy


class LibraryMaterial(LibraryPrototype, MaterialPrototype):
    """A material from a file, with node groups of its own."""

    collection: ClassVar[str] = "materials"

    @property
    @override
    def name_in_file(self) -> str:
        return cast("MaterialSettings", self.settings).name_in_blend_file

    @override
    def build(
        self,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,
    ) -> bpy.types.Material:
        blocks = self.blocks()
        copy = blocks.main.copy()
        copy.name = self.file.path.stem
        copies: dict[Any, Any] = {blocks.main: copy}
        _own_groups(copy.node_tree, copies)
        set_links(self.links, features, blocks.with_copies(copies))
        return copy


def material_facts(file: PrototypeFile, settings: MaterialSettings) -> FileFacts:
    """Return what is known of a material's file, by loading it.

    Raises
    ------
    ValueError
        If it can't be used; the text is one sentence.
    """
    blocks = load_blocks(file.path, "materials", settings.name_in_blend_file)
    features, unavailable = linked_features(settings.features, blocks)
    one = len(list(indices_of_refraction(blocks.main))) == 1
    return FileFacts(features=features, unavailable=unavailable, has_one_index=one)


def _own_groups(tree: Any, copies: dict[Any, Any]) -> None:
    """Give a tree of nodes copies of the groups in it, and of those in them."""
    for node in tree.nodes:
        group = getattr(node, "node_tree", None)
        if group is not None:
            if group not in copies:
                copies[group] = group.copy()
                _own_groups(copies[group], copies)
            node.node_tree = copies[group]
