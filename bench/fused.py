"""Fused balls: what a family costs that is one body, by its number of balls.

Each number is measured in a process of its own, for its memory.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

import numpy as np

from bench.measure import Row, cpu_seconds, progress, publish
from bench.memory import peak_mb
from bench.scenes import registry, session
from scene.recipe.schema import RenderSettings
from scene.specimen.specimen import MeasurementTechnique, Particle, Specimen
from scene.specimen.streams import Streams

NUMBERS = (100, 500)
MEMORY_BOUND = 512
"""MiB, of the geometry buffers beyond an empty Blender."""
TIME_BOUND = 20.0
"""Seconds for all images of 500 balls."""

DIAMETER = 5.0
NEAREST = 0.95
"""Distance of two balls that touch, over their diameter."""


def lump(number: int) -> Specimen:
    """Return balls that hang together, each put beside one of the earlier ones."""
    rng = np.random.default_rng(1)
    places = [np.array([0.0, 0.0, 20.0])]
    while len(places) < number:
        away = rng.normal(size=3)
        place = places[rng.integers(len(places))] + NEAREST * DIAMETER * away / np.linalg.norm(away)
        apart = np.linalg.norm(np.array(places) - place, axis=1).min()
        if apart > 0.99 * NEAREST * DIAMETER and 3 < place[2] < 40:
            places.append(place)
    balls = [
        Particle(index + 1, "B", index, "meta_ball_sphere", "sem_polystyrene", {
            "dimensions": (DIAMETER,) * 3,
            "location": tuple(place.tolist()),
        })
        for index, place in enumerate(places)
    ]  # fmt: skip
    technique = "secondary_electron_microscope"
    return Specimen(balls, [MeasurementTechnique("T", technique, "sem_patchy_silicone", {})])


def measure(number: int) -> str:
    """Return CPU seconds of fusing, buffers, outlines, x-ray view and `real`, all seconds, MiB."""
    from scene.blender.stage import Stage

    made = lump(number)
    session().reset()
    before = peak_mb()
    stage = Stage(session(), registry(), RenderSettings(resolution=(960, 960)), Streams(1))
    stage.sync(made)
    frame = stage.frame(frozenset(range(1, number + 1)))
    began = time.monotonic()
    fused = cpu_seconds(stage._particles.fuse)  # noqa: SLF001 (else the first of the others does it)
    buffers = cpu_seconds(lambda: frame.buffers)
    memory = peak_mb() - before
    outlines = cpu_seconds(lambda: list(frame.footprints()))
    xray = cpu_seconds(frame.xray)
    real = cpu_seconds(frame.real)
    parts = fused, buffers, outlines, xray, real
    return " ".join(f"{value:.2f}" for value in (*parts, time.monotonic() - began, memory))


def figures() -> list[Row]:
    """Measure each number of balls."""
    rows = []
    for number in NUMBERS:
        with progress(f"{number} balls"):
            asked = [sys.executable, "-m", "bench.fused", "--one", str(number)]
            output = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
        *times, waited, memory = map(float, output.split()[-7:])
        fused, buffers, outlines, xray, real = times
        rows.append(
            Row(
                f"{number} balls that are one body",
                f"{waited:.1f} s; CPU seconds: fused {fused:.2f}, buffers {buffers:.2f}, "
                f"outlines {outlines:.2f}, x-ray view {xray:.2f}, real {real:.2f}; "
                f"{memory:.0f} MiB",
                f"at most {TIME_BOUND:g} s in all, {MEMORY_BOUND} MiB",
                waited <= TIME_BOUND and memory <= MEMORY_BOUND,
            )
        )
    return rows


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", type=int, metavar="NUMBER")
    asked = parser.parse_args()
    if asked.one:
        with session().captured():
            text = measure(asked.one)
        print(text)
    else:
        publish("fused", "what balls that have grown together cost", figures())


if __name__ == "__main__":
    main()
