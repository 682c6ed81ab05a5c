"""The look: shipped settings against the published figures, on the same beads."""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import structural_similarity

from bench.measure import Row, progress, publish
from bench.scenes import NUMBER, PERCENTAGE, all_ids, generated, rendered, session

type Gray = NDArray[np.float64]

FULL_SCALE = 255.0
RADII = np.linspace(0.0, 1.0, 13)
"""Edges of the rings of the brightness profile, in radii."""

PERCENTILES = (5, 25, 50, 75, 95)
SHARP = 0.97
"""A bead counts as fully visible from this share of its disc's pixels."""

SSIM_BOUND, MEAN_BOUND, PROFILE_BOUND, NOISE_BOUND = 0.95, 0.05, 0.03, 0.15


@dataclass(frozen=True)
class Beads:
    """Where the beads are in an image.

    Parameters
    ----------
    ids
        (height, width), the bead at each pixel, 0 for the ground.
    radius
        (height, width), distance from the centre of the fully visible bead there, in its radii;
        nan elsewhere.
    halo
        (height, width), for ground pixels the distance from the nearest bead's rim in its radii.
    """

    ids: NDArray[np.intp]
    radius: Gray
    halo: Gray

    @property
    def ground(self) -> NDArray[np.bool_]:
        """Pixels that show the ground."""
        return self.ids == 0

    def face(self, within: float) -> NDArray[np.bool_]:
        """Pixels of fully visible beads within a share of their radius."""
        return np.isfinite(self.radius) & (self.radius < within)


def find_beads(ids: NDArray[np.intp], discs: dict[int, tuple[float, float, float]]) -> Beads:
    """Return where beads with the given discs (centre x, y and radius in pixels) are seen."""
    height, width = ids.shape
    y, x = np.mgrid[:height, :width] + 0.5
    radius = np.full(ids.shape, np.nan)
    halo = np.full(ids.shape, np.inf)
    for bead, (left, top, size) in discs.items():
        mask = ids == bead
        distance = np.hypot(x - left, y - top) / size
        halo = np.minimum(halo, distance - 1.0)
        inside = size <= min(left, top, width - left, height - top)
        if inside and mask.sum() > SHARP * np.pi * size**2:
            radius[mask] = distance[mask]
    return Beads(ids, radius, np.where(ids == 0, halo, np.nan))


@dataclass(frozen=True)
class View:
    """Beads of one number, rendered at one size."""

    number: int
    percentage: int
    samples: int

    def beads(self) -> Beads:
        """Return where they are."""
        state = self._state("fast")
        ids = state.frame(all_ids(state)).buffers.instance.astype(np.intp)
        size = ids.shape[0]
        scale = size / 96.0
        discs = {}
        for particle in state.specimen.particles:
            x, y, _ = particle.features["location"]
            radius = particle.features["dimensions"][0] / 2
            discs[particle.id] = (x * scale + size / 2, size / 2 - y * scale, radius * scale)
        return find_beads(ids, discs)

    def converged(self, fidelity: str) -> list[Gray]:
        """Return two renders with all samples and different seeds."""
        import bpy

        self._state(fidelity)
        cycles = bpy.context.scene.cycles
        cycles.use_adaptive_sampling = False
        cycles.samples = self.samples
        return self._renders(2)

    def noisy(self, fidelity: str, threshold: float, seeds: int) -> list[Gray]:
        """Return renders at a noise threshold."""
        self._state(fidelity, threshold)
        return self._renders(seeds)

    def picture(self, fidelity: str) -> NDArray[np.uint8]:
        """Return the image as the recipe has it."""
        state = self._state(fidelity)
        with session().captured():
            return state.frame(all_ids(state)).real()

    def _state(self, fidelity: str, threshold: float | None = None):  # noqa: ANN202
        variability = "process_conditions.feature_variabilities.NoiseThreshold.variability"
        changes = [f"{NUMBER}={self.number}", f"{PERCENTAGE}={self.percentage}"]
        if threshold is not None:
            changes += [f"{variability}.location={threshold}", f"{variability}.scale=0"]
        return generated(*changes, f"render.fidelity={fidelity}")

    def _renders(self, seeds: int) -> list[Gray]:
        import bpy

        images = []
        for seed in range(seeds):
            bpy.context.scene.cycles.seed = seed
            with session().captured():
                combined = rendered()
            images.append(np.clip(combined, 0.0, 1.0).astype(np.float64) * FULL_SCALE)
        return images


