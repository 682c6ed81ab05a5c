"""Shapes: what 600 particles of each geometry cost, and how they look.

Every particle has its own size, and its own shape where the geometry has a feature of that name.
Each geometry is measured in a process of its own, for its memory. ``--pictures FILE`` renders each
geometry, one particle and a heap of them, instead of measuring.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.measure import Row, cpu_seconds, progress, publish
from bench.memory import peak_mb
from bench.scenes import registry, session
from scene.prototypes.geometry import GeometryPrototype
from scene.prototypes.particle_features import PARTICLE_FEATURES
from scene.recipe.registry import builtin_classes
from scene.recipe.schema import RenderSettings
from scene.specimen.features import FeatureValue
from scene.specimen.relaxation import RelaxationSettings
from scene.specimen.specimen import MeasurementTechnique, Particle, Specimen
from scene.specimen.streams import Streams
from scene.specimen.values import initial

type Features = Mapping[str, FeatureValue]

PARTICLES = 600
MEMORY_BOUND = 512
"""MiB, of the geometry buffers of particles that all have a mesh of their own."""

TILE = 192
IN_A_ROW = 6
IN_A_HEAP = 45
LOOK: Features = {
    "shadowing": 0.7,
    "shadowing_range": 500.0,
    "detector_asymmetry": 0.25,
    "automatic_contrast": 1,
    "saturation": 0.005,
}
HEAP_FALLS = RelaxationSettings(
    collision_shape="CONVEX_HULL", num_frames=200, use_gravity=True, gravity=(0.0, 0.0, -100.0)
)


def geometries() -> list[str]:
    """Return the names of all built-in geometries."""
    return sorted(builtin_classes(GeometryPrototype))


def specimen(
    geometry: str, number: int, volume: Sequence[float], material: str, technique: str
) -> Specimen:
    """Return particles of 5 to 7 scene units anywhere in a volume of three sides."""
    shape = registry().prototype(GeometryPrototype, geometry)
    features = initial([*PARTICLE_FEATURES, *shape.features])
    longest = max(features["dimensions"])  # type: ignore[arg-type, type-var]
    generator = np.random.default_rng(1)
    particles = []
    for index in range(number):
        size = (5 + 2 * generator.random()) / longest
        x, y, z = ((generator.random(3) - (0.5, 0.5, 0.0)) * volume).tolist()
        own: dict[str, FeatureValue] = {
            "dimensions": tuple(size * side for side in features["dimensions"]),  # type: ignore[union-attr, operator]
            "location": (x, y, z + 4),
            "rotation": tuple(generator.uniform(0, 6, 3).tolist()),
        }
        if "shape" in features:
            own["shape"] = index
        if material == "plain":
            own["color"] = (float(generator.random()), 0.5, 0.5, 1.0)
        particles.append(Particle(index + 1, "P", index, geometry, material, features | own))
    return Specimen(particles, [MeasurementTechnique("T", technique, "sem_carbon_tape", {})])


def measure(geometry: str, material: str) -> str:
    """Return CPU seconds of building, buffers and outlines, and MiB beyond an empty Blender."""
    from scene.blender.stage import Stage

    made = specimen(geometry, PARTICLES, (100, 100, 40), material, "secondary_electron_microscope")
    session().reset()
    before = peak_mb()
    stage = Stage(session(), registry(), RenderSettings(resolution=(960, 960)), Streams(1))
    build = cpu_seconds(lambda: stage.sync(made))
    frame = stage.frame(frozenset(range(1, PARTICLES + 1)))
    buffers = cpu_seconds(lambda: frame.buffers)
    memory = peak_mb() - before
    outlines = cpu_seconds(lambda: list(frame.footprints()))
    return f"{build:.2f} {buffers:.2f} {outlines:.2f} {memory:.0f}"


def figures() -> list[Row]:
    """Measure each geometry, and the one with the most faces in 600 colours."""
    rows = []
    cases = [(name, "sem_polystyrene") for name in geometries()] + [("ellipsoid", "plain")]
    for name, material in cases:
        with progress(f"{name}, {material}"):
            asked = [sys.executable, "-m", "bench.shapes", "--one", name, material]
            output = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
        build, buffers, outlines, memory = output.split()[-4:]
        rows.append(
            Row(
                f"{PARTICLES} of {name}, {material}",
                f"built in {build} s, buffers {buffers} s, outlines {outlines} s, {memory} MiB",
                f"at most {MEMORY_BOUND} MiB",
                int(memory) <= MEMORY_BOUND,
            )
        )
    return rows


def picture() -> Image.Image:
    """Return a tile a geometry: one particle above, a heap below."""
    tiles = []
    for name in geometries():
        with progress(name):
            one = _shown(name, 1, (0, 0, 0), {"magnification": 8.0})
            heap = _shown(name, IN_A_HEAP, (14, 14, 90), {"magnification": 2.4})
        tiles.append(_labelled(name, np.vstack([one, heap])))
    while len(tiles) % IN_A_ROW:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.hstack(tiles[at : at + IN_A_ROW]) for at in range(0, len(tiles), IN_A_ROW)]
    return Image.fromarray(np.vstack(rows))


def _shown(
    geometry: str, number: int, volume: Sequence[float], features: Features
) -> NDArray[np.uint8]:
    from scene.blender.stage import Stage

    made = specimen(geometry, number, volume, "sem_metal_powder", "scanning_electron_microscope")
    made.techniques[0].features |= {**LOOK, **features}
    session().reset()
    settings = RenderSettings(resolution=(960, 960), resolution_percentage=20, scene_unit_nm=100.0)
    stage = Stage(session(), registry(), settings, Streams(1))
    ids = frozenset(range(1, number + 1))
    if number > 1:
        stage.relax(made, ids, HEAP_FALLS)
    stage.sync(made)
    return np.asarray(stage.frame(ids).real(), dtype=np.uint8)


def _labelled(name: str, tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    whole = Image.new("L", (TILE, len(tile) + 16))
    whole.paste(Image.fromarray(tile), (0, 16))
    ImageDraw.Draw(whole).text((4, 2), name, fill=255)
    return np.asarray(whole)


def main() -> None:
    """Measure, or render."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, metavar="FILE")
    parser.add_argument("--one", nargs=2, metavar=("GEOMETRY", "MATERIAL"))
    asked = parser.parse_args()
    if asked.one:
        with session().captured():
            text = measure(*asked.one)
        print(text)
    elif asked.pictures:
        picture().save(asked.pictures, quality=80)
    else:
        publish("shapes", "what particles of all shapes cost", figures())


if __name__ == "__main__":
    main()
