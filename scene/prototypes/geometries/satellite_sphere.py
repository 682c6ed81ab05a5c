"""The sphere with satellites, as gas atomisation of metals leaves them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final, override

import numpy as np
from numpy.typing import NDArray

from scene.prototypes.geometry import ProceduralGeometry
from scene.prototypes.particle_features import dimensions
from scene.prototypes.shape_seed import SHAPE, shape
from scene.shapes.mesh import TriangleMesh
from scene.shapes.satellites import Satellites
from scene.specimen.features import FeatureSpec, FeatureValue, number

CELLS = 10


@final
class SatelliteSphere(ProceduralGeometry):
    """A sphere with smaller ones fused to it, one particle with one label."""

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        dimensions((1.0, 1.0, 1.0), "size of the sphere without its satellites, in scene units"),
        FeatureSpec(
            name="satellites",
            default=6,
            description="number of smaller spheres; those that find no free place are left out",
            integer=True,
            minimum=0,
            maximum=64,
        ),
        FeatureSpec(
            name="satellite_ratio",
            default=0.2,
            description="median of their diameters over that of the sphere",
            minimum=0.02,
            maximum=0.6,
        ),
        FeatureSpec(
            name="satellite_spread",
            default=0.4,
            description="standard deviation of the logarithm of their diameters, which stay "
            "within 0.02 to 0.6 of the sphere's",
            minimum=0.0,
            maximum=1.0,
        ),
        FeatureSpec(
            name="embedding",
            default=0.15,
            description="how deep they lie in the sphere, over their diameter",
            minimum=0.01,
            maximum=0.9,
        ),
        SHAPE,
    )
    fills_box: ClassVar[bool] = False

    def surface(self, features: Mapping[str, FeatureValue]) -> TriangleMesh:
        """Return the surface round a sphere of diameter 1."""
        return _satellites(features).surface(CELLS).stretched(0.5)

    @override
    def balls(self, features: Mapping[str, FeatureValue]) -> NDArray[np.float64]:
        return 0.5 * _satellites(features).balls()

    def volume_fraction(self, features: Mapping[str, FeatureValue]) -> float:
        """Return it from the volumes of the spheres, and of what two of them share."""
        return _satellites(features).volume() / 8


def _satellites(features: Mapping[str, FeatureValue]) -> Satellites:
    return Satellites.drawn(
        number=int(number(features, "satellites")),
        ratio=number(features, "satellite_ratio"),
        spread=number(features, "satellite_spread"),
        embedding=number(features, "embedding"),
        seed=shape(features),
    )
