"""Masks and outlines hold exactly the pixels of the instance image."""

from __future__ import annotations

import math
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from orchestrator.export.masks import joined, masks, outlines

# numpy's, about the arrays that pycocotools decodes into
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

type Filled = Callable[..., NDArray[np.bool_]]


type Painted = Callable[..., list[NDArray[np.bool_]]]

IMAGES = arrays.arrays(
    np.uint16,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.sampled_from([0, 1, 2, 700, 65535]),
)


@given(instances=IMAGES)
def test_masks_and_outlines_are_the_pixels(
    filled: Filled, painted: Painted, instances: NDArray[np.uint16]
) -> None:
    rest = instances.copy()
    for mask in masks(instances):
        rle = mask.rle | {"counts": mask.rle["counts"].encode()}
        pixels = coco_mask.decode(rle).astype(bool)
        assert (pixels == (instances == mask.particle_id)).all()
        ys, xs = np.nonzero(pixels)
        size = (xs.max() - xs.min() + 1, ys.max() - ys.min() + 1)
        assert mask.bbox == (xs.min(), ys.min(), *size)
        assert mask.area == pixels.sum()
        rings = outlines(instances, mask)
        outline = joined(rings)
        assert len(outline) >= 3
        assert (filled(outline, instances.shape) == pixels).all()
        for shown in painted(outline, instances.shape):
            assert shown[pixels].all()
            assert len(rings) > 1 or (shown == pixels).all()
        rest[pixels] = 0
    assert not rest.any()


def test_a_ring_around_another_and_a_part_far_away_are_one_outline(
    filled: Filled, painted: Painted
) -> None:
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
    for shown in painted(outline, (40, 40)):
        bridge = shown & (instances != 3)
        assert bridge.sum() == 10, "a line one pixel wide to the part far away"
        assert shown[instances == 3].all()


@pytest.mark.parametrize("count", [255, 256, 257, 600, 65535])
def test_as_many_particles_as_an_image_can_hold(filled: Filled, count: int) -> None:
    size = 2 * math.ceil(math.sqrt(count))
    blocks = np.arange(1, size * size // 4 + 1).reshape(size // 2, size // 2)
    instances = np.kron(np.where(blocks <= count, blocks, 0), np.ones((2, 2))).astype(np.uint16)
    start = time.process_time()
    found = list(masks(instances))
    assert [mask.particle_id for mask in found] == [*range(1, count + 1)]
    assert {mask.area for mask in found} == {4}
    for mask in found[:: max(1, count // 100)]:
        y, x = np.argwhere(instances == mask.particle_id)[0]
        assert mask.bbox == (x, y, 2, 2)
        assert (filled(joined(outlines(instances, mask)), (size, size)).sum()) == 4
    assert time.process_time() - start < 60


def test_many_parts_are_joined_in_bounded_time_and_memory() -> None:
    instances = np.zeros((100, 100), np.uint16)
    instances[::2, ::2] = 1  # 2,500 parts
    (mask,) = masks(instances)
    tracemalloc.start()
    outline = joined(outlines(instances, mask))
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    assert {tuple(corner) for corner in np.floor(outline)} >= set(
        map(tuple, np.argwhere(instances))
    )
