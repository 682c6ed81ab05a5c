"""AgglomerateParticles and DistributeInMeasurementVolume in a recipe; spheres need no Blender."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from scene.errors import ConfigurationError
from scene.execution.context import step_context
from scene.execution.specimens import generate
from scene.execution.stopwatch import Stopwatch
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.specimen_hash import specimen_of, specimen_steps
from scene.shapes.agglomeration import collision
from scene.shapes.agglomeration.turns import matrix_of
from scene.specimen.specimen import Particle
from scene.steps.context import StepContext

type Make = Callable[..., dict[str, Any]]

BLUEPRINT = {"geometry_prototype_name": "sphere", "material_prototype_name": "sem_polystyrene"}
SETS = {
    name: {"_target_": "$builtins.ParticlesOfBlueprint", "blueprint_name": name}
    for name in ("Bead", "Dust")
}


def step(target: str, **parameters: Any) -> dict[str, Any]:
    return {"_target_": f"$builtins.{target}", **parameters}


AGGLOMERATE = step(
    "AgglomerateParticles",
    affected_set_name="AllParticles",
    mode="cluster-cluster",
    randomness=0.2,
    speed=0.5,
)
DISTRIBUTE = step("DistributeInMeasurementVolume", affected_set_name="AllParticles")


def numbers(value: Any) -> dict[str, Any]:
    return AGGLOMERATE | {"primary_particle_number_variability": step("Constant", value=value)}


def recipe(*steps: dict[str, Any], seed: int = 1) -> dict[str, Any]:
    """Return a recipe with 10 beads and 5 grains of dust, and these steps."""
    return {
        "initial_runtime_state": {"seed": seed},
        "blueprints": {
            "measurement_techniques": {
                "SEM": {
                    "measurement_technique_prototype_name": "secondary_electron_microscope",
                    "background_material_prototype_name": None,
                }
            },
            "particles": {"Bead": BLUEPRINT | {"number": 10}, "Dust": BLUEPRINT | {"number": 5}},
        },
        "sets": SETS,
        "process_conditions": {
            "feature_variabilities": {
                "Size": {
                    "feature_name": "dimensions",
                    "variability": step("UniformDistribution3dHomogeneous", location=1, scale=2),
                },
                "Turn": {
                    "feature_name": "rotation",
                    "variability": step("Constant", value=[0.1, 0.2, 0.3]),
                },
            }
        },
        "synth_chain": {
            "feature_generation_steps": [
                step("InvokeBlueprints", affected_set_name="AllMeasurementTechniqueBlueprints"),
                step("InvokeBlueprints", affected_set_name="AllParticleBlueprints"),
                *(
                    step(
                        "TriggerFeatureUpdate",
                        feature_variability_name=name,
                        affected_set_name="AllParticles",
                    )
                    for name in ("Size", "Turn")
                ),
                *steps,
            ],
            "rendering_steps": [],
        },
    }


def executed(document: dict[str, Any], store: Any = None) -> StepContext:
    """Execute the steps; Blender is not there."""
    made = parse(copy.deepcopy(document), "r.yaml", Registry())
    context = step_context(made, cast("Any", None), Path(), Stopwatch())
    steps = made.synth_chain.feature_generation_steps
    generate(made, context, lambda n: steps[n].execute(context), store, Stopwatch())
    return context


def radius(particle: Particle) -> float:
    dimensions = particle.features["dimensions"]
    assert isinstance(dimensions, tuple)
    return dimensions[0] / 2


def gap(a: Particle, b: Particle) -> float:
    between = np.subtract(a.features["location"], b.features["location"])
    return float(np.linalg.norm(between)) - radius(a) - radius(b)


def agglomerates(context: StepContext) -> list[list[int]]:
    found: dict[int, list[int]] = {}
    for particle in context.specimen.particles:
        found.setdefault(particle.parent or particle.id, []).append(particle.id)
    return sorted(found.values())


@pytest.mark.parametrize("mode", ["Cluster-Cluster", "PARTICLE-CLUSTER"])
def test_one_agglomerate_of_all_has_one_root(mode: str) -> None:
    context = executed(recipe(AGGLOMERATE | {"mode": mode}))
    particles = context.specimen.particles
    (root,) = (p for p in particles if p.parent is None)
    assert {p.parent for p in particles if p is not root} == {root.id}
    for particle in particles:
        gaps = [gap(particle, other) for other in particles if other is not particle]
        assert min(gaps) == pytest.approx(0, abs=1e-9)


def test_agglomerates_have_as_many_particles_as_is_drawn() -> None:
    assert agglomerates(executed(recipe(numbers(3.2)))) == [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
        [9, 10, 11, 12],
        [13, 14, 15],
    ]
    lone = executed(recipe(numbers(1)))
    assert agglomerates(lone) == [[n] for n in range(1, 16)]
    assert {p.features["location"] for p in lone.specimen.particles} == {(0.0, 0.0, 0.0)}


def test_earlier_turns_are_kept() -> None:
    """Two spheres that are turned alike and move as one are still turned alike."""
    first = numbers(2) | {"affected_set_name": "Bead"}
    before = executed(recipe(first)).specimen.particles
    after = executed(recipe(first, AGGLOMERATE)).specimen.particles
    for a, b in ((0, 1), (4, 5)):
        between = [
            matrix_of(cast("Any", pair[a].features["rotation"])).T
            @ matrix_of(cast("Any", pair[b].features["rotation"]))
            for pair in (before, after)
        ]
        assert np.allclose(*between)
        way = [
            matrix_of(cast("Any", pair[a].features["rotation"])).T
            @ np.subtract(pair[b].features["location"], pair[a].features["location"])
            for pair in (before, after)
        ]
        assert np.allclose(*way)
    assert len(agglomerates(executed(recipe(first, AGGLOMERATE)))) == 1


def test_agglomerates_are_put_somewhere_else_as_a_whole() -> None:
    before = executed(recipe(numbers(5))).specimen.particles
    context = executed(recipe(numbers(5), DISTRIBUTE))
    after = context.specimen.particles
    ways = {
        p.id: np.subtract(p.features["location"], before[p.id - 1].features["location"])
        for p in after
    }
    for own in agglomerates(context):
        assert np.allclose([ways[n] for n in own], ways[own[0]])
    roots = [p for p in after if p.parent is None]
    assert len(roots) == 3
    assert all(context.volume.holds(p.features["location"]) for p in roots)
    assert len({p.features["location"] for p in roots}) == 3


def test_what_is_no_member_stays() -> None:
    context = executed(
        recipe(
            AGGLOMERATE | {"affected_set_name": "Dust"},
            DISTRIBUTE | {"affected_set_name": "Dust"},
        )
    )
    assert agglomerates(context)[-1] == [11, 12, 13, 14, 15]
    for particle in context.specimen.particles[:10]:
        assert particle.features["location"] == (0.0, 0.0, 0.0)
        assert particle.parent is None


def test_a_seed_decides_and_the_number_of_steps_before_does_not() -> None:
    def poses(document: dict[str, Any]) -> list[Any]:
        return [(p.features, p.parent) for p in executed(document).specimen.particles]

    assert poses(recipe(AGGLOMERATE)) == poses(recipe(AGGLOMERATE))
    assert poses(recipe(AGGLOMERATE)) != poses(recipe(AGGLOMERATE, seed=2))
    nothing = DISTRIBUTE | {"affected_set_name": "Empty"}
    assert poses(recipe(nothing, AGGLOMERATE)) == poses(recipe(AGGLOMERATE))


def test_two_steps_draw_anew() -> None:
    def shape(context: StepContext, first: int) -> Any:
        members = context.specimen.particles[first : first + 5]
        return sorted(gap(a, b) for a in members for b in members)

    same = BLUEPRINT | {"number": 5}
    document = recipe(*(AGGLOMERATE | {"affected_set_name": name} for name in ("Bead", "Dust")))
    document["blueprints"]["particles"] = {"Bead": same, "Dust": same}
    context = executed(document)
    assert shape(context, 0) != shape(context, 5)


def test_a_number_may_be_drawn_from_what_is_drawn_itself() -> None:
    inner = step("UniformDistributionInt", low=7, high=8)
    document = recipe(
        AGGLOMERATE
        | {"primary_particle_number_variability": step("UniformDistributionInt", low=7, high=inner)}
    )
    assert len(agglomerates(executed(document))[0]) in {7, 8}


class Store(dict[str, bytes]):
    load = dict.get

    def save(self, specimen: str, content: bytes) -> None:
        self[specimen] = content


def test_runs_share_agglomerates(monkeypatch: pytest.MonkeyPatch) -> None:
    document = recipe(numbers(5), DISTRIBUTE)
    made = parse(copy.deepcopy(document), "r.yaml", Registry())
    steps = specimen_steps(made)
    assert steps is not None
    assert (steps.end, steps.worth_keeping) == (5, True)
    store = Store()
    first = executed(document, store)
    assert list(store) == [specimen_of(made)]
    monkeypatch.setattr(collision, "MOST_STEPS", 0)
    assert executed(document, store).specimen.particles == first.specimen.particles


def test_what_does_not_meet_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collision, "MOST_STEPS", 0)
    with pytest.raises(Exception, match=r"^agglomerate 1 \(particles 1 to 5\): two bodies"):
        executed(recipe(numbers(5)))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "an agglomerate has at least one particle, got 0 at each draw"),
        (-1, "must lie in"),
        ([1, 2], "one number"),
    ],
)
def test_impossible_numbers(value: Any, message: str) -> None:
    with pytest.raises((ValueError, ConfigurationError), match=message):
        executed(recipe(numbers(value)))


@pytest.mark.parametrize(
    ("change", "key", "message"),
    [
        ({"mode": "cluster"}, "mode", "cluster-cluster"),
        ({"speed": 0}, "speed", "greater than 0"),
        ({"randomness": 1.1}, "randomness", "1"),
        ({"sintering_ratio": -0.1}, "sintering_ratio", "0"),
        ({"affected_set_name": "AllParticels"}, "affected_set_name", "'AllParticles'"),
        ({"affected_set_name": "AllMeasurementTechniques"}, "affected_set_name", "particles"),
        (
            {"primary_particle_number_variability": step("Constant", value=-1)},
            "primary_particle_number_variability",
            "must lie in",
        ),
        (
            {"primary_particle_number_variability": step("Constant", value=0)},
            "primary_particle_number_variability",
            "at least one particle",
        ),
    ],
)
def test_bad_parameters(change: dict[str, Any], key: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(recipe(AGGLOMERATE | change), "r.yaml", Registry())
    (problem,) = caught.value.problems
    assert problem.path == f"synth_chain.feature_generation_steps.4.{key}"
    assert message in problem.message


def test_agglomerates_stay_whole_in_the_volume_if_asked() -> None:
    outside = 0
    for seed in range(10):
        for whole in (True, False):
            made = executed(recipe(numbers(8), DISTRIBUTE | {"whole": whole}, seed=seed))
            low = np.array(made.volume.lower) - 1e-9
            high = np.array(made.volume.upper) + 1e-9
            for particle in made.specimen.particles:
                place = np.array(particle.features["location"])
                inside = (place - radius(particle) >= low) & (place + radius(particle) <= high)
                assert inside.all() or not whole
                outside += not inside.all()
    assert outside


def test_an_agglomerate_larger_than_the_volume_lies_in_its_middle() -> None:
    large = step("UniformDistribution3dHomogeneous", location=100, scale=10)
    document = recipe(AGGLOMERATE | {"speed": 50}, DISTRIBUTE | {"whole": True})
    document["process_conditions"]["feature_variabilities"]["Size"]["variability"] = large
    document["render"] = {"resolution": [960, 960]}
    particles = executed(document).specimen.particles
    places = np.array([particle.features["location"] for particle in particles])
    radii = np.array([[radius(particle)] for particle in particles])
    middle = ((places - radii).min(axis=0) + (places + radii).max(axis=0)) / 2
    assert middle == pytest.approx([0.0, 0.0, 25.6], abs=1e-6)


def test_a_number_that_may_be_zero_is_an_error_where_it_is() -> None:
    number = step("UniformDistributionInt", low=0, high=1)
    document = recipe(AGGLOMERATE | {"primary_particle_number_variability": number})
    with pytest.raises(ValueError, match=r"an agglomerate has at least one particle, got 0$"):
        executed(document)
