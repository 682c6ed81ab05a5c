"""Criteria: questions about one object that are answered with yes or no.

A recipe defines some under ``process_conditions.feature_criteria``; those about what an object is
are built in by name. Sets are made of them.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, final, override

import numpy as np
from pydantic import field_validator

from scene.language.element import CheckContext, Configurable, Members
from scene.language.fields import Bool, Text
from scene.language.messages import shown
from scene.language.plugin_code import described
from scene.specimen.features import FeatureValue
from scene.specimen.owners import Owner


class Criterion(Configurable):
    """A question about one object. The answer depends on this object alone."""

    _called = "criterion"

    @abstractmethod
    def holds(self, owner: Owner) -> bool:
        """Return the answer for a particle, a technique or a blueprint as it is now."""

    def known(self, kind: Members) -> bool | None:
        """Return the answer that all objects of a kind have; None if it depends on the object."""
        del kind
        return None


def answer_of(criterion: Criterion, method: str, given: object) -> bool:
    """Return what a method of a criterion gave.

    Raises
    ------
    TypeError
        If it is neither true nor false, of Python or numpy.
    """
    if not isinstance(given, bool | np.bool):
        raise TypeError(
            f"{described(type(criterion))}: {method} must give a bool, got {given!r:.60}"
        )
    return bool(given)


class FeatureCriterion(Criterion):
    """A question about the value of one feature.

    Parameters
    ----------
    feature_name
        The feature.
    default_return_value
        The answer for objects that lack it, and where its value can't be compared.
    """

    feature_name: Text
    default_return_value: Bool

    @override
    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        if problem := context.feature_name_problem(self.feature_name):
            yield "feature_name", problem

    @override
    def holds(self, owner: Owner) -> bool:
        value = owner.feature(self.feature_name)
        answer = None if value is None else self.answer(value)
        return self.default_return_value if answer is None else answer_of(self, "answer", answer)

    @abstractmethod
    def answer(self, value: FeatureValue) -> bool | None:
        """Return the answer for a value; None if values of its kind can't be compared."""


@final
class IsEqualTo(FeatureCriterion):
    """Whether a feature is equal to something; vectors are, if all their components are."""

    comparand: Any

    @field_validator("comparand")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @override
    def answer(self, value: FeatureValue) -> bool:
        return bool(value == self.comparand)


class _Order(FeatureCriterion):
    comparand: float | str

    @field_validator("comparand", mode="before")
    @classmethod
    def _comparable(cls, value: Any) -> Any:
        if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
            return value
        raise ValueError(f"expected a number or a text, got {shown(value)}")

    @override
    def answer(self, value: FeatureValue) -> bool | None:
        if isinstance(value, tuple) or isinstance(value, str) != isinstance(self.comparand, str):
            return None
        return self._ordered(value, self.comparand)

    @abstractmethod
    def _ordered(self, value: Any, comparand: Any) -> bool:
        """Return whether two numbers, or two texts, have this order."""


@final
class IsSmallerThan(_Order):
    """Whether a feature is less than a number, or before a text."""

    @override
    def _ordered(self, value: Any, comparand: Any) -> bool:
        return bool(value < comparand)


@final
class IsGreaterThan(_Order):
    """Whether a feature is greater than a number, or behind a text."""

    @override
    def _ordered(self, value: Any, comparand: Any) -> bool:
        return bool(value > comparand)


@final
class ContainsString(FeatureCriterion):
    """Whether a feature is a text in which another occurs; a vector is not."""

    search_string: Text

    @override
    def answer(self, value: FeatureValue) -> bool | None:
        if isinstance(value, str):
            return self.search_string in value
        return False if isinstance(value, tuple) else None


class _OfKind(Criterion):
    kind: ClassVar[Members]

    @override
    def holds(self, owner: Owner) -> bool:
        return owner.kind is self.kind

    @override
    def known(self, kind: Members) -> bool:
        return kind is self.kind


@final
class IsParticle(_OfKind):
    """Whether it is a particle."""

    kind = Members.PARTICLES


@final
class IsParticleBlueprint(_OfKind):
    """Whether it is a blueprint of particles."""

    kind = Members.PARTICLE_BLUEPRINTS


@final
class IsMeasurementTechnique(_OfKind):
    """Whether it is the measurement technique."""

    kind = Members.TECHNIQUES


@final
class IsMeasurementTechniqueBlueprint(_OfKind):
    """Whether it is the blueprint of the measurement technique."""

    kind = Members.TECHNIQUE_BLUEPRINTS


@final
class AlwaysTrue(Criterion):
    """Yes."""

    @override
    def holds(self, owner: Owner) -> bool:
        return True

    @override
    def known(self, kind: Members) -> bool:
        return True


@final
class IsUltimateParent(Criterion):
    """Whether it is a particle without a parent: one on its own, or the root of an agglomerate."""

    @override
    def holds(self, owner: Owner) -> bool:
        return owner.is_root

    @override
    def known(self, kind: Members) -> bool | None:
        return None if kind is Members.PARTICLES else False


BUILTIN_CRITERIA: Mapping[str, Criterion] = {
    cls.__name__: cls()
    for cls in (
        IsParticle,
        IsParticleBlueprint,
        IsMeasurementTechnique,
        IsMeasurementTechniqueBlueprint,
        AlwaysTrue,
        IsUltimateParent,
    )
}
