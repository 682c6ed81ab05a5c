"""What the table of particles says of agglomerates."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scene.execution.sizes import Geometries, equivalent_diameters_nm
from scene.prototypes.balls import ball_diameter
from scene.prototypes.geometry import FusedGeometry
from scene.prototypes.particle_features import PARTICLE_FEATURES
from scene.shapes.agglomerates import (
    Contacts,
    contacts,
    coordination_numbers,
    fractal_dimension,
    gyration_radius,
    largest_of_each,
)
from scene.specimen.columns import AGGLOMERATE_COLUMNS
from scene.specimen.specimen import DIMENSIONS, Particle
from scene.specimen.values import values

type Columns = dict[str, list[Any]]


def membership(particles: Iterable[Particle]) -> Columns:
    """Return each particle's parent, and the id of its agglomerate: its own if it has none."""
    own = list(particles)
    return {
        "parent_id": [particle.parent for particle in own],
        "agglomerate_id": [particle.root for particle in own],
    }


def agglomerate_columns(particles: Sequence[Particle], geometries: Geometries) -> Columns:
    """Return figures of each particle's agglomerate, and of what it touches.

    Sizes are those of spheres, and contacts those between them in one agglomerate, or in one fused
    body. A particle of another shape counts as the sphere of its volume; in an agglomerate with
    such a particle there are no contacts, and if the volume of one is not known there is nothing
    but the number of particles.

    Parameters
    ----------
    particles
        All of them.
    geometries
        Prototypes by name, for all of them.

    Returns
    -------
    dict
        The columns `AGGLOMERATE_COLUMNS`; None where there is no such figure.
    """
    columns: Columns = {name: [None] * len(particles) for name in AGGLOMERATE_COLUMNS}
    balls = [ball_diameter(particle, geometries[particle.geometry]) for particle in particles]
    touching = _touching(particles, balls, geometries)
    number = len(particles)
    counts = coordination_numbers(touching, number).tolist()
    overlaps = _known(largest_of_each(touching, touching.overlaps, number))
    necks = _known(largest_of_each(touching, touching.neck_diameters, number))
    for own in _groups(particles, lambda particle: particle.root):
        members = [particles[n] for n in own]
        mean = sum(counts[n] for n in own) / len(own)
        of_spheres = all(balls[n] is not None for n in own)
        for n in own:
            columns["agglomerate_particles"][n] = len(own)
            if of_spheres:
                columns["agglomerate_coordination"][n] = mean
                columns["coordination_number"][n] = counts[n]
                columns["largest_overlap"][n] = overlaps[n]
                columns["largest_neck_diameter"][n] = necks[n]
        sizes = equivalent_diameters_nm(members, geometries, scene_unit_nm=1.0)
        if None in sizes:
            continue
        centres, radii = _centres(members), np.array(sizes, dtype=np.float64) / 2
        gyration, dimension = gyration_radius(centres, radii), fractal_dimension(centres, radii)
        for n in own:
            columns["agglomerate_gyration_radius"][n] = gyration
            columns["agglomerate_fractal_dimension"][n] = dimension
    return columns


def _touching(
    particles: Sequence[Particle], balls: Sequence[float | None], geometries: Geometries
) -> Contacts:
    """Return the contacts within agglomerates and fused bodies."""

    def family(particle: Particle) -> tuple[str, str] | None:
        fused = isinstance(geometries[particle.geometry], FusedGeometry)
        return (particle.blueprint, particle.geometry) if fused else None

    found: list[Contacts] = []
    for own in _groups(particles, lambda particle: particle.root):
        if len(own) > 1 and all(balls[n] is not None for n in own):
            members = [particles[n] for n in own]
            radii = np.array([balls[n] for n in own], dtype=np.float64) / 2
            made = contacts(_centres(members), radii)
            families = [family(particle) for particle in members]
            apart = [families[a] is None or families[a] != families[b] for a, b in made.pairs.T]
            found.append(made.chosen(np.array(apart, dtype=bool)).renumbered(np.array(own)))
    for own in _groups(particles, family):
        geometry = geometries[particles[own[0]].geometry]
        if len(own) > 1 and isinstance(geometry, FusedGeometry):
            members = [particles[n] for n in own]
            specs = (*geometry.features, *PARTICLE_FEATURES)
            reaches = [geometry.neck_reach(values(p.features, specs)) for p in members]
            radii = np.array([p.features[DIMENSIONS] for p in members], dtype=np.float64)[:, 0] / 2
            made = contacts(_centres(members), np.array(reaches), radii)
            found.append(made.renumbered(np.array(own)))
    return Contacts.joined(found)


def _groups(
    particles: Sequence[Particle], key: Callable[[Particle], Hashable]
) -> Iterable[list[int]]:
    """Return the positions of particles that have the same key."""
    found: dict[Hashable, list[int]] = {}
    for position, particle in enumerate(particles):
        found.setdefault(key(particle), []).append(position)
    return found.values()


def _centres(particles: Sequence[Particle]) -> NDArray[np.float64]:
    return np.array([particle.features["location"] for particle in particles], dtype=np.float64)


def _known(values: NDArray[np.float64]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]
