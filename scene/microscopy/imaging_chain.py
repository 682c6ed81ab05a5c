"""What a technique's image goes through on its way to a file: plain values, without pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self, final

from scene.microscopy.data_bar import DataBar
from scene.microscopy.detector import Detector
from scene.microscopy.display import Display
from scene.microscopy.electrons import Electrons
from scene.microscopy.probe import Probe
from scene.microscopy.probe import reach_px as reach_of_probe
from scene.microscopy.raster import Raster
from scene.microscopy.scan import Scan
from scene.microscopy.scan import reach_px as reach_of_scan
from scene.microscopy.support_film import SupportFilm
from scene.specimen.features import FeatureSpec, FeatureValue

IMAGING_FEATURES: tuple[FeatureSpec, ...] = (
    *Probe.FEATURES,
    *Scan.FEATURES,
    *Electrons.FEATURES,
    *Detector.FEATURES,
    *Display.FEATURES,
    *DataBar.FEATURES,
)
"""Features of every technique whose images go through all stages of the chain."""


@final
@dataclass(frozen=True, slots=True)
class ImagingChain:
    """Everything that is done to the noise-free image. By default nothing is.

    Parameters
    ----------
    noise
        Standard deviation of a pixel at gray value 1 of 255, see
        :func:`scene.microscopy.noise.with_noise`; 0 adds none.
    probe
        The shape of the beam.
    scan
        How the beam goes over the specimen.
    electrons
        How many make up a pixel.
    detector
        What its electronics do to the signal.
    display
        How the signal becomes gray values.
    data_bar
        What a data bar says, if there is one.
    film
        What lies beneath all particles and weakens the signal, before anything else is done to it.
    """

    noise: float = 0.0
    probe: Probe = field(default_factory=Probe)
    scan: Scan = field(default_factory=Scan)
    electrons: Electrons = field(default_factory=Electrons)
    detector: Detector = field(default_factory=Detector)
    display: Display = field(default_factory=Display)
    data_bar: DataBar = field(default_factory=DataBar)
    film: SupportFilm = field(default_factory=SupportFilm)

    @classmethod
    def of(cls, features: Mapping[str, FeatureValue], noise: float = 0.0) -> Self:
        """Return the chain that a technique's features set.

        Parameters
        ----------
        features
            Values of at least `IMAGING_FEATURES`.
        noise
            As in the chain.
        """
        return cls(
            noise,
            Probe.of(features),
            Scan.of(features),
            Electrons.of(features),
            Detector.of(features),
            Display.of(features),
            DataBar.of(features),
        )

    @property
    def is_local(self) -> bool:
        """Whether each pixel is made of what lies there, and of nothing beside it."""
        reaches = self.detector.lead or self.detector.delay
        return self.probe.is_neutral and self.scan.is_neutral and not reaches

    def reach_px(self, raster: Raster, highest: float = 0.0) -> int:
        """Return how many pixels beyond the frame's edges still matter inside.

        Parameters
        ----------
        raster
            How the pixels lie on the specimen; its margin does not matter.
        highest
            Height in nm above the ground, below which all lies that is seen.

        Raises
        ------
        ValueError
            With one sentence, if the scan reaches too far.
        """
        return (
            reach_of_probe(raster, self.probe, 0.0, highest)
            + reach_of_scan(raster, self.scan)
            + max(self.detector.lead, self.detector.delay)
        )
