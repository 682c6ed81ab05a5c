"""Exports of a data set for training. A new format is a file here and a line in `FORMATS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.export.base import Format


def _coco() -> type[Format]:
    from orchestrator.export.coco import Coco

    return Coco


def _yolo() -> type[Format]:
    from orchestrator.export.yolo import Yolo

    return Yolo


def _webdataset() -> type[Format]:
    from orchestrator.export.webdataset import WebDataset

    return WebDataset


def _hf() -> type[Format]:
    from orchestrator.export.hf import HuggingFace

    return HuggingFace


FORMATS: Mapping[str, Callable[[], type[Format]]] = {
    "coco": _coco,
    "yolo": _yolo,
    "webdataset": _webdataset,
    "hf": _hf,
}
"""Format name to what loads its class."""
