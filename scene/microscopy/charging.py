"""Charging: particles that hold their charge look brighter, the ground beside them darker.

An insulating particle under the beam keeps charge, whose field acts on the slow electrons around
it; how, depends on beam, material and time (J. Cazaux, Scanning 26 (2004) 181). Micrographs of
particles that charge up show them bright, with dark surroundings and dark streaks along the lines
behind them. The potential follows from the history of the whole scan, which is not computed here:
size and form of these three are a likeness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.blur import blurred
from scene.microscopy.settings import Settings
from scene.specimen.features import FeatureSpec

STREAK = 0.4
"""Largest relative loss behind bright objects, at full charging."""

STREAK_LENGTH = 3.0
"""Length along a line in which a streak falls to 1/e, over `charging_range`."""


@final
@dataclass(frozen=True, slots=True)
class Charging(Settings):
    """How far particles charge up.

    Parameters
    ----------
    charging
        0 not at all, 1 so far that a particle within others is twice as bright and no signal comes
        from ground that they surround.
    charging_range
        How far the field of charges reaches, in nm.
    """

    charging: float = 0.0
    charging_range: float = 0.0

    FEATURES: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            "charging",
            0.1,
            "how much brighter particles, and how much darker the ground beside them, become by "
            "charging, 0 for conductors",
            minimum=0.0,
            maximum=1.0,
        ),
        FeatureSpec(
            "charging_range",
            2000.0,
            "how far the field of charged particles reaches, in nm",
            minimum=0.0,
            maximum=1e5,
        ),
    )

    @property
    def is_neutral(self) -> bool:
        """Whether nothing charges."""
        return self.charging == 0 or self.charging_range == 0


def charged(
    signal: NDArray[np.float32],
    instance: NDArray[np.uint16],
    pixel_nm: float,
    charging: Charging,
) -> NDArray[np.float32]:
    """Return the signal of charged particles: they brighten, the ground beside them darkens.

    Both in proportion to the fraction of particles around, weighted with a Gaussian.
    """
    around = blurred((instance > 0).astype(np.float32), charging.charging_range / pixel_nm)
    sign = np.where(instance > 0, np.float32(charging.charging), np.float32(-charging.charging))
    around *= sign
    around += 1
    around *= signal
    return around


def with_streaks(
    signal: NDArray[np.float32],
    instance: NDArray[np.uint16],
    pixel_nm: float,
    charging: Charging,
) -> NDArray[np.float32]:
    """Return the signal with dark streaks to the right of particles, along the scan's lines.

    The loss is proportional to how far what came out of particles just before exceeds the mean
    signal, with a memory that fades exponentially along the line.
    """
    length = STREAK_LENGTH * charging.charging_range / pixel_nm
    mean = float(signal.mean(dtype=np.float64)) or 1.0
    charge = np.where(instance > 0, signal * np.float32(1 / mean), np.float32(0.0))
    trace = faded(charge, length)
    # Where the beam is on a particle, it recharges: only the ground behind shows the loss.
    trace *= instance == 0
    loss = np.float32(STREAK * charging.charging) * trace / (1 + trace)
    return signal * (1 - loss)


def faded(signal: NDArray[np.float32], length: float) -> NDArray[np.float32]:
    """Return the mean of what came before along each row, with weights that fall exponentially.

    Parameters
    ----------
    signal
        (rows, columns); before its first column there was nothing.
    length
        Columns in which a weight falls to 1/e.
    """
    decay = float(np.exp(-1 / max(length, 1e-3)))
    found = signal * np.float32(1 - decay)
    step = 1
    # Sums over 2, 4, 8, ... columns, each of two sums over half as many.
    while step < found.shape[1] and decay**step > 1e-4:
        found[:, step:] += found[:, :-step] * np.float32(decay**step)
        step *= 2
    return found
