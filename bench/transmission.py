"""The transmission microscope: whether it does what is set, and `fast` against `reference`.

    uv run --dev just bench transmission
    uv run python -m bench.transmission --docs

The second also writes the table into docs/microscope.md and draws docs/images/transmission.jpg.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from bench.measure import Row, Stats, at_most, cpu_seconds, publish
from bench.microscope import PAGE, check, with_table
from bench.scenes import registry, session
from scene.microscopy.chain import LARGEST_16_BIT
from scene.prototypes.base import Fidelity
from scene.recipe.schema import RenderSettings
from scene.specimen.specimen import MeasurementTechnique, Particle, Specimen
from scene.specimen.streams import Streams

if TYPE_CHECKING:
    from scene.blender.frame import BlenderFrame

type Ball = tuple[float, float, float, float]
"""Centre and diameter in scene units."""

DENSITY = 0.1
FOCUS = 0.2 * 51.2
"""Height of what is sharp at the default defocus, in scene units."""

PIXEL = 0.1
"""Side of a pixel in scene units."""

BEADS, SIZE, MOST_SECONDS = 600, 960, 1.0
AGREEMENT = 1e-3
"""Of full scale."""

BLUR, FINE = 1.5, 0.005
"""Pixels that noise is blurred over, and the threshold of a render that has little of it."""

SHEET = PAGE.parent / "images" / "transmission.jpg"
TILE, GAP, QUALITY = 320, 4, 85
FILM = {
    "film_thickness": 15.0, "film_density": 0.1, "film_grain_contrast": 0.05,
    "film_grain_size": 4.0, "beam_current": 20.0, "dwell_time": 2.0,
}  # fmt: skip


def view(
    balls: Iterable[Ball], size: int, fidelity: Fidelity = "fast", **features: float
) -> BlenderFrame:
    """Return what the microscope sees of balls."""
    from scene.blender.stage import Stage

    session().reset()
    settings: dict[str, Any] = {
        "resolution": (size, size), "fidelity": fidelity, "bit_depth": 16, "scene_unit_nm": 10.0,
        "max_samples": 4096,
    }  # fmt: skip
    stage = Stage(session(), registry(), RenderSettings.model_validate(settings), Streams(5))
    particles = []
    for number, (x, y, z, diameter) in enumerate(balls, start=1):
        own = {
            "dimensions": (diameter,) * 3, "location": (x, y, z), "subdivisions": 3,
            "density": features.get("density", DENSITY),
        }  # fmt: skip
        particles.append(Particle(number, "Ball", number - 1, "sphere", "tem_amorphous", own))
    technique = MeasurementTechnique("T", "transmission_electron_microscope", None, dict(features))
    stage.sync(Specimen(particles, [technique]))
    return stage.frame(frozenset(range(1, len(particles) + 1)))


def taken(*arguments: Any, **features: Any) -> NDArray[np.float64]:
    """Return an image, 1 for white."""
    with session().captured():
        image = view(*arguments, **features).real()
    return image / LARGEST_16_BIT


def exponent(signal: float) -> float:
    """Return the product of density and thickness that leaves a signal."""
    return -2 * math.log(signal)


def absorption() -> list[Row]:
    """Return what the signal behind beads says of their density and thickness."""
    middle = PIXEL / 2  # of a pixel
    alone = taken([(middle, middle, FOCUS, 7.0)], 128)
    away = 1.8
    beside = 64 + round(away / PIXEL)
    two = taken([(middle, middle, FOCUS, 7.0), (middle + 2.0, middle, FOCUS, 5.0)], 128)
    chord = math.sqrt(5.0**2 - 4 * 2.0**2)
    return [
        check("density of a bead of 7 scene units", exponent(alone[63, 64]) / 7, DENSITY, "", 0.01),
        check(f"its thickness {away:g} from its axis", exponent(alone[63, beside]) / DENSITY,
              2 * math.sqrt(3.5**2 - away**2), "scene units", 0.01),
        check("thickness of it and one of 5, which overlap", exponent(two[63, 64]) / DENSITY,
              7 + chord, "scene units", 0.01),
    ]  # fmt: skip


def defocus() -> Row:
    """Return how wide the disc is that a small bead becomes."""
    height, diameter = 46.0, 0.3
    place = np.arange(128) - 63.5

    def variance(**features: float) -> float:
        missing = 1 - taken([(0.0, 0.0, height, diameter)], 128, **features)
        return float((missing.sum(axis=0) * place**2).sum() / missing.sum())

    sharp = variance(defocus=height / 51.2)
    radius = 2 * math.sqrt(variance() - sharp)  # a disc's variance along an axis is r^2 / 4
    law = 0.5 * (height - FOCUS) / (51.2 - FOCUS) / PIXEL
    return check(f"radius of the disc of a point {height:g} above the ground, in focus at "
                 f"{FOCUS:.1f}", radius, law, "pixels", 0.03)  # fmt: skip


def film() -> list[Row]:
    """Return what is left behind a film, and how even that is."""
    features = {key: value for key, value in FILM.items() if key.startswith("film")}
    image = taken([(100.0, 100.0, 5.0, 1.0)], 256, **features)
    waves = 1.0 / features["film_grain_size"]  # of a pixel of 1 nm
    damped = features["film_grain_contrast"] * math.exp(-((math.pi * waves) ** 2) / 6)
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(256)] * 2))
    size = float(power.sum() / (power * frequency).sum())
    left = math.exp(-0.5 * features["film_density"] * features["film_thickness"] / 10)
    return [
        check("signal behind the support film", image.mean(), left, "", 0.01),
        check("contrast of its grain, in pixels of a quarter of it",
              image.std() / image.mean(), damped, "", 0.1),
        check("size of its grain, by the mean frequency", size, 4.0, "nm", 0.1),
    ]  # fmt: skip


def chains(number: int, length: int, width: float, seed: int = 3) -> list[Ball]:
    """Return beads in chains, anywhere in a square."""
    random, balls = np.random.default_rng(seed), []
    for _ in range(number):
        place = np.append(random.uniform(-width / 2, width / 2, 2), random.uniform(8, 40))
        for _ in range(length):
            step = random.normal(size=3)
            diameter = float(random.uniform(4, 6))
            balls.append((*place.tolist(), diameter))
            place = place + step / np.linalg.norm(step) * diameter * 0.85
    return balls


def fidelities() -> list[Row]:
    """Return how far `fast` is from `reference`, on chains of beads, and how noisy that one is."""
    balls = chains(4, 8, 14.0)
    fast = taken(balls, 256)
    reference = taken(balls, 256, "reference")
    fine = taken(balls, 256, "reference", noise_threshold=FINE)
    differing = np.abs(gaussian_filter(fast - fine, BLUR))
    return [
        Row("mean difference of fast and reference, of full scale",
            f"{abs((fast - reference).mean()):.1e}", f"at most {AGREEMENT:g}",
            bool(abs((fast - reference).mean()) <= AGREEMENT)),
        Row(f"95 % of the pixels, the noise blurred over {BLUR:g} pixels, differ by less than",
            f"{np.quantile(differing, 0.95):.1e}", f"at most {AGREEMENT:g}",
            bool(np.quantile(differing, 0.95) <= AGREEMENT)),
        Row("of the others, the largest difference", f"{differing.max():.1e}"),
        Row("noise of reference at a threshold of 0.05, standard deviation of full scale",
            f"{(fast - reference).std():.1e}"),
    ]  # fmt: skip


def cost(rounds: int) -> Row:
    """Return what the image costs beyond its buffers."""
    random = np.random.default_rng(1)
    places = random.uniform((-48, -48, 4, 5), (48, 48, 46, 7), (BEADS, 4))
    frame = view([tuple(place) for place in places.tolist()], SIZE)
    _ = frame.buffers
    times = Stats(tuple(cpu_seconds(frame.real) for _ in range(rounds)))
    return at_most(f"CPU time of {BEADS} beads, {SIZE} x {SIZE}, beyond the buffers", times,
                   MOST_SECONDS)  # fmt: skip


def sheet() -> None:
    """Draw chains of beads at both fidelities, and on a support film with a dose."""
    balls = chains(6, 12, 24.0)
    tiles = [
        taken(balls, TILE),
        taken(balls, TILE, "reference"),
        taken(balls, TILE, **FILM),
    ]
    picture = Image.new("L", (len(tiles) * (TILE + GAP) - GAP, TILE), 255)
    for number, tile in enumerate(tiles):
        gray = np.rint(tile * 255).astype(np.uint8)
        picture.paste(Image.fromarray(gray), (number * (TILE + GAP), 0))
    picture.save(SHEET, quality=QUALITY)


def main() -> None:
    """Measure, and print the table; or draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--docs", action="store_true", help="bring the page up to date")
    arguments = parser.parse_args()
    found = [*absorption(), defocus(), *film(), *fidelities(), cost(arguments.rounds)]
    publish("transmission", "the transmission microscope", found)
    if arguments.docs:
        page = with_table(PAGE.read_text(encoding="utf-8"), "transmission",
                          ["what", "set", "measured"],
                          [(row.what, row.target, row.found) for row in found])  # fmt: skip
        PAGE.write_text(page, encoding="utf-8")
        sheet()


if __name__ == "__main__":
    main()
