"""Everything that a recipe names, for the checks that need more than one element."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, final, override

from scene.errors import unknown
from scene.language.element import CheckContext, Members
from scene.language.plugin_code import failed
from scene.recipe.registry import Registry
from scene.recipe.sight import Sight
from scene.specimen.criteria import Criterion
from scene.specimen.criteria_sets import SetByCriteria
from scene.specimen.distributions import Distribution, FeatureDistribution
from scene.specimen.distributions.parameters import where
from scene.specimen.features import FeatureSpec
from scene.specimen.owners import Owner
from scene.specimen.sets import ObjectSet
from scene.specimen.specimen import DIMENSIONS, MeasurementVolume

type Features = Mapping[str, FeatureSpec]


class _Objects(NamedTuple):
    """Objects of one kind that are made from one blueprint; features are None if it is faulty."""

    kind: Members
    blueprint: str
    features: Features | None


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
    criteria
        Built-in criteria and entries of ``process_conditions.feature_criteria``.
    sets
        Built-in sets and those that the recipe defines.
    particle_blueprints, technique_blueprints
        Blueprint name to the features of what is made from it.
    numbers
        Particle blueprint to the largest number of particles that are made from it.
    volume
        The measurement volume, if the recipe is sound enough to have one.
    sight
        What its images can show, if that is known.
    has_one_size
        Whether images have the size that the recipe says, and so the volume; steps may change it.
    """

    registry: Registry
    distributions: Mapping[str, FeatureDistribution | None]
    criteria: Mapping[str, Criterion | None]
    sets: Mapping[str, ObjectSet | None]
    particle_blueprints: Mapping[str, Features | None]
    technique_blueprints: Mapping[str, Features | None]
    numbers: Mapping[str, int]
    volume: MeasurementVolume | None = None
    sight: Sight | None = None
    has_one_size: bool = True

    @override
    def set_problem(self, name: str, *allowed: Members) -> str | None:
        if name not in self.sets:
            return unknown("set", name, self.sets)
        found = self.sets[name]
        if found is None or found.members in allowed:
            return None
        if any(kind in found.members for kind in allowed if kind):
            return None
        expected = " or ".join(kind.text for kind in allowed)
        return f"expected a set of {expected}, but {name!r} is a set of {found.members.text}"

    @override
    def criterion_problem(self, name: str) -> str | None:
        return None if name in self.criteria else unknown("criterion", name, self.criteria)

    @override
    def feature_name_problem(self, name: str) -> str | None:
        known: set[str] = set()
        for features in (*self.particle_blueprints.values(), *self.technique_blueprints.values()):
            if features is None:
                return None
            known |= features.keys()
        return None if name in known else self._absent(name, known)

    @override
    def blueprint_problem(self, name: str) -> str | None:
        known = self.particle_blueprints
        return None if name in known else unknown("particle blueprint", name, known)

    @override
    def feature_problem(self, set_name: str, feature_name: str) -> str | None:
        objects = self._objects(set_name)
        if not objects or self.members_with(set_name, feature_name):
            return None
        known = {name for _, _, features in objects for name in features or ()}
        blueprints = _blueprints(blueprint for _, blueprint, _ in objects)
        return self._absent(feature_name, known, f" ({blueprints})")

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
    def members_with(self, set_name: str, feature_name: str) -> Members:
        found = Members.NOTHING
        for kind, _, features in self._objects(set_name):
            if features is None or feature_name in features:
                found |= kind
        return found

    @override
    def blueprints_in(self, set_name: str, kind: Members) -> Sequence[str]:
        found = self.sets.get(set_name)
        of_particles = kind is Members.PARTICLE_BLUEPRINTS
        known = self.particle_blueprints if of_particles else self.technique_blueprints
        return [
            name
            for name, features in known.items()
            if found is not None and found.contains(Owner.of_blueprint(kind, name, features or {}))
        ]

    @override
    def particles_made(self, set_name: str) -> int:
        blueprints = self.blueprints_in(set_name, Members.PARTICLE_BLUEPRINTS)
        return sum(self.numbers.get(name, 0) for name in blueprints)

    @override
    def drawn_feature(self, name: str) -> str | None:
        entry = self.distributions.get(name)
        return None if entry is None else entry.feature_name

    @override
    def image_files(self, mode: str) -> Mapping[str, str]:
        return self.registry.mode(mode).outputs

    def _absent(self, feature: str, known: Iterable[str], where: str = "") -> str:
        """Return the sentence for a feature that is not among those that are known."""
        if reason := self.registry.unavailable(feature):
            return f"feature {feature!r} is not there: {reason}"
        return unknown("feature", feature, known) + where

    def _objects(self, set_name: str) -> list[_Objects]:
        """Return what is known of the objects that a set can hold, one entry for a blueprint."""
        found = self.sets.get(set_name)
        if found is None:
            return []
        kinds = {
            Members.PARTICLES: self.particle_blueprints,
            Members.TECHNIQUES: self.technique_blueprints,
        }
        return [
            _Objects(kind, name, features)
            for kind, blueprints in kinds.items()
            if kind in found.members
            for name, features in blueprints.items()
            if found.includes(name)
        ]

    def _misfit(self, name: str, entry: FeatureDistribution, set_name: str) -> str | None:
        """Return why no member of the set could have what is drawn, in some run at least."""
        place = ("process_conditions", "feature_variabilities", name, "variability")
        for numbers, case in entry.variability.cases():
            if problem := self._never_fits(entry.feature_name, case, set_name):
                return f"{problem}, {where(numbers, *place)}" if numbers else problem
        return None

    def _never_fits(self, feature: str, drawn: Distribution, set_name: str) -> str | None:
        takers = [
            features[feature]
            for _, _, features in self._objects(set_name)
            if features is not None and feature in features  # what lacks it is left as it is
        ]
        if any(spec.constant for spec in takers):
            return f"{feature} can't be set"
        problems = [problem for spec in takers if (problem := drawn.unfit(spec))]
        # Who is in a set by criteria is only known later: one that takes the values is enough.
        certain = not isinstance(self.sets.get(set_name), SetByCriteria)
        if problems and (certain or len(problems) == len(takers)):
            return problems[0]
        sizes = [value for value in drawn.extremes() if isinstance(value, tuple)]
        if not takers or feature != DIMENSIONS or not sizes or not self.has_one_size:
            return None
        if self.volume is not None and (problem := self.volume.misfit(min(sizes, key=min))):
            return problem
        return None if self.sight is None else self.sight.problem(sizes)


def _blueprints(names: Iterable[str]) -> str:
    quoted = ", ".join(map(repr, names))
    return f"blueprint {quoted}" if "," not in quoted else f"blueprints {quoted}"
