"""Numbers at and beyond what renderer and physics can take: folded, or told, never silent."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scene.errors import ConfigurationError, SimulationError, StepError
from scene.execution.record import RunRecord
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.specimen.relaxation import RelaxationSettings

from .conftest import StageFactory, bead, specimen

if TYPE_CHECKING:
    from scene.blender.session import Session

ROOT = Path(__file__).parents[2]

VARIABILITY = "process_conditions.feature_variabilities"
STEPS = "synth_chain.feature_generation_steps"
SMALL = (
    "blueprints.particles.Bead.number=30",
    "render.resolution_percentage=5",
    "render.max_samples=1",
    f"{STEPS}.5.num_frames=20",
)
MANY_LARGE_SEEDS = [20241125, 2**31, 2**40, 2**53 + 1, 2**63 - 1, -(2**40), 1e18, 3e38]


type Execute = Callable[..., RunRecord]


@pytest.fixture
def execute(session: Session) -> Execute:
    """Execute the tutorial's recipe, small, with overrides and, where given, other steps."""
    from scene.execution import chain

    composition = Composition(ROOT / "recipes" / "spheres_sem.yaml")

    def run(output: Path, *overrides: str, steps: list[dict[str, Any]] | None = None) -> RunRecord:
        resolved = composition.resolve([*SMALL, *overrides])
        if steps is not None:
            resolved["synth_chain"] = {"feature_generation_steps": steps, "rendering_steps": []}
        registry = Registry()
        output.mkdir()
        with session.captured():
            return chain.execute(parse(resolved, "r.yaml", registry), session, output)

    return run


def unevenness(stage_of: StageFactory, seed: float) -> float:
    """Return by how much patches of the ground differ from their surroundings, on average.

    Noise is averaged away over 4 x 4 pixels, and the light's slow fall over the frame is taken
    out by a quadratic surface.
    """
    stage = stage_of(resolution_percentage=10, max_samples=32)
    features = {"patch_scale": 12.0, "noise_coefficient": 0.0, "defocus": 0.0}
    stage.sync(specimen(patch_seed=float(seed), illumination_strength=2.0, **features))
    blocks = stage.frame(frozenset()).real().reshape(24, 4, 24, 4).mean(axis=(1, 3))
    y, x = np.mgrid[-1:1:24j, -1:1:24j].reshape(2, -1)
    surface = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    gray = blocks.ravel()
    fitted = surface @ np.linalg.lstsq(surface, gray, rcond=None)[0]
    return float(np.std((gray - fitted) / fitted))


def test_large_seeds_have_flakes_like_small_ones(new_stage: StageFactory) -> None:
    small = [unevenness(new_stage, seed) for seed in (0, 1, 41, 1023)]
    large = [unevenness(new_stage, seed) for seed in MANY_LARGE_SEEDS]
    assert min(large) > 0.7 * min(small)
    assert max(large) < 1.3 * max(small)


def test_every_large_seed_has_flakes_of_its_own(new_stage: StageFactory) -> None:
    images = set()
    for seed in (5, 1024 + 5, 2**40, 2**40 + 1, -5, -(2**40)):
        stage = new_stage(max_samples=1)
        stage.sync(specimen(patch_seed=float(seed), noise_coefficient=0.0, defocus=0.0))
        images.add(stage.frame(frozenset()).real().tobytes())
    assert len(images) == 6


def test_a_pose_that_is_not_finite_is_told_and_not_taken(
    new_stage: StageFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mathutils import Matrix

    from scene.blender import physics
    from scene.blender import stage as stage_module

    def broken(*arguments: Any) -> list[Matrix]:
        first, _ = physics.relaxed(*arguments)
        return [first, Matrix.Translation((0.0, float("nan"), 1.0))]

    monkeypatch.setattr(stage_module, "relaxed", broken)
    world = specimen(bead(1, (0.0, 0.0, 5.0)), bead(2, (9.0, 0.0, 5.0)))
    with pytest.raises(SimulationError, match=r"left particle 2 \(Bead 1\) at no finite place"):
        new_stage().relax(world, frozenset({1, 2}), RelaxationSettings(num_frames=2))
    assert world.particles[0].features["location"] == (0.0, 0.0, 5.0)


def test_a_simulation_that_loses_all_particles_is_told(execute: Execute, tmp_path: Path) -> None:
    with pytest.raises(StepError) as caught:
        execute(
            tmp_path / "run",
            f"{STEPS}.5.gravity=[1e9,1e9,-1e9]",
            f"+{STEPS}.5.substeps_per_frame=1",
            f"+{STEPS}.5.damping=0",
        )
    assert "synth_chain.feature_generation_steps.5 (RelaxCollisions)" in str(caught.value)
    assert re.search(r"all \d\d particles left the measurement volume", str(caught.value))
    assert "raise substeps_per_frame" in str(caught.value)


def test_a_particle_drawn_too_large_is_named(execute: Execute, tmp_path: Path) -> None:
    size = f"{VARIABILITY}.ParticleDimension.variability"
    with pytest.raises(StepError) as caught:
        execute(tmp_path / "run", f"{size}.location=0.001", f"{size}.scale=500")
    assert "feature_generation_steps.2 (" in str(caught.value)
    told = "scene units is larger all round than the measurement volume"
    assert told in str(caught.value)
    assert "particle " in str(caught.value)
    assert "(Bead " in str(caught.value)


def test_a_second_invocation_makes_new_particles(execute: Execute, tmp_path: Path) -> None:
    twice = [
        {"_target_": "$builtins.InvokeBlueprints", "affected_set_name": "AllParticleBlueprints"}
    ]
    more = [
        {
            "_target_": "$builtins.TriggerFeatureUpdate",
            "feature_variability_name": name,
            "affected_set_name": "AllParticles",
        }
        for name in ("ParticleDimension", "InitialParticleLocation")
    ]
    record = execute(tmp_path / "run", steps=[*twice, *twice, *more])
    table = record.particles
    assert table["particle_id"] == list(range(1, 61))
    places = list(zip(table["location_x"], table["location_y"], table["location_z"], strict=True))
    assert len(set(places)) == 60, "no particle lies where another does"
    assert len(set(table["dimensions_x"])) == 60
    number = "blueprints.particles.Bead.number=60"
    at_once = execute(tmp_path / "at_once", number, steps=[*twice, *more]).particles
    assert at_once == table, "30 and 30 more are the same as 60"


def test_more_particles_than_ids_are_told(execute: Execute, tmp_path: Path) -> None:
    step = {"_target_": "$builtins.InvokeBlueprints", "affected_set_name": "AllParticleBlueprints"}
    number = "blueprints.particles.Bead.number=32768"
    with pytest.raises((StepError, ConfigurationError), match="at most 65535 particles in all"):
        execute(tmp_path / "run", number, steps=[step, step])


def test_more_particles_than_the_volume_holds_are_pushed_out_and_shown(
    execute: Execute, tmp_path: Path
) -> None:
    record = execute(
        tmp_path / "run",
        "render.resolution=[96,96]",
        "render.resolution_percentage=100",
        "blueprints.particles.Bead.number=300",
    )
    assert record.visible_particles is not None
    assert record.visible_particles > 1
