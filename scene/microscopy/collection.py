"""Detector position: slopes that face the detector look brighter.

An Everhart-Thornley detector stands at one side of the specimen and draws electrons towards it, but
not all alike: L. Reimer, Scanning Electron Microscopy, 2nd ed. (1998); J. Goldstein et al.,
Scanning Electron Microscopy and X-Ray Microanalysis, 4th ed. (2018).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.settings import Settings
from scene.specimen.features import FeatureSpec


@final
@dataclass(frozen=True, slots=True)
class Collection(Settings):
    """Where the detector is, and how much that matters.

    Parameters
    ----------
    detector_asymmetry
        Strength of the dependence; 0 is a detector all round.
    detector_azimuth
        Direction of the detector in the image in rad: 0 is to the right, pi/2 is upwards.
    detector_elevation
        Angle in rad by which it stands above the specimen's plane.
    """

    detector_asymmetry: float = 0.0
    detector_azimuth: float = 0.0
    detector_elevation: float = 0.0

    FEATURES: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            "detector_asymmetry",
            0.25,
            "how much brighter slopes are that face the detector, 0 for a detector all round",
            minimum=0.0,
            maximum=1.0,
        ),
        FeatureSpec(
            "detector_azimuth",
            1.6,
            "direction of the detector in the image in rad: 0 is to the right, pi/2 is upwards",
            minimum=-math.tau,
            maximum=math.tau,
        ),
        FeatureSpec(
            "detector_elevation",
            0.5,
            "angle of the detector above the specimen's plane in rad",
            minimum=0.0,
            maximum=math.pi / 2,
        ),
    )

    @property
    def is_neutral(self) -> bool:
        """Whether all slopes look alike."""
        return self.detector_asymmetry == 0

    @property
    def lateral(self) -> float:
        """How much the direction within the image matters, between -1 and 1."""
        return self.detector_asymmetry * math.cos(self.detector_elevation)


def collected(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    z: NDArray[np.float32],
    collection: Collection,
) -> NDArray[np.float32]:
    """Return ``(1 + a n.d) / (1 + a d_z)``: 1 for a level surface, not below 0.

    Parameters
    ----------
    x, y, z
        Normals n: to the right, upwards in the image, towards the beam.
    collection
        The asymmetry a, and the direction d of the detector.
    """
    asymmetry, azimuth = collection.detector_asymmetry, collection.detector_azimuth
    upwards = asymmetry * math.sin(collection.detector_elevation)
    scale = 1 / (1 + upwards)
    found = x * np.float32(scale * collection.lateral * math.cos(azimuth))
    found += y * np.float32(scale * collection.lateral * math.sin(azimuth))
    # Written so that a level surface gives 1 to the bit.
    found += (z - 1) * np.float32(scale * upwards)
    found += 1
    np.maximum(found, np.float32(0.0), out=found)
    return found
