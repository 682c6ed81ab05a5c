"""Runs that share a specimen: with it or without, everything comes out the same."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections import Counter
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scene.errors import ConfigurationError, SpecimenDamagedError
from scene.execution.context import step_context
from scene.execution.specimens import LABEL, generate
from scene.execution.stopwatch import Stopwatch
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.specimen_hash import specimen_of
from scene.specimen.relaxation import RelaxationSettings
from scene.specimen.specimen import Particle, Specimen
from scene.specimen.stored import StoredSpecimen
from scene.steps.context import StepContext
from scene.steps.relax import RelaxCollisions

NAME = "0123456789abcdef" * 2
CONDITIONS = {
    "Placed": "$IsParticle and not $IsAtOrigin",
    "Fine": "$IsFine",
    "Odd": "$IsPatchy or $IsUltimateParent and not $IsAtOrigin and not $IsParticleBlueprint",
    "Patchy": "$IsSharp and $IsParticle and $IsAtOrigin or $IsPatchy",
    "Sharp": "$IsSharp and not $IsParticleBlueprint and not $IsMeasurementTechniqueBlueprint",
    "Kinds": "$IsParticleBlueprint and $IsDust",
    "Makers": "$IsParticleBlueprint and not $IsDust or $IsMeasurementTechniqueBlueprint",
}
SETS = ("AllParticles", "Bead", "Dust", "Empty", "AllUltimateParents", *CONDITIONS)


class Store(dict[str, bytes]):
    """Specimens in memory."""

    def load(self, specimen: str) -> bytes | None:
        return self.get(specimen)

    def save(self, specimen: str, content: bytes) -> None:
        assert len(specimen) == 32
        self[specimen] = content


class Physics:
    """Stands in for Blender: poses that follow from all that real ones may follow from."""

    relaxed = 0

    def __call__(self, _: Specimen) -> Any:
        return self

    def relax(
        self, specimen: Specimen, particle_ids: frozenset[int], how: RelaxationSettings
    ) -> None:
        Physics.relaxed += 1
        moving = [p for p in specimen.particles if p.id in particle_ids]
        volume = [technique.prototype for technique in specimen.techniques]
        seen = repr((moving, volume, how)).encode()
        for particle in moving:
            digest = hashlib.sha256(seen + particle.label.encode()).digest()
            pose: Any = {
                "location": (digest[0] / 7, -digest[1] / 9, digest[2] / 9),
                "rotation": (digest[3] / 99, 0.0, -0.0),
            }
            if not particle.initial_pose:
                particle.initial_pose = {key: particle.features[key] for key in pose}
            particle.features |= pose


def variability(feature: str, target: str, **parameters: Any) -> dict[str, Any]:
    return {
        "feature_name": feature,
        "variability": {"_target_": f"$builtins.{target}", **parameters},
    }


def once(low: Any, high: Any, kind: str = "UniformDistribution") -> dict[str, Any]:
    """Return a parameter that is drawn once a run."""
    return {"_target_": f"$builtins.{kind}", "low": low, "high": high}


VARIABILITIES = {
    "Size": variability("dimensions", "UniformDistribution3dHomogeneous", location=1, scale=2),
    "Wide": variability(
        "dimensions",
        "UniformDistribution3dHomogeneous",
        location=once(1, once(2, 3)),
        scale=once(0, 2),
    ),
    "Place": variability("location", "UniformlyRandomLocationInMeasurementVolume"),
    "Level": variability("subdivisions", "UniformDistributionInt", low=0, high=3),
    "Defocus": variability(
        "defocus", "UniformDistributionNdHomogeneous", location=0, scale=1, num_dimensions=1
    ),
    "Scale": variability(
        "patch_scale",
        "UniformDistributionInt",
        low=once(1, 9, "UniformDistributionInt"),
        high=99,
    ),
}


def criterion(
    feature: str, comparand: Any, kind: str = "IsGreaterThan", default: bool = False
) -> dict[str, Any]:
    return {
        "_target_": f"$builtins.{kind}",
        "feature_name": feature,
        "default_return_value": default,
        "comparand": comparand,
    }


CRITERIA = {
    "IsAtOrigin": criterion("location", [0, 0, 0], "IsEqualTo"),
    "IsFine": criterion("subdivisions", 1.5),
    "IsPatchy": criterion("patch_scale", 60),
    "IsSharp": criterion("defocus", 0.5, "IsSmallerThan", default=True),
    "IsDust": criterion("blueprint_name", "Dust", "IsEqualTo"),
}

MICROSCOPE = {
    "measurement_technique_prototype_name": "secondary_electron_microscope",
    "background_material_prototype_name": "sem_patchy_silicone",
}
BLUEPRINTS = {
    "measurement_techniques": {"SEM": MICROSCOPE},
    "particles": {
        name: {
            "geometry_prototype_name": "sphere",
            "material_prototype_name": material,
            "number": number,
        }
        # Beads have features of the ground, so that a variability may serve both.
        for name, material, number in (
            ("Bead", "sem_patchy_silicone", 3),
            ("Dust", "sem_polystyrene", 2),
        )
    },
}


def step(target: str, **parameters: Any) -> dict[str, Any]:
    return {"_target_": f"$builtins.{target}", **parameters}


INVOKE = [
    step("InvokeBlueprints", affected_set_name="AllMeasurementTechniqueBlueprints"),
    step("InvokeBlueprints", affected_set_name="AllParticleBlueprints"),
]
DRAWN = [
    *((name, of) for name in ("Size", "Wide", "Place", "Level") for of in SETS),
    *((name, of) for name in ("Defocus", "Scale") for of in ("AllMeasurementTechniques", "Sharp")),
    ("Scale", "Bead"),
]
DRAWS = st.sampled_from(
    [
        INVOKE[1],
        step("InvokeBlueprints", affected_set_name="Kinds"),
        *(
            step("TriggerFeatureUpdate", feature_variability_name=name, affected_set_name=of)
            for name, of in DRAWN
        ),
    ]
)
RELAX = st.builds(
    lambda of, frames: step("RelaxCollisions", affected_set_name=of, num_frames=frames),
    st.sampled_from(SETS),
    st.integers(1, 3),
)


@st.composite
def recipes(draw: st.DrawFn) -> dict[str, Any]:
    """Make recipes with odd chains; most of them are sound."""
    makers = [step("InvokeBlueprints", affected_set_name="Makers")]
    first = draw(st.permutations(INVOKE) | st.just(makers))
    steps = [*first, *draw(st.lists(DRAWS | RELAX, max_size=9))]
    if draw(st.booleans()):
        steps.pop(draw(st.integers(0, len(steps) - 1)))
    microscope = draw(st.sampled_from(["SEM", "SEM", "SEM", "Bead"]))
    return {
        "initial_runtime_state": {"seed": draw(st.integers(0, 3))},
        "blueprints": BLUEPRINTS | {"measurement_techniques": {microscope: MICROSCOPE}},
        "process_conditions": {
            "feature_variabilities": VARIABILITIES,
            "feature_criteria": CRITERIA,
            "sets": {name: {"criterion": text} for name, text in CONDITIONS.items()},
        },
        "sets": {
            name: {"_target_": "$builtins.ParticlesOfBlueprint", "blueprint_name": name}
            for name in ("Bead", "Dust")
        },
        "synth_chain": {"feature_generation_steps": steps, "rendering_steps": []},
    }


REGISTRY = Registry()


def executed(
    document: dict[str, Any], store: Store | None = None, **start: int
) -> tuple[Specimen, tuple[Any, ...], Stopwatch]:
    """Generate a run's specimen; return it, all that later draws depend on, and the times."""
    state = document["initial_runtime_state"] | start
    recipe = parse(document | {"initial_runtime_state": state}, "r.yaml", REGISTRY)
    stopwatch = Stopwatch()
    context = step_context(recipe, cast("Any", None), Path(), stopwatch)
    context = dataclasses.replace(context, synced_scene=Physics())
    steps = recipe.synth_chain.feature_generation_steps

    def execute_step(position: int) -> None:
        with stopwatch.measure(steps[position].label):
            steps[position].execute(context)

    generate(recipe, context, execute_step, store, stopwatch)
    left = context.streams.drawn, context.look_streams.drawn
    return context.specimen, left, stopwatch


