"""YOLO: an image and a text file of outlines for each run, as Ultralytics reads them."""

from __future__ import annotations

from collections.abc import Set
from pathlib import PurePosixPath
from typing import Any, ClassVar, final, override

import numpy as np
import yaml

from orchestrator.dataset.reading import RUN_ID
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import Storage
from orchestrator.export.base import Format, Outcome, claimed, remember, remove_litter
from orchestrator.export.images import joined, masks, outlines, read_instances
from orchestrator.export.records import INSTANCES, Record
from orchestrator.export.shards import check_exported

_HEADER = "# Made by Blendsweep. Folders are relative to the one that this file is in.\n"
_NO_VALIDATION = "# No split `val` was asked for; Ultralytics insists on one.\n"


@final
class Yolo(Format):
    """``images/<split>``, ``labels/<split>`` and ``data.yaml``."""

    name: ClassVar[str] = "yolo"
    # Keys of data.yaml that mean something else.
    reserved: ClassVar[Set[str]] = frozenset({"names", "nc", "path", "download", "channels"})

    @override
    def export(self) -> Outcome:
        """Write label and image of each run that is not there, and ``data.yaml``."""
        source, outcome = self.source, Outcome(files=["data.yaml"])
        target = open_storage(self.options.to)
        settings = {"format": self.name, "split": str(source.splits), "image": source.image}
        with claimed(target, settings) as found:
            # A class keeps its number when others come.
            old = found.get("classes", [])
            classes = [*old, *(name for name in source.blueprints if name not in old)]
            if classes != old:
                remember(target, found | {"classes": classes})
            missing = {}
            for split in source.splits:
                ids = source.ids_of(split)
                # The label goes first: an image that is there has one.
                images = remove_litter(target, f"images/{split}")
                remove_litter(target, f"labels/{split}")
                present = np.array([PurePosixPath(name).stem for name in images], RUN_ID)
                check_exported(present, ids, target)
                missing[split] = ids[~np.isin(ids, present)]
                outcome.new[split] = len(missing[split])
                outcome.before[split] = len(present)
                self.progress.expect(len(missing[split]))
            numbers = {name: number for number, name in enumerate(classes)}
            for split, ids in missing.items():
                for record in source.records(ids, [source.image, INSTANCES]):
                    self._write(target, split, record, numbers)
                    self.progress.advance()
            target.write_file("data.yaml", self._description(classes).encode())
        return outcome

    def _write(self, target: Storage, split: str, record: Record, classes: dict[str, int]) -> None:
        image = self.source.has(record, self.source.image)
        data = self.source.read(record, self.source.image)
        instances = read_instances(self.source, record)
        height, width = instances.shape
        blueprints = {
            particle["particle_id"]: particle["blueprint"]
            for particle in record.particles(["particle_id", "blueprint"])
        }
        digits = len(str(max(width, height))) + 2  # to a hundredth of a pixel
        lines = []
        for mask in masks(instances):
            outline = joined(outlines(instances, mask)) / (width, height)
            points = " ".join(f"{value:.{digits}f}" for value in outline.ravel().tolist())
            lines.append(f"{classes[blueprints[mask.particle_id]]} {points}\n")
        target.write_file(f"labels/{split}/{record.run_id}.txt", "".join(lines).encode())
        target.write_file(f"images/{split}/{record.run_id}{image.suffix}", data)

    def _description(self, classes: list[str]) -> str:
        names = list(self.source.splits)
        content: dict[str, Any] = {name: f"images/{name}" for name in names}
        header = _HEADER
        if "train" not in content:
            content = {"train": content[names[0]]} | content
        if "val" not in content:
            content["val"] = content["train"]
            header += _NO_VALIDATION
        content["names"] = dict(enumerate(classes))
        return header + yaml.safe_dump(content, sort_keys=False)
