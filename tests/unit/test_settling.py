"""Spheres that settle: in the box, apart, held by others, and everywhere the same to the bit."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from scene.errors import SimulationError
from scene.specimen.settling import close_pairs, settled
from scene.specimen.specimen import MeasurementVolume

VOLUME = MeasurementVolume((-60.0, -60.0, 0.0), (60.0, 60.0, 51.2))
DEEPEST = 0.002

type Points = NDArray[np.float64]


def spheres(number: int, seed: int = 0, radii: tuple[float, float] = (2.5, 3.5)) -> list[Points]:
    """Return centres anywhere in the volume and radii whose logarithms are evenly distributed."""
    rng = np.random.default_rng(seed)
    low, high = np.log(radii)
    return [
        rng.uniform(VOLUME.lower, VOLUME.upper, (number, 3)),
        np.exp(rng.uniform(low, high, number)),
    ]


def gaps(centres: Points, radii: Points) -> Points:
    """Distances between surfaces, (N, N), infinite on the diagonal."""
    found = np.linalg.norm(centres[:, None] - centres[None], axis=-1) - radii[:, None] - radii
    np.fill_diagonal(found, np.inf)
    return found


def assert_settled(centres: Points, radii: Points) -> None:
    """Check that spheres are in the box and apart, and nearly all on the floor or on others."""
    assert (centres - radii[:, None] >= np.array(VOLUME.lower) - 1e-9).all()
    assert (centres + radii[:, None] <= np.array(VOLUME.upper) + 1e-9).all()
    between = gaps(centres, radii)
    assert (between >= -(DEEPEST + 1e-9) * np.minimum(radii[:, None], radii)).all()
    lower = centres[:, 2][:, None] > centres[:, 2]
    to_next = np.where(lower, between, np.inf).min(axis=1, initial=np.inf)
    held = np.minimum(centres[:, 2] - radii, to_next) < 0.1 * radii.mean()
    assert held.mean() > 0.995


@pytest.mark.parametrize(
    ("number", "seed", "radii"),
    [
        (1, 0, (2.5, 3.5)),
        (2, 0, (2.5, 3.5)),
        (100, 1, (2.5, 3.5)),
        (600, 0, (2.5, 3.5)),
        (600, 1, (2.5, 3.5)),
        (1500, 0, (2.5, 3.5)),
        (300, 0, (0.3, 15.0)),
        (300, 0, (0.001, 0.002)),
    ],
)
def test_spheres_end_in_the_box_apart_and_held(
    number: int, seed: int, radii: tuple[float, float]
) -> None:
    centres, sizes = spheres(number, seed, radii)
    resting = settled(centres, sizes, VOLUME, DEEPEST)
    assert resting.shape == (number, 3)
    assert_settled(resting, sizes)


def test_no_spheres_are_settled_already() -> None:
    assert settled(*spheres(0), VOLUME, DEEPEST).shape == (0, 3)


def test_a_lone_sphere_sinks_straight_down() -> None:
    ((x, y, z),) = settled(np.array([[7.0, -8.0, 30.0]]), np.array([3.0]), VOLUME, DEEPEST)
    assert (x, y, z) == pytest.approx((7.0, -8.0, 3.0), abs=1e-5)


def test_spheres_in_one_place_and_those_beyond_the_walls_settle_too() -> None:
    _, radii = spheres(200)
    assert_settled(settled(np.full((200, 3), 20.0), radii, VOLUME, DEEPEST), radii)
    assert_settled(settled(np.full((200, 3), 1e5), radii, VOLUME, DEEPEST), radii)


def test_a_straight_column_does_not_stand() -> None:
    centres, radii = np.zeros((8, 3)), np.full(8, 3.0)
    centres[:, 2] = 3.0 + 6.0 * np.arange(8)
    resting = settled(centres, radii, VOLUME, DEEPEST)
    assert_settled(resting, radii)
    assert resting[:, 2].max() < 12.0


def test_a_sphere_too_wide_for_the_box_stays_in_the_middle() -> None:
    radii = np.array([30.0, 3.0])
    first, second = settled(np.array([[0.0, 0.0, 9.0], [50.0, 0, 9]]), radii, VOLUME, DEEPEST)
    assert first[2] == pytest.approx(25.6)
    assert second[2] == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("sides", "centres", "message"),
    [
        (
            2.2,
            [[0.0, 0.0, 0.0]] * 2,
            "spheres that fill 79% of the measurement volume still overlap",
        ),
        (
            1.7,
            [[0.0, 0.0, 0.0]] * 2,
            "the spheres have 1.7 times the volume of the measurement volume",
        ),
    ],
)
def test_spheres_without_room_are_an_error(
    sides: float, centres: list[list[float]], message: str
) -> None:
    box = MeasurementVolume((0.0, 0.0, 0.0), (sides, sides, sides))
    with pytest.raises(SimulationError, match=message):
        settled(np.array(centres), np.ones(len(centres)), box, DEEPEST)


def test_too_many_spheres_in_one_place_are_an_error_at_once() -> None:
    with pytest.raises(SimulationError, match="too many spheres in one place"):
        settled(np.zeros((20_000, 3)), np.full(20_000, 0.5), VOLUME, DEEPEST)


@pytest.mark.parametrize("radii", [(2.5, 3.5), (0.05, 20.0), (1.0, 1.0 + 1e-9)])
@pytest.mark.parametrize("reach", [0.0, 1.5])
def test_close_pairs_are_all_pairs_that_are_close(radii: tuple[float, float], reach: float) -> None:
    centres, sizes = spheres(400, 3, radii)
    found = {tuple(sorted(pair)) for pair in close_pairs(centres.T, sizes, reach).T.tolist()}
    expected = np.argwhere(np.triu(gaps(centres, sizes) < reach))
    assert found == {tuple(pair) for pair in expected.tolist()}
    assert len(found) == close_pairs(centres.T, sizes, reach).shape[1]


def checksum() -> str:
    """Return a hash of settled spheres; no logarithm is in it, which may differ by processor."""
    rng = np.random.default_rng(0)
    centres, radii = rng.uniform(VOLUME.lower, VOLUME.upper, (300, 3)), rng.uniform(2.5, 3.5, 300)
    return hashlib.sha256(settled(centres, radii, VOLUME, DEEPEST).tobytes()).hexdigest()


@pytest.mark.parametrize(
    "environment",
    [
        {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX"},
        {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        {"OPENBLAS_NUM_THREADS": "3", "OMP_NUM_THREADS": "3"},
    ],
)
def test_processor_and_threads_make_no_difference(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import {__name__} as t; print(t.checksum())"],
        env=os.environ | environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == checksum()
