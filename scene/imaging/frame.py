"""What a rendering mode is: named images made from a frame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from scene.imaging.footprint import Footprint
from scene.language.plugin_code import described
from scene.microscopy.chain import Gray
from scene.microscopy.geometry import GeometryBuffers
from scene.shapes.mesh import TriangleMesh

type Image = NDArray[Any]

type Output = Image | bytes
"""What a rendering mode makes, an image or the content of a file of another kind."""

IMAGE_ENDINGS = ("png", "tiff", "tif")
"""Of the files that images are written to."""


class Frame(ABC):
    """One view of the specimen: the particles of interest and those overlapping them.

    All other particles are absent. Where a scan distorts `real`, everything else here is distorted
    in the same way; where `real` has a data bar, nothing is there in everything else.
    """

    @property
    @abstractmethod
    def buffers(self) -> GeometryBuffers:
        """Buffers that hold the particles of interest alone.

        Overlapping particles hide what is behind them and count as nothing. Rendered at the first
        use and kept as long as the specimen does not change.
        """

    @property
    def roots(self) -> Mapping[int, int]:
        """Id of the agglomerate's root for each particle that has a parent, by its id."""
        return {}

    @property
    def specimen_rows(self) -> int:
        """How many rows from the top show the specimen; those below them show a data bar."""
        return len(self.buffers.instance)

    @abstractmethod
    def footprints(self) -> Iterator[tuple[int, Footprint]]:
        """Yield the id of each particle of interest and the pixels that it would show alone.

        One by one, in no particular order: together they may take many times the frame's memory.
        """

    @abstractmethod
    def surfaces(self) -> Mapping[int, TriangleMesh]:
        """Return the surface of each particle of interest in world space, by id, ascending.

        What no scan distorts and no edge of the frame cuts off. Together they are the surfaces that
        are rendered.
        """

    @abstractmethod
    def real(self) -> Gray:
        """Take the image as the technique does, of 8 or 16 bits.

        (height, width) gray, or (height, width, 3 or 4) where the technique is in colour.
        """

    @abstractmethod
    def xray(self) -> NDArray[np.uint8]:
        """Render all particles of interest at half opacity: (height, width) gray."""


class RenderingMode(ABC):
    """One way to look at a frame; one subclass a mode.

    A plugin's mode is named in a recipe as ``rendering_mode: $plugins.package.Class``.
    """

    name: ClassVar[str]
    """Name in recipes, and of the mode's image without its ending."""

    outputs: ClassVar[Mapping[str, str]]
    """Image name to file ending.

    For instance ``{"depth_map": "png", "depth": "tiff"}``. What has another ending than those of
    images is given as bytes.
    """

    @abstractmethod
    def render(self, frame: Frame) -> Mapping[str, Output]:
        """Return one array, or the bytes of a file, for every name in `outputs`.

        uint8 or uint16, (height, width) or (height, width, 3 or 4); or float32 (height, width)
        for TIFF.
        """

    def images(self, frame: Frame) -> Mapping[str, Output]:
        """Return what `render` gives.

        Raises
        ------
        TypeError
            If that is not what it has to be.
        """
        made: Any = self.render(frame)  # whatever a plugin gives
        if not isinstance(made, Mapping) or made.keys() != self.outputs.keys():
            given = sorted(map(str, made)) if isinstance(made, Mapping) else f"{made!r:.60}"
            raise TypeError(
                f"{described(type(self))}: render must give images named "
                f"{', '.join(sorted(self.outputs))}, got {given}"
            )
        for name, image in made.items():
            if self.outputs[name] not in IMAGE_ENDINGS:
                if not isinstance(image, bytes):
                    raise TypeError(
                        f"{described(type(self))}: the file {name!r} must be bytes, got "
                        f"{type(image).__name__}"
                    )
                continue
            if not isinstance(image, np.ndarray) or image.ndim not in {2, 3} or not image.size:
                shape = getattr(image, "shape", type(image).__name__)
                raise TypeError(
                    f"{described(type(self))}: the image {name!r} must be an array of height x "
                    f"width, got {shape}"
                )
        return cast("Mapping[str, Output]", made)
