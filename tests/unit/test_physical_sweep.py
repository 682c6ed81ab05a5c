"""The sweep of micrographs of many instruments, as it is planned."""

from __future__ import annotations

from orchestrator.plan.checking import expand
from orchestrator.plan.loading import load_sweep
from scene.recipe.compose import BUILTIN_RECIPES, Composition


def test_the_sweep_takes_ten_micrographs_of_each_of_twenty_specimens() -> None:
    expansion = expand(load_sweep("sem_physical"))
    assert len(expansion) == 200
    runs = list(expansion)
    assert len({run.run_id for run in runs}) == 200
    specimens = [run.values["initial_runtime_state.seed"] for run in runs]
    assert all(specimens.count(seed) == 10 for seed in range(20))


def test_particles_are_hardly_brighter_than_the_ground_or_up_to_six_times() -> None:
    """At normal incidence, whatever specimen and look come together."""
    resolved = Composition(BUILTIN_RECIPES / "spheres_sem_physical.yaml").resolve(())
    described = resolved["process_conditions"]["feature_variabilities"]
    beads, ground = described["BeadYield"]["variability"], described["GroundYield"]["variability"]
    assert 1.1 <= beads["mean"]["low"] / ground["high"] <= 1.3
    assert 5.5 <= beads["mean"]["high"] / ground["low"] <= 6.5
