"""How near a microscope's camera is to what it looks at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scene.specimen.features import FeatureSpec, FeatureValue, number

if TYPE_CHECKING:
    import bpy

PIXELS_PER_UNIT = 10
"""Pixels of a scene unit at magnification 1 and the recipe's resolution."""

MAGNIFICATION = FeatureSpec(
    name="magnification",
    default=1.0,
    description=f"factor of size in the image: at 1, the {PIXELS_PER_UNIT} pixels of "
    "`render.resolution` that a scene unit has",
    minimum=0.8,
    maximum=100.0,
)
"""A feature of techniques that look straight down. At 0.8, all of the volume is seen."""


def magnify(scene: bpy.types.Scene, features: Mapping[str, FeatureValue]) -> float:
    """Set the scale of the scene's orthographic camera, and return it.

    Parameters
    ----------
    scene
        Whose resolution is the recipe's.
    features
        Has `MAGNIFICATION`.

    Returns
    -------
    float
        Larger side of the image in scene units.
    """
    factor = number(features, MAGNIFICATION.name)
    size = max(scene.render.resolution_x, scene.render.resolution_y)
    scene.camera.data.ortho_scale = size / PIXELS_PER_UNIT / factor
    return float(scene.camera.data.ortho_scale)
