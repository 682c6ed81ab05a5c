"""The vector of all statistics, and how far two sets of images are apart by it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import blendsweep.statistics as public
from orchestrator.statistics.comparison import compare, density_and_coverage, wasserstein
from orchestrator.statistics.summary import NAMES, STATISTICS, Summary, summary
from tests.standins.micrographs import eight_bit, micrograph, noise

numbers = arrays(np.float64, st.integers(1, 6), elements=st.floats(-5, 5))


def test_a_summary_names_every_statistic() -> None:
    found = summary(micrograph())
    assert tuple(found) == NAMES
    assert len(set(NAMES)) == len(NAMES) == len(found.vector)
    assert np.isfinite(found.vector).all()
    assert found["noise_along"] == pytest.approx(0.3, abs=0.1)
    with pytest.raises(KeyError):
        found["nothing"]


def test_a_summary_is_the_same_each_time() -> None:
    image = micrograph()
    assert summary(image).vector.tobytes() == summary(image.copy()).vector.tobytes()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((32, 32), dtype=np.uint8),
        np.full((64, 200), 255, dtype=np.uint16),
        np.tile(np.arange(256, dtype=np.uint8), (40, 1)),
        eight_bit(120 + 40 * noise((33, 47))),
    ],
)
def test_images_without_particles_have_a_summary_too(image: np.ndarray) -> None:
    """Without a warning; what can't be measured is NaN, and never infinite."""
    assert not np.isinf(summary(image).vector).any()


def test_all_that_is_public_is_described() -> None:
    assert all(getattr(public, name) is not None for name in public.__all__)
    for name in public.__all__:
        thing = getattr(public, name)
        if callable(thing):
            assert thing.__doc__, name
    assert all(statistic.words and statistic.step > 0 for statistic in STATISTICS)


@given(one=numbers, other=numbers)
def test_the_distance_is_how_far_values_are_moved(one: np.ndarray, other: np.ndarray) -> None:
    """Against the sorted values of samples blown up to one size."""
    size = len(one) * len(other)
    expected = np.abs(
        np.sort(np.repeat(one, size // len(one))) - np.sort(np.repeat(other, size // len(other)))
    ).mean()
    assert wasserstein(one, other) == pytest.approx(expected, abs=1e-9)


def test_density_and_coverage_by_hand() -> None:
    """On a line: balls of the nearest neighbour around 0, 1 and 3 reach 1, 1 and 2 far."""
    reference, others = np.array([[0.0], [1], [3]]), np.array([[0.5], [9.0]])
    assert density_and_coverage(reference, others, 1) == (1.0, pytest.approx(2 / 3))
    assert density_and_coverage(reference, reference + 100, 1) == (0, 0)
    with pytest.raises(ValueError, match="from 1 to 2 neighbours for 3 points, not 3"):
        density_and_coverage(reference, others, 3)


def test_two_samples_of_the_same_have_a_density_near_1_and_cover_each_other() -> None:
    rng = np.random.default_rng(3)
    density, coverage = density_and_coverage(
        rng.standard_normal((300, 3)), rng.standard_normal((300, 3)), 5
    )
    assert density == pytest.approx(1, abs=0.15)
    assert coverage > 0.9


def made(changed: str, by: float, count: int = 8) -> list[Summary]:
    rng = np.random.default_rng(7)
    base = np.array([2.0 for _ in STATISTICS])
    vectors = base + 0.01 * rng.standard_normal((count, len(base)))
    vectors[:, NAMES.index(changed)] += by
    return [Summary(vector) for vector in vectors]


def test_the_statistic_that_differs_most_comes_first() -> None:
    found = compare(made("noise", 0), made("noise", 3))
    first, second = found.differences[:2]
    assert first.statistic.name == "noise"
    assert (first.reference, first.others) == pytest.approx((2, 5), abs=0.02)
    assert first.distance == pytest.approx(np.log(2.5) / first.scale, rel=0.05)
    assert second.distance < 0.2
    assert (found.density, found.coverage, found.neighbours) == (0, 0, 2)
    assert compare(made("noise", 0, 30), made("noise", 3)).neighbours == 5


def test_sets_that_are_alike() -> None:
    found = compare(made("noise", 0), made("noise", 0)[::-1])
    assert found.differences[0].distance == pytest.approx(0, abs=1e-12)
    assert found.coverage == 1
    assert len(found.used) == len(NAMES)


def test_what_some_images_lack_is_compared_of_the_others() -> None:
    one, other = made("noise", 0), made("rim", 0)
    one[0].vector[NAMES.index("rim")] = np.nan
    for summary_ in other:
        summary_.vector[NAMES.index("beside")] = np.nan
    found = compare(one, other)
    compared = {difference.statistic.name for difference in found.differences}
    assert compared == set(NAMES) - {"beside"}
    assert set(found.used) == set(NAMES) - {"beside", "rim"}


def test_two_images_are_too_few_for_density() -> None:
    found = compare(made("noise", 0, 2), made("noise", 0))
    assert found.neighbours == 0
    assert np.isnan(found.density)
    assert len(found.differences) == len(NAMES)
    with pytest.raises(ValueError, match="at least one image"):
        compare([], made("noise", 0))
