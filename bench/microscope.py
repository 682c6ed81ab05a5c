"""The microscope in physical units: what each effect costs, and whether it does what is set.

    uv run --dev just bench microscope
    uv run python -m bench.microscope --docs

The second also writes the tables into docs/microscope.md and draws docs/images/microscope.jpg, each
effect off and on.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import find_objects

from bench.measure import Row, Stats, at_most, cpu_seconds, machine, paired, publish, shown
from bench.scenes import NUMBER, all_ids, generated
from scene.microscopy.chain import LARGEST_16_BIT, imaged
from scene.microscopy.data_bar import DataBar, draw, scale_bar
from scene.microscopy.detector import Detector
from scene.microscopy.edge import FLAT_LIMIT
from scene.microscopy.electron_surface import ElectronSurface
from scene.microscopy.electrons import Electrons
from scene.microscopy.imaging_chain import ImagingChain
from scene.microscopy.probe import FULL_WIDTH, Probe
from scene.microscopy.raster import Raster
from scene.microscopy.scan import Scan
from scene.specimen.streams import Streams

if TYPE_CHECKING:
    from scene.blender.frame import BlenderFrame

type Features = Mapping[str, float]

BEADS = 600
MOST_SECONDS = 1.0
"""Bound on the CPU time of an image beyond its buffers."""

MARGIN, MOST_FOR_MARGIN = 64, 1.4
"""Pixels on each side, which are 1.28 times as many in all, and the bound on what they cost."""

PIXEL_NM = 100.0
SIZE = 960
PAGE = Path(__file__).parents[1] / "docs" / "microscope.md"
SHEET = PAGE.parent / "images" / "microscope.jpg"
TILE, GAP, CAPTION, FONT, COLUMNS, QUALITY = 150, 3, 24, 14, 4, 80
PART = np.s_[:TILE, :TILE]
LOOK: Features = {"edge_exponent": 0.6, "shadowing": 1.0, "gamma": 1.3}
"""What is there in both pictures of a pair, unless it is what the pair shows."""

SECOND = 1e6
"""Microseconds."""

BLUEPRINTS = "blueprints.measurement_techniques.SEM"
TECHNIQUE = (
    f"{BLUEPRINTS}.measurement_technique_prototype_name=scanning_electron_microscope",
    f"{BLUEPRINTS}.background_material_prototype_name=sem_carbon_tape",
    "blueprints.particles.Bead.material_prototype_name=sem_metal_powder",
    # These draw features of the other technique and its ground.
    *(f"~synth_chain.feature_generation_steps.{step}" for step in (10, 9, 8, 7, 6)),
)

SURFACES: Features = {"relief_amplitude": 0.0, "patch_contrast": 0.0}
"""Smooth and even: of the ground as of particles."""

NEUTRAL: Features = {
    **SURFACES,
    "edge_exponent": 0.0,
    "detector_asymmetry": 0.0,
    "shadowing": 0.0,
    "backscatter_fraction": 0.0,
    "charging": 0.0,
}
"""What takes those effects away that are there by default."""

EFFECTS: Mapping[str, Features] = {
    "edge brightening": {"edge_exponent": 0.8},
    "shadowing": {"shadowing": 3.0},
    "detector at one side": {"detector_asymmetry": 0.5},
    "delocalised signal": {"backscatter_fraction": 0.4, "backscatter_range": 1500.0},
    "charging": {"charging": 0.5},
    "relief": {"edge_exponent": 0.8, "relief_amplitude": 60.0, "relief_wavelength": 1200.0},
    "patches": {"patch_contrast": 0.3, "patch_size": 4000.0},
    "probe": {"probe_diameter": 400.0},
    "defocus": {"convergence_angle": 60.0, "focus_height": 3000.0},
    "astigmatism": {
        "convergence_angle": 30.0,
        "focus_height": 10_000.0,
        "astigmatism": 30_000.0,
        "astigmatism_angle": 0.6,
    },
    "drift": {"drift": 700.0, "drift_direction": 0.4, "drift_walk": 300.0},
    "vibration": {"vibration": 150.0, "vibration_frequency": 33.0},
    "flagging": {"flagging": 3000.0, "flagging_time": 1000.0},
    "electrons": {"beam_current": 1.0},
    "video bandwidth": {"beam_current": 1.0, "video_bandwidth": 0.06},
    "line noise": {"line_noise": 0.1, "line_noise_length": 2.0},
    "read noise": {"read_noise": 0.03},
    "contrast, gamma": {"contrast": 1.3, "gamma": 1.8},
    "vignetting": {"vignetting": 0.8},
}

TOGETHER: Features = {
    "edge_exponent": 0.7,
    "shadowing": 1.5,
    "detector_asymmetry": 0.2,
    "backscatter_fraction": 0.2,
    "backscatter_range": 600.0,
    "charging": 0.15,
    "relief_amplitude": 25.0,
    "relief_wavelength": 900.0,
    "patch_contrast": 0.1,
    "patch_size": 4000.0,
    "probe_diameter": 150.0,
    "convergence_angle": 8.0,
    "focus_height": 8000.0,
    "astigmatism": 3000.0,
    "drift": 10.0,
    "drift_walk": 15.0,
    "vibration": 15.0,
    "flagging": 300.0,
    "beam_current": 10.0,
    "video_bandwidth": 0.15,
    "line_noise": 0.02,
    "read_noise": 0.01,
    "contrast": 1.1,
    "gamma": 1.3,
    "vignetting": 0.1,
}
"""All of them, as strong as micrographs may show them."""


RIM = 16
"""Pixels at the edges of the image in which no bead is measured."""

DISC = 0.015
"""Largest difference of a disc's fraction of its bounding box from pi / 4."""

