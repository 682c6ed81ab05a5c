"""Specimens dried from a drop and rinsed: a distribution, a step and a rendering mode."""

from .distributions import BimodalLogNormal3d
from .modes import Contours
from .steps import Rinse

__all__ = ["BimodalLogNormal3d", "Contours", "Rinse"]
