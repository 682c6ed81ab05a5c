"""What a distribution is, and what it is while some of its parameters are yet to be drawn.

A parameter that is a number may be a distribution itself. Such a distribution stands in a recipe as
a `Varying` one; each run draws the parameters once and goes on with what `drawn` returns.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self, cast, final, override

import numpy as np
from pydantic import ValidationError

from scene.language.canonical import Place, at_place
from scene.language.element import CheckContext, Configurable, Making
from scene.language.messages import in_sentences, problems, schema_problems
from scene.language.number_places import fields_with_models, number_places
from scene.specimen.distributions.parameters import (
    dotted,
    exchanged,
    filled,
    held,
    one_number,
    where,
)
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import MeasurementVolume

type Corner = tuple[Mapping[Place, float], Distribution]
type Draw = Callable[[Place, Distribution], float]

_MOST_CORNERS = 256
"""Combinations of extreme parameters that are looked at, where there are more."""


class Distribution(Configurable):
    """A distribution of feature values; recipes call it a variability."""

    _called = "variability"

    @classmethod
    @override
    def from_parameters(cls, parameters: dict[str, Any], making: Making) -> Self:
        places = tuple(number_places(cls, parameters))
        if not places:
            return super().from_parameters(parameters, making)
        return cast("Self", _varying(cls, parameters, places, making))

    @abstractmethod
    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        """Draw one value.

        Parameters
        ----------
        rng
            The stream that belongs to this draw.
        volume
            The measurement volume, in scene units.
        """

    def extremes(self) -> tuple[FeatureValue, ...]:
        """Return values at the edges of what `sample` can give; empty where they are not known.

        They are checked against the feature's type and range before anything is drawn.
        """
        return ()

    def unfit(self, feature: FeatureSpec) -> str | None:
        """Return why this distribution can't feed `feature`, or None if it can."""
        for value in self.extremes():
            try:
                feature.checked(value)
            except ValueError as error:
                return str(error)
        return None

    @override
    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        for place, part in self._parts():
            for key, message in part.check(context):
                yield f"{dotted(place)}.{key}", message

    def cases(self) -> Iterator[Corner]:
        """Yield distributions that this one may be in a run, with the parameters drawn for them.

        They are the extreme ones; itself if nothing is drawn, and none if extremes are not known.
        """
        yield {}, self

    def varying(self, place: Place = ()) -> Iterator[Place]:
        """Yield the places of all parameters that are drawn once a run, below `place`."""
        for part, inner in self._parts():
            yield from inner.varying((*place, *part))

    def drawn(self, draw: Draw, place: Place = ()) -> Distribution:
        """Return this distribution as it is in one run, its parameters drawn.

        Parameters
        ----------
        draw
            Returns the number drawn for the parameter at a place.
        place
            Where this distribution stands.

        Raises
        ------
        ValueError
            If nothing can be drawn with these parameters; the text is one sentence.
        """
        if next(self.varying(), None) is None:
            return self

        def settled(at: Place, part: Distribution) -> Distribution:
            return part.drawn(draw, at)

        fields = {
            name: exchanged(getattr(self, name), Distribution, settled, (*place, name))
            for name in fields_with_models(type(self))
        }
        try:
            return type(self).model_validate(dict(self) | fields)
        except ValidationError as error:
            raise ValueError(_first(error, type(self))) from error

    def _parts(self) -> Iterator[tuple[Place, Distribution]]:
        """Yield the distributions that this one is made of, with their places."""
        for name in fields_with_models(type(self)):
            yield from held(getattr(self, name), Distribution, (name,))


@final
class Varying(Distribution):
    """A distribution some of whose parameters are drawn once a run.

    Parameters
    ----------
    kind
        The class that its ``_target_`` names.
    parameters
        As they stand in the recipe.
    inner
        Place among the parameters to what is drawn from there.
    corners
        What it is where these are extreme, beside the numbers that they then are.
    find
        Returns the class for a ``_target_``; see `Making`.
    """

    kind: type[Distribution]
    parameters: dict[str, Any]
    inner: dict[Place, Distribution]
    corners: tuple[Corner, ...]
    find: Callable[..., type]

    @override
    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        raise TypeError("its parameters are drawn first, by `drawn`")

    @override
    def extremes(self) -> tuple[FeatureValue, ...]:
        return tuple(end for _, case in self.corners for end in case.extremes())

    @override
    def unfit(self, feature: FeatureSpec) -> str | None:
        for numbers, case in self.corners:
            if problem := case.unfit(feature):
                return f"{problem}, {where(numbers)}"
        return None

    @override
    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        for place, inner in self.inner.items():
            for key, message in inner.check(context):
                yield f"{dotted(place)}.{key}", message
        if self.corners:
            yield from self.corners[0][1].check(context)

    @override
    def cases(self) -> Iterator[Corner]:
        yield from self.corners

    @override
    def varying(self, place: Place = ()) -> Iterator[Place]:
        for at, inner in self.inner.items():
            yield (*place, *at)
            yield from inner.varying((*place, *at))
        if self.corners:
            yield from self.corners[0][1].varying(place)

    @override
    def drawn(self, draw: Draw, place: Place = ()) -> Distribution:
        numbers = {}
        for at, inner in self.inner.items():
            here = (*place, *at)
            numbers[at] = draw(here, inner.drawn(draw, here))
        parameters = filled(self.parameters, numbers)
        try:
            made = self.kind.model_validate(parameters, context=Making(self.find))
        except ValidationError as error:
            raise ValueError(f"{_first(error, self.kind)}, {where(numbers)}") from error
        return made.drawn(draw, place)


