"""The distributions that feature values are drawn from; recipes call them variabilities.

Randomness comes from the generator that `sample` is given and from nowhere else.
"""

from scene.specimen.distributions.base import Distribution
from scene.specimen.distributions.bells import (
    LogNormal3dHomogeneous,
    NormalDistribution,
    NormalDistribution3dHomogeneous,
    Weibull3dHomogeneous,
)
from scene.specimen.distributions.empirical import Empirical
from scene.specimen.distributions.entry import FeatureDistribution
from scene.specimen.distributions.listed import Choice, Constant
from scene.specimen.distributions.mixture import Mixture, MixturePart
from scene.specimen.distributions.uniform import (
    LogUniform,
    UniformDistribution,
    UniformDistribution3dHomogeneous,
    UniformDistributionInt,
    UniformDistributionNdHomogeneous,
    UniformlyRandomLocationInMeasurementVolume,
)

__all__ = [
    "Choice",
    "Constant",
    "Distribution",
    "Empirical",
    "FeatureDistribution",
    "LogNormal3dHomogeneous",
    "LogUniform",
    "Mixture",
    "MixturePart",
    "NormalDistribution",
    "NormalDistribution3dHomogeneous",
    "UniformDistribution",
    "UniformDistribution3dHomogeneous",
    "UniformDistributionInt",
    "UniformDistributionNdHomogeneous",
    "UniformlyRandomLocationInMeasurementVolume",
    "Weibull3dHomogeneous",
]
