"""Which runs of a sweep share a specimen, held against what each run's own recipe says."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.plan import specimens
from orchestrator.plan.expansion import Expansion
from orchestrator.plan.specimens import SharedSpecimens
from scene.errors import ConfigurationError
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.specimen_hash import specimen_of, specimen_steps
from tests.unit.test_expansion import expansion

RECIPE = """\
defaults: [spheres_sem, _self_]
sets:
  Some: {_target_: $builtins.ParticlesOfBlueprint, blueprint_name: Bead}
blueprints: {particles: {Bead: {number: 3}}}
process_conditions:
  feature_variabilities:
    ParticleDimension:
      variability: {scale: '${process_conditions.feature_variabilities.Other.variability.value}'}
    Other: {feature_name: noise_threshold, variability: {_target_: $builtins.Constant, value: 2}}
    Word: {feature_name: defocus, variability: {_target_: $builtins.Constant, value: 0.5}}
synth_chain:
  feature_generation_steps:
    - {_target_: $builtins.InvokeBlueprints, affected_set_name: AllMeasurementTechniqueBlueprints}
    - {_target_: $builtins.InvokeBlueprints, affected_set_name: AllParticleBlueprints}
    - _target_: $builtins.TriggerFeatureUpdate
      feature_variability_name: ParticleDimension
      affected_set_name: AllParticles
    - _target_: $builtins.TriggerFeatureUpdate
      feature_variability_name: InitialParticleLocation
      affected_set_name: AllParticles
    - _target_: $builtins.TriggerFeatureUpdate
      feature_variability_name: Word
      affected_set_name: AllMeasurementTechniques
    - {_target_: $builtins.RelaxCollisions, affected_set_name: AllParticles, num_frames: 5}
    - _target_: $builtins.TriggerFeatureUpdate
      feature_variability_name: NoiseThreshold
      affected_set_name: AllMeasurementTechniques
    - _target_: $builtins.RelaxCollisions
      affected_set_name: Empty
      num_frames: 7
  rendering_steps: []
