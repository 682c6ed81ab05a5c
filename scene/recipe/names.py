"""Everything that a recipe names, for the checks that need more than one element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from scene.errors import unknown
from scene.specimen.features import FeatureSpec

if TYPE_CHECKING:
    from scene.recipe.registry import Registry
    from scene.specimen.distributions import FeatureDistribution
    from scene.specimen.sets import ObjectSet

type Features = Mapping[str, FeatureSpec]


class Members(StrEnum):
    """What a set can hold."""

    PARTICLES = "particles"
    TECHNIQUES = "measurement techniques"
    PARTICLE_BLUEPRINTS = "particle blueprints"
    TECHNIQUE_BLUEPRINTS = "measurement technique blueprints"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class RecipeNames:
    """What the names in a recipe stand for.

    Parameters
    ----------
    registry
        Where modes and prototypes are found.
    variabilities
        Entries of ``process_conditions.feature_variabilities``; None for a faulty one.
    sets
        Built-in sets and those that the recipe defines; None for a faulty one.
    particle_blueprints, technique_blueprints
        Blueprint name to the features of what is made from it; None for a faulty one.
    """

    registry: Registry
    variabilities: Mapping[str, FeatureDistribution | None]
    sets: Mapping[str, ObjectSet | None]
    particle_blueprints: Mapping[str, Features | None]
    technique_blueprints: Mapping[str, Features | None]

    def set_problem(self, name: str, *allowed: Members) -> str | None:
        """Return what is wrong with naming the set `name` where `allowed` sets are expected."""
        if name not in self.sets:
            return unknown("set", name, self.sets)
        found = self.sets[name]
        if found is not None and found.members not in allowed:
            expected = " or ".join(allowed)
            return f"expected a set of {expected}, but {name!r} is a set of {found.members}"
        return None

    def feature_problem(self, set_name: str, feature_name: str) -> str | None:
        """Return what is wrong with setting `feature_name` on the members of a set."""
        for blueprint, features in self.members(set_name).items():
            if features is not None and feature_name not in features:
                return f"{unknown('feature', feature_name, features)} (blueprint {blueprint!r})"
        return None

    def members(self, set_name: str) -> Mapping[str, Features | None]:
        """Return the blueprints, with their features, whose objects the set can hold."""
        found = self.sets.get(set_name)
        if found is None:
            return {}
        kinds = {
            Members.PARTICLES: self.particle_blueprints,
            Members.PARTICLE_BLUEPRINTS: self.particle_blueprints,
            Members.TECHNIQUES: self.technique_blueprints,
            Members.TECHNIQUE_BLUEPRINTS: self.technique_blueprints,
            Members.NOTHING: {},
        }
        blueprints = kinds[found.members]
        return {name: value for name, value in blueprints.items() if found.includes(name)}
