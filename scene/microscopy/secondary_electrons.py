"""The image of secondary electrons, from geometry alone: every effect, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self, final

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.charging import Charging, charged, with_streaks
from scene.microscopy.collection import Collection, collected
from scene.microscopy.delocalisation import Delocalisation, delocalised
from scene.microscopy.edge import Edge, curvature, edge_brightening
from scene.microscopy.electron_yield import material_yield
from scene.microscopy.image_model import ImageModel, Stream
from scene.microscopy.patches import has_patches, patchy
from scene.microscopy.relief import SMALLEST_COSINE, Normals, has_relief, with_relief
from scene.microscopy.shadowing import Shadowing, hidden_sky, unshaded
from scene.microscopy.view import View
from scene.specimen.features import FeatureSpec, FeatureValue


@final
@dataclass(frozen=True, slots=True)
class SecondaryElectrons(ImageModel):
    """Signal of a secondary-electron detector: electrons for each electron of the beam.

    By default it is the yield of the materials and nothing else. Level ground on which nothing lies
    gives its material's yield whatever the effects.

    Parameters
    ----------
    edge, collection, shadowing, delocalisation, charging
        The effects; materials bring roughness and patches. All but `delocalisation` are factors.
    """

    edge: Edge = field(default_factory=Edge)
    collection: Collection = field(default_factory=Collection)
    shadowing: Shadowing = field(default_factory=Shadowing)
    delocalisation: Delocalisation = field(default_factory=Delocalisation)
    charging: Charging = field(default_factory=Charging)

    FEATURES: ClassVar[tuple[FeatureSpec, ...]] = (
        *Edge.FEATURES,
        *Collection.FEATURES,
        *Shadowing.FEATURES,
        *Delocalisation.FEATURES,
        *Charging.FEATURES,
    )

    @classmethod
    def of(cls, features: Mapping[str, FeatureValue]) -> Self:
        """Return what a technique's features set."""
        return cls(
            Edge.of(features),
            Collection.of(features),
            Shadowing.of(features),
            Delocalisation.of(features),
            Charging.of(features),
        )

    @property
    def reach_nm(self) -> float:
        """The farthest that an effect reaches; what is widely spread, up to two deviations."""
        return max(
            0.0 if self.shadowing.is_neutral else self.shadowing.shadowing_range,
            0.0 if self.delocalisation.is_neutral else 2 * self.delocalisation.deviation,
            0.0 if self.charging.is_neutral else 2 * self.charging.charging_range,
        )

    def signal(self, view: View, stream: Stream) -> NDArray[np.float32]:
        """Return the noise-free signal of every pixel."""
        pixel, instance = view.raster.pixel_nm, view.buffers.instance
        signal = material_yield(view)
        if has_patches(view):
            signal *= patchy(view, stream)
        smooth = _normals(view)
        normals, height = smooth, view.height
        if has_relief(view):
            normals, height = with_relief(smooth, height, view, stream)
        if not self.edge.is_neutral:
            signal *= edge_brightening(normals[2], curvature(view.buffers, pixel), self.edge)
        if not self.collection.is_neutral:
            signal *= collected(*normals, self.collection)
        if not self.shadowing.is_neutral:
            signal *= self._unshaded(view, height, smooth)
        if not self.charging.is_neutral:
            signal = charged(signal, instance, pixel, self.charging)
        if not self.delocalisation.is_neutral:
            signal = delocalised(signal, pixel, self.delocalisation)
        if not self.charging.is_neutral:
            signal = with_streaks(signal, instance, pixel, self.charging)
        return signal

    def _unshaded(
        self, view: View, height: NDArray[np.float32], smooth: Normals
    ) -> NDArray[np.float32]:
        per_pixel = np.float32(1 / view.raster.pixel_nm)
        seen = height * per_pixel
        others = seen
        if view.unseen_height is not None:
            others = np.maximum(seen, view.unseen_height * per_pixel)
        upright: NDArray[np.float32] = np.maximum(smooth[2], SMALLEST_COSINE)
        slopes = -smooth[0] / upright, -smooth[1] / upright
        # No farther than what a frame is given around it, so that all of it sees equally far.
        reach = min(self.shadowing.shadowing_range * float(per_pixel), view.raster.most_around)
        hidden = hidden_sky(seen, others, slopes, reach, self.collection)
        return unshaded(hidden, self.shadowing)


def _normals(view: View) -> Normals:
    """Return the normals of what is seen, one array a component; the ground is level."""
    x, y, z = (np.ascontiguousarray(view.buffers.normal[..., axis]) for axis in range(3))
    z[view.buffers.instance == 0] = 1.0
    return x, y, z
