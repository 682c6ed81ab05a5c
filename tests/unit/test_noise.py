"""The noise of `real`: its law, and that a pixel's noise is its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from scene.microscopy.chain import WHITE, imaged
from scene.microscopy.imaging_chain import ImagingChain
from scene.microscopy.noise import GROWTH, with_noise
from scene.microscopy.raster import Raster
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.specimen.streams import Streams

EDGE = 512

grays = st.floats(0.0, 400.0, width=32)
deviations = st.floats(0.0, 20.0)
images = arrays.arrays(
    np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=24), elements=grays
)


def generator(seed: int = 1) -> np.random.Generator:
    return Streams(seed).counted("noise")


def skewness_of(noise: NDArray[np.floating]) -> float:
    deviation = noise.astype(float) - noise.mean()
    return float((deviation**3).mean() / (deviation**2).mean() ** 1.5)


def written(gray: NDArray[np.float32], chain: ImagingChain, seed: int) -> NDArray[np.uint8]:
    """Return what a chain makes of an image in 8-bit gray values."""
    height, width = gray.shape
    raster = Raster(width, height, margin=0, pixel_nm=1.0)
    return imaged(
        gray.astype(np.float64) / WHITE, raster, chain, Streams(seed).counted, lambda: gray
    )


def flat(gray: float) -> NDArray[np.float32]:
    return np.full((EDGE, EDGE), gray, dtype=np.float32)


@given(gray=st.floats(1.0, 400.0), deviation=st.floats(0.1, 3.0), seed=st.integers(0, 2**63 - 1))
@settings(max_examples=25, deadline=None)
def test_mean_spread_and_skewness_follow_the_law(gray: float, deviation: float, seed: int) -> None:
    noise = with_noise(flat(gray), deviation, generator(seed)).astype(float) - gray
    spread = deviation * gray**GROWTH
    bend = spread / (6 * gray)
    # Exact moments of z + bend * (z^2 - 1) for a standard normal z.
    expected = spread * np.sqrt(1 + 2 * bend**2)
    skewness = (6 * bend + 8 * bend**3) / (1 + 2 * bend**2) ** 1.5
    assert abs(noise.mean()) < 6 * expected / EDGE
    assert noise.std() == pytest.approx(expected, rel=0.01 + 0.02 * bend)
    assert skewness_of(noise) == pytest.approx(skewness, abs=0.03 + 0.1 * bend)


@pytest.mark.parametrize(("gray", "published"), [(15, 5.3), (34, 7.8), (90, 10.8)])
def test_written_images_are_as_noisy_as_published_ones(gray: float, published: float) -> None:
    """Their noise threshold is unknown; 0.058 lies within what the recipe draws."""
    chain = ImagingChain(noise=0.9 + 16 * 0.058)
    image = written(flat(gray), chain, 3).astype(float)
    assert image.std() == pytest.approx(published, rel=0.1)
    assert image.mean() == pytest.approx(gray, abs=0.1)


def test_published_skewness_on_bead_faces() -> None:
    noise = with_noise(flat(90.0), 0.9 + 16 * 0.058, generator())
    assert skewness_of(noise) == pytest.approx(0.12, abs=0.05)


def test_noise_is_white() -> None:
    noise = with_noise(flat(60.0), 2.1, generator()) - 60.0
    for shift in ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0)):
        neighbour = np.roll(noise, shift, axis=(0, 1))
        assert abs(np.corrcoef(noise.ravel(), neighbour.ravel())[0, 1]) < 0.02
    power = np.abs(np.fft.fft2(noise)) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(EDGE), np.fft.fftfreq(EDGE)))
    rings = [
        power[(frequency > low) & (frequency <= low + 0.1)].mean() for low in np.arange(0, 0.7, 0.1)
    ]
    np.testing.assert_allclose(rings / np.mean(power), 1.0, atol=0.05)


@given(image=images, deviation=deviations, place=st.integers(0, 2**16), other=grays)
@settings(deadline=None)
def test_a_pixel_s_noise_does_not_depend_on_other_pixels(
    image: NDArray[np.float32], deviation: float, place: int, other: float
) -> None:
    changed = image.copy()
    changed.flat[place % image.size] = other
    before = with_noise(image, deviation, generator())
    after = with_noise(changed, deviation, generator())
    differs = np.flatnonzero(before.ravel() != after.ravel())
    assert set(differs.tolist()) <= {place % image.size}


@given(image=images, deviation=deviations)
@settings(deadline=None)
def test_any_image_is_taken(image: NDArray[np.float32], deviation: float) -> None:
    noisy = with_noise(image, deviation, generator())
    assert noisy.dtype == np.float32
    assert noisy.shape == image.shape
    assert np.isfinite(noisy).all()
    assert (noisy[image == 0] == 0).all()
    there_and_back = image.astype(np.float64) / WHITE * WHITE
    noisy = with_noise(there_and_back, deviation, generator())  # type: ignore[arg-type]
    whole = written(image, ImagingChain(noise=deviation), 1)
    assert (whole == np.rint(np.clip(noisy, 0, 255))).all()


@given(image=images)
def test_no_noise_is_the_image_itself(image: NDArray[np.float32]) -> None:
    whole = written(image, ImagingChain(), 1)
    there_and_back = image.astype(np.float64) / WHITE * WHITE
    assert (whole == np.rint(np.clip(there_and_back, 0, 255))).all()


def test_what_lies_below_black_counts_as_black() -> None:
    image = np.array([[-3.0, 0.0]], dtype=np.float32)
    assert (with_noise(image, 2.0, generator()) == 0).all()


def test_the_stream_is_the_same_at_every_call_and_its_own() -> None:
    streams = Streams(5)
    first = streams.counted("noise", "1 2", "").random(8)
    streams.generator("noise", "1 2", "").random(8)
    assert (streams.counted("noise", "1 2", "").random(8) == first).all()
    others = [
        Streams(6).counted("noise", "1 2", ""),
        streams.counted("noise", "1", ""),
        streams.counted("noise", "", "1 2"),
    ]
    assert all((other.random(8) != first).all() for other in others)


def test_a_technique_that_says_nothing_gets_no_stage() -> None:
    """Those of plugins, whatever the fidelity."""

    class Plain(MeasurementTechniquePrototype):
        features = ()
        volume = build = apply = None  # type: ignore[assignment]

    for fidelity in ("fast", "reference"):
        assert Plain().imaging_chain({}, fidelity) == ImagingChain()  # type: ignore[arg-type]
