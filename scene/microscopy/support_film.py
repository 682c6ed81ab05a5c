"""Support film: the thin layer of amorphous carbon that lies beneath all particles.

It takes its part of the beam away like any other material. Its grain is a likeness: in a real
microscope it comes from phase contrast, which depends on defocus and aberrations (L. Reimer, H.
Kohl, Transmission Electron Microscopy, 5th ed., 2008); here it is a random field of one size.
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
from scene.microscopy.texture import grains
from scene.microscopy.transmission import left_behind
from scene.specimen.features import FeatureSpec

_TURNED = ((0.59, -0.81), (0.81, 0.59))
"""Turns a place in the texture, which is looked up there for a second time.

The texture repeats, but not the sum of two that repeat in other directions.
"""

_LEAST_CONTRAST = 1e-5
"""Contrast below which the grain shows in no image, not even in one of 16 bits."""


@final
@dataclass(frozen=True, slots=True)
class SupportFilm(Settings):
    """The film beneath the particles. By default there is none.

    Parameters
    ----------
    film_thickness
        In nm; 0 is no film.
    film_density
        How dense it is to the beam, as the density of a material.
    film_grain_contrast
        Standard deviation of the signal from grain to grain, relative to its mean, where the image
        resolves the grain.
    film_grain_size
        Distance in nm over which the grain repeats, on average.
    """

    film_thickness: float = 0.0
    film_density: float = 1.0
    film_grain_contrast: float = 0.03
    film_grain_size: float = 1.0

    FEATURES: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            "film_thickness",
            0.0,
            "thickness in nm of the support film; 0 is none",
            minimum=0.0,
            maximum=1e4,
        ),
        FeatureSpec(
            "film_density",
            1.0,
            "how much of the beam the support film absorbs, as `density` of `tem_amorphous`; of no "
            "effect without film_thickness",
            minimum=0.0,
            maximum=1e3,
        ),
        FeatureSpec(
            "film_grain_contrast",
            0.03,
            "standard deviation of the film's grain, relative to the mean; of no effect without "
            "film_thickness",
            minimum=0.0,
            maximum=1.0,
        ),
        FeatureSpec(
            "film_grain_size",
            1.0,
            "distance in nm over which the film's grain repeats",
            minimum=0.1,
            maximum=1e4,
        ),
    )

    @property
    def is_neutral(self) -> bool:
        """Whether there is no film."""
        return self.film_thickness == 0

    def behind(self, raster: Raster, scene_unit_nm: float, stream: Stream) -> NDArray[np.float32]:
        """Return which part of the beam is left at every pixel, of ``raster.shape``.

        Parameters
        ----------
        raster
            How the pixels lie on the specimen.
        scene_unit_nm
            Length of a scene unit, for each of which the density counts, in nm.
        stream
            Decides where in the texture the film lies.
        """
        mean = left_behind(self.film_thickness / scene_unit_nm * self.film_density)
        film = np.full(raster.shape, mean, np.float32)
        # Of a wave that is finer than a pixel, a pixel's mean has little: sinc(x) ~ exp(-x^2/6).
        waves = raster.pixel_nm / self.film_grain_size
        contrast = self.film_grain_contrast * math.exp(-((math.pi * waves) ** 2) / 6)
        if contrast > _LEAST_CONTRAST:
            film *= np.maximum(1 + np.float32(contrast) * self._grain(raster, stream), 0)
        return film

    def _grain(self, raster: Raster, stream: Stream) -> NDArray[np.float32]:
        """Return a field of mean 0 and standard deviation 1."""
        per_nm = np.float32(1 / self.film_grain_size)
        place = [axis * per_nm for axis in raster.places_nm(np.arange(math.prod(raster.shape)))]
        shift = stream("film").random((2, 2), dtype=np.float32) * np.float32(1e3)
        turned = [np.float32(a) * place[0] + np.float32(b) * place[1] for a, b in _TURNED]
        values = sum(
            grains().between(first + own[0], second + own[1])[:, 0]
            for (first, second), own in zip((place, turned), shift, strict=True)
        )
        return (values * np.float32(math.sqrt(0.5))).reshape(raster.shape)