def exact(specimen: Specimen) -> str:
    """Return a specimen to the bit, with the types of its values and the order of its names."""
    return repr(specimen)


@settings(max_examples=200, deadline=None)
@given(document=recipes(), look=st.integers(0, 3))
def test_any_chain_gives_the_same_with_a_specimen_that_is_there(
    document: dict[str, Any], look: int
) -> None:
    try:
        plain, left, _ = executed(document)
    except (ConfigurationError, ValueError):
        assume(False)
    plain_look, left_look, _ = executed(document, look_seed=look)
    store, other = Store(), Store()
    made, left_made, _ = executed(document, store)
    assert (exact(made), left_made) == (exact(plain), left)
    relaxations = Physics.relaxed
    read, left_read, times = executed(document, store)
    assert (exact(read), left_read) == (exact(plain), left)
    if store:
        assert Physics.relaxed == relaxations
        assert LABEL in times.seconds
    # Another look reads the same specimen, and would have stored the same.
    found, left_found, _ = executed(document, store, look_seed=look)
    assert (exact(found), left_found) == (exact(plain_look), left_look)
    executed(document, other, look_seed=look)
    assert other == store
    assert found.particles == plain.particles or not _shareable(document)


@settings(max_examples=100, deadline=None)
@given(recipes(), st.sampled_from(sorted(CRITERIA)), st.sampled_from([-1, 0.5, 1, 2, 90, "Bead"]))
def test_a_specimen_of_a_run_with_another_criterion_changes_nothing(
    document: dict[str, Any], name: str, comparand: Any
) -> None:
    conditions = document["process_conditions"]
    criteria = CRITERIA | {name: CRITERIA[name] | {"comparand": comparand}}
    other = document | {"process_conditions": conditions | {"feature_criteria": criteria}}
    try:
        executed(document, store := Store())
        alone = executed(other)[0]
    except (ConfigurationError, ValueError):
        assume(False)
    if _specimen(document) == _specimen(other) is not None:
        assert executed(other, store)[0].particles == alone.particles


