"""Probe: the beam has a width, the least where it is in focus.

The beam is a cone that narrows towards its focus and widens again beyond. Seen from the beam, what
stands higher cuts the cone before it reaches what lies lower: a high bead that is out of focus is
transparent at its rim, and what lies beneath it, in focus, is sharp; a bead that is in focus is
sharp against a ground that is not, and takes nothing of the ground's light into itself. Nothing is
known of what is hidden; it is taken to go on as it is nearby.

Sources: J. Goldstein et al., Scanning Electron Microscopy and X-Ray Microanalysis, 4th ed. (2018),
on probe diameter, convergence angle, depth of field and astigmatism; C. Scofield in Graphics Gems
III (1992) for layers that are blurred and laid upon each other; H. Knutsson and C.-F. Westin,
Normalized and differential convolution, CVPR (1993), 515, for what is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.raster import Raster
from scene.microscopy.settings import Settings
from scene.specimen.features import FeatureSpec

FULL_WIDTH = 2.0 * math.sqrt(2.0 * math.log(2.0))
"""Full width at half maximum of a Gaussian of standard deviation 1."""

REACH = 4.0
"""Standard deviations at which a Gaussian ends."""

WIDEST = 1 / 16
"""Largest standard deviation, as a fraction of the image's larger side; more is held at it."""

LAYER_STEP = 0.3
"""Relative growth of the blur, or of half a pixel, from a layer to the next."""

MOST_LAYERS = 9

_SMOOTH = 1.0
"""Variance in pixels squared from which a Gaussian hardly bends within a pixel."""

_FINER = 5
"""Steps along a pixel's side in which a narrower one is summed up over the pixel; an odd number."""

_HINT = 1e-3
"""Weight of what lies too far away to matter, unless nothing nearer is known."""

_UNKNOWN = 1e-5
"""Sum of weights below which nothing is known at all."""


@final
@dataclass(frozen=True, slots=True)
class Probe(Settings):
    """The shape of the beam. By default it is a line without width.

    Parameters
    ----------
    probe_diameter
        Full width of the beam at half of its greatest intensity, where it is in focus, in nm. It
        is taken for a Gaussian.
    convergence_angle
        Half of the angle of the beam's cone, in mrad.
    focus_height
        Height of the focus above the ground in nm.
    astigmatism
        Difference in height in nm between the two focal lines that an astigmatic beam has instead
        of a focus; they lie above and below `focus_height` alike.
    astigmatism_angle
        Direction of the lower one in the image in rad: 0 is to the right, pi/2 is upwards. The
        upper one is at right angles to it.
    """

    probe_diameter: float = 0.0
    convergence_angle: float = 0.0
    focus_height: float = 0.0
    astigmatism: float = 0.0
    astigmatism_angle: float = 0.0

    FEATURES: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            "probe_diameter",
            0.0,
            "full width of the beam at half of its greatest intensity, in focus, in nm",
            minimum=0.0,
            maximum=1e4,
        ),
        FeatureSpec(
            "convergence_angle",
            0.0,
            "half of the angle of the beam's cone in mrad; 0 has everything in focus",
            minimum=0.0,
            maximum=100.0,
        ),
        FeatureSpec(
            "focus_height",
            0.0,
            "height of the beam's focus above the ground in nm",
            minimum=-1e6,
            maximum=1e6,
        ),
        FeatureSpec(
            "astigmatism",
            0.0,
            "difference in height in nm between the beam's two focal lines; of no effect without "
            "convergence_angle",
            minimum=0.0,
            maximum=1e6,
        ),
        FeatureSpec(
            "astigmatism_angle",
            0.0,
            "direction of the lower focal line in the image in rad: 0 is to the right, pi/2 is "
            "upwards",
            minimum=-math.tau,
            maximum=math.tau,
        ),
    )

    @property
    def is_neutral(self) -> bool:
        """Whether the beam has no width anywhere."""
        return not (self.probe_diameter or self.convergence_angle)

    @property
    def needs_height(self) -> bool:
        """Whether the blur depends on the height of what is seen."""
        return self.convergence_angle > 0


def reach_px(raster: Raster, probe: Probe, lowest: float, highest: float) -> int:
    """Return how many pixels away a place may be that still adds to a pixel's signal, at most.

    Parameters
    ----------
    raster
        How the pixels lie on the specimen; its margin does not matter.
    probe
        The beam.
    lowest, highest
        Between these heights in nm lies all that is seen.
    """
    if probe.is_neutral:
        return 0
    slope = _slope(probe, raster)
    ends = (slope * (height - probe.focus_height) for height in (lowest, highest))
    return max(_radius(_blur(probe, raster, defocus)) for defocus in ends)


