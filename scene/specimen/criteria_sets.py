"""Sets by criteria: ``process_conditions.sets``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, final, override

from pydantic import BeforeValidator, InstanceOf

from scene.language.conditions import Condition
from scene.language.element import CheckContext, Configurable, Members
from scene.language.messages import shown
from scene.specimen.criteria import Criterion, answer_of
from scene.specimen.owners import Owner
from scene.specimen.sets import ObjectSet


def _condition(value: object) -> Condition:
    if isinstance(value, bool | str):
        return Condition.read(str(value))
    raise ValueError(f"expected a text such as '$IsParticle and not $IsRed', got {shown(value)}")


@final
class CriteriaSet(Configurable):
    """An entry of ``process_conditions.sets``: all objects for which a condition holds."""

    criterion: Annotated[InstanceOf[Condition], BeforeValidator(_condition)] = Condition(("True",))

    @override
    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        for name in self.criterion.names:
            if problem := context.criterion_problem(name):
                yield "criterion", problem


@final
class SetByCriteria(ObjectSet):
    """The set of a `CriteriaSet`, with the criteria that its condition names."""

    condition: InstanceOf[Condition]
    criteria: dict[str, InstanceOf[Criterion]]

    @property
    def members(self) -> Members:  # type: ignore[override]  # other classes have it fixed
        """All kinds of which the condition may hold for some object."""
        found = Members.NOTHING
        for kind in Members:
            answers = {name: criterion.known(kind) for name, criterion in self.criteria.items()}
            if self.condition.value(answers) is not False:
                found |= kind
        return found

    @override
    def includes(self, blueprint: str) -> bool:
        return True

    @override
    def contains(self, owner: Owner) -> bool:
        # No criterion is left out, whatever the others say.
        answers = {
            name: answer_of(criterion, "holds", criterion.holds(owner))
            for name, criterion in self.criteria.items()
        }
        return self.condition.value(answers) is True
