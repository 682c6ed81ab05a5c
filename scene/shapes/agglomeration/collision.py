"""One collision: a body is thrown at another one until they touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from scene.errors import SimulationError
from scene.shapes.agglomeration.solids import Body, Box, Contact, Meeting, Points, Solids
from scene.shapes.agglomeration.turns import random_turn

MOST_STEPS = 1_000_000
"""Steps of one collision; who has not met by then is not likely to."""

_STEPS_AT_ONCE = 4096


@final
@dataclass(frozen=True, slots=True)
class Throw:
    """How bodies are thrown.

    Parameters
    ----------
    randomness
        0 for a straight way, 1 for one whose every step has a direction of its own.
    speed
        Length of a step, in scene units.
    sintering_ratio
        By which fraction of the distance between the centres of the two particles that touch the
        bodies then move into each other.
    """

    randomness: float
    speed: float
    sintering_ratio: float = 0.0


def collide(
    solids: Solids, first: Body, second: Body, throw: Throw, rng: np.random.Generator
) -> tuple[int, int]:
    """Throw the second body at the first one until it touches it, and join it to that.

    Both are turned about their centres first, and the second one is put beside the first, so that a
    face of its bounding box touches the opposite one. Then it flies in a random direction, through
    a space that goes on periodically; when it has gone for long, it starts again in another one.
    Within a step the contact is exact, however long the step is.

    Returns
    -------
    tuple of int
        The particles that touch: of the first, of the second body.

    Raises
    ------
    SimulationError
        If they do not meet.
    """
    for body in (first, second):
        body.turn(solids, random_turn(rng))
    _put_beside(solids, first, second, rng)
    contact, way = _flown(solids, first, second, throw, rng)
    second.move(solids, way)
    between = solids.centres[contact.first] - solids.centres[contact.second]
    second.move(solids, throw.sintering_ratio * between)
    first.join(second)
    return contact.first, contact.second


def _put_beside(solids: Solids, first: Body, second: Body, rng: np.random.Generator) -> None:
    lower, upper = solids.box(first.members)
    own_lower, own_upper = solids.box(second.members)
    x, y, z = (upper - lower).tolist()
    weights = rng.random(3) * (y * z, z * x, x * y)
    axis, positive = int(weights.argmax()), bool(rng.random() < 0.5)
    target, own = rng.uniform(lower, upper), rng.uniform(own_lower, own_upper)
    faces = (upper, own_lower) if positive else (lower, own_upper)
    target[axis], own[axis] = (corner[axis] for corner in faces)
    second.move(solids, target - own)


def _flown(
    solids: Solids, first: Body, second: Body, throw: Throw, rng: np.random.Generator
) -> tuple[Contact, Points]:
    """Return the first contact, and by how much the second body has moved until then."""
    meeting = solids.meeting(first.members, second.members)
    lower, upper = solids.box(first.members)
    own = solids.box(second.members)
    sides = own[1] - own[0]
    # The second body lies wholly outside the space where it has moved below or above these.
    limits = lower - sides - own[1], upper + sides - own[0]
    period = upper - lower + 2 * sides
    left = MOST_STEPS
    while left > 0:
        flight = _Flight(meeting, limits, period, throw, rng)
        if (found := flight.contact(left)) is not None:
            return found
        left -= flight.steps
    raise SimulationError(
        f"two bodies of {len(first.members)} and {len(second.members)} particles do not meet "
        f"within {MOST_STEPS:,} steps of {throw.speed:g}; raise speed or lower randomness"
    )


@final
@dataclass(slots=True)
class _Flight:
    """One try, in one direction."""

    meeting: Meeting
    limits: Box
    period: Points
    throw: Throw
    rng: np.random.Generator

    steps: int = 0

    def contact(self, most: int) -> tuple[Contact, Points] | None:
        """Return the first contact and the translation there.

        None if it has gone farther than two periods along an axis before, or has made `most` steps.
        """
        place, gone = np.zeros(3), np.zeros(3)
        (straight,) = _directions(1, self.rng)
        while self.steps < most:
            ways = self._ways(straight, min(most - self.steps, _STEPS_AT_ONCE))
            gone = gone + np.cumsum(ways, axis=0)
            far = (np.abs(gone) > 2 * self.period).any(axis=1)
            if far.any():
                ways = ways[: int(far.argmax()) + 1]
            gone = gone[-1]
            self.steps += len(ways)
            while len(ways):
                path = np.concatenate([place[None], place + np.cumsum(ways, axis=0)])
                below, above = path[1:] <= self.limits[0], path[1:] >= self.limits[1]
                outside = (below | above).any(axis=1)
                last = int(outside.argmax()) if outside.any() else len(outside) - 1
                if (found := self._met(path[: last + 2])) is not None:
                    return found
                place = path[last + 1]
                if outside[last]:
                    # The last step is taken again from the other side: it may meet there, and the
                    # bodies are apart where it begins.
                    shift = self._back(place)
                    place = place + shift
                    if (found := self._met(path[last : last + 2] + shift)) is not None:
                        return found
                ways = ways[last + 1 :]
            if far.any():
                return None
        return None

    def _back(self, place: Points) -> Points:
        """Return by how much the body has to be moved to be in the space again."""
        lower, upper = self.limits
        up = np.floor((lower - place) / self.period) + 1
        down = np.floor((place - upper) / self.period) + 1
        shift: Points = self.period * (np.maximum(up, 0.0) - np.maximum(down, 0.0))
        return shift

    def _met(self, path: Points) -> tuple[Contact, Points] | None:
        contact = self.meeting.first_contact(path)
        if contact is None:
            return None
        start, end = path[contact.edge : contact.edge + 2]
        return contact, start + contact.fraction * (end - start)

    def _ways(self, straight: Points, number: int) -> Points:
        randomness, speed = self.throw.randomness, self.throw.speed
        if not randomness:
            return np.tile(speed * straight, (number, 1))
        random = _directions(number, self.rng)
        return speed * _unit((1 - randomness) * straight + randomness * random)


def _directions(number: int, rng: np.random.Generator) -> Points:
    """Draw unit vectors (number, 3), uniform over the sphere."""
    return _unit(rng.standard_normal((number, 3)))


def _unit(vectors: Points) -> Points:
    x, y, z = vectors.T
    length = np.sqrt(x * x + y * y + z * z)
    return vectors / np.where(length > 0, length, 1.0)[:, None]
