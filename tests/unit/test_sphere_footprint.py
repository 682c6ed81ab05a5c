"""Footprints of spheres against a slow and obvious intersection of every pixel's ray."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from scene.imaging.footprint import Footprint
from scene.imaging.sphere_footprint import sphere_footprints

WIDTH, HEIGHT = 11, 9
BEGIN, END = 2.0, 40.0
SHIFT = 0.3
"""By how much the image is shifted to the right, as a fraction of half its width."""

# A camera at the origin looks along -z, on an image as wide as it is high at a distance of 1, or
# 10 wide wherever it is.
DEPTHS = {
    "PERSP": [
        [0.0, 0.0, -(END + BEGIN) / (END - BEGIN), -2 * END * BEGIN / (END - BEGIN)],
        [0, 0, -1, 0],
    ],
    "ORTHO": [[0.0, 0.0, -2 / (END - BEGIN), -(END + BEGIN) / (END - BEGIN)], [0, 0, 0, 1]],
}
PROJECTIONS = {
    "PERSP": np.array([[2, 0, SHIFT, 0], [0, 2, 0, 0], *DEPTHS["PERSP"]]),
    "ORTHO": np.array([[0.2, 0, 0, -SHIFT], [0, 0.2, 0, 0], *DEPTHS["ORTHO"]]),
}
TO_FRAME = np.array(
    [[WIDTH / 2, 0, 0, WIDTH / 2], [0, -HEIGHT / 2, 0, HEIGHT / 2], [0, 0, 1, 0], [0, 0, 0, 1]]
)

places = st.tuples(
    st.floats(-25.0, 25.0), st.floats(-25.0, 25.0), st.floats(-50.0, 10.0), st.floats(0.1, 15.0)
)


def footprint(kind: str, *spheres: tuple[float, ...]) -> list[Footprint]:
    table = np.array(spheres)
    to_pixels = TO_FRAME @ PROJECTIONS[kind]
    return list(sphere_footprints(to_pixels, table[:, :3], table[:, 3], WIDTH, HEIGHT))


def whole(found: Footprint) -> NDArray[np.bool_]:
    image = np.zeros((HEIGHT, WIDTH), dtype=bool)
    height, width = found.mask.shape
    image[found.top : found.top + height, found.left : found.left + width] = found.mask
    return image


def cast(kind: str, sphere: tuple[float, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which pixels' rays meet the near side between the planes, and which are undecided."""
    *centre, radius = sphere
    met, unsure = np.zeros((2, HEIGHT, WIDTH), dtype=bool)
    for row, column in np.ndindex(HEIGHT, WIDTH):
        x, y = 2 * (column + 0.5) / WIDTH - 1 + SHIFT, 1 - 2 * (row + 0.5) / HEIGHT
        if kind == "PERSP":
            origin, along = np.zeros(3), np.array([x / 2, y / 2, -1.0])
        else:
            origin, along = np.array([5 * x, 5 * y, 0.0]), np.array([0.0, 0.0, -1.0])
        away = origin - centre
        a, b, c = along @ along, along @ away, away @ away - radius**2
        inside = b * b - a * c
        depth = (-b - np.sqrt(max(inside, 0.0))) / a
        met[row, column] = inside >= 0 and BEGIN <= depth <= END
        edges = (inside, depth - BEGIN, depth - END)
        unsure[row, column] = min(map(abs, edges)) < 1e-7
    return met, unsure


@pytest.mark.parametrize("kind", PROJECTIONS)
@given(sphere=places)
@example(sphere=(0.0, 0.0, -20.0, 4.0))
@example(sphere=(0.0, 0.0, -38.0, 4.0))  # its near side lies before the far plane
@example(sphere=(0.0, 0.0, -5.0, 4.0))  # across the near plane
@example(sphere=(0.0, 0.0, -1.0, 4.0))  # the camera is inside
@example(sphere=(3.0, 0.0, -1.0, 2.5))  # beside the camera, across its plane
@example(sphere=(0.0, 0.0, 8.0, 4.0))  # behind the camera
def test_a_pixel_is_covered_where_its_ray_meets_the_sphere(
    kind: str, sphere: tuple[float, ...]
) -> None:
    *centre, radius = sphere
    assume(abs(np.hypot.reduce(centre) - radius) > 1e-6)  # a camera in the surface
    met, unsure = cast(kind, sphere)
    (found,) = footprint(kind, sphere)
    np.testing.assert_array_equal(whole(found)[~unsure], met[~unsure])


@pytest.mark.parametrize("kind", PROJECTIONS)
def test_a_mask_is_hardly_larger_than_the_sphere(kind: str) -> None:
    (found,) = footprint(kind, (-2.0, 1.0, -10.0, 1.0))
    assert found.mask.any()
    assert max(found.mask.shape) <= 3 + 4
    for beyond in footprint(kind, (30.0, 0.0, -10.0, 1.0), (0.0, -30.0, -10.0, 1.0)):
        assert beyond.mask.size == 0


def test_a_stretched_space_makes_ellipsoids_of_spheres() -> None:
    stretched = TO_FRAME @ PROJECTIONS["ORTHO"] @ np.diag([2.0, 1.0, 1.0, 1.0])
    (found,) = sphere_footprints(
        stretched, np.array([[0.5, 0.0, -9.0]]), np.array([2.0]), WIDTH, HEIGHT
    )
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    x, y = 5 * (2 * x / WIDTH - 1 + SHIFT), 5 * (1 - 2 * y / HEIGHT)
    np.testing.assert_array_equal(whole(found), (x - 1.0) ** 2 / 16 + y**2 / 4 <= 1)


def test_memory_does_not_grow_with_the_area_of_all_spheres() -> None:
    # 40 discs of 1,600 pixels in a frame of 4,096 x 4,096: all masks together are 100 MB.
    to_pixels = np.array([[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1e-4, 0], [0, 0, 0, 1.0]])
    centres = np.random.default_rng(5).uniform(800.0, 3296.0, (40, 3)) * (1, -1, 1)
    tracemalloc.start()
    try:
        pixels = [
            int(found.mask.sum())
            for found in sphere_footprints(to_pixels, centres, np.full(40, 800.0), 4096, 4096)
        ]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(pixels, np.pi * 800.0**2, rtol=1e-3)
    assert most < 40 * 2**20


@pytest.mark.parametrize("kind", PROJECTIONS)
def test_a_sphere_larger_than_what_is_decided_at_once_is_whole(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    spheres = [(1.0, y, -20.0, 6.0) for y in (-3.0, 0.0, 4.0)]
    together = footprint(kind, *spheres)
    monkeypatch.setattr("scene.imaging.sphere_footprint._MOST_PIXELS", 13)
    for one, other in zip(together, footprint(kind, *spheres), strict=True):
        assert one.mask.any()
        np.testing.assert_array_equal(whole(one), whole(other))
