"""Materials of one colour."""

from __future__ import annotations

from collections.abc import Mapping

from scene.microscopy.electron_surface import ElectronSurface
from scene.specimen.features import FeatureSpec, FeatureValue

COLOR = FeatureSpec(
    name="color",
    default=(0.8, 0.8, 0.8, 1.0),
    description="base colour as linear red, green and blue, and alpha, which has no effect",
    components=4,
    minimum=0.0,
    maximum=1.0,
)

_YIELD_OF_WHITE = 0.5


def color(features: Mapping[str, FeatureValue]) -> tuple[float, ...]:
    """Return the value of `COLOR`."""
    value = features[COLOR.name]
    assert isinstance(value, tuple)
    return value


def electrons(features: Mapping[str, FeatureValue]) -> ElectronSurface:
    """Return a smooth surface that is as bright for electrons as for light: a likeness.

    White has the yield of a polymer.
    """
    red, green, blue, _ = color(features)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return ElectronSurface(secondary_electron_yield=_YIELD_OF_WHITE * luminance)
