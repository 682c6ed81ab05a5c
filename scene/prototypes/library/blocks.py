"""Data blocks from a Blender file, known by the names that they have in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from scene.prototypes.library.links import COLLECTIONS, Item, Link
from scene.prototypes.library.old_files import Version, repair_materials
from scene.prototypes.library.rna import Value, value_at


@final
class Blocks:
    """What a file brought when one of its data blocks was loaded, with all that this uses.

    Parameters
    ----------
    main
        The data block.
    named
        Collection and name in the file to data block.
    version
        Of the Blender that wrote the file.
    """

    def __init__(self, main: Any, named: Mapping[tuple[str, str], Any], version: Version) -> None:
        self.main = main
        self.version = version
        self._named = dict(named)

    def value(self, link: Link) -> Value:
        """Return the value that a link leads to, in these data blocks whatever they are called.

        Raises
        ------
        ValueError
            If it leads nowhere; the text is the predicate of a sentence.
        """
        return value_at(self._block(link.collection, link.block), link.steps, self.version)

    def of(self, collection: str) -> dict[str, Any]:
        """Return the data blocks of a collection by their names in the file, sorted."""
        found = {name: block for (kind, name), block in self._named.items() if kind == collection}
        return dict(sorted(found.items()))

    def with_copies(self, copies: Mapping[Any, Any]) -> Blocks:
        """Return the same where copies stand for some data blocks."""
        named = {key: copies.get(block, block) for key, block in self._named.items()}
        return Blocks(copies.get(self.main, self.main), named, self.version)

    @property
    def is_alive(self) -> bool:
        """Whether they are still there, as emptying Blender removes them."""
        try:
            return bool(self.main.name)
        except ReferenceError:
            return False

    def _block(self, collection: str, item: Item) -> Any:
        found = self.of(collection)
        if isinstance(item.key, str) and item.key in found:
            return found[item.key]
        if isinstance(item.key, int) and item.key < len(found):
            return list(found.values())[item.key]
        held = ", ".join(found) or "none"
        raise ValueError(
            f"leads nowhere: there is no {item.key!r} among the {collection} ({held:.100})"
        )


def load_blocks(file: Path, collection: str, name: str) -> Blocks:
    """Load one data block, and what it uses, from a file; no script in it runs.

    Raises
    ------
    ValueError
        If the file can't be read or has no such data block; the text is one sentence.
    """
    import bpy

    data = bpy.data
    before = {kind: set(getattr(data, kind)) for kind in COLLECTIONS}
    pushed: list[tuple[Any, str]] = []
    try:
        with data.libraries.load(str(file), link=False) as (held, wanted):
            version: Version = tuple(held.version)
            if name not in (names := getattr(held, collection)):
                there = ", ".join(names) or "none"
                raise ValueError(
                    f"{file} has no {collection.removesuffix('s').replace('_', ' ')} {name!r}; "
                    f"there are: {there:.200}"
                )
            # What is loaded gets its own name only if nothing else has it.
            for kind in COLLECTIONS:
                names_there = set(getattr(held, kind))
                for block in before[kind]:
                    if block.name in names_there:
                        pushed.append((block, block.name))
                        block.name = f"{block.name}.before"
            setattr(wanted, collection, [name])
    except OSError as error:
        raise ValueError(f"{file} can't be read as a Blender file") from error
    (main,) = getattr(wanted, collection)
    named = {
        (kind, block.name): block
        for kind in COLLECTIONS
        for block in getattr(data, kind)
        if block not in before[kind]
    }
    for block, former in pushed:
        block.name = former
    found = Blocks(main, named, version)
    trees = [material.node_tree for material in found.of("materials").values()]
    trees += [tree for tree in found.of("node_groups").values() if tree.type == "SHADER"]
    repair_materials(trees, version)
    return found
