"""Folders of label images against each other: which belong together, the scores as a table."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from examples.detector.errors import DetectorError
from examples.detector.micrographs import (
    LABEL_SUFFIXES,
    Labels,
    check_same_size,
    read_labels,
    stems,
    stems_if_there,
)
from examples.detector.progress import shown
from examples.detector.scores import Judged, Scores, SizeClass, by_size, judge, pooled

_KIND = "detector evaluation"
_BRIEF = ("ap50", "ap75", "f1", "count_error", "mean_d_error", "matched_d_error")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Predictions for some micrographs, judged.

    Parameters
    ----------
    judged
        Each micrograph by its stem.
    min_diameter
        Annotated particles below are not judged, in px.
    missing
        Micrographs without a prediction, which count as ones where nothing was found.
    """

    judged: Mapping[str, Judged]
    min_diameter: float
    missing: tuple[str, ...] = ()

    def lines(self, *, per_image: bool = False) -> Iterator[str]:
        """Yield the figures as people read them."""
        for stem in self.missing:
            yield f"{stem} has no prediction: it counts as an image where nothing was found"
        if per_image:
            for stem, one in self.judged.items():
                scores = pooled([one])
                some = ", ".join(f"{_name(key)} {getattr(scores, key):.3f}" for key in _BRIEF)
                yield f"{stem}: {scores.found} found of {scores.true}, {some}"
        everything = list(self.judged.values())
        scores = pooled(everything)
        yield f"all {scores.images} images: {scores.found} found of {scores.true}"
        for key, figure in asdict(scores).items():
            if isinstance(figure, float):
                yield f"{_name(key):18}{figure:7.3f}"
        yield "diameter in px    true  found  recall  precision"
        for size in by_size(everything):
            if size.true or size.found:
                upper = f"to {size.high:g}" if math.isfinite(size.high) else "or more"
                name = f"{size.low:g} {upper}"
                numbers = f"{size.true:6d} {size.found:6d}"
                yield f"{name:16}{numbers}  {size.recall:6.3f}  {size.precision:9.3f}"

    def as_json(self) -> dict[str, Any]:
        """Return the figures for programs; null where there is nothing to measure."""
        everything = list(self.judged.values())
        return {
            "kind": _KIND,
            "min_diameter": self.min_diameter,
            "missing": list(self.missing),
            "all": _figures(pooled(everything)),
            "by_size": [_figures(size) for size in by_size(everything)],
            "images": {stem: _figures(pooled([one])) for stem, one in self.judged.items()},
        }

    def write(self, path: Path) -> None:
        """Write the figures to a JSON file, new or of an evaluation.

        Raises
        ------
        DetectorError
            If the file holds something else.
        """
        check_json_target(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=1) + "\n", encoding="utf-8")


def check_json_target(path: Path) -> None:
    """Refuse to write over what no evaluation has written.

    Raises
    ------
    DetectorError
        If the file holds something else.
    """
    try:
        ours = json.loads(path.read_text(encoding="utf-8"))["kind"] == _KIND
    except FileNotFoundError:
        return
    except (OSError, ValueError, TypeError, KeyError):
        ours = False
    if not ours:
        raise DetectorError(f"{path} holds something that is not an evaluation; give a new file")


@dataclass(frozen=True, slots=True)
class Compared:
    """Annotated and found label images that belong together, as files by stem.

    Parameters
    ----------
    true, found, ignored
        What is annotated, what was found, and what must not be judged: all that is not 0.
    """

    true: Mapping[str, Path]
    found: Mapping[str, Path]
    ignored: Mapping[str, Path]

    @classmethod
    def in_folders(cls, true: Path, predicted: Path) -> Compared:
        """Find what belongs together.

        Parameters
        ----------
        true
            A folder of label images, or one with ``masks`` in it; there may be a folder ``ignore``
            beside them.
        predicted
            A folder of label images of the same stems.

        Raises
        ------
        DetectorError
            If a folder or file can't be used, one differs in size, or no stem is in both folders.
        """
        masks = true / "masks" if (true / "masks").is_dir() else true
        found = cls(
            stems(masks, LABEL_SUFFIXES),
            stems(predicted, LABEL_SUFFIXES),
            stems_if_there(masks.parent / "ignore", LABEL_SUFFIXES),
        )
        if not found.true.keys() & found.found.keys():
            raise DetectorError(
                f"{predicted} holds no prediction for any image of {masks}: "
                f"{next(iter(found.true))} should have one of the same name"
            )
        for stem, file in found.true.items():
            others = (files[stem] for files in (found.found, found.ignored) if stem in files)
            check_same_size(file, *others)
        return found

    def read(self, stem: str) -> tuple[Labels, Labels, NDArray[np.bool_] | None]:
        """Return the annotated and the found labels of a micrograph, and what is not judged."""
        true = read_labels(self.true[stem])
        found = read_labels(self.found[stem]) if stem in self.found else np.zeros_like(true)
        ignore = read_labels(self.ignored[stem]) > 0 if stem in self.ignored else None
        return true, found, ignore


def evaluate(true: Path, predicted: Path, min_diameter: float = 8.0) -> Evaluation:
    """Judge a folder of predicted label images.

    Parameters
    ----------
    true, predicted
        As for `Compared.in_folders`.
    min_diameter
        Annotated particles below are not judged, in px.

    Raises
    ------
    DetectorError
        As by `Compared.in_folders`.
    """
    files = Compared.in_folders(true, predicted)
    judged = {
        stem: judge(*files.read(stem), min_diameter=min_diameter)
        for stem in shown(files.true, "evaluate")
    }
    missing = tuple(stem for stem in files.true if stem not in files.found)
    return Evaluation(judged, min_diameter, missing)


def _name(key: str) -> str:
    return key.replace("ap", "AP").replace("f1", "F1").replace("50_95", "50-95").replace("_", " ")


def _figures(figures: Scores | SizeClass) -> dict[str, float | None]:
    return {k: v if math.isfinite(v) else None for k, v in asdict(figures).items()}
