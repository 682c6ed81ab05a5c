"""What the network learns of a label image."""

from __future__ import annotations

import numpy as np
import pytest

from tests.examples.detector.shapes import discs

pytestmark = pytest.mark.torch


def measured(labels: np.ndarray, row: float, column: float) -> np.ndarray:
    from examples.detector import targets

    places = (np.array([value], np.float32) for value in (row, column))
    return targets.distances_to_outline(
        labels, targets.boxes_of(labels), *places, targets.ray_directions()
    )[0]


@pytest.mark.parametrize("radius", [4, 20, 110])
def test_rays_end_at_the_outline(radius: int) -> None:
    labels = discs((260, 280), (130, 140, radius))
    # Pixels make steps of an outline, and a step along a ray is a 48th of the diameter.
    distances = measured(labels, 130, 140)
    assert distances == pytest.approx(radius, abs=0.7 + radius / 48)
    assert distances.mean() == pytest.approx(radius, abs=0.25 + radius / 100)


def test_rays_point_right_first_then_down() -> None:
    labels = discs((200, 200), (100, 100, 60))
    distances = measured(labels, 100, 130)
    assert distances[[0, 8, 16, 24]] == pytest.approx([30, 52, 90, 52], abs=2)


def test_what_lies_before_a_particle_cuts_nothing_out_of_it() -> None:
    labels = discs((200, 200), (100, 100, 60), (100, 130, 12))
    assert measured(labels, 100, 100)[0] == pytest.approx(60, abs=2)


def test_a_ray_ends_where_its_particle_is_covered_for_good() -> None:
    labels = discs((200, 200), (100, 100, 60), (100, 160, 30))
    assert measured(labels, 100, 100)[0] == pytest.approx(30, abs=2)


def test_no_particle_has_no_distance() -> None:
    assert not measured(discs((100, 100), (50, 50, 10)), 5, 5).any()


def test_a_place_at_the_border_of_the_image_is_measured() -> None:
    labels = discs((100, 100), (0, 0, 40))
    distances = measured(labels, 0, 0)
    assert distances[[0, 8]] == pytest.approx(40, abs=2)
    assert distances[[16, 24]] == pytest.approx(0.5, abs=0.51)


def test_centredness_is_one_in_the_middle_of_each_particle_and_falls_to_its_outline() -> None:
    from examples.detector.targets import centredness

    labels = discs((120, 200), (60, 60, 40), (60, 120, 20))
    inner = centredness(labels)
    assert (inner[60, 60], inner[60, 120]) == pytest.approx((1, 1), abs=0.03)
    assert inner[60, 80] == pytest.approx(0.5, abs=0.04)
    # Where two particles touch there is an outline, as against the ground.
    assert inner[60, 98:103].max() < 0.15
    assert not inner[labels == 0].any()
    assert (inner[labels > 0] > 0).all()


def test_an_image_without_particles_has_none() -> None:
    from examples.detector.targets import boxes_of, centredness

    empty = np.zeros((40, 50), np.uint16)
    assert not centredness(empty).any()
    assert boxes_of(empty).shape == (1, 4)
