"""Masks and outlines hold exactly the pixels of the instance image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from orchestrator.export.images import joined, masks, outlines

# numpy's, about the arrays that pycocotools decodes into
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

type Filled = Callable[..., NDArray[np.bool_]]

IMAGES = arrays.arrays(
    np.uint16,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.sampled_from([0, 1, 2, 700, 65535]),
)


@given(instances=IMAGES)
def test_masks_and_outlines_are_the_pixels(filled: Filled, instances: NDArray[np.uint16]) -> None:
    rest = instances.copy()
    for mask in masks(instances):
        rle = mask.rle | {"counts": mask.rle["counts"].encode()}
        pixels = coco_mask.decode(rle).astype(bool)
        assert (pixels == (instances == mask.particle_id)).all()
        ys, xs = np.nonzero(pixels)
        size = (xs.max() - xs.min() + 1, ys.max() - ys.min() + 1)
        assert mask.bbox == (xs.min(), ys.min(), *size)
        assert mask.area == pixels.sum()
        outline = joined(outlines(instances, mask))
        assert len(outline) >= 3
        assert (filled(outline, instances.shape) == pixels).all()
        rest[pixels] = 0
    assert not rest.any()


def test_a_ring_around_another_and_a_part_far_away_are_one_outline(filled: Filled) -> None:
    instances = np.zeros((40, 40), np.uint16)
    instances[2:20, 2:20] = 3
    instances[6:14, 6:14] = 4
    instances[30:35, 30:38] = 3
    ring, _ = masks(instances)
    parts = outlines(instances, ring)
    assert len(parts) == 3
    outline = joined(parts)
    assert (filled(outline, (40, 40)) == (instances == 3)).all()
    assert len(outline) < 40, "straight edges need no points between their ends"
