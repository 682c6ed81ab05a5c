"""Metaballs from files of Blender: one ball, which grows together with others of its family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final, override

from scene.prototypes.geometries.meta_ball_sphere import MetaBallSphere
from scene.prototypes.geometry import FusedGeometry, Neighbour
from scene.prototypes.library.features import OWN
from scene.prototypes.library.links import Attribute, parsed_link
from scene.prototypes.library.settings import LinkedFeature
from scene.shapes.fused import FusedPart
from scene.shapes.mesh import TriangleMesh
from scene.shapes.metaballs import STIFFNESS, lone_diameter
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import DIMENSIONS

_RADIUS = 2.0
"""Of the field of the ball that polygon sizes are those of."""

_CENTRED = 1e-6
"""How far from its object's origin a ball may be, as no fraction of a pixel shows it."""

_OURS = {
    "threshold": "influence_threshold",
    "render_resolution": "render_resolution",
    "resolution": "resolution",
}
"""Properties of Blender's metaballs to the features of `MetaBallSphere` that stand for them."""


@final
@dataclass(frozen=True, slots=True)
class Metaball:
    """The ball in a file.

    Parameters
    ----------
    values
        The features of `MetaBallSphere` in the units of its file, by name.
    names
        Feature of the file to that which it is.
    radius, stiffness
        Of its field.
    """

    values: dict[str, float]
    names: dict[str, str]
    radius: float
    stiffness: float

    def factor(self, name: str) -> float:
        """Return what a value in the file is multiplied by, for a ball of our radius."""
        return (
            STIFFNESS / self.stiffness if name == "influence_threshold" else _RADIUS / self.radius
        )


class LibraryMetaball(FusedGeometry):
    """The ball of a file, with its threshold and its sizes of polygons."""

    ball: ClassVar[Metaball]

    _shape = MetaBallSphere()

    @override
    def reach(self, features: Mapping[str, FeatureValue]) -> float:
        return self._shape.reach(self._ours(features))

    @override
    def neck_reach(self, features: Mapping[str, FeatureValue]) -> float:
        return self._shape.neck_reach(self._ours(features))

    @override
    def part(
        self, features: Mapping[str, FeatureValue], neighbours: Sequence[Neighbour]
    ) -> FusedPart | None:
        theirs = [replace(other, features=self._ours(other.features)) for other in neighbours]
        return self._shape.part(self._ours(features), theirs)

    @override
    def surface(self, features: Mapping[str, FeatureValue]) -> TriangleMesh:
        return self._shape.surface(self._ours(features))

    @override
    def is_ball(self, features: Mapping[str, FeatureValue]) -> bool:
        return self._shape.is_ball(self._ours(features))

    @override
    def volume_fraction(self, features: Mapping[str, FeatureValue]) -> float:
        return self._shape.volume_fraction(self._ours(features))

    def _ours(self, features: Mapping[str, FeatureValue]) -> dict[str, FeatureValue]:
        ball = self.ball
        values = dict(ball.values)
        for name, ours in ball.names.items():
            value = features[name]
            assert isinstance(value, float)
            values[ours] = value
        scaled = {name: value * ball.factor(name) for name, value in values.items()}
        return {DIMENSIONS: features[DIMENSIONS], **scaled}


def metaball_in(made: Any, declared: Sequence[LinkedFeature]) -> Metaball | None:
    """Return the ball that an object of Blender is; None if it is something else.

    Parameters
    ----------
    declared
        Features that may be its threshold and its sizes of polygons.
    """
    if made.type != "META" or len(made.data.elements) != 1 or made.modifiers:
        return None
    (element,) = made.data.elements
    if element.type != "BALL" or element.use_negative or element.co.length > _CENTRED:
        return None
    names = {}
    for feature in declared:
        link = parsed_link(feature.blender_link)
        match link.collection, link.block.key, link.steps:
            case ("metaballs", made.data.name, (Attribute(name),)):
                pass
            case ("objects", made.name, (Attribute("data"), Attribute(name))):
                pass
            case _:
                continue
        if name in _OURS:
            names[feature.name] = _OURS[name]
    values = {ours: float(getattr(made.data, name)) for name, ours in _OURS.items()}
    return Metaball(values, names, element.radius, element.stiffness)


def metaball_features(
    ball: Metaball, scale: float, other: Sequence[FeatureSpec]
) -> tuple[FeatureSpec, ...]:
    """Return the features of particles that are such balls.

    Parameters
    ----------
    scale
        Of the ball in its file.
    other
        What links in the file lead to; other names for a particle's place are kept.
    """
    threshold = ball.values["influence_threshold"] * ball.factor("influence_threshold")
    diameter = scale * lone_diameter(ball.radius, threshold)
    specs = {spec.name: spec for spec in MetaBallSphere.features}
    made = [replace(specs[DIMENSIONS], default=(diameter,) * 3)]
    for name, ours in ball.names.items():
        spec, factor = specs[ours], ball.factor(ours)
        made.append(
            replace(
                spec,
                name=name,
                default=ball.values[ours],
                minimum=spec.minimum / factor,
                maximum=spec.maximum / factor,
            )
        )
    kept = [spec for spec in other if spec.alias_of is not None and not spec.ratio]
    return (*made, *kept, *(OWN[name] for name in ("location", "rotation")))
