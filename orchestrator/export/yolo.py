"""YOLO: an image and a text file of outlines for each run, as Ultralytics reads them."""

from __future__ import annotations

from collections.abc import Set
from pathlib import PurePosixPath
from typing import Any, ClassVar, final, override

import numpy as np
import yaml

from orchestrator.dataset.run_files import INSTANCES
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import Storage, without_litter
from orchestrator.dataset.tables import RUN_ID
from orchestrator.export.base import Format, Written
from orchestrator.export.claims import claimed, remember
from orchestrator.export.masks import joined, masks, outlines, read_instances
from orchestrator.export.source import Example

SCALE = "pixel_sizes.csv"
"""Table of the pixel size of each image, where they differ."""

_HEADER = "# Made by Blendsweep. Folders are relative to the one that this file is in.\n"
_NO_VALIDATION = "# No split `val` was asked for; Ultralytics insists on one.\n"


@final
class Yolo(Format):
    """``images/<split>``, ``labels/<split>`` and ``data.yaml``."""

    name: ClassVar[str] = "yolo"
    # Keys of data.yaml that mean something else.
    reserved: ClassVar[Set[str]] = frozenset(
        {"names", "nc", "path", "download", "channels", "pixel_size_nm"}
    )

    @override
    def export(self) -> Written:
        """Write label and image of each run that is not there, and ``data.yaml``."""
        source, written = self.source, Written(files=["data.yaml"])
        target = open_storage(self.options.to)
        with claimed(target, self.settings) as found:
            # A class keeps its number when others come.
            old = found.get("classes", [])
            classes = [*old, *(name for name in source.blueprints if name not in old)]
            if classes != old:
                remember(target, found | {"classes": classes})
            missing = {}
            for split in source.splits:
                # The label goes first: an image that is there has one.
                images = without_litter(target, f"images/{split}")
                without_litter(target, f"labels/{split}")
                present = np.array([PurePosixPath(name).stem for name in images], RUN_ID)
                missing[split] = self.missing(target, split, present, written)
            numbers = {name: number for number, name in enumerate(classes)}
            for split, ids in missing.items():
                for example in source.examples(ids, [source.image, INSTANCES]):
                    self._write(target, split, example, numbers)
                    self.counter.advance()
            scale = self._scale(target, written)
            target.write_file("data.yaml", self._description(classes, scale).encode())
        return written

    def _write(
        self, target: Storage, split: str, example: Example, classes: dict[str, int]
    ) -> None:
        run_id, image = example.run.run_id, self.source.image
        data, suffix = example.read(image), PurePosixPath(example.image(image).path).suffix
        instances = read_instances(example)
        height, width = instances.shape
        blueprints = {
            particle["particle_id"]: particle["blueprint"]
            for particle in example.particles(["particle_id", "blueprint"])
        }
        digits = len(str(max(width, height))) + 2  # to a hundredth of a pixel
        lines = []
        for mask in masks(instances):
            outline = joined(outlines(instances, mask)) / (width, height)
            points = " ".join(f"{value:.{digits}f}" for value in outline.ravel().tolist())
            lines.append(f"{classes[blueprints[mask.particle_id]]} {points}\n")
        target.write_file(f"labels/{split}/{run_id}.txt", "".join(lines).encode())
        target.write_file(f"images/{split}/{run_id}{suffix}", data)

    def _scale(self, target: Storage, written: Written) -> float | None:
        """Return the side of a pixel in nm if all images have the same one.

        Else `SCALE` says it for each image, if there is any that has one.
        """
        known = self.source.pixel_sizes()
        images = [
            f"images/{split}/{name}"
            for split in self.source.splits
            for name in target.list(f"images/{split}")
        ]
        sizes = [known.get(PurePosixPath(image).stem) for image in images]
        if len({*sizes}) == 1 or not known:
            return sizes[0] if sizes else None
        rows = (
            f"{image},{'' if n is None else n}\n" for image, n in zip(images, sizes, strict=True)
        )
        target.write_file(SCALE, f"image,pixel_size_nm\n{''.join(rows)}".encode())
        written.files.append(SCALE)
        return None

    def _description(self, classes: list[str], pixel_size_nm: float | None) -> str:
        names = list(self.source.splits)
        content: dict[str, Any] = {name: f"images/{name}" for name in names}
        header = _HEADER
        if "train" not in content:
            content = {"train": content[names[0]]} | content
        if "val" not in content:
            content["val"] = content["train"]
            header += _NO_VALIDATION
        content["names"] = dict(enumerate(classes))
        if pixel_size_nm is not None:
            content["pixel_size_nm"] = pixel_size_nm
        return header + yaml.safe_dump(content, sort_keys=False)
