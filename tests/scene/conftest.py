from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scene.machine.resources import Resources
from scene.recipe.registry import Registry
from scene.recipe.schema import RenderSettings
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import MeasurementTechnique, Particle, Specimen
from scene.specimen.streams import Streams

if TYPE_CHECKING:
    import bpy

    from scene.blender.session import Session
    from scene.blender.stage import Stage


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/scene" in item.path.as_posix():
            item.add_marker(pytest.mark.blender)


MICROSCOPES = Path(__file__).parent / "microscopes"
"""A folder of plugins."""

type StageFactory = Callable[..., Stage]


@pytest.fixture(scope="session")
def session() -> Session:
    from scene.blender.session import Session

    return Session(Resources(cpus=2))


@pytest.fixture
def new_stage(session: Session) -> Iterator[StageFactory]:
    """Make a stage on an emptied scene, with what Blender prints out of the way."""

    def make(seed: int = 7, **settings: object) -> Stage:
        from scene.blender.stage import Stage

        session.reset()
        small = {"resolution_percentage": 10, "max_samples": 16}
        render = RenderSettings.model_validate(small | settings)
        return Stage(session, Registry([MICROSCOPES]), render, Streams(seed))

    with session.captured():
        yield make


def bead(
    particle_id: int, location: tuple[float, float, float], diameter: float = 6.0, **features: int
) -> Particle:
    values: dict[str, FeatureValue] = {
        "dimensions": (diameter, diameter, diameter),
        "location": location,
        "subdivisions": 1,
        **features,
    }
    return Particle(particle_id, "Bead", particle_id - 1, "sphere", "sem_polystyrene", values)


def ellipsoid(
    particle_id: int, location: tuple[float, float, float], *dimensions: float
) -> Particle:
    """A bead that no point of a cloud can stand for."""
    made = bead(particle_id, location)
    made.features |= {"dimensions": dimensions}
    return made


def particles_in(scene: bpy.types.Scene) -> dict[int, tuple[list[float], list[float]]]:
    """Return the location and the dimensions of each particle, wherever it is in a scene."""
    found = {}
    for made in scene.objects:
        if made.type == "POINTCLOUD":
            attributes = made.data.attributes
            for index, own in enumerate(attributes["particle_id"].data):
                centre = attributes["position"].data[index].vector
                found[own.value] = [*centre], [2 * attributes["radius"].data[index].value] * 3
        elif "particle_id" in made:
            found[made["particle_id"]] = [*made.location], [*made.dimensions]
    return found


def specimen(*particles: Particle, **features: float) -> Specimen:
    technique = MeasurementTechnique(
        "SEM", "secondary_electron_microscope", "sem_patchy_silicone", dict(features)
    )
    return Specimen(particles=list(particles), techniques=[technique])


def scattered(number: int, seed: int = 1) -> list[Particle]:
    """Beads of random size anywhere in the measurement volume."""
    rng = np.random.default_rng(seed)
    beads = []
    for index in range(number):
        x, y, z = ((rng.random(3) - (0.5, 0.5, 0.0)) * (120.0, 120.0, 51.2)).tolist()
        beads.append(bead(index + 1, (x, y, z), diameter=5 + 2 * float(rng.random())))
    return beads
