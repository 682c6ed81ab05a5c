"""The cost of `real`: beside `fast` as it was, a bare Cycles render and the published settings."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from bench.look import similarity
from bench.measure import Row, at_least, at_most, cpu_seconds, paired, publish, seconds, shown
from bench.scenes import NUMBER, PERCENTAGE, all_ids, generated, registry, rendered, session
from scene.prototypes.grazing_light import (
    ILLUMINATION_BELOW,
)
from scene.prototypes.material import MaterialPrototype
from scene.steps.context import StepContext

BEADS = 600

OLD_NOISE_MATCH = 1.07
"""Adaptive threshold of the old `fast` over that of `reference`."""

TRIALS: dict[str, dict[str, Any]] = {
    "half the samples": {"samples": 0.5},
    "1.5 times the samples": {"samples": 1.5},
    "twice the samples": {"samples": 2.0},
    "no denoiser": {"use_denoising": False},
    "no prefilter": {"denoising_prefilter": "NONE"},
    "no prefilter, quality balanced": {
        "denoising_prefilter": "NONE",
        "denoising_quality": "BALANCED",
    },
    "prefilter accurate": {"denoising_prefilter": "ACCURATE"},
    "prefilter accurate, quality balanced": {
        "denoising_prefilter": "ACCURATE",
        "denoising_quality": "BALANCED",
    },
    "denoiser of quality fast": {"denoising_quality": "FAST"},
    "denoiser without normals": {"denoising_input_passes": "RGB_ALBEDO"},
    "denoiser with colour alone": {"denoising_input_passes": "RGB"},
    "3 diffuse bounces": {"diffuse_bounces": 3},
    "2 diffuse bounces": {"diffuse_bounces": 2},
    "adaptive, 2 to 8 samples": {
        "use_adaptive_sampling": True,
        "samples": 2.0,
        "adaptive_min_samples": 2,
        "adaptive_threshold": 0.2,
    },
    "path guiding": {"use_guiding": True},
    "fast GI after 2 bounces": {"use_fast_gi": True, "ao_bounces_render": 2},
    "light tree": {"use_light_tree": True},
    "light from below sampled like that from above": {"below": "AUTO"},
    "no light threshold": {"light_sampling_threshold": 0.0},
    "light threshold 0.1": {"light_sampling_threshold": 0.1},
    "indirect light not clamped": {"sample_clamp_indirect": 0.0},
    "light clamped at 1": {"sample_clamp_indirect": 1.0, "sample_clamp_direct": 1.0},
    "no caustics": {"caustics_reflective": False, "caustics_refractive": False},
    "tabulated Sobol pattern": {"sampling_pattern": "TABULATED_SOBOL"},
    "blue noise pattern": {"sampling_pattern": "BLUE_NOISE"},
    "spatial splits in the BVH": {"debug_use_spatial_splits": True},
    "compact BVH": {"debug_use_compact_bvh": True},
    "Cycles' own BVH instead of Embree's": {"debug_bvh_layout": "BVH2"},
    "tiles of 256": {"tile_size": 256},
    "box filter": {"pixel_filter_type": "BOX"},
}
"""Changes of the scene's Cycles settings; a number of samples is a factor, and `below` how the
part of the illumination is sampled that lies below the substrate."""


def scene_of(fidelity: str, percentage: int, *overrides: str) -> StepContext:
    """Return the context of a run whose scene is ready for `real`."""
    return generated(
        f"{NUMBER}={BEADS}",
        f"{PERCENTAGE}={percentage}",
        f"render.fidelity={fidelity}",
        *overrides,
    )


def old_fast(percentage: int) -> StepContext:
    """Return a scene that `real` renders as `fast` did up to version 0.3.0.

    Meshes, the matt materials of `fast`, and adaptive sampling until the image is as noisy as that
    of `reference`. No denoiser, no noise of ours.
    """
    import bpy

    context = scene_of("reference", percentage)
    (technique,) = context.specimen.techniques
    for name in ("sem_polystyrene", "sem_patchy_silicone"):
        prototype = registry().prototype(MaterialPrototype, name)
        values = {spec.name: spec.default for spec in prototype.features} | technique.features
        # It takes the name, so the old one is found first.
        published = bpy.data.materials[name]
        published.user_remap(prototype.build(values, "fast"))
    threshold = technique.features["noise_threshold"]
    assert not isinstance(threshold, tuple)
    cycles = bpy.context.scene.cycles
    cycles.use_light_tree = False
    cycles.adaptive_threshold = min(1.0, OLD_NOISE_MATCH * threshold)
    cycles.adaptive_min_samples = math.ceil(8.0 / max(threshold, 1e-3) ** 0.3)
    return context


def own(
    made: Callable[[int], StepContext], percentage: int, clock: Callable[[Callable[[], Any]], float]
) -> Callable[[], float]:
    """Return a function that times the project's own render, files and all."""

    def measure() -> float:
        state = made(percentage)
        frame = state.frame(all_ids(state))
        with session().captured():
            return clock(frame.real)

    return measure


