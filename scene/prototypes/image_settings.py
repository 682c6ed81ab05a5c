"""The features that every measurement technique has: size, effort and format of its images.

They stand for settings of Blender's scene, as in the predecessor. Until a step sets one, the
recipe's `render` decides, and nothing is recorded of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from scene.microscopy.color import ColorMode
from scene.specimen.features import FeatureSpec, FeatureValue

CYCLES_SAMPLES = "cycles_samples"
RESOLUTION_X = "resolution_x"
RESOLUTION_Y = "resolution_y"
RESOLUTION_PERCENTAGE = "resolution_percentage"
COLOR_MODE = "color_mode"
COLOR_DEPTH = "color_depth"
COMPRESSION = "compression"

SIZES = frozenset({RESOLUTION_X, RESOLUTION_Y, RESOLUTION_PERCENTAGE})
"""Names of those that decide how many pixels an image has."""

USUAL_COMPRESSION = 15
"""Percentage that Blender starts with."""

_LEVELS = 9
"""Largest level of compression of a PNG."""

_SMALLEST_SIDE, _LARGEST_SIDE, _MOST_SAMPLES = 16, 16_384, 1_000_000


def image_settings(
    resolution: tuple[int, int],
    percentage: int,
    samples: int,
    color_mode: ColorMode,
    bit_depth: int,
) -> tuple[FeatureSpec, ...]:
    """Return the features, whose defaults are what holds as long as nothing sets them.

    Parameters
    ----------
    resolution, percentage, samples, bit_depth
        Of the recipe.
    color_mode
        Of the technique.
    """

    def whole(name: str, default: int, low: int, high: int, description: str) -> FeatureSpec:
        return FeatureSpec(
            name, default, description, integer=True, minimum=low, maximum=high, implicit=True
        )

    def text(name: str, default: str, choices: tuple[str, ...], description: str) -> FeatureSpec:
        return FeatureSpec(
            name, default, description, kind="string", choices=choices, implicit=True
        )

    width, height = resolution
    sides = _SMALLEST_SIDE, _LARGEST_SIDE
    return (
        whole(CYCLES_SAMPLES, samples, 1, _MOST_SAMPLES, "most samples of a pixel of `real`"),
        whole(RESOLUTION_X, width, *sides, "width of the images at 100 % in pixels"),
        whole(RESOLUTION_Y, height, *sides, "height of the images at 100 % in pixels"),
        whole(RESOLUTION_PERCENTAGE, percentage, 1, 100, "percentage of both that is rendered"),
        text(COLOR_MODE, color_mode, get_args(ColorMode.__value__), "what a pixel of `real` holds"),
        text(COLOR_DEPTH, str(bit_depth), ("8", "16"), "bits of each number of a pixel of `real`"),
        whole(COMPRESSION, USUAL_COMPRESSION, 0, 100, "effort to make PNG files small, in percent"),
    )


def png_level(features: Mapping[str, FeatureValue]) -> int:
    """Return the level of compression, 0 to 9, of a technique that holds these features.

    >>> png_level({}), png_level({"compression": 100})
    (1, 9)
    """
    percentage = features.get(COMPRESSION, USUAL_COMPRESSION)
    assert isinstance(percentage, int)
    return round(_LEVELS * percentage / 100)
