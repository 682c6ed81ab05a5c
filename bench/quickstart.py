"""The pictures of the quickstart in README and docs, from the data set that it made.

    uv run python -m bench.quickstart outputs/quickstart

Writes docs/images/quickstart.jpg: `real` of the four runs, and below it other images and the labels
of the first; and docs/images/show.jpg: labels over a part of the first.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from orchestrator.dataset.dataset import DataSet
from scene.imaging.overlay import overlay

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SIDE, GAP, QUALITY = 300, 4, 75
PART = np.s_[120:300, 80:360]


def main(output: str) -> None:
    """Draw both pictures from the data set in `output`."""
    runs = list(DataSet.open(output).runs("succeeded"))
    first = runs[0]
    labels = first.picture(("outlines",), scale=1).pixels
    modes = [first.image(name) for name in ("categorical", "depth_map", "normal_map")]
    tiles = [run.image("real") for run in runs[:4]] + modes + [labels]
    sheet = Image.new("RGB", (4 * (SIDE + GAP) - GAP, 2 * SIDE + GAP), "white")
    for place, tile in enumerate(tiles):
        small = Image.fromarray(tile).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
        sheet.paste(small, (place % 4 * (SIDE + GAP), place // 4 * (SIDE + GAP)))
    sheet.save(IMAGES / "quickstart.jpg", quality=QUALITY)
    part = overlay(first.image("real")[PART], first.instances[PART], scale=3)
    Image.fromarray(part.pixels).save(IMAGES / "show.jpg", quality=QUALITY)


if __name__ == "__main__":
    main(sys.argv[1])