def fast(percentage: int) -> StepContext:
    """Return a scene of `fast`."""
    return scene_of("fast", percentage)


def reference(percentage: int) -> StepContext:
    """Return a scene of `reference`."""
    return scene_of("reference", percentage)


def bare(percentage: int) -> Callable[[], float]:
    """Return a function that times Blender's operator on the same scene, writing a PNG."""

    def measure() -> float:
        import bpy

        scene_of("fast", percentage)
        bpy.context.scene.render.filepath = str(Path("/dev/shm/blendsweep-bench.png"))
        with session().captured():
            return seconds(lambda: bpy.ops.render.render(write_still=True))

    return measure


def trials(percentage: int) -> list[Row]:
    """Change one of the settings of `fast` after the other, and compare with a converged image."""
    import bpy

    scene_of("fast", percentage)
    cycles = bpy.context.scene.cycles
    shipped = {"samples": cycles.samples}
    with _changed({"samples": 256, "denoising_prefilter": "ACCURATE"}):
        converged, _ = _timed()
    rows = [_trial("as shipped", {}, converged)]
    for name, changes in TRIALS.items():
        own = dict(changes)
        if "samples" in own:
            own["samples"] = round(own["samples"] * shipped["samples"])
        rows.append(_trial(name, own, converged))
    return rows


def _trial(name: str, changes: Mapping[str, Any], converged: NDArray[np.float64]) -> Row:
    _, before = _timed()
    with _changed(changes):
        image, spent = _timed()
    blurred = [gaussian_filter(each, 4.0) for each in (image, converged)]
    return Row(
        f"fast, {name}",
        f"{spent:.2f} CPU s, {spent / before:.3f} of a render as shipped beside it; brightness "
        f"{image.mean() / converged.mean():.4f}, SSIM {similarity(image, converged):.4f}, error "
        f"after a blur of 4 px {np.abs(blurred[0] - blurred[1]).mean():.2f} gray values",
    )


def _timed() -> tuple[NDArray[np.float64], float]:
    """Render the scene as it stands; return 8-bit gray values, not rounded, and CPU seconds."""
    images: list[NDArray[np.float32]] = []
    with session().captured():
        spent = cpu_seconds(lambda: images.append(rendered()))
    return np.clip(images[0], 0.0, 1.0).astype(np.float64) * 255.0, spent


def _changed(changes: Mapping[str, Any]) -> Any:
    """Return a context in which Cycles has other settings."""
    import bpy

    from scene.blender.render import temporarily

    cycles = bpy.context.scene.cycles
    below = bpy.data.materials[ILLUMINATION_BELOW].cycles
    return temporarily(
        [
            (below, "emission_sampling", value) if name == "below" else (cycles, name, value)
            for name, value in changes.items()
        ]
    )


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--percentage", type=int, default=100, help="of 960 x 960")
    parser.add_argument("--small-percentage", type=int, default=25, help="for `reference`")
    parser.add_argument("--trials", action="store_true", help="also try settings not shipped")
    asked = parser.parse_args()
    whole, small = asked.percentage, asked.small_percentage
    cost = paired(
        asked.rounds,
        old=own(old_fast, whole, cpu_seconds),
        new=own(fast, whole, cpu_seconds),
    )
    found = paired(
        asked.rounds,
        fast=own(fast, whole, seconds),
        bare=bare(whole),
    )
    beside = paired(
        asked.rounds,
        fast=own(fast, small, cpu_seconds),
        reference=own(reference, small, cpu_seconds),
    )
    rows = [
        shown(f"real, fast as it was, {whole} %", cost["old"], "CPU s"),
        shown(f"real, fast, {whole} %", cost["new"], "CPU s"),
        at_least("fast as it was over fast", cost["old"].over(cost["new"]), 12.0, "x"),
        shown(f"real, fast, {whole} %, wall", found["fast"]),
        shown("bare Cycles render of the same scene, wall", found["bare"]),
        at_most("real over bare", found["fast"].over(found["bare"]), 1.05, ""),
        shown(f"real, reference, {small} %", beside["reference"], "CPU s"),
        shown(f"real, fast, {small} %", beside["fast"], "CPU s"),
        shown("reference over fast", beside["reference"].over(beside["fast"]), "x"),
        *(trials(whole) if asked.trials else ()),
    ]
    publish("real", f"the lifelike image, {BEADS} beads, at the recipe's threshold", rows)


if __name__ == "__main__":
    main()