def blurred(
    signal: NDArray[np.float32], height: NDArray[np.float32] | None, raster: Raster, probe: Probe
) -> NDArray[np.float32]:
    """Return a signal as a beam of the given shape sees it.

    The image is cut into layers of height, in each of which the blur hardly differs. From the
    lowest to the highest, each is blurred as one, with the places that higher ones hide counted as
    unknown, and laid upon those beneath by the part of the beam that it catches. If all have the
    same blur, that is the Gaussian of the whole image.

    Parameters
    ----------
    signal
        ``raster.shape``.
    height
        Of what is seen above the ground in nm, ``raster.shape``. Only a probe that `needs_height`
        looks at it.
    raster
        How the pixels lie on the specimen.
    probe
        The beam.

    Returns
    -------
    numpy.ndarray
        ``raster.shape``, within the range of `signal`. Nothing is known beyond the edges.
    """
    layers = list(_layers(height, raster, probe)) if height is not None else []
    if not layers:
        layers = [(np.ones(signal.shape, bool), _blur(probe, raster, 0.0))]
    blurs = [blur for _, blur in layers]
    widest = max(blurs, key=max)
    convolution = _Convolution(signal.shape, _radius(widest))
    distant = _HINT * _kernel(widest, probe, convolution.radius)

    seen = np.zeros_like(signal)
    known = np.zeros((), np.complex64)
    for place, (mask, blur) in enumerate(layers, start=1):
        beam = _kernel(blur, probe, convolution.radius)
        if place < len(layers):
            beam = beam + distant
        through = convolution.spectrum(beam)
        shown = convolution.spectrum(mask)
        known = known + shown
        light = convolution.image(through * convolution.spectrum(np.where(mask, signal, 0)))
        caught = convolution.image(through * shown)
        visible = convolution.image(through * known)
        # What is not known at all is hidden by a higher layer altogether.
        gain = np.zeros_like(seen)
        np.divide(light - caught * seen, visible, out=gain, where=visible > _UNKNOWN)
        seen += gain
    # Rounding does not make a mean of values more than the largest of them.
    held: NDArray[np.float32] = np.clip(seen, signal.min(), signal.max())
    return held


type _Blur = tuple[float, float]
"""Variances in pixels squared along the lower focal line, and at right angles to it."""


def _blur(probe: Probe, raster: Raster, defocus: float) -> _Blur:
    """Return the blur where the cone's disc has a standard deviation of `defocus` pixels.

    Below the focus that is negative, so that the two focal lines differ.
    """
    focus = (probe.probe_diameter / FULL_WIDTH / raster.pixel_nm) ** 2
    half = _slope(probe, raster) * probe.astigmatism / 2
    most = (WIDEST * max(raster.width, raster.height)) ** 2
    along, across = (min(focus + line**2, most) for line in (defocus - half, defocus + half))
    return along, across


def _slope(probe: Probe, raster: Raster) -> float:
    """Return how fast the standard deviation of the cone's disc grows, in pixels per nm of height.

    Along each axis that of a disc is half of its radius; the Gaussian in its place has the same.
    """
    return probe.convergence_angle * 1e-3 / 2 / raster.pixel_nm


def _radius(blur: _Blur) -> int:
    return math.ceil(REACH * math.sqrt(max(blur)) + 0.5)


def _kernel(blur: _Blur, probe: Probe, radius: int) -> NDArray[np.float32]:
    """Return the weights of the pixels round one, over the area of each, (2 radius + 1,) * 2."""
    side = 2 * radius + 1
    finer = 1 if min(blur) > _SMOOTH else _FINER
    within = 1 / 12 / finer**2  # variance of a place within its step
    steps = (np.arange(side * finer) + 0.5) / finer - side / 2
    right, up = steps[None, :], -steps[:, None]
    cos, sin = math.cos(probe.astigmatism_angle), math.sin(probe.astigmatism_angle)
    along, across = (right * cos + up * sin) ** 2, (up * cos - right * sin) ** 2
    exponent = along / (blur[0] + within) + across / (blur[1] + within)
    weights = np.exp(exponent / -2).reshape(side, finer, side, finer).sum(axis=(1, 3))
    normalised: NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return normalised


def _layers(
    height: NDArray[np.float32], raster: Raster, probe: Probe
) -> Iterator[tuple[NDArray[np.bool_], _Blur]]:
    """Yield where each layer is seen, from the lowest to the highest, and how it is blurred."""
    defocus = (height - probe.focus_height) * _slope(probe, raster)
    lowest, highest = float(defocus.min()), float(defocus.max())
    # asinh grows with the logarithm of a blur, and evenly where it is not felt.
    unit = math.sqrt(max(_blur(probe, raster, 0.0)) + 0.25)
    low, high = math.asinh(lowest / unit), math.asinh(highest / unit)
    count = min(max(math.ceil((high - low) / LAYER_STEP), 1), MOST_LAYERS)
    bounds = np.sinh(np.linspace(low, high, count + 1)) * unit
    bounds[0], bounds[-1] = -math.inf, math.inf
    for lower, upper in pairwise(bounds):
        mask = (defocus >= lower) & (defocus < upper)
        if pixels := np.count_nonzero(mask):
            yield mask, _blur(probe, raster, float(defocus.sum(where=mask)) / pixels)


@final
class _Convolution:
    """Convolution of arrays of one shape with kernels of one radius, zero beyond the edges."""

    def __init__(self, shape: tuple[int, ...], radius: int) -> None:
        from scipy import fft

        self.radius = radius
        self._inside = tuple(slice(radius, radius + side) for side in shape)
        self._shape = tuple(fft.next_fast_len(side + 2 * radius, real=True) for side in shape)

    def spectrum(self, array: NDArray[Any]) -> NDArray[np.complex64]:
        from scipy import fft

        made: NDArray[np.complex64] = fft.rfft2(array.astype(np.float32), s=self._shape, workers=1)
        return made

    def image(self, spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
        from scipy import fft

        made: NDArray[np.float32] = fft.irfft2(spectrum, s=self._shape, workers=1)
        return made[self._inside]
