"""The images that are computed from geometry buffers instead of being rendered by Cycles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.view import View

type Stream = Callable[[str], np.random.Generator]
"""Returns a counter-based generator by its name, the same at every call."""


class ImageModel(ABC):
    """How a measurement technique makes its image out of what every pixel shows.

    Returned by a technique's ``image_model``; its parameters are its own.
    """

    looks_through: ClassVar[bool] = False
    """Whether it asks for the `thickness` of particles, and so for their materials' density."""

    @property
    @abstractmethod
    def reach_nm(self) -> float:
        """Distance in nm from which a place on the specimen still matters to another's signal.

        The view goes on that far beyond the frame's edges, at most ``raster.most_around`` pixels.
        """

    def at_scale(self, scene_unit_nm: float) -> ImageModel:  # noqa: ARG002
        """Return the model for a scene unit of this length; itself, if its lengths are in nm."""
        return self

    @abstractmethod
    def signal(self, view: View, stream: Stream) -> NDArray[np.float32]:
        """Return the noise-free signal of every pixel.

        Parameters
        ----------
        view
            What there is to see.
        stream
            Source of random numbers, for instance for the places of a texture.

        Returns
        -------
        numpy.ndarray
            ``view.raster.shape``, float32, not negative. Without an imaging chain, 1 is white.
        """