def _first(error: ValidationError, kind: type[Distribution]) -> str:
    """Return the first problem in a sentence."""
    place, message = next(schema_problems(in_sentences(error, kind)))
    return f"{dotted(place)}: {message}" if place else message


def _varying(
    kind: type[Distribution], parameters: dict[str, Any], places: Sequence[Place], making: Making
) -> Varying:
    """Return the distribution with parameters that are drawn at `places`.

    Raises
    ------
    ValidationError
        With all that is wrong with the parameters, and with their combinations at the extremes.
    """
    found: dict[Place, str] = {}
    inner: dict[Place, Distribution] = {}
    ends: dict[Place, tuple[float | None, ...]] = {}
    for place in places:
        ends[place] = (None,)
        try:
            inner[place] = Distribution.model_validate(at_place(parameters, place), context=making)
            ends[place] = _ends(inner[place], place)
        except ValidationError as error:
            told = schema_problems(in_sentences(error, Distribution))
            found |= {(*place, *at): message for at, message in told}
        except ValueError as error:
            found[place] = str(error)
    corners, wrong = _corners(kind, parameters, ends, making)
    if not found and not wrong:
        wrong = dict(_between(kind, parameters, inner, ends, making))
    if found or wrong:
        raise problems(wrong | found, parameters)
    return Varying(kind=kind, parameters=parameters, inner=inner, corners=corners, find=making.find)


def _ends(inner: Distribution, place: Place) -> tuple[float | None, ...]:
    """Return the smallest and the largest number that is drawn; None if they are not known.

    Raises
    ------
    ValueError
        If something else than numbers is drawn.
    """
    numbers = [one_number(value) for value in inner.extremes()]
    if numbers:
        return tuple(sorted({min(numbers), max(numbers)}))
    if problem := inner.unfit(FeatureSpec(_name(place), 0.0, "a parameter")):
        raise ValueError(problem)
    return (None,)


def _name(place: Place) -> str:
    return next(part for part in reversed(place) if isinstance(part, str))


def _between(
    kind: type[Distribution],
    parameters: dict[str, Any],
    inner: Mapping[Place, Distribution],
    ends: Mapping[Place, tuple[float | None, ...]],
    making: Making,
) -> Iterator[tuple[Place, str]]:
    """Yield the places of parameters that take whole numbers alone and may be drawn between them.

    Extremes that are whole numbers do not show that.
    """
    for place, numbers in ends.items():
        low, high = numbers[0], numbers[-1]
        if low is None or high is None or low == high or not float(low).is_integer():
            continue
        if _draws_whole_numbers(inner[place]):
            continue
        tried = {at: known[0] for at, known in ends.items()} | {place: low + 0.5}
        try:
            kind.model_validate(filled(parameters, tried), context=Making(making.find))
        except ValidationError as error:
            if any(at == place for at, _ in schema_problems(in_sentences(error, kind))):
                between = f"any number from {low:g} to {high:g} may be drawn"
                yield place, f"{_name(place)} takes whole numbers, and {between}"


def _draws_whole_numbers(inner: Distribution) -> bool:
    """Return whether nothing else is drawn, for a distribution whose extremes are known."""
    end = inner.extremes()[0]
    number = len(end) if isinstance(end, tuple) else 1
    default = 0 if number == 1 else (0,) * number
    return inner.unfit(FeatureSpec("parameter", default, "", number, integer=True)) is None


def _corners(
    kind: type[Distribution],
    parameters: dict[str, Any],
    ends: Mapping[Place, tuple[float | None, ...]],
    making: Making,
) -> tuple[tuple[Corner, ...], dict[Place, str]]:
    """Return the distribution at all combinations of extremes, and what is wrong there, by place.

    Parameters that are not known are left out, with what depends on them.
    """
    corners: list[Corner] = []
    wrong: dict[Place, dict[str, list[str]]] = {}
    combinations = list(itertools.islice(itertools.product(*ends.values()), _MOST_CORNERS))
    unknown = [place for place, numbers in ends.items() if None in numbers]
    for combination in combinations:
        numbers = dict(zip(ends, combination, strict=True))
        try:
            made = kind.model_validate(filled(parameters, numbers), context=Making(making.find))
        except ValidationError as error:
            for at, message in schema_problems(in_sentences(error, kind)):
                if at not in unknown:
                    words = where({at: numbers[at]} if at in numbers else numbers)
                    wrong.setdefault(at, {}).setdefault(message, []).append(words)
        else:
            known = {at: number for at, number in numbers.items() if number is not None}
            if not unknown:
                corners.append((known, made))
    told = {}
    for at, messages in wrong.items():
        message, cases = next(iter(messages.items()))
        told[at] = message if len(cases) == len(combinations) else f"{message}, {cases[0]}"
    return tuple(corners), told
