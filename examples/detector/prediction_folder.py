"""Folders that commands write into: whose they are, and the predictions in them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from examples.detector.errors import DetectorError
from examples.detector.micrographs import write_labels
from examples.detector.prediction import Prediction

_CLAIM = ".detector.json"
_COLUMNS = ("label", "x_px", "y_px", "diameter_px", "score")


def claim(folder: Path, content: str) -> None:
    """Make a folder that is to hold something, or go on with one that does.

    Raises
    ------
    DetectorError
        If it holds something else.
    """
    held = None
    try:
        held = json.loads((folder / _CLAIM).read_text(encoding="utf-8"))["holds"]
    except NotADirectoryError:
        raise DetectorError(f"{folder} is a file; give a folder") from None
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        if folder.is_dir() and (others := sorted(path.name for path in folder.iterdir())):
            raise DetectorError(
                f"{folder} holds something else ({others[0]}); give a new folder"
            ) from None
    if held not in (None, content):
        raise DetectorError(f"{folder} holds {held}, not {content}; give another folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _CLAIM).write_text(json.dumps({"holds": content}) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class PredictionFolder:
    """A folder with a label image and a table of particles for each micrograph.

    Parameters
    ----------
    path
        The folder.
    """

    path: Path

    def write(self, predictions: Iterable[tuple[str, Prediction]]) -> int:
        """Write predictions as they come, each with its micrograph's stem, and count the particles.

        ``STEM.png`` is the label image, ``STEM.csv`` has a row for each particle: where its centre
        is in px, x to the right and y down from the centre of the first pixel, the diameter of the
        circle of the same area in px, and the score.
        """
        number = 0
        for stem, prediction in predictions:
            write_labels(self.path / f"{stem}.png", prediction.labels)
            with (self.path / f"{stem}.csv").open("w", newline="", encoding="utf-8") as file:
                table = csv.writer(file)
                table.writerow(_COLUMNS)
                for row in _rows(prediction):
                    table.writerow(row)
                    number += 1
        return number


def _rows(prediction: Prediction) -> Iterator[list[str]]:
    labels = np.arange(1, len(prediction.scores) + 1)
    areas = np.bincount(prediction.labels.ravel(), minlength=len(labels) + 1)[1:]
    centres = ndimage.center_of_mass(prediction.labels > 0, prediction.labels, labels[areas > 0])
    for label, (y, x) in zip(labels[areas > 0], centres, strict=True):
        diameter, score = 2 * np.sqrt(areas[label - 1] / np.pi), prediction.scores[label - 1]
        yield [f"{label}", f"{x:.2f}", f"{y:.2f}", f"{diameter:.2f}", f"{score:.4f}"]
