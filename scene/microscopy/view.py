"""What a microscope looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.electron_surface import ElectronSurface
from scene.microscopy.geometry import GeometryBuffers
from scene.microscopy.raster import Raster
from scene.microscopy.thickness import Thickness

type ParticleSurfaces = Mapping[ElectronSurface, NDArray[np.intp]]
"""Each material in use, and the ids of the particles that are made of it."""


@final
@dataclass(frozen=True, slots=True)
class View:
    """A specimen as a microscope sees it: arrays of ``raster.shape``, the margin included.

    Parameters
    ----------
    raster
        How the pixels lie on the specimen.
    buffers
        The particles of interest, as if no others were there.
    height
        float32, elevation of what is seen above the ground in nm; 0 where it is the ground.
    unseen_height
        The same for particles that are there without being seen, but shade what is; None if there
        are none.
    ground
        The material of the ground; None if there is none, and nothing comes from where no particle
        is.
    particles
        The materials of the particles.
    thickness
        Returns how much of each particle of interest the beam passes through, body by body: all
        together may be many times the frame. A body is one particle, or several that have grown
        together. Nothing but for a model that `looks_through`.
    """

    raster: Raster
    buffers: GeometryBuffers
    height: NDArray[np.float32]
    unseen_height: NDArray[np.float32] | None = None
    ground: ElectronSurface | None = None
    particles: ParticleSurfaces = field(default_factory=dict)
    thickness: Callable[[], Iterable[Sequence[Thickness]]] = tuple
