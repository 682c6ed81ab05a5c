"""The look: `fast` against `reference` on the same beads, and against published pictures of others.

The comparison with `reference` is free of noise. Rendering whole `reference` images with so little
noise takes an hour each, so squares of them are rendered and denoised, twice with different seeds:
the similarity of the two says how far the comparison can be trusted. Squares are kept in
``outputs/bench/look``, so a benchmark that was ended goes on where it was.

Published pictures are named by ``--published FOLDER`` (real.png, categorical.png, example_0.png,
example_2.png, example_5.png). Their illumination, noise threshold and defocus are unknown, so the
image's mean, the strength of its noise and the sharpness of its edges are taken from them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from bench.discs import (
    LONE_GAPS,
    Beads,
    Gray,
    LoneBeads,
    disc_faces,
    discs_of_ids,
    find_discs,
    lone_beads,
    profile,
    seen_beads,
)
from bench.measure import Row, progress, publish
from bench.noise import LEVELS, Noise, measure_noise
from bench.views import Square, View
from scene.microscopy.chain import WHITE, imaged
from scene.microscopy.imaging_chain import ImagingChain
from scene.microscopy.raster import Raster

SQUARES = (Square(96, 96), Square(384, 384), Square(672, 672))
"""What is compared with `reference`: the bright side, the middle, the dark side."""

PERCENTILES = (5, 25, 50, 75, 95)
BLUR = 4.0

SSIM_BOUND, MEAN_BOUND, PROFILE_BOUND = 0.95, 0.03, 0.02
LONE_BOUND, PERCENTILE_BOUND = 0.08, 0.05
DEVIATION_BOUND, WHITE_BOUND, SKEWNESS, SKEWNESS_BOUND = 0.10, 0.05, 0.12, 0.05

SINGLE_LAYERS = (
    ("example_0", View(200, -10_000, defocus=0.2)),
    ("example_5", View(200, -100, defocus=0.2)),
    ("example_2", View(300, -10_000, defocus=0.4)),
)
"""Published pictures, and what ours are made with.

Numbers give as many beads in the frame. Some beads of example_5 lie on others, as only the lower
gravity leaves them. Defocus follows from the width of the beads' edges: about 3 pixels in two of
them, 5 in the third.
"""

PILE = View(600, -100)

RECIPE_NOISE = 0.9 + 16 * 0.072
"""Of the pictures: that of the tutorial's run, whose noise threshold is 0.072."""


def compare_fidelities(view: View, samples: int) -> list[Row]:
    """Compare both fidelities, free of noise, on squares of their images."""
    with progress(f"{view.name}: fast"):
        whole, beads = view.fast(), view.beads()
    fast = [square.of(whole) for square in SQUARES]
    halves = []
    for seed in (1, 2):
        with progress(f"{view.name}: reference, {samples} samples, seed {seed}"):
            halves.append([view.reference(square, samples, seed) for square in SQUARES])
    reference = [(one + other) / 2 for one, other in zip(*halves, strict=True)]
    score, trust = (
        float(np.mean([similarity(*pair) for pair in zip(*images, strict=True)]))
        for images in ((fast, reference), halves)
    )
    means = [float(np.mean(images)) for images in (fast, reference)]
    blurred = [
        gaussian_filter(a, BLUR) - gaussian_filter(b, BLUR)
        for a, b in zip(fast, reference, strict=True)
    ]
    rings = [_rings(images, beads) for images in (fast, reference)]
    gap = float(np.abs(rings[0] - rings[1]).max()) / WHITE
    error = float(np.sqrt(np.mean(np.square(blurred))))
    return [
        Row(
            f"{view.name}: SSIM",
            f"{score:.4f} (the two halves of `reference`: {trust:.4f})",
            f"at least {SSIM_BOUND}",
            score >= SSIM_BOUND,
        ),
        _ratio(f"{view.name}: mean brightness, fast over reference", *means, MEAN_BOUND),
        Row(
            f"{view.name}: profile over r/R",
            f"{gap:.2%} of full scale (fast {_whole(rings[0])}; reference {_whole(rings[1])})",
            f"within {PROFILE_BOUND:.0%} of full scale",
            gap <= PROFILE_BOUND,
        ),
        Row(f"{view.name}: error after a blur of {BLUR:.0f} pixels", f"{error:.2f} gray values"),
    ]


