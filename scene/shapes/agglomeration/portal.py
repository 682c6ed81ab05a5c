"""Where a line enters a convex body that is known by its outermost points: portal refinement.

A triangle of points of the body that the line goes through, the portal, is moved outwards: the
outermost point along its normal divides it into three, of which the line goes through one. When no
point lies beyond it, the portal is part of the surface (Snethen, "XenoCollide", in Game Programming
Gems 7, 2008). Plain floats, as there are few of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

type Vector = tuple[float, float, float]
type Support = Callable[[Vector], Vector]
"""Returns the point of the body that is outermost in a direction."""

_MOST_ROUNDS = 100


def entered(support: Support, inside: Vector, tolerance: float) -> float | None:
    """Return the lowest z at which the z axis meets a body; None if it passes it by.

    Parameters
    ----------
    support
        The body.
    inside
        A point inside it.
    tolerance
        How far too low the answer may be.
    """
    portal = _portal(support, inside)
    if portal is None:
        return None
    lowest = -math.inf
    for _ in range(_MOST_ROUNDS):
        one, two, three = portal
        normal = _downwards(_cross(_minus(two, one), _minus(three, one)))
        if not normal[2]:
            break
        beyond = support(normal)
        reached = _dot(normal, beyond)
        # All of the body is above this plane.
        lowest = max(lowest, reached / normal[2])
        if (_dot(normal, one) - reached) / normal[2] <= tolerance:
            break
        parts = (beyond, two, three), (one, beyond, three), (one, two, beyond)
        portal = max(parts, key=_around)
    return lowest


def _portal(support: Support, inside: Vector) -> tuple[Vector, Vector, Vector] | None:
    """Return three points of the body round the axis; None if it passes the body by.

    Seen along the axis: from the point inside, the axis lies between two other points, and on this
    side of the line through them.
    """
    one = support((-inside[0], -inside[1], 0.0))
    if -inside[0] * one[0] - inside[1] * one[1] < 0:
        return None
    two = None
    for _ in range(_MOST_ROUNDS):
        if two is None:
            across = _aside(inside, one)
            two = support(across)
            if across[0] * two[0] + across[1] * two[1] < 0:
                return None
        if _side(inside, one) * _side(inside, two) > 0:
            one, two = two, None  # the axis is beyond the second one
            continue
        outwards = _outwards(one, two, inside)
        if outwards[0] * one[0] + outwards[1] * one[1] >= 0:
            return inside, one, two
        beyond = support(outwards)
        if outwards[0] * beyond[0] + outwards[1] * beyond[1] < 0:
            return None
        one, two = (
            (one, beyond) if _side(inside, one) * _side(inside, beyond) <= 0 else (beyond, two)
        )
    return None


def _side(start: Vector, end: Vector) -> float:
    """Return on which side of the line from one point to another the axis is."""
    return (end[0] - start[0]) * -start[1] + (end[1] - start[1]) * start[0]


def _aside(start: Vector, end: Vector) -> Vector:
    """Return the direction across a line, towards the axis."""
    sign = 1.0 if _side(start, end) >= 0 else -1.0
    return -sign * (end[1] - start[1]), sign * (end[0] - start[0]), 0.0


def _outwards(one: Vector, two: Vector, inside: Vector) -> Vector:
    """Return the direction across a line, away from a point."""
    x, y = two[1] - one[1], one[0] - two[0]
    sign = -1.0 if x * (inside[0] - one[0]) + y * (inside[1] - one[1]) > 0 else 1.0
    return sign * x, sign * y, 0.0


def _around(triangle: tuple[Vector, Vector, Vector]) -> float:
    """Return how well a triangle surrounds the axis: at least 0 if it does."""
    one, two, three = ((p[0], p[1]) for p in triangle)
    parts = [a[0] * b[1] - a[1] * b[0] for a, b in ((one, two), (two, three), (three, one))]
    area = sum(parts)
    return min(part / area for part in parts) if area else -math.inf


def _downwards(vector: Vector) -> Vector:
    length = math.sqrt(_dot(vector, vector)) or 1.0
    sign = -1.0 if vector[2] > 0 else 1.0
    return sign * vector[0] / length, sign * vector[1] / length, sign * vector[2] / length


def _minus(one: Vector, other: Vector) -> Vector:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2]


def _dot(one: Vector, other: Vector) -> float:
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
