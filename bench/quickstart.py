"""The pictures of the quickstart in README and docs, from the data set that it made.

    uv run python -m bench.quickstart outputs/quickstart

Writes docs/images/quickstart.jpg: `real` of the four runs, and below it other images and the labels
of the first; and docs/images/show.jpg: labels over a part of the first.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from orchestrator.dataset.reading import manifest_rows
from orchestrator.dataset.storage.opening import open_storage
from scene.imaging.overlay import overlay

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SIDE, GAP, QUALITY = 300, 4, 75
PART = np.s_[120:300, 80:360]


def main(output: str) -> None:
    """Draw both pictures from the data set in `output`."""
    rows = sorted(
        manifest_rows(open_storage(output), ["run_id", "index"]), key=lambda row: row["index"]
    )
    runs = [Path(output, "runs", row["run_id"]) for row in rows]
    first = {name: pixels(runs[0], name) for name in ("real", "instances")}
    labels = overlay(first["real"], first["instances"], ("outlines",), 1).pixels
    modes = [pixels(runs[0], name) for name in ("categorical", "depth_map", "normal_map")]
    tiles = [pixels(run, "real") for run in runs[:4]] + modes + [labels]
    sheet = Image.new("RGB", (4 * (SIDE + GAP) - GAP, 2 * SIDE + GAP), "white")
    for place, tile in enumerate(tiles):
        small = Image.fromarray(tile).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
        sheet.paste(small, (place % 4 * (SIDE + GAP), place // 4 * (SIDE + GAP)))
    sheet.save(IMAGES / "quickstart.jpg", quality=QUALITY)
    part = overlay(first["real"][PART], first["instances"][PART], scale=3)
    Image.fromarray(part.pixels).save(IMAGES / "show.jpg", quality=QUALITY)


def pixels(run: Path, name: str) -> NDArray[Any]:
    """Return an image of a run."""
    with Image.open(run / f"{name}.png") as image:
        return np.asarray(image)


if __name__ == "__main__":
    main(sys.argv[1])
