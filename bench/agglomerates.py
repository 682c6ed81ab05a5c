"""Agglomerates: their fractal dimension and coordination, and the time that they take.

The fractal dimension D of a way to grow is the slope of log N against log R over agglomerates of
many sizes, R being their radius of gyration in radii of a particle, with the error of the slope
from agglomerate to agglomerate; the prefactor k is that of N = k R^D. Beside it stands what the
table of particles would say of single ones.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.measure import Row, Stats, at_most, cpu_seconds, publish, shown
from scene.shapes.agglomerates import (
    contacts,
    coordination_numbers,
    fractal_dimension,
    gyration_radius,
)
from scene.shapes.agglomeration.collision import Throw
from scene.shapes.agglomeration.growth import GROWTHS
from scene.shapes.agglomeration.hulls import Hulls
from scene.shapes.agglomeration.shape import Shape
from scene.shapes.agglomeration.solids import Body, Solids
from scene.shapes.agglomeration.spheres import Spheres
from scene.shapes.mesh import TriangleMesh

SIZES = (32, 64, 128, 256)
SINGLE = 128
"""Particles in the agglomerates whose own dimension is shown."""

type Radii = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to grow agglomerates."""

    mode: str
    randomness: float = 0.0
    speed: float = 1.0
    sintering: float = 0.0
    deviation: float = 1.0
    """Geometric standard deviation of the radii, whose geometric mean is 1."""

    @property
    def text(self) -> str:
        """What a table calls it."""
        others = [
            f"randomness {self.randomness:g}",
            f"speed {self.speed:g}",
            *([f"sintering {self.sintering:g}"] if self.sintering else []),
            *([f"sizes x/ {self.deviation:g}"] if self.deviation != 1 else []),
        ]
        return f"{self.mode}, {', '.join(others)}"

    def grown(self, number: int, seed: int) -> Spheres:
        """Return one agglomerate."""
        rng = np.random.default_rng((seed, number))
        radii = self.deviation ** rng.standard_normal(number)
        return grown(Spheres(np.zeros((number, 3)), radii), self, rng)


def grown[S: Solids](solids: S, way: Way, rng: np.random.Generator) -> S:
    """Let particles agglomerate."""
    bodies = [Body.single(solids, n) for n in range(len(solids.masses))]
    GROWTHS[way.mode](solids, bodies, Throw(way.randomness, way.speed, way.sintering), rng)
    return solids


WAYS = (
    Way("cluster-cluster"),
    Way("cluster-cluster", randomness=0.5),
    Way("cluster-cluster", randomness=1.0),
    Way("cluster-cluster", randomness=0.5, speed=3.0),
    Way("cluster-cluster", sintering=0.2),
    Way("cluster-cluster", deviation=1.3),
    Way("particle-cluster"),
    Way("particle-cluster", randomness=0.5),
    Way("particle-cluster", randomness=1.0),
    Way("particle-cluster", sintering=0.2),
    Way("particle-cluster", deviation=1.3),
)


def figures(way: Way, each: int) -> str:
    """Return what a table says of a way to grow."""
    numbers, sizes, single, coordination = [], [], [], []
    for number in SIZES:
        for seed in range(each):
            made = way.grown(number, seed)
            numbers.append(number)
            sizes.append(gyration_radius(made.centres, made.radii))
            if number == SINGLE:
                single.append(fractal_dimension(made.centres, made.radii))
                found = contacts(made.centres, made.radii)
                coordination.append(coordination_numbers(found, number).mean())
    x, y = np.log(sizes), np.log(numbers)
    # Chance is in the sizes, so it is they that are fitted.
    (slope, _), covariance = np.polyfit(y, x, 1, cov=True)
    error = np.sqrt(covariance[0, 0]) / slope**2
    prefactor = np.exp(y.mean() - x.mean() / slope)
    own = np.array(single, dtype=float)
    return (
        f"D = {1 / slope:.2f} ± {error:.2f}, k = {prefactor:.2f}; single of {SINGLE}: "
        f"{own.mean():.2f} ± {own.std():.2f}; coordination {np.mean(coordination):.2f}"
    )


def ellipsoid() -> TriangleMesh:
    """Return an ellipsoid with axes of 2, 2 and 1."""
    from scene.prototypes.geometries.ellipsoid import Ellipsoid

    shape = Ellipsoid()
    surface = shape.surface({spec.name: spec.default for spec in shape.features})
    return surface.stretched(np.array([2.0, 2.0, 1.0]) / surface.extent)


def times(rounds: int) -> list[Row]:
    """Return the CPU seconds of 1,000 spheres and of 200 ellipsoids."""
    mesh = ellipsoid()

    def ellipsoids(way: Way, seed: int) -> None:
        hulls = Hulls([Shape.of(mesh) for _ in range(200)])
        grown(hulls, way, np.random.default_rng(seed))

    rows = []
    for way in (
        Way("cluster-cluster", 0.2, 0.3),
        Way("particle-cluster", 0.2, 0.3),
        Way("cluster-cluster", 1.0, 1.0),
        Way("particle-cluster", 1.0, 1.0),
    ):
        way.grown(10, 0)
        seconds = Stats(
            tuple(cpu_seconds(lambda n=n, way=way: way.grown(1000, n)) for n in range(rounds))
        )
        rows.append(at_most(f"1,000 spheres, {way.text}", seconds, 10.0))
    for mode in GROWTHS:
        way = Way(mode, 0.2, 0.3)
        seconds = Stats(
            tuple(cpu_seconds(lambda n=n, way=way: ellipsoids(way, n)) for n in range(rounds))
        )
        rows.append(shown(f"200 ellipsoids 2 : 2 : 1, {way.text}", seconds))
    return rows


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=24, help="agglomerates of each size")
    parser.add_argument("--rounds", type=int, default=3, help="of the times")
    options = parser.parse_args()
    rows = [Row(way.text, figures(way, options.each)) for way in WAYS]
    question = f"{options.each} agglomerates each of {', '.join(map(str, SIZES))} particles"
    publish("agglomerates", question, rows + times(options.rounds))


if __name__ == "__main__":
    main()
