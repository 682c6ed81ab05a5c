"""The rough sphere: a random relief of a given spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

from scene.prototypes.geometries.sphere import CELLS_PER_EDGE
from scene.prototypes.geometry import ProceduralGeometry
from scene.prototypes.particle_features import dimensions
from scene.prototypes.shape_seed import SHAPE, shape
from scene.shapes.mesh import TriangleMesh
from scene.shapes.rough_sphere import Spectrum, rough_sphere
from scene.specimen.features import FeatureSpec, FeatureValue, number


@final
class RoughSphere(ProceduralGeometry):
    """A Gaussian random sphere: from slightly uneven to a lump of rock."""

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        dimensions((1.0, 1.0, 1.0), "size of the sphere without its relief, in scene units"),
        FeatureSpec(
            name="amplitude",
            default=0.05,
            description="standard deviation of the radius over the mean one",
            minimum=0.0,
            maximum=0.3,
        ),
        FeatureSpec(
            name="exponent",
            default=2.0,
            description="how fast the relief's variance falls with the degree of its spherical "
            "harmonics: 0 all alike, large only the lowest",
            minimum=0.0,
            maximum=10.0,
        ),
        FeatureSpec(
            name="lowest_degree",
            default=2,
            description="bumps round the sphere, of the widest ones; 2 makes it an egg",
            integer=True,
            minimum=2,
            maximum=24,
        ),
        FeatureSpec(
            name="highest_degree",
            default=12,
            description="bumps round the sphere, of the finest ones; not less than of the widest",
            integer=True,
            minimum=2,
            maximum=24,
        ),
        SHAPE,
        FeatureSpec(
            name="subdivisions",
            default=1,
            description="levels of subdivision beyond 384 faces",
            integer=True,
            minimum=0,
            maximum=3,
        ),
    )
    fills_box: ClassVar[bool] = False

    def surface(self, features: Mapping[str, FeatureValue]) -> TriangleMesh:
        """Return the surface round a sphere of diameter 1."""
        spectrum = Spectrum(
            amplitude=number(features, "amplitude"),
            exponent=number(features, "exponent"),
            lowest=int(number(features, "lowest_degree")),
            highest=int(number(features, "highest_degree")),
        )
        level = int(number(features, "subdivisions"))
        return rough_sphere(CELLS_PER_EDGE * 2**level, spectrum, shape(features))
