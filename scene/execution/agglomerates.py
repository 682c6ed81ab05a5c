"""What the table of particles says of agglomerates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scene.execution.sizes import Geometries, equivalent_diameters_nm
from scene.prototypes.balls import ball_diameter
from scene.shapes.agglomerates import (
    contacts,
    coordination_numbers,
    fractal_dimension,
    gyration_radius,
    largest_of_each,
)
from scene.specimen.columns import AGGLOMERATE_COLUMNS
from scene.specimen.specimen import Particle

type Columns = dict[str, list[Any]]


def membership(particles: Iterable[Particle]) -> Columns:
    """Return each particle's parent, and the id of its agglomerate: its own if it has none."""
    own = list(particles)
    return {
        "parent_id": [particle.parent for particle in own],
        "agglomerate_id": [particle.root for particle in own],
    }


def agglomerate_columns(particles: Sequence[Particle], geometries: Geometries) -> Columns:
    """Return figures of each particle's agglomerate, and of what it touches in there.

    Sizes are those of spheres. A particle of another shape counts as the sphere of its volume; if
    one in an agglomerate is of another shape there are no contacts, and if the volume of one is not
    known there is nothing but the number of particles.

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
    members: dict[int, list[int]] = {}
    for position, particle in enumerate(particles):
        members.setdefault(particle.root, []).append(position)
    for positions in members.values():
        found = _figures([particles[n] for n in positions], geometries)
        for name, values in found.items():
            for position, value in zip(positions, values, strict=True):
                columns[name][position] = value
    return columns


def _figures(own: Sequence[Particle], geometries: Geometries) -> Mapping[str, Sequence[Any]]:
    """Return the columns of one agglomerate's particles, as far as they are known."""
    number = len(own)
    found: dict[str, Sequence[Any]] = {"agglomerate_particles": [number] * number}
    balls = [ball_diameter(particle, geometries[particle.geometry]) for particle in own]
    sizes = equivalent_diameters_nm(own, geometries, scene_unit_nm=1.0)
    centres = np.array([particle.features["location"] for particle in own], dtype=np.float64)
    if None not in sizes:
        radii = np.array(sizes, dtype=np.float64) / 2
        found["agglomerate_gyration_radius"] = [gyration_radius(centres, radii)] * number
        found["agglomerate_fractal_dimension"] = [fractal_dimension(centres, radii)] * number
    if None not in balls:
        touching = contacts(centres, np.array(balls, dtype=np.float64) / 2)
        counts = coordination_numbers(touching, number).tolist()
        found |= {
            "agglomerate_coordination": [sum(counts) / number] * number,
            "coordination_number": counts,
            "largest_overlap": _known(largest_of_each(touching, touching.overlaps, number)),
            "largest_neck_diameter": _known(
                largest_of_each(touching, touching.neck_diameters, number)
            ),
        }
    return found


def _known(values: NDArray[np.float64]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]