def compare_lone_beads(name: str, published: Gray, view: View, seeds: int) -> list[Row]:
    """Compare the lone beads of a published picture with those of our runs.

    Beads are found in the same way in all of them, and all of them have noise.
    """
    strength = published_noise(published).deviation
    pictures = []
    for seed in range(seeds):
        with progress(f"{view.name}, seed {seed}: for {name}"):
            pictures.append(as_published(view.fast(seed), published, strength))
    discs = find_discs(published)
    found = [(picture, find_discs(picture)) for picture in pictures]
    rows = []
    for gap in LONE_GAPS:
        theirs = lone_beads(published, discs, gap)
        ours = [lone_beads(picture, seen, gap) for picture, seen in found]
        rows += _lone_rows(f"{view.name}, {name}, gap {gap}", theirs, ours)
    return rows


def _lone_rows(name: str, theirs: LoneBeads, ours: list[LoneBeads]) -> list[Row]:
    numbers = ", ".join(f"{lone.number} of {lone.beads}" for lone in ours)
    rows = [Row(f"{name}: lone beads", f"{numbers}; published {theirs.number} of {theirs.beads}")]
    questions: list[tuple[str, Callable[[LoneBeads], float], float | None]] = [
        ("centre over rim", lambda lone: lone.centre_over_rim, LONE_BOUND),
        ("centre over ground", lambda lone: lone.centre_over_ground, LONE_BOUND),
        ("centre over peak", lambda lone: lone.centre_over_peak, None),
    ]
    for question, of, bound in questions:
        values = [of(lone) for lone in ours]
        middle, aim = float(np.median(values)), of(theirs)
        found = (
            f"{middle:.2f} ({min(values):.2f} to {max(values):.2f} in {len(ours)} runs); published "
            f"{aim:.2f}: {middle / aim - 1:+.1%}"
        )
        target = f"within {bound:.0%}" if bound else ""
        met = abs(middle / aim - 1) <= bound if bound else None
        rows.append(Row(f"{name}: {question}", found, target, met))
    return rows


def compare_pile(published: Gray, ids: NDArray[np.intp], seeds: int) -> list[Row]:
    """Compare a published pile with ours: distribution, profile, noise."""
    theirs = seen_beads(ids, discs_of_ids(ids))
    noise = measure_noise(published, smooth(theirs))
    rows, shares, found = [], [], []
    for seed in range(seeds):
        with progress(f"{PILE.name}, seed {seed}: for real"):
            picture, beads = PILE.fast(seed), PILE.beads(seed)
        picture = as_published(picture, published, noise.deviation)
        shares.append(_shares(picture, beads))
        found.append(measure_noise(picture, smooth(beads)))
    aim, own = _shares(published, theirs), np.median(shares, axis=0)
    gap = float(np.abs(aim - own).max())
    rows.append(
        Row(
            f"{PILE.name}, real: percentiles {PERCENTILES} of beads over their mean",
            f"{_hundredths(own)} (median of {seeds} runs); published {_hundredths(aim)}: {gap:.2f}",
            f"within {PERCENTILE_BOUND}",
            gap <= PERCENTILE_BOUND,
        )
    )
    return rows + _noise_rows(noise, found[0])


def published_noise(picture: Gray) -> Noise:
    """Return the noise of the beads' faces in a picture of a single layer."""
    return measure_noise(picture, disc_faces(picture.shape, find_discs(picture), 0.85))


def as_published(clean: Gray, published: Gray, strength: float) -> Gray:
    """Return our noise-free image with the mean of a published one, and noise of a strength."""
    lit = (clean * (published.mean() / clean.mean())).astype(np.float32)
    chain = ImagingChain(noise=strength)
    return _written(lit, chain).astype(np.float64)


def _written(gray: NDArray[np.float32], chain: ImagingChain) -> NDArray[np.uint8]:
    height, width = gray.shape
    raster = Raster(width, height, margin=0, pixel_nm=1.0)
    return imaged(gray / np.float32(WHITE), raster, chain, _generator, lambda: gray)


def smooth(beads: Beads) -> NDArray[np.bool_]:
    """Return the pixels of beads that are 4 pixels away from any other bead and from rims."""
    ids = beads.ids
    alone = ids > 0
    for axis in (0, 1):
        for step in range(-4, 5):
            alone &= np.roll(ids, step, axis) == ids
    return alone & ~(beads.radius > 0.85)


