"""COCO: one JSON file of instance masks for each split, written as a stream."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import PurePosixPath
from typing import Any, BinaryIO, ClassVar, final, override
from urllib.parse import urlsplit, urlunsplit

import psutil

from orchestrator.common.uris import local_folder
from orchestrator.dataset.run_files import INSTANCES
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import TEMPORARY_PREFIX, Storage
from orchestrator.export.base import Format, Written, plain
from orchestrator.export.claims import wrong_target
from orchestrator.export.masks import masks, read_instances
from orchestrator.export.source import Example, Ids
from scene.specimen.columns import AGGLOMERATE_COLUMNS

PARTICLE_COLUMNS = (
    *("particle_id", "touches_border", "occluded_fraction", "occluded_share"),
    "equivalent_diameter_nm",
    *("parent_id", "agglomerate_id", *AGGLOMERATE_COLUMNS),
)
"""What annotations keep of the particles table, where it has them."""

_LICENSE = 1


@final
class Coco(Format):
    """Masks as compressed run lengths; images stay where they are."""

    name: ClassVar[str] = "coco"

    @override
    def export(self) -> Written:
        """Write each file anew, as a whole: an old one stays until then."""
        target, names = self._place()
        written = Written(files=list(names.values()))
        for split in names:
            self.counter.expect(len(self.source.ids_of(split)))
        _remove_litter(target, names.values())
        # From 1, as some readers take 0 for none, and on through all files, so that they can be
        # put together.
        first, self._numbers = 1, count(1)
        for split, name in names.items():
            ids = self.source.ids_of(split)
            with target.replacing(name) as stream:
                self._write(stream, ids, first)
            written.new[split], written.before[split] = len(ids), 0
            first += len(ids)
        return written

    def _place(self) -> tuple[Storage, dict[str, str]]:
        """Return the folder and each split's file in it."""
        if self.options.split:
            if self.options.to.endswith(".json"):
                raise wrong_target(f"{self.options.to} is one file; with --split, give a folder")
            return open_storage(self.options.to), {
                name: f"{name}.json" for name in self.source.splits
            }
        folder, name = _parent(self.options.to)
        (split,) = self.source.splits
        if not name.endswith(".json"):
            raise wrong_target(f"{self.options.to} does not end in .json; give the file to write")
        return open_storage(folder), {split: name}

    def _write(self, stream: BinaryIO, ids: Ids, first: int) -> None:
        sweep = self.source.data.sweep
        info = {
            "description": f"{sweep.name}, made by Blendsweep",
            "version": sweep.versions.get("blendsweep", ""),
            "sweep": sweep.name,
            "recipe_hash": sweep.recipe_hash,
            "overrides": [*sweep.overrides],
            "versions": dict(sweep.versions),
            "image": self.source.image,
        }
        text = io.TextIOWrapper(stream, encoding="utf-8", write_through=False)
        text.write(f'{{"info": {_json(info)},\n"licenses": {_json(self._licenses)},\n')
        numbers = {name: number for number, name in enumerate(self.source.blueprints, 1)}
        categories = [
            {"id": number, "name": name, "supercategory": "particle"}
            for name, number in numbers.items()
        ]
        text.write(f'"categories": {_json(categories)},\n"images": [')
        _write_entries(text, map(self._image, count(first), self.source.examples(ids)))
        text.write('],\n"annotations": [')
        _write_entries(text, self._annotations(ids, first, numbers))
        text.write("]}\n")
        text.flush()
        text.detach()

    @property
    def _licenses(self) -> list[dict[str, Any]]:
        named = self.options.license
        if named is None:
            return []
        return [{"id": _LICENSE, "name": named, "url": named if "://" in named else ""}]

    def _image(self, number: int, example: Example) -> dict[str, Any]:
        self.counter.check()
        image = example.image(self.source.image)
        licensed = {"license": _LICENSE} if self.options.license is not None else {}
        return licensed | {
            "id": number,
            "run_id": example.run.run_id,
            "file_name": f"{example.run.folder}/{image.path}",
            "width": image.width,
            "height": image.height,
            **example.scale,
            "blendsweep": example.described(),
        }

    def _annotations(
        self, ids: Ids, first: int, categories: dict[str, int]
    ) -> Iterator[dict[str, Any]]:
        for number, example in enumerate(self.source.examples(ids, [INSTANCES]), first):
            instances = read_instances(example)
            particles = {
                particle["particle_id"]: particle
                for particle in example.particles(["blueprint", *PARTICLE_COLUMNS])
            }
            for mask in masks(instances):
                particle = particles[mask.particle_id]
                category = categories[particle.pop("blueprint")]
                kept = {name: value for name, value in particle.items() if value is not None}
                yield {
                    "id": next(self._numbers),
                    "image_id": number,
                    "run_id": example.run.run_id,
                    "category_id": category,
                    "segmentation": mask.rle,
                    "area": mask.area,
                    "bbox": mask.bbox,
                    "iscrowd": 0,
                } | kept
            self.counter.advance()


def _remove_litter(target: Storage, names: Iterable[str]) -> None:
    """Delete what killed exports were writing; others may share the folder."""
    endings = "|".join(map(re.escape, names))
    pattern = re.compile(rf"{re.escape(TEMPORARY_PREFIX)}(\d+)-(?:{endings})")
    for name in target.list("."):
        match = pattern.fullmatch(name)
        if match is not None and not psutil.pid_exists(int(match[1])):
            target.delete(name)


def _write_entries(text: io.TextIOWrapper, entries: Iterable[dict[str, Any]]) -> None:
    separator = "\n"
    for entry in entries:
        text.write(f"{separator}{_json(entry)}")
        separator = ",\n"


def _json(value: Any) -> str:
    return json.dumps(plain(value), allow_nan=False)


def _parent(uri: str) -> tuple[str, str]:
    """Return the folder of a file, as a URI where the file's is one, and the file's name."""
    folder = local_folder(uri)
    if folder is not None:
        if folder.is_dir():
            message = f"{uri} is a folder; give a file in it, for instance {uri}/coco.json"
            raise wrong_target(message)
        return str(folder.parent), folder.name
    parts = urlsplit(uri)
    path = PurePosixPath(parts.path)
    return urlunsplit(parts._replace(path=str(path.parent).rstrip("/"))), path.name
