"""What a frame shows of a view with a margin, in one piece and distorted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from scene.imaging.footprint import Footprint
from scene.imaging.sampling import Positions, Sampling
from scene.microscopy.raster import Raster


def placed(footprint: Footprint, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a footprint as an image of its own."""
    image = np.zeros(shape, dtype=bool)
    height, width = footprint.mask.shape
    image[footprint.top : footprint.top + height, footprint.left : footprint.left + width] = (
        footprint.mask
    )
    return image


def shifted(raster: Raster, down: NDArray[np.float64], right: NDArray[np.float64]) -> Positions:
    """Return the positions of pixels that show what is this far below and to the right of them."""
    rows, columns = np.mgrid[: raster.height, : raster.width] + raster.margin
    return (rows + down).astype(np.float32), (columns + right).astype(np.float32)


@st.composite
def samplings(draw: st.DrawFn) -> Sampling:
    raster = Raster(
        draw(st.integers(1, 12)), draw(st.integers(1, 12)), draw(st.integers(0, 6)), 1.0
    )
    if draw(st.booleans()):
        return Sampling(raster)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    size = raster.height, raster.width
    spread = draw(st.sampled_from([0.0, 0.4, 3.0, 9.0]))
    return Sampling(raster, shifted(raster, *(rng.uniform(-spread, spread, (2, *size)))))


@given(samplings(), st.integers(0, 99))
def test_footprints_are_shown_where_labels_are(sampling: Sampling, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = sampling.raster.shape
    top, left = int(rng.integers(rows)), int(rng.integers(columns))
    mask = rng.random((rng.integers(0, rows - top + 1), rng.integers(0, columns - left + 1))) < 0.7
    whole = Footprint(top, left, mask)
    shown = placed(sampling.footprint(whole), (sampling.raster.height, sampling.raster.width))
    np.testing.assert_array_equal(shown, sampling.image(placed(whole, (rows, columns))))


@given(samplings())
def test_each_pixel_shows_the_nearest_place(sampling: Sampling) -> None:
    raster = sampling.raster
    labels = np.arange(np.prod(raster.shape)).reshape(raster.shape)
    shown = sampling.image(labels)
    rows, columns = sampling.positions or shifted(raster, *np.zeros((2, 1, 1)))
    assert shown.shape == rows.shape
    row, column = np.divmod(shown, raster.shape[1])
    for found, wanted, last in ((row, rows, raster.shape[0]), (column, columns, raster.shape[1])):
        assert (np.abs(found - np.clip(wanted, 0, last - 1)) <= 0.5).all()


@pytest.mark.parametrize("distance", [1, 4])
def test_whole_shifts_are_exact(distance: int) -> None:
    raster = Raster(7, 5, 4, 1.0)
    normals = np.arange(13 * 15 * 3).reshape(13, 15, 3)
    sampling = Sampling(raster, shifted(raster, *np.full((2, 1, 1), distance)))
    wanted = normals[4 + distance :, 4 + distance :][:5, :7]
    np.testing.assert_array_equal(sampling.image(normals), wanted)


def test_a_footprint_costs_no_more_than_its_neighbourhood() -> None:
    raster = Raster(900, 700, 60, 1.0)
    drift = np.linspace(-50, 50, 700)[:, np.newaxis]
    sampling = Sampling(raster, shifted(raster, drift, 2 * np.sin(drift) - drift))
    shown = sampling.footprint(Footprint(300, 400, np.ones((20, 20), dtype=bool)))
    assert shown.mask.sum() > 200
    assert shown.mask.size < 4 * 400
