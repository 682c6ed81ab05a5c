"""The metaball: a sphere on its own, which grows together with those near it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, final

import numpy as np

from scene.prototypes.geometry import FusedGeometry, Neighbour
from scene.prototypes.particle_features import LOCATION_Z, dimensions, size
from scene.shapes.fused import FusedPart
from scene.shapes.mesh import TriangleMesh
from scene.shapes.metaball_parts import ball_part
from scene.shapes.metaballs import Ball, field_radius, level_radius, lone_diameter
from scene.shapes.sphere import directions
from scene.specimen.features import FeatureSpec, FeatureValue, number

_PUBLISHED_RADIUS = 2.0
"""R of the ball that the polygon sizes are those of."""

_ONE_PLACE = 1e-6
"""Up to this fraction of R apart, two balls have one centre; the smaller has no part then."""

_FEWEST_CELLS = 14
"""Along each edge of the cube that a ball's net is made from; it is within 0.2 % of the sphere."""


@final
class MetaBallSphere(FusedGeometry):
    """A ball with a field: where the fields of balls add up to a threshold, there is the surface.

    The lower the threshold, the less balls bulge towards each other in proportion to their size.
    """

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        replace(
            dimensions((2.3, 2.3, 2.3), "diameter of the ball when it is alone, in scene units"),
            equal=True,
        ),
        LOCATION_Z,
        FeatureSpec(
            name="influence_threshold",
            default=0.6,
            description="sum of the fields at the surface; 2 at the centre of a lone ball",
            minimum=1e-6,
            maximum=1.9,
            shared=True,
        ),
        FeatureSpec(
            name="render_resolution",
            default=0.2,
            description="size of polygons in images, of a ball whose field has the radius 2",
            minimum=0.02,
            maximum=2.0,
            shared=True,
        ),
        FeatureSpec(
            name="resolution",
            default=0.4,
            description="the same in simulations",
            minimum=0.02,
            maximum=2.0,
            shared=True,
        ),
    )

    def reach(self, features: Mapping[str, FeatureValue]) -> float:
        """Return the radius of the field."""
        return field_radius(size(features)[0], number(features, "influence_threshold"))

    def neck_reach(self, features: Mapping[str, FeatureValue]) -> float:
        """Return where the ball's field is half the threshold."""
        return self.reach(features) * level_radius(number(features, "influence_threshold") / 2)

    def part(
        self, features: Mapping[str, FeatureValue], neighbours: Sequence[Neighbour]
    ) -> FusedPart | None:
        """Return where the ball's field is the strongest."""
        reach = self.reach(features)
        reaches = np.array([self.reach(other.features) for other in neighbours])
        offsets = np.array([other.offset for other in neighbours]).reshape(-1, 3)
        here = (np.abs(offsets) <= _ONE_PLACE * reach).all(axis=1)
        offsets[here] = 0.0
        earlier = np.array([other.is_earlier for other in neighbours], dtype=bool)
        if (here & ((reaches > reach) | ((reaches == reach) & earlier))).any():
            return None
        ball = Ball(reach, offsets, reaches, number(features, "influence_threshold"))
        return ball_part(ball, _cells(features, "render_resolution"))

    def surface(self, features: Mapping[str, FeatureValue]) -> TriangleMesh:
        """Return the sphere that a lone ball is."""
        return directions(_cells(features, "resolution")).stretched(size(features)[0] / 2)

    def is_ball(self, features: Mapping[str, FeatureValue]) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    def volume_fraction(self, features: Mapping[str, FeatureValue]) -> float:  # noqa: ARG002
        """Return pi / 6, that of a lone ball."""
        return math.pi / 6


def _cells(features: Mapping[str, FeatureValue], polygon_size: str) -> int:
    """Return how many polygons of a size go along an edge of the cube that a net is made from."""
    diameter = lone_diameter(_PUBLISHED_RADIUS, number(features, "influence_threshold"))
    edge = math.pi / 4 * diameter
    return max(_FEWEST_CELLS, 2 * math.ceil(edge / number(features, polygon_size) / 2))