def _shareable(document: dict[str, Any]) -> bool:
    return _specimen(document) is not None


def _specimen(document: dict[str, Any]) -> str | None:
    return specimen_of(parse(document, "r.yaml", REGISTRY))


def recipe(*steps: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe of beads and dust, thrown in, relaxed, and then given these steps."""
    place = step(
        "TriggerFeatureUpdate", feature_variability_name="Place", affected_set_name="AllParticles"
    )
    return {
        "initial_runtime_state": {"seed": 1},
        "blueprints": BLUEPRINTS,
        "process_conditions": {"feature_variabilities": VARIABILITIES},
        "synth_chain": {
            "feature_generation_steps": [*INVOKE, place, step("RelaxCollisions"), *steps],
        },
    }


def test_particles_are_drawn_on_as_if_they_had_just_been_made() -> None:
    place = step(
        "TriggerFeatureUpdate", feature_variability_name="Place", affected_set_name="AllParticles"
    )
    plain, _, _ = executed(recipe(place))
    relaxed, _, _ = executed(recipe())
    store = Store()
    executed(recipe(), store)
    later, _, times = executed(recipe(place), store)
    assert exact(later) == exact(plain) != exact(relaxed)
    assert len(store) == 1
    assert times.seconds.keys() == {LABEL, "InvokeBlueprints", "TriggerFeatureUpdate"}


def test_settled_spheres_are_a_specimen_too() -> None:
    document = recipe(step("SettleSpheres"))
    plain, left, _ = executed(document)
    store = Store()
    executed(document, store)
    read, left_read, times = executed(document, store, look_seed=5)
    assert exact(read) == exact(plain)
    assert left_read[0] == left[0]
    assert "SettleSpheres" not in times.seconds


def test_a_look_of_its_own_changes_the_technique_alone() -> None:
    defocus = step(
        "TriggerFeatureUpdate",
        feature_variability_name="Defocus",
        affected_set_name="AllMeasurementTechniques",
    )
    one, *_ = executed(recipe(defocus))
    same, *_ = executed(recipe(defocus), look_seed=1)
    other, *_ = executed(recipe(defocus), look_seed=2)
    assert exact(same) == exact(one)
    assert other.particles == one.particles
    assert other.techniques != one.techniques
    reseeded, *_ = executed(recipe(defocus), seed=2, look_seed=2)
    assert reseeded.techniques == other.techniques
    assert reseeded.particles != one.particles


def test_a_look_with_the_seed_itself_is_that_of_a_run_without_one() -> None:
    """Even where microscope and particles, of one name, go on in one stream."""
    document = recipe(
        *(
            step("TriggerFeatureUpdate", feature_variability_name="Scale", affected_set_name=of)
            for of in ("AllParticles", "AllMeasurementTechniques")
        )
    )
    beads = BLUEPRINTS["particles"]["Bead"]
    document["blueprints"] = {
        "measurement_techniques": {"Bead": MICROSCOPE},
        "particles": {"Bead": beads},
    }
    one, same = executed(document)[0], executed(document, look_seed=1)[0]
    assert exact(same) == exact(one)
    scales = [made.features["patch_scale"] for made in (one.particles[0], one.techniques[0])]
    assert scales[0] != scales[1]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "swapped", "future"])
def test_a_damaged_specimen_is_made_again(damage: str, caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    plain, _, _ = executed(recipe(), store)
    ((name, content),) = store.items()
    flipped = bytearray(content)
    flipped[-5] ^= 1
    store[name] = {
        "cut": content[:-3],
        "flipped": bytes(flipped),
        "empty": b"",
        "swapped": StoredSpecimen(plain.particles, Counter()).to_bytes(NAME),
        "future": content.replace(b"specimen 2", b"specimen 3", 1),
    }[damage]
    with caplog.at_level(logging.WARNING):
        again, _, _ = executed(recipe(), store)
    assert exact(again) == exact(plain)
    assert store == {name: content}
    (told,) = caplog.messages
    assert told.startswith(f"the stored specimen {name} is damaged: ")
    assert told.endswith("; it is made again")


@given(st.data())
@settings(deadline=None)
def test_no_cut_and_no_flipped_bit_is_taken_for_a_specimen(data: st.DataObject) -> None:
    content = StoredSpecimen([PARTICLE], Counter({("Size", "Bead", 0): 2})).to_bytes(NAME)
    place = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    for wrong in (bytes(changed), content[:place], content + b"x"):
        with pytest.raises(SpecimenDamagedError):
            StoredSpecimen.from_bytes(wrong, NAME)


PARTICLE = Particle(1, "Bead", 0, "sphere", "sem_polystyrene", {"location": (0.1, -0.0, 2.0)})
VALUES = st.floats(allow_nan=False) | st.integers() | st.text() | st.booleans()
FEATURES = st.dictionaries(st.text(), VALUES | st.lists(VALUES, max_size=3).map(tuple), max_size=4)
PARTICLES = st.builds(
    Particle, st.integers(), st.text(), st.integers(), st.text(), st.text(), FEATURES, FEATURES
)
KEYS = st.lists(st.text() | st.integers(), max_size=3).map(tuple)


@given(st.lists(PARTICLES), st.dictionaries(KEYS, st.integers(1)))
def test_a_specimen_is_read_as_it_was_to_the_bit(
    particles: list[Particle], drawn: dict[Any, int]
) -> None:
    stored = StoredSpecimen(particles, Counter(drawn))
    read = StoredSpecimen.from_bytes(stored.to_bytes(NAME), NAME)
    assert repr(read) == repr(stored)


@pytest.mark.parametrize("value", [np.float64(1), [1.0, 2.0], np.True_, None, (np.float32(1),)])
def test_what_would_not_be_read_as_it_was_is_not_stored(
    value: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def execute(_: object, context: StepContext) -> None:
        for particle in context.specimen.particles:
            particle.features["location"] = value

    monkeypatch.setattr(RelaxCollisions, "execute", execute)
    store = Store()
    made, _, _ = executed(recipe(), store)
    assert made.particles[0].features["location"] is value
    assert not store
    (told,) = caplog.messages
    assert "can't be stored: expected Python's str, bool, int, float or tuple" in told


def test_six_hundred_beads_are_some_tens_of_kilobytes() -> None:
    rng = np.random.default_rng(1)

    def vector() -> tuple[float, ...]:
        return tuple(rng.random(3).tolist())

    beads = [
        Particle(
            *(n + 1, "Bead", n, "sphere", "sem_polystyrene"),
            {"dimensions": vector()[:1] * 3, "location": vector(), "rotation": vector()},
            {"location": vector(), "rotation": (0.0, 0.0, 0.0)},
        )
        for n in range(600)
    ]
    drawn = Counter({(name, "Bead", n): 1 for name in VARIABILITIES for n in range(600)})
    assert len(StoredSpecimen(beads, drawn).to_bytes(NAME)) < 100_000
