"""The display: from signals to gray values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from scene.microscopy.display import Display, automatic_levels, displayed, vignetted

images = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=24),
    elements=st.floats(0.0, 4.0, width=32),
)
ramp = np.linspace(0.0, 1.0, 101, dtype=np.float32)[None, :]


@given(contrast=st.floats(0.0, 100.0), brightness=st.floats(-1.0, 1.0))
@settings(deadline=None)
def test_contrast_and_brightness_are_a_line_through_middle_gray(
    contrast: float, brightness: float
) -> None:
    display = Display(contrast=contrast, brightness=brightness)
    seen = displayed(ramp, display, (0.0, 1.0))
    expected = np.clip(0.5 + contrast * (ramp.astype(float) - 0.5) + brightness, 0.0, 1.0)
    np.testing.assert_allclose(seen, expected, atol=1e-5)


@given(gamma=st.floats(0.1, 10.0))
@settings(deadline=None)
def test_gamma_keeps_black_and_white_and_brightens_above_one(gamma: float) -> None:
    seen = displayed(ramp, Display(gamma=gamma), (0.0, 1.0))[0]
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    np.testing.assert_allclose(seen, ramp[0].astype(float) ** (1 / gamma), atol=1e-5)
    assert (seen[50] > 0.5) == (gamma > 1) or gamma == pytest.approx(1.0, abs=1e-5)


@given(image=images, black=st.floats(-2.0, 1.0), span=st.floats(0.1, 10.0))
@settings(deadline=None)
def test_levels_are_black_and_white(image: NDArray[np.float32], black: float, span: float) -> None:
    seen = displayed(image, Display(), (black, black + span))
    expected = np.clip((image.astype(float) - black) / span, 0.0, 1.0)
    np.testing.assert_allclose(seen, expected, atol=2e-5)


@given(saturation=st.floats(0.0, 0.4), gain=st.floats(0.01, 100.0), offset=st.floats(0.0, 1.0))
@settings(deadline=None)
def test_automatic_contrast_saturates_the_set_fraction_whatever_the_signal_s_range(
    saturation: float, gain: float, offset: float
) -> None:
    signal = np.random.default_rng(1).random((100, 100), dtype=np.float32)
    signal = (gain * (offset + signal)).astype(np.float32)
    levels = automatic_levels(signal, saturation)
    seen = displayed(signal, Display(), levels)
    for end in (0.0, 1.0):
        assert np.mean(np.abs(seen - end) < 1e-5) == pytest.approx(saturation, abs=0.002)


def test_an_even_image_becomes_middle_gray_and_its_noise_stays_small() -> None:
    for value in (0.0, 0.3, 5.0):
        signal = np.full((8, 8), value, np.float32)
        levels = automatic_levels(signal, 0.005)
        np.testing.assert_allclose(displayed(signal, Display(), levels), 0.5, atol=1e-5)
        assert levels[1] - levels[0] >= 0.1 * value


@given(shape=st.tuples(st.integers(1, 40), st.integers(1, 40)), vignetting=st.floats(0.0, 1.0))
@settings(deadline=None)
def test_corners_lose_the_set_fraction_and_the_middle_nothing(
    shape: tuple[int, int], vignetting: float
) -> None:
    seen = vignetted(np.ones(shape, np.float32), vignetting)
    height, width = shape
    if max(shape) > 1:
        corners = seen[[0, 0, -1, -1], [0, -1, 0, -1]]
        np.testing.assert_allclose(corners, 1 - vignetting, atol=1e-6)
    if height % 2 and width % 2:
        assert seen[height // 2, width // 2] == (1.0 if max(shape) > 1 else seen[0, 0])
    assert (seen == seen[::-1]).all()
    assert (seen == seen[:, ::-1]).all()


def test_vignetting_is_of_the_signal() -> None:
    image = np.full((9, 9), 0.5, np.float32)
    seen = displayed(image, Display(vignetting=0.4), (0.0, 1.0))
    assert seen[4, 4] == pytest.approx(0.5)
    assert seen[0, 0] == pytest.approx(0.3)


def test_its_defaults_do_nothing() -> None:
    display = Display.of({spec.name: spec.default for spec in Display.FEATURES})
    assert display == Display()
    assert display.is_neutral


def test_each_part_alone_does_something() -> None:
    for name, value in {
        "automatic_contrast": 1,
        "contrast": 0.9,
        "brightness": 0.1,
        "gamma": 1.1,
        "vignetting": 0.1,
    }.items():
        assert not Display(**{name: value}).is_neutral
    assert Display(saturation=0.1).is_neutral  # of no effect without automatic contrast
