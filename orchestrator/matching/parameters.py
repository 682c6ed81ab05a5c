"""What a recipe draws once for each image: the parameters that images are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from orchestrator.dataset.schema import FEATURE, VARIABILITY
from orchestrator.matching.numbers import RANGES
from orchestrator.statistics.gray import Floats
from scene.language.canonical import Place, at_place
from scene.language.element import Members
from scene.recipe.schema import Recipe
from scene.recipe.varying import number_place, varying_parameters
from scene.steps.update import TriggerFeatureUpdate

_VARIABILITIES: Place = ("process_conditions", "feature_variabilities")
_TARGETS = {f"$builtins.{kind}": kind for kind in RANGES}


@final
@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that every run of a recipe draws once, from a range.

    Positions are places in the range, from 0 to 1, at which draws are uniform: of a `LogUniform`
    those of logarithms.

    Parameters
    ----------
    name
        Of the variability, and with dots of the parameter in it: ``BeadSize.geometric_mean``. For a
        number of particles, of the blueprint: ``Bead.number``.
    place
        Where its distribution stands in the recipe.
    column
        Where the manifest holds it.
    low, high
        The ends of the range.
    logarithmic
        Whether its logarithm is uniform.
    whole
        Whether it is a whole number.
    """

    name: str
    place: Place
    column: str
    low: float
    high: float
    logarithmic: bool = False
    whole: bool = False

    @property
    def of_particles(self) -> bool:
        """Whether it is a number of particles."""
        return self.place[0] == "blueprints"

    def positions(self, values: Floats) -> Floats:
        """Return where values lie in the range."""
        if self.whole:
            return np.asarray((values - self.low + 0.5) / (self.high - self.low + 1))
        if self.logarithmic:
            low, high = np.log(self.low), np.log(self.high)
            return np.asarray((np.log(values) - low) / (high - low))
        return np.asarray((values - self.low) / (self.high - self.low))

    def value(self, position: float) -> float:
        """Return the value at a position."""
        position = min(max(position, 0.0), 1.0)
        if self.whole:
            count = self.high - self.low + 1
            return min(self.high, self.low + float(np.floor(position * count)))
        if self.logarithmic:
            return float(self.low * (self.high / self.low) ** position)
        return self.low + position * (self.high - self.low)


def parameters_of(recipe: Recipe) -> list[Parameter]:
    """Return the parameters of a recipe: numbers of particles, then in the order of variabilities.

    These are features of the microscope and parameters of distributions, where they are drawn from
    `UniformDistribution`, `LogUniform` or `UniformDistributionInt`. What is drawn anew for each
    particle is none, but the parameters of its distribution may be.
    """
    entries = recipe.process_conditions.feature_variabilities
    varying = set(varying_parameters(recipe))
    techniques = _of_techniques(recipe)
    found = []
    for name in recipe.blueprints.particles:
        at = number_place(name)
        key, node = ".".join(at), at_place(recipe.document, at)
        if key in varying and (
            one := _parameter(f"{name}.number", at, f"{VARIABILITY}{key}", node)
        ):
            found.append(one)
    for name, entry in entries.items():
        places: Iterator[tuple[Place, str, str]] = (
            (place, key, f"{VARIABILITY}{key}")
            for place in entry.variability.varying()
            if (key := ".".join(map(str, (name, *place)))) in varying
        )
        if name in techniques:
            places = iter([((), name, f"{FEATURE}{entry.feature_name}"), *places])
        for place, key, column in places:
            whole = (*_VARIABILITIES, name, "variability", *place)
            parameter = _parameter(key, whole, column, at_place(recipe.document, whole))
            if parameter is not None:
                found.append(parameter)
    return found


def _parameter(name: str, place: Place, column: str, node: Mapping[str, Any]) -> Parameter | None:
    kind = _TARGETS.get(node["_target_"])
    if kind is None or node.get("num_dimensions", 1) != 1:
        return None
    low, high = node["low"], node["high"]
    if not all(isinstance(end, int | float) for end in (low, high)) or low >= high:
        return None
    kinds = {"logarithmic": kind == "LogUniform", "whole": kind == "UniformDistributionInt"}
    return Parameter(name, place, column, float(low), float(high), **kinds)


def _of_techniques(recipe: Recipe) -> set[str]:
    """Return the variabilities whose draw is what the microscope has in the end."""
    last: dict[str, str] = {}
    entries = recipe.process_conditions.feature_variabilities
    for step in recipe.synth_chain.feature_generation_steps:
        if isinstance(step, TriggerFeatureUpdate):
            name = step.feature_variability_name
            if step.concerns(recipe.names) is Members.TECHNIQUES:
                last[entries[name].feature_name] = name
    return set(last.values())
