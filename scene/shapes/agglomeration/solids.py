"""What collides: solid particles of which several move as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, final

import numpy as np
from numpy.typing import NDArray

from scene.shapes.agglomeration.turns import then_turned, turned

_SINTERED = 1e-6

type Indices = NDArray[np.int64]
type Points = NDArray[np.float64]
type Box = tuple[Points, Points]
"""Opposite corners, (3,) each."""


class Contact(NamedTuple):
    """Where a body that moves along a path meets another one.

    Parameters
    ----------
    edge
        Which edge of the path it is on.
    fraction
        How far along that edge, in [0, 1].
    first, second
        The particles that touch: of the body that rests, and of the one that moves.
    """

    edge: int
    fraction: float
    first: int
    second: int


class Meeting(Protocol):
    """Two bodies, one of which moves without turning."""

    def first_contact(self, path: Points) -> Contact | None:
        """Return where the bodies first touch.

        Parameters
        ----------
        path
            (K + 1, 3) translations of the moving body, joined by straight edges.
        """


class Solids(Protocol):
    """Particles, each of them rigid, and where they are."""

    centres: Points
    """(N, 3) their centres of mass."""

    turns: Points
    """(N, 3, 3) how each has been turned."""

    masses: NDArray[np.float64]
    """(N,) their masses, which are their volumes."""

    gyration_radii: NDArray[np.float64]
    """(N,) their radii of gyration, each about its own centre."""

    def box(self, members: Indices) -> Box:
        """Return the bounding box of some of them."""

    def meeting(self, first: Indices, second: Indices) -> Meeting:
        """Return some of them, and others that will move."""


@final
@dataclass(slots=True)
class Body:
    """Particles that move as one.

    Parameters
    ----------
    members
        The particles, the root first.
    mass
        Of all of them.
    centre
        (3,) centre of mass.
    spread
        Sum of ``m |c - C|^2`` over the particles' masses and centres, their own extent ignored.
    """

    members: Indices
    mass: float
    centre: Points
    spread: float

    @classmethod
    def of(cls, solids: Solids, members: Indices) -> Body:
        """Return some particles as a body."""
        body = cls.single(solids, int(members[0]))
        for member in members[1:].tolist():
            body.join(cls.single(solids, member))
        return body

    @classmethod
    def single(cls, solids: Solids, particle: int) -> Body:
        """Return one particle as a body."""
        members = np.array([particle])
        return cls(members, float(solids.masses[particle]), solids.centres[particle].copy(), 0.0)

    def gyration_radius(self, solids: Solids) -> float:
        """Return the radius of gyration of the particles' centres.

        That of a single particle, or of some that have sintered into one, comes from its extent.
        """
        own = float(solids.gyration_radii[self.members[0]])
        radius = float(np.sqrt(self.spread / self.mass))
        return radius if radius > _SINTERED * own else own

    def turn(self, solids: Solids, turn: Points) -> None:
        """Turn the body about its centre of mass."""
        own = self.members
        solids.centres[own] = self.centre + turned(turn, solids.centres[own] - self.centre)
        solids.turns[own] = then_turned(solids.turns[own], turn)

    def move(self, solids: Solids, way: Points) -> None:
        """Move the body."""
        solids.centres[self.members] += way
        self.centre = self.centre + way

    def join(self, other: Body) -> None:
        """Take in the particles of another body, which come after the own ones."""
        mass = self.mass + other.mass
        offset = other.centre - self.centre
        x, y, z = offset.tolist()
        reduced = self.mass * other.mass / mass
        self.spread += other.spread + reduced * (x * x + y * y + z * z)
        self.centre = self.centre + offset * (other.mass / mass)
        self.mass = mass
        self.members = np.concatenate([self.members, other.members])