def profile(image: Gray, beads: Beads) -> Gray:
    """Return the mean brightness of each ring of the fully visible beads."""
    seen = beads.face(1.0)
    ring = np.digitize(beads.radius[seen], RADII) - 1
    rings = len(RADII) - 1
    sums = np.bincount(ring, image[seen], minlength=rings)
    return sums / np.maximum(np.bincount(ring, minlength=rings), 1)


def halo_profile(image: Gray, beads: Beads) -> Gray:
    """Return the ground's mean brightness in rings of a quarter radius round the beads."""
    edges = np.arange(0.0, 2.01, 0.25)
    rings = itertools.pairwise(edges)
    return np.array(
        [image[(beads.halo >= low) & (beads.halo < high)].mean() for low, high in rings]
    )


def slope(image: Gray, mask: NDArray[np.bool_]) -> float:
    """Return how much brightness changes across the image's width, by a straight line."""
    _, x = np.nonzero(mask)
    return float(np.polyfit(x / image.shape[1], image[mask], 1)[0])


def similarity(one: Gray, other: Gray) -> float:
    """Return the structural similarity with the window of Wang et al. (2004)."""
    return float(
        structural_similarity(
            one,
            other,
            data_range=FULL_SCALE,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def difference(what: str, one: Gray, other: Gray, bound: float | None = None) -> Row:
    """Return a row on two lists of brightnesses: the largest difference, in full scale."""
    gap = float(np.abs(one - other).max()) / FULL_SCALE
    texts = [", ".join(f"{value:.0f}" for value in values) for values in (one, other)]
    found = f"{gap:.2%} of full scale (fast {texts[0]}; reference {texts[1]})"
    if bound is None:
        return Row(what, found)
    return Row(what, found, f"within {bound:.0%} of full scale", gap <= bound)


def compare(view: View) -> list[Row]:
    """Compare both fidelities, nearly noise-free."""
    name = f"{view.number} beads, {view.percentage} %, 2 x {view.samples} samples"
    with progress(f"look: {name}"):
        beads = view.beads()
        fast_pair, reference_pair = view.converged("fast"), view.converged("reference")
    fast, reference = np.mean(fast_pair, axis=0), np.mean(reference_pair, axis=0)
    score = similarity(fast, reference)
    mean = fast.mean() / reference.mean()
    rows = [
        Row(
            f"{name}: SSIM, fast and reference",
            f"{score:.4f} (two reference renders of half the samples: "
            f"{similarity(*reference_pair):.4f})",
            f"at least {SSIM_BOUND}",
            bool(score >= SSIM_BOUND),
        ),
        Row(
            f"{name}: mean brightness, fast over reference",
            f"{mean:.4f}",
            f"within {MEAN_BOUND:.0%}",
            bool(abs(mean - 1) <= MEAN_BOUND),
        ),
        difference(
            f"{name}: profile over r/R", profile(fast, beads), profile(reference, beads),
            PROFILE_BOUND,
        ),
    ]  # fmt: skip
    parts = {"beads": ~beads.ground, "ground": beads.ground}
    for part, mask in parts.items():
        quantiles = [np.percentile(image[mask], PERCENTILES) for image in (fast, reference)]
        rows.append(difference(f"{name}: {part}, percentiles {PERCENTILES}", *quantiles))
    if view.number <= 200:
        halos = halo_profile(fast, beads), halo_profile(reference, beads)
        rows.append(difference(f"{name}: halo on the ground, rings of R/4 from the rim", *halos))
    mask = beads.ground if view.number <= 200 else ~beads.ground
    slopes = [slope(image, mask) for image in (fast, reference)]
    rows.append(
        Row(
            f"{name}: gradient across the image",
            f"fast {slopes[0]:.1f}, reference {slopes[1]:.1f} gray values",
        )
    )
    return rows


def compare_noise(view: View, thresholds: tuple[float, ...], seeds: int) -> list[Row]:
    """Compare the noise at equal thresholds, where the image is flat."""
    rows = []
    beads = view.beads()
    areas = {"bead faces": beads.face(0.5), "ground": beads.ground}
    for threshold in thresholds:
        with progress(f"noise: {view.number} beads, threshold {threshold}"):
            stacks = {
                fidelity: np.stack(view.noisy(fidelity, threshold, seeds))
                for fidelity in ("fast", "reference")
            }
        for area, mask in areas.items():
            # A pixel's deviation over seeds leaves gradients out.
            fast, reference = (
                float(np.sqrt(stacks[fidelity][:, mask].var(axis=0, ddof=1).mean()))
                for fidelity in ("fast", "reference")
            )
            rows.append(
                Row(
                    f"{view.number} beads, threshold {threshold}: noise of {area}",
                    f"{fast / reference:.3f} (standard deviation {fast:.2f} and {reference:.2f} "
                    "gray values)",
                    f"within {NOISE_BOUND:.0%}",
                    abs(fast / reference - 1) <= NOISE_BOUND,
                )
            )
    return rows


def compare_published(folder: Path, view: View) -> list[Row]:
    """Compare with a published image of other beads, by distribution and profile.

    Its illumination is unknown, so brightness is taken in units of the beads' mean.
    """
    published = np.asarray(Image.open(folder / "real.png").convert("L"), dtype=np.float64)
    colors = np.asarray(Image.open(folder / "categorical.png").convert("RGB"))
    codes = colors.astype(np.intp) @ (1 << 16, 1 << 8, 1)
    values, ids = np.unique(codes, return_inverse=True)
    ids = ids.reshape(codes.shape)
    ids[codes == 0] = 0
    theirs = find_beads(ids, _discs(ids, len(values)))
    ours_beads = view.beads()
    images = {"published": (published, theirs)}
    for fidelity in ("fast", "reference"):
        with progress(f"published: {fidelity}"):
            images[fidelity] = (view.picture(fidelity).astype(np.float64), ours_beads)
    rows = []
    for name, (image, beads) in images.items():
        level = image[~beads.ground].mean()
        rings = ", ".join(f"{value / level:.2f}" for value in profile(image, beads))
        spread = np.percentile(image[~beads.ground], PERCENTILES) / level
        shares = ", ".join(f"{value:.2f}" for value in spread)
        rows.append(Row(f"{name}: beads over their mean", f"profile {rings}; percentiles {shares}"))
    return rows


def _discs(ids: NDArray[np.intp], count: int) -> dict[int, tuple[float, float, float]]:
    discs = {}
    for bead in range(1, count):
        y, x = np.nonzero(ids == bead)
        if len(x) > 50:
            left, top = (x.min() + x.max() + 1) / 2, (y.min() + y.max() + 1) / 2
            size = (x.max() - x.min() + y.max() - y.min() + 2) / 4
            discs[bead] = (left, top, size)
    return discs


def save_pictures(path: Path, views: tuple[View, ...]) -> None:
    """Save reference (left) and fast (right) side by side, a row a view, at the recipe's noise."""
    rows = []
    for view in views:
        with progress(f"picture: {view.number} beads, {view.percentage} %"):
            rows.append(np.hstack([view.picture("reference"), view.picture("fast")]))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.vstack(rows)).save(path, quality=80)


def main() -> None:
    """Measure, save the pictures, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, help="folder with real.png and categorical.png")
    parser.add_argument("--pictures", type=Path, default=Path("outputs/bench/look.jpg"))
    parser.add_argument("--quick", action="store_true", help="few samples, to try the script")
    asked = parser.parse_args()
    less = 64 if asked.quick else 1
    rows = [
        *compare(View(600, 20, 256 // less)),
        *compare(View(100, 10, 1024 // less)),
        *compare_noise(View(600, 15, 0), (0.05, 0.075, 0.1), 3),
        *compare_noise(View(100, 15, 0), (0.075,), 3),
    ]
    if asked.published is not None:
        rows += compare_published(asked.published, View(600, 25, 0))
    save_pictures(asked.pictures, (View(600, 30, 0), View(100, 30, 0)))
    publish("look", "fast against the published settings", rows)


if __name__ == "__main__":
    main()
