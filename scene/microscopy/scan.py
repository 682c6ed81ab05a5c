"""Scan: where the beam really is while each pixel is recorded.

A scanning microscope takes one pixel after another. What moves the specimen under the beam
meanwhile, or keeps the beam from where it is meant to be, distorts the image instead of blurring
it: P. Cizmar et al., Scanning 30 (2008) 381 (drift and vibration in simulated images); L. Jones and
P. Nellist, Microscopy and Microanalysis 19 (2013) 1050 (what they look like in recorded ones).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.image_model import Stream
from scene.microscopy.raster import Raster
from scene.microscopy.settings import Settings
from scene.specimen.features import FeatureSpec

WALK_BOUND = 3.0
"""Farthest that a walk strays, in standard deviations of where it ends."""

FARTHEST = 0.25
"""Largest displacement, as a fraction of the image's larger side."""

type Positions = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Rows and columns, (height, width) each, counted from the first pixel of the margin."""

_SECOND = 1e6
"""Microseconds in a second."""

_DIRECTION = "rad: 0 is to the right, along the lines, pi/2 is upwards"


@final
@dataclass(frozen=True, slots=True)
class Scan(Settings):
    """How the beam goes over the specimen, line by line from the top, each from the left.

    Parameters
    ----------
    dwell_time
        Time in us that a pixel is looked at.
    line_time_overhead
        Time between a line's last pixel and the next line's first, over the time of its pixels.
    drift
        Steady speed of the specimen in nm/s.
    drift_direction
        Where it drifts to in the image, in rad: 0 is to the right, pi/2 is upwards.
    drift_walk
        A random walk beside the steady drift, in nm for a second: in t seconds it strays this times
        the square root of t, along each axis. It steps from line to line.
    vibration
        Amplitude in nm of an oscillation of specimen against beam. Its phase is drawn.
    vibration_frequency
        In Hz.
    vibration_direction
        The line in the image along which it oscillates, in rad, as `drift_direction`.
    flagging
        How far to the right of its place in nm the beam starts each line, as it is still on its way
        back from the end of the line before; negative if it has gone too far.
    flagging_time
        Time in us in which that falls to 1/e.
    """

    dwell_time: float = 10.0
    line_time_overhead: float = 0.0
    drift: float = 0.0
    drift_direction: float = 0.0
    drift_walk: float = 0.0
    vibration: float = 0.0
    vibration_frequency: float = 50.0
    vibration_direction: float = 0.0
    flagging: float = 0.0
    flagging_time: float = 100.0

    FEATURES: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            "dwell_time", 10.0, "time in us that a pixel is looked at", minimum=0.01, maximum=1e4
        ),
        FeatureSpec(
            "line_time_overhead",
            0.0,
            "time between two lines, over the time of a line's pixels",
            minimum=0.0,
            maximum=10.0,
        ),
        FeatureSpec("drift", 0.0, "steady speed of the specimen in nm/s", minimum=0.0, maximum=1e5),
        FeatureSpec(
            "drift_direction",
            0.0,
            f"where the specimen drifts to in the image, in {_DIRECTION}",
            minimum=-math.tau,
            maximum=math.tau,
        ),
        FeatureSpec(
            "drift_walk",
            0.0,
            "how far the drift strays from a steady one in a second, along each axis, in nm; in t "
            "seconds it is this times the square root of t",
            minimum=0.0,
            maximum=1e5,
        ),
        FeatureSpec(
            "vibration",
            0.0,
            "amplitude in nm of the vibration of specimen against beam",
            minimum=0.0,
            maximum=1e4,
        ),
        FeatureSpec(
            "vibration_frequency",
            50.0,
            "frequency of the vibration in Hz",
            minimum=0.01,
            maximum=1e5,
        ),
        FeatureSpec(
            "vibration_direction",
            0.0,
            f"the line along which it vibrates, in {_DIRECTION}",
            minimum=-math.tau,
            maximum=math.tau,
        ),
        FeatureSpec(
            "flagging",
            0.0,
            "how far to the right of its place in nm the beam starts each line; negative is to the "
            "left",
            minimum=-1e5,
            maximum=1e5,
        ),
        FeatureSpec(
            "flagging_time",
            100.0,
            "time in us in which the beam's lag at a line's start falls to 1/e",
            minimum=0.1,
            maximum=1e5,
        ),
    )

    @property
    def is_neutral(self) -> bool:
        """Whether every pixel's signal comes from where it is meant to."""
        return not (self.drift or self.drift_walk or self.vibration or self.flagging)

    def line_time(self, width: int) -> float:
        """Return the time in us from one line of `width` pixels to the next."""
        return width * self.dwell_time * (1.0 + self.line_time_overhead)


