"""Sets: the objects or blueprints that a step works on.

The built-in sets are known by their class names; a recipe defines further ones under ``sets``, by
their kinds, and under ``process_conditions.sets``, by criteria. Who is a member is asked anew at
every use.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar, final, override

from scene.language.element import CheckContext, Configurable, Members
from scene.language.fields import Text
from scene.specimen.owners import Owner


class ObjectSet(Configurable):
    """A set of objects."""

    _called = "set"

    members: ClassVar[Members]
    """What the set can hold, one kind or several."""

    @abstractmethod
    def includes(self, blueprint: str) -> bool:
        """Return whether objects of this blueprint, or the blueprint itself, can be members."""

    def contains(self, owner: Owner) -> bool:
        """Return whether an object is a member as it is now.

        By default every object of the right kind and an included blueprint is.
        """
        return owner.kind in self.members and self.includes(owner.blueprint)


class _Everything(ObjectSet):
    @override
    def includes(self, blueprint: str) -> bool:
        return True


@final
class AllParticles(_Everything):
    """All particles made so far."""

    members = Members.PARTICLES


@final
class AllUltimateParents(_Everything):
    """All particles without a parent: those on their own, and the roots of agglomerates."""

    members = Members.PARTICLES

    @override
    def contains(self, owner: Owner) -> bool:
        return owner.is_root


@final
class AllMeasurementTechniques(_Everything):
    """The measurement technique."""

    members = Members.TECHNIQUES


@final
class AllParticleBlueprints(_Everything):
    """All entries of ``blueprints.particles``."""

    members = Members.PARTICLE_BLUEPRINTS


@final
class AllMeasurementTechniqueBlueprints(_Everything):
    """All entries of ``blueprints.measurement_techniques``."""

    members = Members.TECHNIQUE_BLUEPRINTS


@final
class Empty(ObjectSet):
    """Nothing."""

    members = Members.NOTHING

    @override
    def includes(self, blueprint: str) -> bool:
        return False


@final
class ParticlesOfBlueprint(ObjectSet):
    """The particles made from one blueprint."""

    members = Members.PARTICLES
    blueprint_name: Text

    def includes(self, blueprint: str) -> bool:
        """Return whether this is the set's blueprint."""
        return blueprint == self.blueprint_name

    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        """Check that the blueprint exists."""
        if problem := context.blueprint_problem(self.blueprint_name):
            yield "blueprint_name", problem


BUILTIN_SETS: Mapping[str, ObjectSet] = {
    cls.__name__: cls()
    for cls in (
        AllParticles,
        AllUltimateParents,
        AllMeasurementTechniques,
        AllParticleBlueprints,
        AllMeasurementTechniqueBlueprints,
        Empty,
    )
}
