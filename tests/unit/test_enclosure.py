"""Places in a measurement volume that is not a box."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from scene.prototypes.geometries.sphere import cube_sphere
from scene.specimen.distributions import UniformlyRandomLocationInMeasurementVolume
from scene.specimen.enclosure import Triangles, encloses
from scene.specimen.specimen import MeasurementVolume

BOX = (-4.0, 0.0, 10.0), (4.0, 2.0, 30.0)


def triangles(vertices: NDArray[np.float64], quads: NDArray[np.int64]) -> Triangles:
    split = quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)
    return tuple(tuple(map(tuple, corners)) for corners in vertices[split].tolist())


VERTICES, QUADS = cube_sphere(8)
BALL = triangles(VERTICES + 0.5, QUADS)


def test_points_are_even_over_the_part_of_the_box() -> None:
    volume = MeasurementVolume(*BOX, BALL)
    rng = np.random.default_rng(1)
    somewhere = UniformlyRandomLocationInMeasurementVolume()
    drawn = np.array([somewhere.sample(rng, volume) for _ in range(2000)])
    inside = (drawn - volume.lower) / volume.sides
    radius = 2 * np.linalg.norm(inside - 0.5, axis=1)
    assert radius.max() <= 1
    # Of a ball, the cubes of the radii are even between 0 and 1, and the halves alike.
    assert np.sort(radius**3) == pytest.approx((np.arange(2000) + 0.5) / 2000, abs=0.04)
    assert np.abs((inside > 0.5).mean(axis=0) - 0.5).max() < 0.04


@pytest.mark.parametrize("flipped", [False, True])
def test_a_surface_goes_round_what_is_inside_whichever_way_it_faces(flipped: bool) -> None:
    ball = tuple(corners[::-1] for corners in BALL) if flipped else BALL
    places = np.array(list(itertools.product((0.05, 0.2, 0.5, 0.8, 0.95), repeat=3)))
    found = [encloses(ball, place) for place in places]
    assert found == (np.linalg.norm(places - 0.5, axis=1) < 0.49).tolist()


def test_a_hole_is_outside() -> None:
    # A ring of eight boxes round the middle box.
    cube = np.array(list(itertools.product((0.0, 1.0), repeat=3))) / 3
    faces = np.array([(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4),
                      (1, 5, 7, 3)])  # fmt: skip
    ring = tuple(
        corners
        for x, y in itertools.product(range(3), repeat=2)
        if (x, y) != (1, 1)
        for corners in triangles(cube + np.array([x, y, 1]) / 3, faces)
    )
    assert not encloses(ring, np.array([0.5, 0.5, 0.5]))
    assert encloses(ring, np.array([0.2, 0.55, 0.5]))
    assert not encloses(ring, np.array([0.2, 0.55, 0.9]))


def test_a_volume_without_inside_is_an_error() -> None:
    flat = MeasurementVolume(*BOX, BALL[:1])
    with pytest.raises(ValueError, match="none of 10,000 points in the box round the measurement"):
        UniformlyRandomLocationInMeasurementVolume().sample(np.random.default_rng(1), flat)


def test_of_a_box_every_draw_counts() -> None:
    drawn = [
        UniformlyRandomLocationInMeasurementVolume().sample(
            np.random.default_rng(3), MeasurementVolume(*BOX)
        )
    ]
    assert drawn == [tuple(np.random.default_rng(3).uniform(*BOX).tolist())]
