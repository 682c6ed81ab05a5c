"""Exports of a data set for training. A new format is a file here and a line in `FORMATS`."""

FORMATS = {
    "coco": "orchestrator.export.coco:Coco",
    "yolo": "orchestrator.export.yolo:Yolo",
    "webdataset": "orchestrator.export.webdataset:WebDataset",
    "hf": "orchestrator.export.hf:HuggingFace",
}
"""Format name to its class, which is loaded once it is asked for."""
