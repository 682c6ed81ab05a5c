"""Data sets as the detector reads them: runs that succeeded, in gray."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import blendsweep as bs
from examples.detector.errors import DetectorError


def succeeded(output: str | Path) -> list[bs.RecordedRun]:
    """Return the runs of a data set that have images.

    Raises
    ------
    BlendsweepError
        If there is no such data set, or no run of it succeeded.
    """
    data = bs.open_dataset(output)
    runs = list(data.runs(status="succeeded"))
    if not runs:
        raise DetectorError(f"{data.uri} holds no run that succeeded")
    return runs


def place(runs: Sequence[bs.RecordedRun]) -> str:
    """Return where runs of one data set lie: a folder, or a URI without credentials."""
    return runs[0].storage.public_uri


def gray(run: bs.RecordedRun) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return a run's image `real`, (height, width).

    Raises
    ------
    BlendsweepError
        If it has none, or one in colour.
    """
    image = run.image("real")
    if image.ndim != 2:
        raise DetectorError(
            f"run {run.run_id} in {run.place} is in colour; a detector needs gray images"
        )
    return image
