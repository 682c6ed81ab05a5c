"""All statistics of one image: a vector of numbers with names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, final, override

import numpy as np
from numpy.typing import NDArray

from orchestrator.statistics.brightness import clipped, gray_quantiles
from orchestrator.statistics.gray import Floats
from orchestrator.statistics.noise import Noise
from orchestrator.statistics.profiles import radial_profile
from orchestrator.statistics.regions import Regions
from orchestrator.statistics.sharpness import edge_width
from orchestrator.statistics.sizes import granulometry, inscribed_diameters, mean_size
from orchestrator.statistics.spectrum import autocorrelation_length, power_spectrum


class Compared(StrEnum):
    """How two values of a statistic are compared."""

    BY_RATIO = "ratio"
    BY_DIFFERENCE = "difference"


@final
@dataclass(frozen=True, slots=True)
class Statistic:
    """What one number of a summary is.

    Parameters
    ----------
    name
        Its name in a summary.
    words
        What it is, as a sentence begins with it.
    unit
        Its unit; empty for ratios and fractions.
    compared
        By ratio, or by difference.
    step
        How far apart two values are that look alike: a factor minus 1, or a difference.
    """

    name: str
    words: str
    unit: str
    compared: Compared
    step: float


_TIMES, _APART = Compared.BY_RATIO, Compared.BY_DIFFERENCE

STATISTICS = (
    Statistic("gray_5", "The 5 % quantile of gray values", "gray levels", _APART, 5),
    Statistic("gray_25", "The lower quartile of gray values", "gray levels", _APART, 5),
    Statistic("gray_50", "The median gray value", "gray levels", _APART, 5),
    Statistic("gray_75", "The upper quartile of gray values", "gray levels", _APART, 5),
    Statistic("gray_95", "The 95 % quantile of gray values", "gray levels", _APART, 5),
    Statistic("black", "The fraction of black pixels", "", _APART, 0.01),
    Statistic("white", "The fraction of white pixels", "", _APART, 0.01),
    Statistic("noise", "Noise", "gray levels", _TIMES, 0.1),
    Statistic(
        "noise_slope", "The rise of noise variance with brightness", "gray levels", _APART, 0.05
    ),
    Statistic(
        "noise_intercept", "The variance of noise at black", "gray levels squared", _APART, 3
    ),
    Statistic("noise_along", "The correlation of noise along a line", "", _APART, 0.03),
    Statistic(
        "noise_along_2", "The correlation of noise two pixels along a line", "", _APART, 0.03
    ),
    Statistic("noise_across", "The correlation of noise across lines", "", _APART, 0.03),
    Statistic("line_noise", "The noise of whole lines", "gray levels", _APART, 0.3),
    Statistic("spectrum_slope", "The slope of the power spectrum", "", _APART, 0.1),
    Statistic("fineness", "The logarithm of fine over coarse power", "", _APART, 0.1),
    Statistic("edge_width", "The width of edges", "pixels", _APART, 0.2),
    Statistic("separation", "The separation of particles from ground", "", _APART, 0.03),
    Statistic("coverage", "Coverage", "", _APART, 0.05),
    Statistic("particle_level", "The gray value of particles", "gray levels", _APART, 5),
    Statistic("ground_level", "The gray value of the ground", "gray levels", _APART, 5),
    Statistic("contrast", "The contrast of particles to ground", "", _APART, 0.03),
    Statistic("ground_texture", "The unevenness of the ground", "gray levels", _TIMES, 0.2),
    Statistic("particle_spread", "The spread of brightness on particles", "", _TIMES, 0.1),
    Statistic("particle_texture", "The fine texture of particles", "", _TIMES, 0.1),
    Statistic("disc_diameter", "The median diameter of inscribed discs", "pixels", _TIMES, 0.1),
    Statistic("disc_spread", "The geometric spread of inscribed discs", "", _TIMES, 0.1),
    Statistic("light_size", "The mean size by light", "pixels", _TIMES, 0.1),
    Statistic("light_size_spread", "The geometric spread of sizes by light", "", _TIMES, 0.05),
    Statistic("autocorrelation_length", "The autocorrelation length", "pixels", _TIMES, 0.1),
    Statistic("rim", "The brightness of rims over centres", "", _TIMES, 0.05),
    Statistic("beside", "The brightness beside particles over centres", "", _APART, 0.05),
)  # fmt: skip
"""What a summary holds, in its order."""

NAMES = tuple(statistic.name for statistic in STATISTICS)
_PLACES = {name: place for place, name in enumerate(NAMES)}


@final
@dataclass(frozen=True, slots=True, eq=False)
class Summary(Mapping[str, float]):
    """The statistics of one image, by name.

    Parameters
    ----------
    vector
        One number for each of `STATISTICS`, in their order; NaN for what the image does not allow
        to be measured.
    """

    vector: Floats

    @override
    def __getitem__(self, name: str) -> float:
        return float(self.vector[_PLACES[name]])

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    @override
    def __len__(self) -> int:
        return len(NAMES)


def summary(image: NDArray[Any]) -> Summary:
    """Return all statistics of an image; less than a second for 1536 x 1024 pixels.

    Parameters
    ----------
    image
        As for `gray_levels`, without a data bar (see `specimen_rows`).
    """
    noise, regions, spectrum = Noise(image), Regions(image), power_spectrum(image)
    slope, intercept = noise.curve.law
    dark, bright = clipped(image)
    middle, disc_spread = _middle_and_spread(inscribed_diameters(regions))
    size, spread = mean_size(*granulometry(image))
    profile = radial_profile(regions)
    quantiles = gray_quantiles(image, (0.05, 0.25, 0.5, 0.75, 0.95))
    found = {
        **dict(zip(NAMES[:5], quantiles, strict=True)),
        "black": dark,
        "white": bright,
        "noise": noise.curve.typical,
        "noise_slope": slope,
        "noise_intercept": intercept,
        "noise_along": noise.correlation.along,
        "noise_along_2": noise.correlation.along_2,
        "noise_across": noise.correlation.across,
        "line_noise": noise.of_lines,
        "spectrum_slope": spectrum.slope,
        "fineness": spectrum.fineness,
        "edge_width": edge_width(image),
        "separation": regions.separation,
        "coverage": regions.coverage,
        "particle_level": regions.particle_level,
        "ground_level": regions.ground_level,
        "contrast": regions.contrast,
        "ground_texture": regions.ground_texture,
        "particle_spread": regions.particle_spread,
        "particle_texture": regions.particle_texture,
        "disc_diameter": middle,
        "disc_spread": disc_spread,
        "light_size": size,
        "light_size_spread": spread,
        "autocorrelation_length": autocorrelation_length(image),
        "rim": profile.rim,
        "beside": profile.beside,
    }
    return Summary(np.array([found[name] for name in NAMES]))


def _middle_and_spread(diameters: Floats) -> tuple[float, float]:
    """Return the median and the geometric standard deviation; NaN with fewer than three."""
    if len(diameters) < 3:
        return float("nan"), float("nan")
    return float(np.median(diameters)), float(np.exp(np.log(diameters).std()))
