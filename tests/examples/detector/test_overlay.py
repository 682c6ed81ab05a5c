"""Colours of outlines."""

from __future__ import annotations

import numpy as np

from examples.detector.overlay import FOUND, INVENTED, MISSED, overlay

GRAY = np.full((60, 90), 0.5, dtype=np.float32)


def labels(*lefts: int) -> np.ndarray:
    image = np.zeros(GRAY.shape, dtype=np.uint16)
    for number, left in enumerate(lefts, start=1):
        image[20:40, left : left + 20] = number
    return image


def coloured(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (picture == colour).all(axis=2)


def test_without_a_truth_all_outlines_are_those_of_found_particles() -> None:
    picture = overlay(GRAY, labels(10))
    outline = labels(10) > 0
    outline[22:38, 12:28] = False
    np.testing.assert_array_equal(coloured(picture, FOUND), outline)
    assert (picture[~outline] == 128).all()


def test_twelve_bits_saved_in_sixteen_can_be_seen() -> None:
    dark = np.linspace(0, 4095 / 65535, GRAY.size, dtype=np.float32).reshape(GRAY.shape)
    assert overlay(dark, labels())[..., 0].max() == 255
    assert (overlay(np.zeros_like(GRAY), labels()) == 0).all()


def test_particles_that_touch_have_a_line_between_them() -> None:
    assert coloured(overlay(GRAY, labels(10, 30)), FOUND)[30, [28, 29, 30, 31]].all()


def test_what_is_missed_and_what_is_invented_have_their_colours() -> None:
    picture = overlay(GRAY, labels(10, 65), labels(11, 38))
    assert coloured(picture, FOUND)[30, 10]
    assert coloured(picture, MISSED)[30, 38]
    assert coloured(picture, INVENTED)[30, 65]
    assert not coloured(picture, MISSED)[:, :38].any()


def test_what_is_not_judged_has_no_outline() -> None:
    ignore = np.ones(GRAY.shape, dtype=np.bool_)
    picture = overlay(GRAY, labels(10, 65), labels(11), ignore=ignore)
    assert not coloured(picture, INVENTED).any()
    assert coloured(picture, FOUND).any()
    assert not coloured(overlay(GRAY, labels(), labels(11), min_diameter=30), MISSED).any()
