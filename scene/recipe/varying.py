"""What a recipe draws once a run beside features: parameters of variabilities, particle numbers."""

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
from scene.specimen.distributions.base import Draw
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
    numbers
        Particle blueprint to the number of particles that are made from it.
    parameters
        What was drawn, to number: ``<name>.<path>`` for a parameter of a variability,
        ``blueprints.particles.<name>.number`` for a number of particles, and with a path behind it
        for a parameter of what that is drawn from.
    """

    distributions: Mapping[str, FeatureDistribution]
    numbers: Mapping[str, int]
    parameters: Mapping[str, float]


def varying_parameters(recipe: Recipe) -> tuple[str, ...]:
    """Return what every run of a recipe draws beside features, sorted.

    See `DrawnVariabilities` for the names.
    """
    entries = recipe.process_conditions.feature_variabilities
    found = [
        _key(name, *at) for name in _used(recipe) for at in entries[name].variability.varying()
    ]
    for name, blueprint in recipe.blueprints.particles.items():
        if isinstance(blueprint.number, Distribution):
            place = number_place(name)
            found += [_key(*place), *(_key(*place, *at) for at in blueprint.number.varying())]
    return tuple(sorted(found))


def drawn_variabilities(recipe: Recipe) -> DrawnVariabilities:
    """Draw what a recipe draws once for a run.

    Each has a stream of its own, found by its names. Its root is the seed for numbers of particles
    and if a step uses the variability for particles, so that all looks of a specimen have the same;
    else it is the root of the look.

    Raises
    ------
    VariabilityError
        If nothing can be drawn with the parameters.
    """
    start = recipe.initial_runtime_state
    entries = dict(recipe.process_conditions.feature_variabilities)
    parameters: dict[str, float] = {}

    def drawing(streams: Streams, *owner: str) -> Draw:
        def draw(place: Place, inner: Distribution) -> float:
            value = inner.sample(streams.counted(_STREAM, *owner, *place), recipe.volume)
            number = parameters[_key(*owner, *place)] = one_number(value)
            return number

        return draw

    for name, of_particles in _used(recipe).items():
        draw = drawing(Streams(start.seed if of_particles else start.root_of_look), name)
        variability = _settled(entries[name].variability, draw, name)
        entries[name] = entries[name].model_copy(update={"variability": variability})
    numbers: dict[str, int] = {}
    for name, blueprint in recipe.blueprints.particles.items():
        if isinstance(blueprint.number, int):
            numbers[name] = blueprint.number
            continue
        place = number_place(name)
        draw = drawing(Streams(start.seed), *place)
        number = _settled(blueprint.number, draw, _key(*place))
        numbers[name] = round(draw((), number))
        parameters[_key(*place)] = numbers[name]
    return DrawnVariabilities(entries, numbers, parameters)


def _settled(distribution: Distribution, draw: Draw, name: str) -> Distribution:
    """Return a distribution with its parameters drawn."""
    try:
        return distribution.drawn(draw)
    except ValueError as error:
        raise VariabilityError(name, f"{error}{blamed(error)}") from error


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


def number_place(blueprint: str) -> tuple[str, ...]:
    """Return where the number of particles of a blueprint stands in a recipe."""
    return "blueprints", "particles", blueprint, "number"


def _key(*parts: str | int) -> str:
    return ".".join(map(str, parts))
