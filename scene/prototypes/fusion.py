"""Which particles grow together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import final

import numpy as np

from scene.prototypes.geometry import FusedGeometry, GeometryPrototype, Neighbour
from scene.prototypes.particle_features import PARTICLE_FEATURES
from scene.specimen.features import FeatureValue
from scene.specimen.settling import close_pairs
from scene.specimen.specimen import DIMENSIONS, Particle
from scene.specimen.values import values

_PLACED = tuple(spec for spec in PARTICLE_FEATURES if spec.name in {DIMENSIONS, "location"})


@final
@dataclass(frozen=True, slots=True)
class Member:
    """A particle that grows together with others.

    Parameters
    ----------
    id
        The particle's.
    family
        The blueprint that it was made from: all of a family may grow together.
    location
        Its centre in scene units.
    features
        Those that its shape depends on.
    shape
        Its geometry.
    """

    id: int
    family: str
    location: tuple[float, float, float]
    features: Mapping[str, FeatureValue]
    shape: FusedGeometry = field(compare=False)

    def beside(self, other: Member) -> Neighbour:
        """Return another one as its neighbour."""
        x, y, z = (b - a for a, b in zip(self.location, other.location, strict=True))
        return Neighbour((x, y, z), other.features, other.id < self.id)


def fused_members(
    particles: Iterable[Particle], shape_of: Callable[[str], GeometryPrototype]
) -> dict[int, Member]:
    """Return the particles that grow together with others, by id.

    Raises
    ------
    ValueError
        If two of a family differ in what they share; the text is one sentence.
    """
    members: dict[int, Member] = {}
    first: dict[str, Member] = {}
    for particle in particles:
        shape = shape_of(particle.geometry)
        if not isinstance(shape, FusedGeometry):
            continue
        features = values(particle.features, _PLACED) | values(particle.features, shape.features)
        location = features.pop("location")
        assert isinstance(location, tuple)
        x, y, z = location
        own = {spec.name for spec in shape.features if spec.alias_of is None} | {DIMENSIONS}
        features = {name: value for name, value in features.items() if name in own}
        member = Member(particle.id, particle.blueprint, (x, y, z), features, shape)
        _check_shared(first.setdefault(member.family, member), member)
        members[particle.id] = member
    return members


def neighbours(members: Mapping[int, Member]) -> dict[int, frozenset[int]]:
    """Return the ids of those that each one acts on, by id."""
    families: dict[str, list[Member]] = defaultdict(list)
    for member in members.values():
        families[member.family].append(member)
    found: dict[int, set[int]] = {key: set() for key in members}
    for family in families.values():
        reaches = np.array([member.shape.reach(member.features) for member in family])
        centres = np.array([member.location for member in family])
        for one, two in close_pairs(centres.T, reaches, 0.0).T.tolist():
            found[family[one].id].add(family[two].id)
            found[family[two].id].add(family[one].id)
    return {key: frozenset(others) for key, others in found.items()}


def _check_shared(one: Member, two: Member) -> None:
    for spec in two.shape.features:
        values = [member.features.get(spec.name) for member in (one, two)]
        if spec.shared and values[0] != values[1]:
            raise ValueError(
                f"particles of the blueprint {two.family!r} fuse, so all have the same "
                f"{spec.name}, got {values[0]!r} and {values[1]!r}"
            )
