"""Everything that a recipe names, for the checks that need more than one element."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final, override

from scene.errors import unknown
from scene.language.element import CheckContext, Members
from scene.language.plugin_code import failed
from scene.recipe.registry import Registry
from scene.recipe.sight import Sight
from scene.specimen.distributions import Distribution, FeatureDistribution
from scene.specimen.distributions.parameters import where
from scene.specimen.features import FeatureSpec
from scene.specimen.sets import ObjectSet
from scene.specimen.specimen import DIMENSIONS, MeasurementVolume

type Features = Mapping[str, FeatureSpec]


@final
@dataclass(frozen=True, slots=True)
class RecipeNames(CheckContext):
    """What the names in a recipe stand for; None for what is faulty.

    Parameters
    ----------
    registry
        Where modes and prototypes are found.
    distributions
        Entries of ``process_conditions.feature_variabilities``.
    sets
        Built-in sets and those that the recipe defines.
    particle_blueprints, technique_blueprints
        Blueprint name to the features of what is made from it.
    numbers
        Particle blueprint to the number of particles that are made from it.
    volume
        The measurement volume, if the recipe is sound enough to have one.
    sight
        What its images can show, if that is known.
    """

    registry: Registry
    distributions: Mapping[str, FeatureDistribution | None]
    sets: Mapping[str, ObjectSet | None]
    particle_blueprints: Mapping[str, Features | None]
    technique_blueprints: Mapping[str, Features | None]
    numbers: Mapping[str, int]
    volume: MeasurementVolume | None = None
    sight: Sight | None = None

    @override
    def set_problem(self, name: str, *allowed: Members) -> str | None:
        if name not in self.sets:
            return unknown("set", name, self.sets)
        found = self.sets[name]
        if found is not None and found.members not in allowed:
            expected = " or ".join(kind.text for kind in allowed)
            return f"expected a set of {expected}, but {name!r} is a set of {found.members.text}"
        return None

    @override
    def blueprint_problem(self, name: str) -> str | None:
        known = self.particle_blueprints
        return None if name in known else unknown("particle blueprint", name, known)

    @override
    def feature_problem(self, set_name: str, feature_name: str) -> str | None:
        members = self._blueprints(set_name)
        known = {name for features in members.values() for name in features or ()}
        if not members or None in members.values() or feature_name in known:
            return None
        return f"{unknown('feature', feature_name, known)} ({_blueprints(members)})"

    @override
    def distribution_problem(self, name: str, set_name: str) -> str | None:
        if name not in self.distributions:
            return unknown("feature variability", name, self.distributions)
        entry = self.distributions[name]
        if entry is None:
            return None
        if problem := self.feature_problem(set_name, entry.feature_name):
            return problem
        try:
            return self._misfit(name, entry, set_name)
        except Exception as error:  # noqa: BLE001 (a plugin's own code)
            return failed(type(entry.variability), "unfit or extremes", error)

    @override
    def members(self, set_name: str) -> Members:
        found = self.sets.get(set_name)
        return Members.NOTHING if found is None else found.members

    @override
    def particles_made(self, set_name: str) -> int:
        found = self.sets.get(set_name)
        if found is None:
            return 0
        return sum(number for name, number in self.numbers.items() if found.includes(name))

    @override
    def drawn_feature(self, name: str) -> str | None:
        entry = self.distributions.get(name)
        return None if entry is None else entry.feature_name

    @override
    def image_files(self, mode: str) -> Mapping[str, str]:
        return self.registry.mode(mode).outputs

    def _blueprints(self, set_name: str) -> Mapping[str, Features | None]:
        """Return the blueprints, with their features, whose objects a set can hold."""
        found = self.sets.get(set_name)
        if found is None or found.members is Members.NOTHING:
            return {}
        of_particles = found.members in {Members.PARTICLES, Members.PARTICLE_BLUEPRINTS}
        blueprints = self.particle_blueprints if of_particles else self.technique_blueprints
        return {name: value for name, value in blueprints.items() if found.includes(name)}

    def _misfit(self, name: str, entry: FeatureDistribution, set_name: str) -> str | None:
        """Return why no member of the set could have what is drawn, in some run at least."""
        place = ("process_conditions", "feature_variabilities", name, "variability")
        for numbers, case in entry.variability.cases():
            if problem := self._never_fits(entry.feature_name, case, set_name):
                return f"{problem}, {where(numbers, *place)}" if numbers else problem
        return None

    def _never_fits(self, feature: str, drawn: Distribution, set_name: str) -> str | None:
        members = self._blueprints(set_name)
        for features in members.values():
            if features is None or feature not in features:  # what lacks it is left as it is
                continue
            if features[feature].constant:
                return f"{feature} can't be set"
            if problem := drawn.unfit(features[feature]):
                return problem
        sizes = [value for value in drawn.extremes() if isinstance(value, tuple)]
        if not members or feature != DIMENSIONS or not sizes:
            return None
        if self.volume is not None and (problem := self.volume.misfit(min(sizes, key=min))):
            return problem
        return None if self.sight is None else self.sight.problem(sizes)


def _blueprints(names: Iterable[str]) -> str:
    quoted = ", ".join(map(repr, names))
    return f"blueprint {quoted}" if "," not in quoted else f"blueprints {quoted}"
