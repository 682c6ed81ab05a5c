"""Numbers that neither renderer nor physics can take are told with their path, before anything."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scene.errors import ConfigurationError
from scene.prototypes.materials.sem_patchy_silicone import SEEDS_AS_THEY_ARE, pattern_shift
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.specimen.features import LARGEST_FLOAT, FeatureSpec
from scene.specimen.specimen import MeasurementVolume

ROOT = Path(__file__).parents[2]
VARIABILITY = "process_conditions.feature_variabilities"
STEPS = "synth_chain.feature_generation_steps"
SIZE = f"{VARIABILITY}.ParticleDimension.variability"
PLACE = f"{VARIABILITY}.InitialParticleLocation.variability"


@pytest.fixture(scope="module")
def composition() -> Composition:
    return Composition(ROOT / "recipes" / "spheres_sem.yaml")


def problems(composition: Composition, *overrides: str) -> dict[str, str]:
    resolved: Any = composition.resolve(overrides)
    try:
        parse(resolved, "r.yaml", Registry())
    except ConfigurationError as error:
        return {problem.path: problem.message for problem in error.problems}
    return {}


@pytest.mark.parametrize(
    ("overrides", "path", "told"),
    [
        ([f"{STEPS}.5.gravity.2=-1e300"], f"{STEPS}.5.gravity.2", "must be at least -1000000000"),
        ([f"{STEPS}.5.gravity.0=1.1e9"], f"{STEPS}.5.gravity.0", "must be at most 1000000000"),
        ([f"+{STEPS}.5.mass=1e-9"], f"{STEPS}.5.mass", "must be at least 0.001"),
        ([f"+{STEPS}.5.mass=1e39"], f"{STEPS}.5.mass", "must be at most"),
        ([f"+{STEPS}.5.friction=1e39"], f"{STEPS}.5.friction", "must be at most"),
        ([f"+{STEPS}.5.restitution=1e39"], f"{STEPS}.5.restitution", "must be at most"),
        ([f"+{STEPS}.5.time_scale=1e-40"], f"{STEPS}.5.time_scale", "must be at least"),
        (
            [f"{SIZE}.location=500"],
            f"{STEPS}.2.feature_variability_name",
            "a particle of 500 x 500 x 500 scene units is larger all round than the measurement "
            "volume of 120 x 120 x 51.2",
        ),
        ([f"{SIZE}.location=1e30"], f"{STEPS}.2.feature_variability_name", "dimensions must lie"),
        ([f"{SIZE}.scale=1e300"], f"{STEPS}.2.feature_variability_name", "dimensions must be fin"),
        (
            [f"{PLACE}._target_=$builtins.Constant", f"+{PLACE}.value=[0,0,1e9]"],
            f"{STEPS}.4.feature_variability_name",
            "location must lie in [-100000, 100000]",
        ),
        (
            [f"{VARIABILITY}.IlluminationStrength.variability.location=1e7"],
            f"{STEPS}.8.feature_variability_name",
            "illumination_strength must lie in [0, 1e+06]",
        ),
        (
            [f"{VARIABILITY}.BackgroundPatchScale.variability.location=1e30"],
            f"{STEPS}.9.feature_variability_name",
            "patch_scale must lie in",
        ),
        (
            [f"{VARIABILITY}.BackgroundPatchSeed.variability.value=1e39"],
            f"{STEPS}.10.feature_variability_name",
            "patch_seed must be finite and at most 3.4e+38 in size",
        ),
        (
            ["render.resolution=[16,4000]", "render.resolution_percentage=5"],
            "render",
            "5 % of 16 x 4000 pixels is less than one pixel; resolution_percentage has to be at "
            "least 7",
        ),
    ],
)
def test_what_can_not_be_held_is_told_with_its_path(
    composition: Composition, overrides: list[str], path: str, told: str
) -> None:
    found = problems(composition, *overrides)
    assert list(found) == [path]
    assert told in found[path]


@pytest.mark.parametrize(
    "overrides",
    [
        ["initial_runtime_state.seed=9223372036854775807"],
        ["initial_runtime_state.seed=20241125"],
        [f"{STEPS}.5.gravity.2=-1e9"],
        [f"{SIZE}.location=5", f"{SIZE}.scale=46.2"],
        [f"{SIZE}.location=60", f"~{STEPS}.5"],
        ["render.resolution=[16,4000]", "render.resolution_percentage=7"],
    ],
)
def test_what_can_be_held_is_taken(composition: Composition, overrides: list[str]) -> None:
    resolved: Any = composition.resolve([text for text in overrides if not text.startswith("~")])
    if any(text.startswith("~") for text in overrides):
        del resolved["synth_chain"]["feature_generation_steps"][5]
    parse(resolved, "r.yaml", Registry())


def test_what_fits_nowhere_is_told_together_with_all_else(composition: Composition) -> None:
    found = problems(
        composition, f"{SIZE}.location=500", "synth_chain.rendering_steps.1.rendering_mode=reel"
    )
    assert set(found) == {
        f"{STEPS}.2.feature_variability_name",
        "synth_chain.rendering_steps.1.rendering_mode",
    }


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 3.5e38, -3.5e38, 10**400])
def test_no_feature_takes_what_single_precision_does_not_hold(value: float) -> None:
    with pytest.raises(ValueError, match="size must be finite and at most"):
        FeatureSpec("size", 1.0, "").checked(value)
    assert FeatureSpec("size", 1.0, "").checked(LARGEST_FLOAT) == np.finfo(np.float32).max


def test_small_seeds_shift_the_pattern_as_published_and_large_ones_stay_near() -> None:
    for seed in (0.0, 0.5, 41.0, 1023.0, -1023.0):
        assert pattern_shift(seed) == (seed + 1.0,) * 3
    large = [float(SEEDS_AS_THEY_ARE), -1024.0, 20241125.0, 2.0**40, 2.0**40 + 1, 2.0**63, 3e38]
    shifts = [pattern_shift(seed) for seed in large]
    assert len(set(shifts)) == len(large)
    # A pixel of 960 is still told from its neighbour: spacing of single precision at the shift.
    assert max(np.spacing(np.float32(max(shift))) for shift in shifts) < 1 / 960 / 100
    assert pattern_shift(20241125.0) == pytest.approx((13.0733754, 0.5336464, 0.0), abs=1e-6)


@pytest.mark.parametrize(
    ("dimensions", "fits"),
    [
        ((120.0, 120.0, 120.0), True),
        ((121.0, 121.0, 121.0), False),
        ((500.0, 500.0, 1.0), True),
    ],
)
def test_a_particle_is_too_large_where_nothing_sensible_could_come_of_it(
    dimensions: tuple[float, float, float], *, fits: bool
) -> None:
    volume = MeasurementVolume((-60.0, -60.0, 0.0), (60.0, 60.0, 51.2))
    assert (volume.misfit(dimensions) is None) == fits


NEAR = f"{VARIABILITY}.IlluminationStrength={{feature_name: magnification, variability: "


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ((f"{SIZE}.location=0.05", f"{SIZE}.scale=0.04"), "smaller"),
        ((f"{SIZE}.location=0.05", f"{SIZE}.scale=0.06"), None),
        ((f"{SIZE}.location=0.05", f"{SIZE}.scale=0", "render.resolution_percentage=1"), "smaller"),
        (("render.resolution_percentage=1",), None),  # a preview
        ((f"{SIZE}.location=0.05", f"{SIZE}.scale=0", "at 2 to 3"), None),
        ((f"{SIZE}.location=0.04", f"{SIZE}.scale=0", "at 2 to 3"), None),
        ((f"{SIZE}.location=0.03", f"{SIZE}.scale=0", "at 2 to 3"), "smaller"),
        (("at 20 to 30",), "larger"),
        (("at 10 to 30",), None),
        (("at 20 to 30", "render.resolution=[96,1200]"), None),
        (("at 2 to 30", f"{SIZE}.location=50"), "larger"),
        (("at 2 to 30", f"{SIZE}.location=50", "render.resolution=[96,96]"), None),
        (("render.resolution=[48,32]",), None),
        (("at 1 to 30", f"{SIZE}.location=50"), None),
        (("at 20 to 30", f"{SIZE}.location=4"), None),  # some may be small enough
    ],
)
def test_particles_that_no_image_can_show_are_told_before_the_start(
    composition: Composition, overrides: tuple[str, ...], told: str | None
) -> None:
    texts = []
    for text in overrides:
        if text.startswith("at "):
            low, _, high = text[3:].partition(" to ")
            text = f"{NEAR}{{_target_: $builtins.UniformDistributionNdHomogeneous, "
            text += f"location: {low}, scale: {int(high) - int(low)}, num_dimensions: 1}}}}"
        texts.append(text)
    found = problems(composition, *texts)
    path = f"{STEPS}.2.feature_variability_name"
    assert found.keys() == ({path} if told else set())
    assert told is None or told in found[path]


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            [f"{SIZE}.location=0.05", f"{SIZE}.scale=0", "render.scene_unit_nm=200"],
            "particles of at most 0.05 scene units (10 nm) are smaller than a pixel of 0.1 scene "
            "units (20 nm)",
        ),
        (
            [f"{NEAR}{{_target_: $builtins.Constant, value: 50}}}}"],
            "particles of at least 5 scene units (5000 nm) are larger than the image, which shows "
            "1.92 scene units (1920 nm) at magnification 50",
        ),
    ],
)
def test_a_size_that_no_image_can_show_is_told_in_both_units(
    composition: Composition, overrides: list[str], told: str
) -> None:
    assert problems(composition, *overrides) == {f"{STEPS}.2.feature_variability_name": told}


DRIFT = f"{VARIABILITY}.IlluminationStrength={{feature_name: drift, variability: "
CONSTANT, RANGE = "_target_: $builtins.Constant", "_target_: $builtins.UniformDistribution"


@pytest.mark.parametrize(
    ("value", "further", "told"),
    [
        (f"{CONSTANT}, value: 90000", (), True),
        (f"{RANGE}, low: 20000, high: 90000", (), True),
        (f"{RANGE}, low: 0, high: 90000", (), False),
        (f"{CONSTANT}, value: 90000", ("render.scene_unit_nm=50000",), False),
        (f"{CONSTANT}, value: 90000", ("render.resolution_percentage=20",), False),  # soon done
    ],
)
def test_a_scan_that_is_too_far_off_whatever_is_drawn_is_told_before_the_start(
    composition: Composition, value: str, further: tuple[str, ...], told: bool
) -> None:
    found = problems(composition, f"{DRIFT}{{{value}}}}}", *further)
    assert found.keys() == ({f"{VARIABILITY}.IlluminationStrength"} if told else set())
    assert all("most of it is drift: lower it, or dwell_time" in text for text in found.values())


@pytest.mark.parametrize(
    "unused",
    [
        f"{{feature_name: drift, variability: {{{CONSTANT}, value: 90000}}}}",
        f"{{feature_name: magnification, variability: {{{CONSTANT}, value: 50}}}}",
    ],
)
def test_a_variability_that_no_step_uses_is_not_taken_for_one_that_is_drawn(
    composition: Composition, unused: str
) -> None:
    assert problems(composition, f"+{VARIABILITY}.Unused={unused}") == {}
