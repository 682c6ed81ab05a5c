"""Specimens dried from a drop and rinsed: a variability, a step and a rendering mode."""

from .modes import Contours
from .steps import Rinse
from .variabilities import BimodalLogNormal3d

__all__ = ["BimodalLogNormal3d", "Contours", "Rinse"]
