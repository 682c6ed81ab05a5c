"""All statistics of one image: a vector of numbers with names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, final, override

import numpy as np
from numpy.typing import NDArray

from orchestrator.statistics.brightness import clipped, gray_quantiles
from orchestrator.statistics.gray import Floats
from orchestrator.statistics.noise import Noise
from orchestrator.statistics.profiles import RadialProfile, radial_profile
from orchestrator.statistics.regions import Regions
from orchestrator.statistics.sharpness import edge_width
from orchestrator.statistics.sizes import granulometry, inscribed_diameters, mean_size
from orchestrator.statistics.spectrum import Spectrum, autocorrelation_length, power_spectrum


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
    topic
        What it is about; statistics of one topic often change together.
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
    topic: str
    words: str
    unit: str
    compared: Compared
    step: float


_TIMES, _APART = Compared.BY_RATIO, Compared.BY_DIFFERENCE

STATISTICS = (
    Statistic("gray_5", "brightness", "The 5 % quantile of gray values", "gray levels", _APART, 5),
    Statistic(
        "gray_25", "brightness", "The lower quartile of gray values", "gray levels", _APART, 5
    ),
    Statistic("gray_50", "brightness", "The median gray value", "gray levels", _APART, 5),
    Statistic(
        "gray_75", "brightness", "The upper quartile of gray values", "gray levels", _APART, 5
    ),
    Statistic(
        "gray_95", "brightness", "The 95 % quantile of gray values", "gray levels", _APART, 5
    ),
    Statistic("black", "clipping", "The fraction of black pixels", "", _APART, 0.01),
    Statistic("white", "clipping", "The fraction of white pixels", "", _APART, 0.01),
    Statistic("noise", "noise", "Noise", "gray levels", _TIMES, 0.1),
    Statistic(
        "noise_slope",
        "noise",
        "The rise of noise variance with brightness",
        "gray levels",
        _APART,
        0.05,
    ),
    Statistic(
        "noise_at_black", "noise", "The noise at black, by its law", "gray levels", _APART, 1
    ),
    Statistic(
        "noise_along", "correlation", "The correlation of noise along a line", "", _APART, 0.03
    ),
    Statistic(
        "noise_along_2",
        "correlation",
        "The correlation of noise two pixels along a line",
        "",
        _APART,
        0.03,
    ),
    Statistic(
        "noise_across", "correlation", "The correlation of noise across lines", "", _APART, 0.03
    ),
    Statistic("line_noise", "lines", "The noise of whole lines", "gray levels", _APART, 0.3),
    Statistic("spectrum_slope", "spectrum", "The slope of the power spectrum", "", _APART, 0.1),
    Statistic("fineness", "spectrum", "The logarithm of fine over coarse power", "", _APART, 0.1),
    Statistic("edge_width", "sharpness", "The width of edges", "pixels", _APART, 0.2),
    Statistic(
        "separation", "contrast", "The separation of particles from ground", "", _APART, 0.03
    ),
    Statistic("coverage", "coverage", "Coverage", "", _APART, 0.05),
    Statistic(
        "particle_level", "brightness", "The gray value of particles", "gray levels", _APART, 5
    ),
    Statistic("ground_level", "contrast", "The gray value of the ground", "gray levels", _APART, 5),
    Statistic("contrast", "contrast", "The contrast of particles to ground", "", _APART, 0.03),
    Statistic(
        "ground_texture", "ground", "The unevenness of the ground", "gray levels", _TIMES, 0.2
    ),
    Statistic(
        "particle_spread", "shading", "The spread of brightness on particles", "", _TIMES, 0.1
    ),
    Statistic("particle_texture", "texture", "The fine texture of particles", "", _TIMES, 0.1),
    Statistic(
        "disc_diameter", "sizes", "The median diameter of inscribed discs", "pixels", _TIMES, 0.1
    ),
    Statistic("disc_spread", "sizes", "The geometric spread of inscribed discs", "", _TIMES, 0.1),
    Statistic("light_size", "sizes", "The mean size by light", "pixels", _TIMES, 0.1),
    Statistic(
        "light_size_spread", "sizes", "The geometric spread of sizes by light", "", _TIMES, 0.05
    ),
    Statistic(
        "autocorrelation_length", "sizes", "The autocorrelation length", "pixels", _TIMES, 0.1
    ),
    Statistic("rim", "profile", "The brightness of rims over centres", "", _TIMES, 0.05),
    Statistic(
        "beside", "profile", "The brightness beside particles over centres", "", _APART, 0.05
    ),
)
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


@final
class Measurements:
    """What is measured of one image, each when it is first asked for.

    Parameters
    ----------
    image
        As for `gray_levels`, without a data bar (see `specimen_rows`).

    Attributes
    ----------
    noise
        See `Noise`.
    """

    def __init__(self, image: NDArray[Any]) -> None:
        self._image = image
        self.noise = Noise(image)

    @cached_property
    def regions(self) -> Regions:
        """Particles and ground."""
        return Regions(self._image)

    @cached_property
    def spectrum(self) -> Spectrum:
        """The power spectrum."""
        return power_spectrum(self._image)

    @cached_property
    def profile(self) -> RadialProfile:
        """The radial profile of round particles."""
        return radial_profile(self.regions)

    @cached_property
    def diameters(self) -> Floats:
        """Diameters of inscribed discs, in pixels."""
        return inscribed_diameters(self.regions)

    @cached_property
    def summary(self) -> Summary:
        """All statistics as one vector."""
        regions, correlation = self.regions, self.noise.correlation
        slope, intercept = self.noise.curve.law
        dark, bright = clipped(self._image)
        size, size_spread = mean_size(*granulometry(self._image))
        middle, disc_spread = _middle_and_spread(self.diameters)
        quantiles = gray_quantiles(self._image, (0.05, 0.25, 0.5, 0.75, 0.95))
        found = {
            **dict(zip(NAMES[:5], quantiles, strict=True)),
            "black": dark,
            "white": bright,
            "noise": self.noise.curve.typical,
            "noise_slope": slope,
            "noise_at_black": float(np.copysign(np.sqrt(abs(intercept)), intercept)),
            "noise_along": correlation.along,
            "noise_along_2": correlation.along_2,
            "noise_across": correlation.across,
            "line_noise": self.noise.of_lines,
            "spectrum_slope": self.spectrum.slope,
            "fineness": self.spectrum.fineness,
            "edge_width": edge_width(self._image),
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
            "light_size_spread": size_spread,
            "autocorrelation_length": autocorrelation_length(self._image),
            "rim": self.profile.rim,
            "beside": self.profile.beside,
        }
        return Summary(np.array([found[name] for name in NAMES]))


def summary(image: NDArray[Any]) -> Summary:
    """Return all statistics of an image as one vector.

    Parameters
    ----------
    image
        As for `gray_levels`, without a data bar (see `specimen_rows`).
    """
    return Measurements(image).summary


def _middle_and_spread(diameters: Floats) -> tuple[float, float]:
    """Return the median and the geometric standard deviation; NaN with fewer than three."""
    if len(diameters) < 3:
        return float("nan"), float("nan")
    return float(np.median(diameters)), float(np.exp(np.log(diameters).std()))
