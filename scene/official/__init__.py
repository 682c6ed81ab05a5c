"""The plugin package that comes with Blendsweep, named ``$plugins.official`` in recipes."""

from scene.official.colours import ConstantHsvColorAsRgb, RandomHsvColorAsRgb
from scene.official.criteria import InCompartment, InHsvRange
from scene.official.whole_numbers import UniformDistributionInt

__all__ = [
    "ConstantHsvColorAsRgb",
    "InCompartment",
    "InHsvRange",
    "RandomHsvColorAsRgb",
    "UniformDistributionInt",
]
