"""How agglomerates grow: particle by particle, or cluster by cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from scene.shapes.agglomeration.collision import Throw, collide
from scene.shapes.agglomeration.frequencies import Frequencies
from scene.shapes.agglomeration.solids import Body, Indices, Solids


@final
@dataclass(frozen=True, slots=True)
class Agglomerate:
    """What has become of bodies.

    Parameters
    ----------
    members
        All particles, the root first.
    contacts
        The particles that touched in each collision, in order.
    """

    members: Indices
    contacts: list[tuple[int, int]]


def particle_cluster(
    solids: Solids, bodies: Sequence[Body], throw: Throw, rng: np.random.Generator
) -> Agglomerate:
    """Throw one body after the other at what the earlier ones have become.

    Parameters
    ----------
    solids
        The particles; where they are, and how they are turned, changes.
    bodies
        Which of them move as one, at least one.
    throw
        How they are thrown.
    rng
        Source of all randomness.

    Raises
    ------
    SimulationError
        If two bodies do not meet.
    """
    cluster, *others = _shuffled(bodies, rng)
    contacts = [collide(solids, cluster, other, throw, rng) for other in others]
    return Agglomerate(cluster.members, contacts)


def cluster_cluster(
    solids: Solids, bodies: Sequence[Body], throw: Throw, rng: np.random.Generator
) -> Agglomerate:
    """Throw bodies at each other, as often as free ones meet, until one is left.

    Parameters, and what is raised, are those of :func:`particle_cluster`.
    """
    clusters = _shuffled(bodies, rng)
    radii = np.array([body.gyration_radius(solids) for body in clusters])
    frequencies = Frequencies(radii, np.array([body.mass for body in clusters]))
    contacts = []
    while len(clusters) > 1:
        i, j = frequencies.pair(rng)
        grown = clusters[i]
        contacts.append(collide(solids, grown, clusters[j], throw, rng))
        frequencies.join(i, j, grown.gyration_radius(solids), grown.mass)
        clusters[j] = clusters[-1]
        clusters.pop()
    return Agglomerate(clusters[0].members, contacts)


GROWTHS: Mapping[
    str, Callable[[Solids, Sequence[Body], Throw, np.random.Generator], Agglomerate]
] = {"particle-cluster": particle_cluster, "cluster-cluster": cluster_cluster}
"""The modes, by the names that recipes use."""


def _shuffled(bodies: Sequence[Body], rng: np.random.Generator) -> list[Body]:
    return [bodies[n] for n in rng.permutation(len(bodies))]
