"""Parameters of a recipe's variabilities that are drawn once a run, and what they are in a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from scene.errors import VariabilityError
from scene.language.canonical import Place, at_place
from scene.language.element import Members
from scene.language.plugin_code import blamed
from scene.recipe.references import texts
from scene.recipe.schema import Recipe
from scene.specimen.distributions import Distribution, FeatureDistribution
from scene.specimen.distributions.parameters import one_number
from scene.specimen.streams import Streams

_STEPS: Place = ("synth_chain", "feature_generation_steps")
_STREAM = "variability"


@final
@dataclass(frozen=True, slots=True)
class DrawnVariabilities:
    """A recipe's feature variabilities in one run.

    Parameters
    ----------
    distributions
        By name; no parameter of those that a step uses is left to be drawn.
    parameters
        The parameters that were drawn: ``<name>.<path>`` to number.
    """

    distributions: Mapping[str, FeatureDistribution]
    parameters: Mapping[str, float]


def varying_parameters(recipe: Recipe) -> tuple[str, ...]:
    """Return the parameters that every run of a recipe draws: ``<name>.<path>``, sorted."""
    entries = recipe.process_conditions.feature_variabilities
    places = {name: entries[name].variability.varying() for name in _used(recipe)}
    return tuple(sorted(_key(name, place) for name in places for place in places[name]))


def drawn_variabilities(recipe: Recipe) -> DrawnVariabilities:
    """Draw the parameters of a recipe's variabilities for one run.

    Each has a stream of its own, found by the names of variability and parameter. Its root is the
    seed if a step uses the variability for particles, so that all looks of a specimen have the same
    parameters; else it is the root of the look.

    Raises
    ------
    VariabilityError
        If nothing can be drawn with the parameters.
    """
    start = recipe.initial_runtime_state
    entries = dict(recipe.process_conditions.feature_variabilities)
    parameters: dict[str, float] = {}
    for name, of_particles in _used(recipe).items():
        streams = Streams(start.seed if of_particles else start.root_of_look)

        def draw(
            place: Place, inner: Distribution, name: str = name, streams: Streams = streams
        ) -> float:
            value = inner.sample(streams.counted(_STREAM, name, *place), recipe.volume)
            number = parameters[_key(name, place)] = one_number(value)
            return number

        try:
            variability = entries[name].variability.drawn(draw)
        except ValueError as error:
            raise VariabilityError(name, f"{error}{blamed(error)}") from error
        entries[name] = entries[name].model_copy(update={"variability": variability})
    return DrawnVariabilities(entries, parameters)


def _used(recipe: Recipe) -> dict[str, bool]:
    """Return the variabilities that vary and that a step uses, and whether it concerns particles.

    A step that does not say what it concerns may concern particles.
    """
    entries = recipe.process_conditions.feature_variabilities
    varying = {name for name, entry in entries.items() if any(entry.variability.varying())}
    used: dict[str, bool] = {}
    if not varying:
        return used
    for index, step in enumerate(recipe.synth_chain.feature_generation_steps):
        concerns = step.concerns(recipe.names)
        of_particles = concerns not in {Members.TECHNIQUES, Members.NOTHING}
        for _, text in texts(at_place(recipe.document, (*_STEPS, index))):
            if text in varying:
                used[text] = used.get(text, False) or of_particles
    return used


def _key(name: str, place: Place) -> str:
    return ".".join(map(str, (name, *place)))