"""
_STEPS = "synth_chain.feature_generation_steps"
_DRAWN = "process_conditions.feature_variabilities"
SEED = "initial_runtime_state.seed=range(2)"
LOOK_SEED = "initial_runtime_state.look_seed=range(3)"
LOOKS = [
    LOOK_SEED,
    "initial_runtime_state.look_seed=3,1",
    "initial_runtime_state.time=0,1.5",
    "render.fidelity=fast,reference",
    "render.resolution_percentage=10,20",
    "render.scene_unit_nm=1000,500",
    "render.scene_unit_nm=500,1000",
    "render.bit_depth=8,16",
    "render.data_bar=none,below",
    f"{_DRAWN}.NoiseThreshold.variability.location=0.05,0.1",
    f"{_DRAWN}.Word.variability.value=0.25,1",
    f"{_DRAWN}.Word.variability={{value:0.25}},{{value:1.0}}",
    f"{_STEPS}.4.feature_variability_name=Word,Defocus",
    "blueprints.measurement_techniques.SEM.background_material_prototype_name=null,"
    "sem_patchy_silicone",
]
OTHERS = [
    SEED,
    "initial_runtime_state.seed=5,3",
    "initial_runtime_state={seed:1},{seed:2}",
    "blueprints.particles.Bead.number=2,3",
    "render.resolution=[640,640],[960,960]",
    f"{_DRAWN}.ParticleDimension.variability.location=5,6",
    f"{_DRAWN}.Other.variability.value=1,2",
    f"{_STEPS}.5.num_frames=3,5",
]
DOUBTFUL = [
    # After the last relaxation, or about something else, unless another one has another value.
    f"{_STEPS}.7.affected_set_name=Empty,AllParticles,Some",
    f"{_STEPS}.7.num_frames=7,8",
    f"{_STEPS}.5.affected_set_name=Some,Empty",
    f"{_STEPS}.6.feature_variability_name=NoiseThreshold,Word",
    f"{_DRAWN}.Other.variability.value=1,${{initial_runtime_state.seed}}",
    "sets.Some.blueprint_name=Bead,${blueprints.measurement_techniques.SEM}",
    f"{_DRAWN}.ParticleDimension.variability.scale=3,${{initial_runtime_state.time}}",
    f"{_DRAWN}.ParticleDimension.variability.location=${{initial_runtime_state.seed}},4",
    "initial_runtime_state.look_seed=3,null",
    "render={max_samples:1},{max_samples:2}",
]
POOL = LOOKS + OTHERS + DOUBTFUL


@pytest.fixture(scope="module")
def composition(tmp_path_factory: pytest.TempPathFactory) -> Composition:
    path = tmp_path_factory.mktemp("recipes") / "small.yaml"
    path.write_text(RECIPE)
    return Composition(path)


def shared(composition: Composition, *texts: str, limit: int | None = None) -> list[str | None]:
    runs = expansion(composition, *texts, limit=limit)
    found = SharedSpecimens(runs, Registry())
    return [found.of(position) for position in range(len(runs))]


def own_hash(runs: Expansion, position: int) -> str | None:
    """Return what the run itself has on record, if it is worth keeping."""
    recipe = parse(runs[position].recipe, "test", Registry())
    steps = specimen_steps(recipe)
    return specimen_of(recipe) if steps is not None and steps.worth_keeping else None


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    chosen=st.lists(
        st.sampled_from(POOL), min_size=1, max_size=4, unique_by=lambda text: text.split("=")[0]
    ),
    limit=st.none() | st.integers(1, 30),
)
def test_a_hash_is_that_of_the_runs_own_recipe_and_at_least_two_runs_have_it(
    composition: Composition, chosen: list[str], limit: int | None
) -> None:
    try:
        runs = expansion(composition, *chosen, limit=limit)
        list(runs)
    except ConfigurationError:
        return  # some values do not fit
    found = SharedSpecimens(runs, Registry())
    hashes = [found.of(position) for position in range(len(runs))]
    for position, specimen in enumerate(hashes):
        if specimen is not None:
            assert specimen == own_hash(runs, position)
    assert all(count >= 2 for specimen, count in Counter(hashes).items() if specimen is not None)
    assert bool(found) == any(hashes)
    firsts = found.firsts(np.arange(len(runs))).tolist()
    assert [None if first < 0 else hashes[first] for first in firsts] == hashes


@pytest.mark.parametrize("look", LOOKS)
def test_runs_that_differ_in_looks_alone_share_their_specimen(
    composition: Composition, look: str
) -> None:
    for texts in ([SEED, look], [look, SEED]):
        runs = expansion(composition, *texts)
        hashes = shared(composition, *texts)
        assert hashes == [own_hash(runs, position) for position in range(len(runs))]
        assert len(set(hashes)) == 2


@pytest.mark.parametrize("other", OTHERS)
def test_runs_that_differ_in_their_particles_share_nothing(
    composition: Composition, other: str
) -> None:
    assert shared(composition, other) == [None, None]
    assert len(set(shared(composition, other, LOOK_SEED))) == 2


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (
            [f"{_DRAWN}.ParticleDimension.variability.scale=${{initial_runtime_state.look_seed}}"],
            "the particles follow the look seed",
        ),
        ([f"{_STEPS}.5.affected_set_name=Empty"], "nothing is relaxed"),
        ([f"{_STEPS}=[]"], "there are no steps"),
    ],
)
def test_nothing_is_shared_where(composition: Composition, texts: list[str], why: str) -> None:
    assert set(shared(composition, LOOK_SEED, *texts)) == {None}, why


def test_a_name_that_moves_the_last_relaxation_is_no_look(composition: Composition) -> None:
    name = f"{_STEPS}.7.affected_set_name=Empty,AllParticles"
    hashes = shared(composition, name, f"{_STEPS}.7.num_frames=7,8", LOOK_SEED)
    assert len(set(hashes)) == 3, "the number of frames counts with one of the names"
    assert None not in hashes


def test_of_the_first_runs_alone_some_share_with_nobody(composition: Composition) -> None:
    seed_first, look_first = [LOOK_SEED, SEED], [SEED, LOOK_SEED]
    a, b = dict.fromkeys(shared(composition, *look_first))
    assert shared(composition, *look_first, limit=5) == [a, a, a, b, b]
    assert shared(composition, *look_first, limit=4) == [a, a, a, None]
    assert shared(composition, *seed_first, limit=3) == [a, None, a]
    assert shared(composition, *seed_first, limit=2) == [None, None]
    assert shared(composition, *look_first, limit=1) == [None]


def test_a_sweep_of_very_many_names_shares_nothing(
    composition: Composition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(specimens, "MOST_NAMED", 3)
    names = f"{_STEPS}.6.feature_variability_name=NoiseThreshold,Word"
    assert None not in shared(composition, LOOK_SEED, names)
    fidelities = "render.fidelity=fast,reference"
    assert set(shared(composition, LOOK_SEED, names, fidelities)) == {None}


def test_a_long_sweep_costs_little_and_one_without_looks_nothing(composition: Composition) -> None:
    runs = expansion(composition, "initial_runtime_state.seed=range(10000)", LOOK_SEED)
    start = time.perf_counter()
    found = SharedSpecimens(runs, Registry())
    assert len({found.of(position) for position in range(3_000)}) == 1_000
    assert time.perf_counter() - start < 2.0
    runs = expansion(composition, "initial_runtime_state.seed=range(10000)")
    found = SharedSpecimens(runs, Registry())
    found._hash = None  # type: ignore[assignment]
    assert found.of(5_000) is None