def displacements(raster: Raster, scan: Scan) -> dict[str, float]:
    """Return by how many pixels each part of a scan moves a pixel at most, by its feature.

    Parameters
    ----------
    raster
        How the pixels lie on the specimen; its margin does not matter.
    scan
        How the beam goes over it.
    """
    half_frame = raster.height * scan.line_time(raster.width) / _SECOND / 2
    parts = {
        "drift": scan.drift * half_frame,
        "drift_walk": WALK_BOUND * scan.drift_walk * math.sqrt(half_frame),
        "vibration": scan.vibration,
        "flagging": abs(scan.flagging),
    }
    return {name: length / raster.pixel_nm for name, length in parts.items()}


def reach_px(raster: Raster, scan: Scan) -> int:
    """Return how many pixels beyond the frame a scan may reach, at most.

    Parameters
    ----------
    raster
        How the pixels lie on the specimen; its margin does not matter.
    scan
        How the beam goes over it.

    Raises
    ------
    ValueError
        With one sentence, if that is more than `FARTHEST` of the image's larger side.
    """
    if scan.is_neutral:
        return 0
    parts = displacements(raster, scan)
    reach, bound = sum(parts.values()), FARTHEST * max(raster.width, raster.height)
    if not reach <= bound:
        largest = max(parts, key=parts.__getitem__)
        raise ValueError(
            f"the scan shifts pixels by up to {reach:.0f} pixels, at most {bound:.0f} are allowed "
            f"({FARTHEST:g} of the image's larger side); most of it is {largest}: lower it"
            + (", or dwell_time" if largest.startswith("drift") else "")
        )
    return math.ceil(reach) + 1  # what lies between two pixels needs both


def positions(raster: Raster, scan: Scan, stream: Stream) -> Positions:
    """Return where on the undistorted image the signal of each of the frame's pixels comes from.

    Nothing has drifted in the middle of the frame's time, so that a drift moves the frame's first
    and last lines the farthest.

    Parameters
    ----------
    raster
        How the pixels lie on the specimen.
    scan
        How the beam goes over it.
    stream
        Returns the generators of ``drift_walk`` and of ``vibration``, where there are any.

    Returns
    -------
    tuple
        Rows and columns. They lie within `reach_px` of the frame.
    """
    lines = np.arange(raster.height)[:, None]
    pixels = np.arange(raster.width)
    # Of the first pixel of the line, and since then, in s.
    begin = lines * scan.line_time(raster.width) / _SECOND
    since = pixels * scan.dwell_time / _SECOND
    time = begin + since
    # How far the specimen has moved in the image, to the right and up, in nm.
    right, up = np.zeros_like(time), np.zeros_like(time)
    if scan.drift:
        elapsed = time - raster.height * scan.line_time(raster.width) / _SECOND / 2
        right += scan.drift * math.cos(scan.drift_direction) * elapsed
        up += scan.drift * math.sin(scan.drift_direction) * elapsed
    if scan.drift_walk:
        walk = _walk(raster, scan, stream("drift_walk"))
        right += walk[:, :1]
        up += walk[:, 1:]
    if scan.vibration:
        phase = stream("vibration").uniform(0.0, math.tau)
        # Faster than a pixel's dwell time it is averaged away.
        seen = scan.vibration * np.sinc(scan.vibration_frequency * scan.dwell_time / _SECOND)
        swing = seen * np.sin(math.tau * scan.vibration_frequency * time + phase)
        right += math.cos(scan.vibration_direction) * swing
        up += math.sin(scan.vibration_direction) * swing
    if scan.flagging:
        right -= scan.flagging * np.exp(-since * _SECOND / scan.flagging_time)
    rows = raster.margin + lines + up / raster.pixel_nm
    columns = raster.margin + pixels - right / raster.pixel_nm
    return rows.astype(np.float32), columns.astype(np.float32)


def sampled(
    image: NDArray[np.float32], rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return an image's values at the given positions, linear between its pixels.

    Beyond the image's edges it goes on as it is there.
    """
    from scipy.ndimage import map_coordinates

    values: NDArray[np.float32] = map_coordinates(
        image, (rows, columns), output=np.float32, order=1, mode="nearest"
    )
    return values


def _walk(raster: Raster, scan: Scan, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return how far the drift has strayed to the right and up at each line, (height, 2), in nm."""
    seconds = scan.line_time(raster.width) / _SECOND
    steps = generator.standard_normal((raster.height, 2)) * scan.drift_walk * math.sqrt(seconds)
    walk = np.cumsum(steps, axis=0)
    bound = WALK_BOUND * scan.drift_walk * math.sqrt(raster.height * seconds / 2)
    held: NDArray[np.float64] = np.clip(walk - walk[raster.height // 2], -bound, bound)
    return held