DIFFERENCE = 1 / 12
"""Variance in pixels squared that differences between pixels add to that of a derivative."""

SURFACE_FEATURES = frozenset(field.name for field in fields(ElectronSurface))


class Microscope:
    """A specimen that is built once and looked at with any settings."""

    def __init__(self, *overrides: str) -> None:
        self._context = generated(*TECHNIQUE, *overrides)
        (self._technique,) = self._context.specimen.techniques
        self.particles = self._context.specimen.particles

    def frame(self, **features: float) -> BlenderFrame:
        """Return what the microscope sees with these features and no other effects."""
        chosen = NEUTRAL | features
        surface = {name: value for name, value in chosen.items() if name in SURFACE_FEATURES}
        for particle in self.particles:
            particle.features |= surface
        self._technique.features = dict(chosen)
        frame = self._context.frame(all_ids(self._context))
        _ = frame.buffers  # as the scene is now
        return frame  # type: ignore[return-value]


def costs(rounds: int) -> list[Row]:
    """Return the CPU time of `real` beyond its buffers, by effect."""
    microscope = Microscope(f"{NUMBER}={BEADS}")
    nothing = timed(microscope.frame())
    rows = []
    for name, features in EFFECTS.items():
        found = paired(rounds, without=nothing, effect=timed(microscope.frame(**features)))
        more = zip(found["effect"].values, found["without"].values, strict=True)
        rows.append(shown(name, Stats(tuple(1000 * (a - b) for a, b in more)), "ms"))
    found = paired(rounds, none=nothing, all=timed(microscope.frame(**TOGETHER)))
    return [
        *rows,
        shown("none: the yields of the materials, rounded", found["none"]),
        at_most("all at once, of usual strength", found["all"], MOST_SECONDS),
        margins(rounds),
    ]


def margins(rounds: int) -> Row:
    """Return how much more it costs to render a frame with what lies around it.

    The scene is brought up to the features, too, so that each frame is a new one.
    """
    microscope = Microscope(f"{NUMBER}={BEADS}")
    around = {"shadowing": 1.0, "shadowing_range": MARGIN * PIXEL_NM}
    found = paired(
        rounds,
        bare=lambda: cpu_seconds(microscope.frame),
        wide=lambda: cpu_seconds(lambda: microscope.frame(**around)),
    )
    ratio = found["wide"].over(found["bare"])
    return at_most(f"buffers with {MARGIN} pixels around, over bare", ratio, MOST_FOR_MARGIN, "")