def similarity(one: Gray, other: Gray) -> float:
    """Return the structural similarity with the window of Wang et al. (2004)."""
    return float(
        structural_similarity(
            one,
            other,
            data_range=WHITE,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def save_pictures(path: Path, views: tuple[View, ...], samples: int) -> None:
    """Save a row a view: reference, fast, and fast with the recipe's noise, of two squares."""
    rows = []
    for view in views:
        noisy = _written(view.fast().astype(np.float32), ImagingChain(RECIPE_NOISE))
        row = [
            part
            for square in SQUARES[:2]
            for part in (
                view.reference(square, samples, 1),
                square.of(view.fast()),
                square.of(noisy),
            )
        ]
        rows.append(np.clip(np.hstack(row), 0, WHITE).astype(np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.vstack(rows)).save(path, quality=85)


def _generator(_: str) -> np.random.Generator:
    return np.random.default_rng(1)


def _rings(squares: list[Gray], beads: Beads) -> Gray:
    """Return the profile over all squares."""
    parts = [Beads(square.of(beads.ids), square.of(beads.radius)) for square in SQUARES]
    joined = Beads(np.hstack([part.ids for part in parts]), np.hstack([p.radius for p in parts]))
    return profile(np.hstack(squares), joined)


def _shares(image: Gray, beads: Beads) -> Gray:
    level = image[~beads.ground]
    shares: Gray = np.percentile(level, PERCENTILES) / level.mean()
    return shares


def _noise_rows(theirs: Noise, ours: Noise) -> list[Row]:
    rows = []
    for level in LEVELS:
        aim, own = theirs.deviation_at(level), ours.deviation_at(level)
        if aim is not None and own is not None:
            what = f"noise at gray {level:.0f}: standard deviation over the published"
            rows.append(_ratio(what, own, aim, DEVIATION_BOUND))
    rows.append(
        Row(
            "noise: largest correlation of neighbouring pixels",
            f"{ours.correlation:.3f}; published {theirs.correlation:.3f}",
            f"within {WHITE_BOUND}",
            abs(ours.correlation) <= WHITE_BOUND,
        )
    )
    rows.append(
        Row(
            "noise: skewness",
            f"{ours.skewness:.3f}; published {theirs.skewness:.3f}",
            f"{SKEWNESS} within {SKEWNESS_BOUND}",
            abs(ours.skewness - SKEWNESS) <= SKEWNESS_BOUND,
        )
    )
    return rows


def _ratio(what: str, one: float, other: float, bound: float) -> Row:
    ratio = one / other
    found = f"{ratio:.4f} ({one:.2f} and {other:.2f} gray values)"
    return Row(what, found, f"within {bound:.0%}", abs(ratio - 1) <= bound)


def _whole(values: Gray) -> str:
    return ", ".join(f"{value:.0f}" for value in values)


def _hundredths(values: Gray) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _published(folder: Path, name: str) -> Gray:
    return np.asarray(Image.open(folder / f"{name}.png").convert("L"), dtype=np.float64)


def _published_ids(folder: Path) -> NDArray[np.intp]:
    colors = np.asarray(Image.open(folder / "categorical.png").convert("RGB"))
    codes = colors.astype(np.intp) @ (1 << 16, 1 << 8, 1)
    _, ids = np.unique(codes, return_inverse=True)
    ids = ids.reshape(codes.shape) + 1
    ids[codes == 0] = 0
    return ids


def main() -> None:
    """Measure, save the pictures, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, help="folder with the published pictures")
    parser.add_argument("--pictures", type=Path, default=Path("outputs/bench/look.jpg"))
    parser.add_argument("--samples", type=int, default=24, help="of each half of `reference`")
    parser.add_argument("--seeds", type=int, default=3, help="runs for each published picture")
    parser.add_argument("--quick", action="store_true", help="little of each, to try the script")
    asked = parser.parse_args()
    samples, seeds = (4, 1) if asked.quick else (asked.samples, asked.seeds)
    views = (View(200, -10_000), View(300, -10_000), PILE, View(600, -10_000))
    rows: list[Row] = []
    if asked.published is not None:
        for name, view in SINGLE_LAYERS:
            rows += compare_lone_beads(name, _published(asked.published, name), view, seeds)
        pile = _published(asked.published, "real"), _published_ids(asked.published)
        rows += compare_pile(*pile, seeds)
    for view in views:
        rows += compare_fidelities(view, samples)
    publish("look", "fast against reference, and against published pictures", rows)
    save_pictures(asked.pictures, views[:3], samples)


if __name__ == "__main__":
    main()