def timed(frame: BlenderFrame) -> Callable[[], float]:
    """Return a function that times `real`, whose buffers are there already."""
    return lambda: cpu_seconds(frame.real)


def check(what: str, measured: float, expected: float, unit: str, tolerance: float) -> Row:
    """Return a row whose target is what was set, within a fraction of it."""
    found, target = (f"{value:.4g} {unit}".strip() for value in (measured, expected))
    met = bool(abs(measured - expected) <= tolerance * abs(expected))
    return Row(what, found, f"{target} within {tolerance:.0%}", met)


def through(chain: ImagingChain, signal: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return what a chain without a scan's distortion makes of a signal of the level ground."""
    height, width = signal.shape
    frame = Raster(width, height, 0, PIXEL_NM)
    raster = replace(frame, margin=chain.reach_px(frame))
    wide = np.pad(signal, raster.margin, mode="edge").astype(np.float32)
    image = imaged(wide, raster, chain, Streams(1).counted, lambda: np.zeros_like(wide), 16)
    return image / LARGEST_16_BIT


def counting() -> list[Row]:
    """Return how the variance of flat areas grows with their mean, and how noise is correlated."""
    signals = np.linspace(0.05, 0.85, 17)
    flat = np.repeat(signals, 64)[:, None] * np.ones((1, SIZE))
    electrons = Electrons(beam_current=20.0, collection_efficiency=0.4)
    chain = ImagingChain(scan=Scan(dwell_time=5.0), electrons=electrons)
    areas = through(chain, flat).reshape(len(signals), -1)
    slope, _ = np.polyfit(areas.mean(axis=1), areas.var(axis=1), 1, w=1 / signals)
    dose = 20e-12 * 5e-6 / 1.602176634e-19
    limited = replace(chain, detector=Detector(video_bandwidth=0.11))
    noise = through(limited, flat[-128:])
    noise -= noise.mean(axis=1, keepdims=True)
    correlation = (noise[:, 1:] * noise[:, :-1]).mean() / (noise**2).mean()
    return [
        check("beam's electrons a pixel at 20 pA and 5 us, from the slope of variance over mean",
              1 / slope / 0.4, dose, "", 0.02),
        check("correlation of neighbours on a line at a video bandwidth of 0.11",
              correlation, math.exp(-math.tau * 0.11), "", 0.03),
    ]  # fmt: skip


def edges() -> list[Row]:
    """Return how wide an edge is, in focus and out of it."""
    step = np.where(np.arange(256) < 128, 0.1, 0.8) * np.ones((64, 1))
    rows = []
    for what, probe, expected in (
        ("probe_diameter 400 nm", Probe(400.0), 400.0),
        ("10 mrad, focus 60 um above", Probe(0.0, 10.0, 60_000.0), 600 / 2 * FULL_WIDTH),
    ):
        slope = np.diff(through(ImagingChain(probe=probe), step).mean(axis=0))
        weight, place = slope / slope.sum(), np.arange(slope.size)
        variance = (weight * (place - (weight * place).sum()) ** 2).sum() - DIFFERENCE
        width = FULL_WIDTH * math.sqrt(variance) * PIXEL_NM
        rows.append(check(f"full width at half maximum of an edge, {what}", width, expected, "nm",
                          0.02))  # fmt: skip
    return rows


def motion() -> list[Row]:
    """Return what the labels of beads say of the scan's drift and vibration."""
    microscope = Microscope(f"{NUMBER}=150")
    still = microscope.frame().buffers.instance
    scan = Scan()

    def seconds(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
        return (rows * scan.line_time(SIZE) + columns * scan.dwell_time) / SECOND

    drifted = microscope.frame(drift=60.0, drift_direction=0.6).buffers.instance
    rows, columns, right = shifts(still, drifted)
    along, _ = np.polyfit(seconds(rows, columns), right, 1)
    columns, rows, down = shifts(still.T, drifted.T)
    across, _ = np.polyfit(seconds(rows, columns), -down, 1)

    shaken = microscope.frame(vibration=500.0, vibration_frequency=3.7).buffers.instance
    rows, columns, right = shifts(still, shaken)
    amplitude, frequency = oscillation(seconds(rows, columns), right)
    return [
        check("drift, of labels", math.hypot(along, across), 60.0, "nm/s", 0.05),
        check("its direction", math.atan2(across, along), 0.6, "rad", 0.05),
        check("amplitude of a vibration, of labels", amplitude, 500.0, "nm", 0.03),
        check("its frequency", frequency, 3.7, "Hz", 0.01),
    ]


def oscillation(time: NDArray[np.float64], shift: NDArray[np.float64]) -> tuple[float, float]:
    """Return amplitude and frequency in Hz of the sine between 3 and 4.5 Hz that fits best."""
    fits = []
    for frequency in np.linspace(3.0, 4.5, 301):
        turn = math.tau * frequency * time
        waves = np.stack([np.sin(turn), np.cos(turn), np.ones_like(turn)], axis=1)
        (sine, cosine, _), (residual,), *_ = np.linalg.lstsq(waves, shift)
        fits.append((residual, math.hypot(sine, cosine), float(frequency)))
    return min(fits)[1:]


def shifts(
    before: NDArray[np.uint16], after: NDArray[np.uint16]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return line, place on it in pixels and shift along it in nm, of each line of each bead.

    Of beads that are whole: hidden ones and those at the image's edges are left out.
    """
    whole = discs(before)
    (count, middle), (count_after, middle_after) = (middles(image) for image in (before, after))
    both = (count > 2) & (count_after > 2)
    both &= np.isin(np.arange(both.size) // SIZE, whole)
    line = np.arange(both.size) % SIZE
    shift = (middle_after - middle)[both] * PIXEL_NM
    return line[both].astype(float), middle_after[both], shift


def discs(image: NDArray[np.uint16]) -> list[int]:
    """Return the ids of the beads that are seen whole, as discs."""
    found = []
    for bead, box in enumerate(find_objects(image.astype(np.int32)), start=1):
        if box is None or any(axis.start < RIM or axis.stop > SIZE - RIM for axis in box):
            continue
        height, width = (axis.stop - axis.start for axis in box)
        disc = abs((image[box] == bead).mean() - math.pi / 4) < DISC
        if disc and abs(height - width) <= 2:
            found.append(bead)
    return found


def middles(image: NDArray[np.uint16]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return how many pixels each line of each bead has, and where their middle is."""
    line, place = np.nonzero(image)
    key = image[line, place].astype(np.intp) * SIZE + line
    count = np.bincount(key, minlength=(BEADS + 1) * SIZE)
    total = np.bincount(key, weights=place, minlength=count.size)
    return count, total / np.maximum(count, 1)


def profile() -> list[Row]:
    """Return how a sphere brightens towards its rim, beside the law of its yield."""
    microscope = Microscope(f"{NUMBER}=1", "render.bit_depth=16")
    (sphere,) = microscope.particles
    diameter = 40.0
    sphere.features |= {"dimensions": (diameter,) * 3, "location": (0.0, 0.0, diameter / 2)}
    frame = microscope.frame(edge_exponent=1.0, escape_depth=0.0, secondary_electron_yield=0.08)
    gray = frame.real() / LARGEST_16_BIT / 0.08
    place = np.arange(SIZE) - (SIZE - 1) / 2
    radius = np.hypot(place, place[:, None]) / (diameter / 2 * 1000 / PIXEL_NM)
    rows = []
    for part in (0.5, 0.8, 0.95):
        ring = np.abs(radius - part) < 0.003
        cosine = 1 - (radius[ring] ** 2)
        law = np.sqrt((1 + FLAT_LIMIT) / (cosine + FLAT_LIMIT)).mean()
        rows.append(check(f"signal of a sphere at {part} of its radius over its middle",
                          gray[ring].mean(), law, "", 0.01))  # fmt: skip
    return rows


def scale() -> list[Row]:
    """Return lengths in images, by their pixels."""
    microscope = Microscope(f"{NUMBER}=1")
    (sphere,) = microscope.particles
    sphere.features |= {"dimensions": (8.0,) * 3, "location": (0.0, 0.0, 4.0)}
    rows = []
    for magnification in (1.0, 7.0):
        pixels = np.count_nonzero(microscope.frame(magnification=magnification).buffers.instance)
        diameter = 2 * math.sqrt(pixels / math.pi) * PIXEL_NM / magnification
        rows.append(check(f"diameter of a sphere by its pixels, magnification {magnification:g}",
                          diameter, 8000.0, "nm", 0.01))  # fmt: skip
    bar, promised = draw(SIZE, PIXEL_NM, DataBar()), scale_bar(SIZE, PIXEL_NM)
    line = bar[bar.shape[0] // 2] == bar.max()
    ends = np.flatnonzero(np.diff(np.concatenate([[0], line, [0]])))
    length = float((ends[1::2] - ends[::2]).max() * PIXEL_NM) / 1000
    rows.append(check(f"scale bar of {promised.text} by its pixels", length,
                      promised.length_nm / 1000, "um", 0.01))  # fmt: skip
    return rows


def sheet() -> None:
    """Draw each effect off and on, a pair a tile."""
    microscope = Microscope(f"{NUMBER}={BEADS}")
    font = ImageFont.load_default(FONT)
    shown_effects = {**EFFECTS, "all at once": TOGETHER}
    rows = math.ceil(len(shown_effects) / COLUMNS)
    width, height = 2 * TILE + GAP, TILE + CAPTION
    picture = Image.new("L", (COLUMNS * (width + 3 * GAP), rows * height), 255)
    pen = ImageDraw.Draw(picture)
    for place, (name, features) in enumerate(shown_effects.items()):
        left, top = place % COLUMNS * (width + 3 * GAP), place // COLUMNS * height
        on = {**LOOK, **features}
        off = {key: value for key, value in on.items() if key not in features}
        pen.text((left, top + CAPTION // 8), name, fill=0, font=font)
        for side, settings in enumerate((off, on)):
            tile = Image.fromarray(microscope.frame(**settings).real()[PART])
            picture.paste(tile, (left + side * (TILE + GAP), top + CAPTION))
    picture.save(SHEET, quality=QUALITY)


def main() -> None:
    """Measure, and print the table; or draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--docs", action="store_true", help="bring the page up to date")
    arguments = parser.parse_args()
    found = [*counting(), *edges(), *profile(), *scale(), *motion()]
    taken = costs(arguments.rounds)
    publish("microscope", f"the microscope in physical units, {BEADS} beads, 960 x 960",
            [*found, *(replace(row, what=f"CPU time, {row.what}") for row in taken)])  # fmt: skip
    if arguments.docs:
        page = PAGE.read_text(encoding="utf-8")
        page = with_table(page, "checks", ["what", "set", "measured"],
                          [(row.what, row.target, row.found) for row in found])  # fmt: skip
        page = with_table(page, "costs", ["effect", "CPU time"],
                          [(row.what, row.found) for row in taken])  # fmt: skip
        PAGE.write_text(page, encoding="utf-8")
        sheet()


def with_table(page: str, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a page with the table between the comments of this name replaced."""
    lines = [machine() + ":", ""]
    lines += [f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *rows)]
    before, _, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end of {name} -->")
    assert end
    return f"{before}<!-- {name} -->\n\n{'\n'.join(lines)}\n\n{end}{after}"


if __name__ == "__main__":
    main()
