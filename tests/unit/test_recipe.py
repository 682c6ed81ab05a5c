"""The recipe's schema: what is right passes; everything wrong is told at once, with its path."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scene.errors import ConfigurationError
from scene.microscopy.imaging_chain import IMAGING_FEATURES
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def resolved() -> dict[str, Any]:
    return Composition(ROOT / "recipes" / "spheres_sem.yaml").resolve()


def problems(recipe: Any) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        parse(recipe, "r.yaml", Registry())
    return {problem.path: problem.message for problem in caught.value.problems}


def changed(recipe: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    recipe = copy.deepcopy(recipe)
    *parents, last = path.split(".")
    node: Any = recipe
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node[part]
    node[int(last) if isinstance(node, list) else last] = value
    return recipe


@pytest.mark.parametrize("value", [None, 0, -1, 1e-4, 1e10, "1000", True, [1000], math.inf])
def test_what_is_no_length_of_a_scene_unit_gets_one_sentence(
    resolved: dict[str, Any], value: Any
) -> None:
    assert problems(changed(resolved, "render.scene_unit_nm", value)) == {
        "render.scene_unit_nm": "the length of a scene unit is a number of nm in [0.001, 1e+09], "
        f"got {value!r}"
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_bar": "beneath"}, "unknown value 'beneath'; valid are: below, none, overlay"),
        ({"bit_depth": 12}, "expected 8 or 16, got 12"),
        (
            {"data_bar": "below", "resolution": [95, 95]},
            "a data bar needs an image that is at least 96 pixels wide, got 95",
        ),
        (
            {"data_bar": "overlay", "resolution": [960, 40]},
            "the data bar of an image 960 pixels wide has 40 rows, so its height has to be at "
            "least 41 pixels, got 40",
        ),
    ],
)
def test_what_is_wrong_with_bits_and_data_bars_gets_one_sentence(
    resolved: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    for key, value in changes.items():
        resolved = changed(resolved, f"render.{key}", value)
    assert list(problems(resolved).values()) == [message]


def test_the_tutorials_recipe_is_valid(resolved: dict[str, Any]) -> None:
    recipe = parse(resolved, "spheres_sem.yaml", Registry())
    assert recipe.blueprints.particles["Bead"].number == 600
    assert recipe.initial_runtime_state.seed == 42
    assert recipe.render.resolution == (960, 960)
    assert recipe.sampled_particle_features() == (
        "dimensions",
        "location",
        "rotation",
        "subdivisions",
    )
    assert recipe.sampled_technique_features() == (
        "defocus",
        "illumination_strength",
        "noise_threshold",
        "patch_scale",
        "patch_seed",
    )
    assert list(recipe.technique_features) == [
        "illumination_strength",
        "noise_threshold",
        "noise_coefficient",
        "defocus",
        "magnification",
        *(spec.name for spec in IMAGING_FEATURES),
        *("cycles_samples", "resolution_x", "resolution_y", "resolution_percentage"),
        *("color_mode", "color_depth", "compression"),
        "blueprint_name",
        "patch_scale",
        "patch_seed",
    ]
    assert recipe.volume.lower == (-60, -60, 0)
    assert recipe.volume.upper == (60, 60, 51.2)


def test_resolved_recipe_written_is_the_same_recipe(
    resolved: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "recipe.yaml"
    parse(resolved, "x", Registry()).write(path)
    assert Composition(path).resolve() == resolved


STEP = "synth_chain.feature_generation_steps"
RENDER = "synth_chain.rendering_steps"
BEAD = "blueprints.particles.Bead"
VARIABILITY = "process_conditions.feature_variabilities"


@pytest.mark.parametrize(
    ("path", "value", "place", "message"),
    [
        (f"{BEAD}.number", "many", f"{BEAD}.number", "expected a whole number, got 'many'"),
        (f"{BEAD}.number", 2.5, f"{BEAD}.number", "expected a whole number, got 2.5"),
        (f"{BEAD}.number", 0, f"{BEAD}.number", "must be at least 1, got 0"),
        (f"{BEAD}.number", 70000, f"{BEAD}.number", "must be at most 65535, got 70000"),
        (f"{BEAD}.number", True, f"{BEAD}.number", "expected a whole number, got True"),
        (f"{BEAD}.numer", 3, f"{BEAD}.numer", "unknown key 'numer'; did you mean 'number'?"),
        (BEAD, None, BEAD, "expected a mapping, got None"),
        (
            f"{BEAD}.geometry_prototype_name",
            "spere",
            f"{BEAD}.geometry_prototype_name",
            "unknown geometry prototype 'spere'; did you mean 'sphere'?",
        ),
        (
            f"{BEAD}.parent",
            "MeasurementVolum",
            f"{BEAD}.parent",
            "unknown value 'MeasurementVolum'; did you mean 'MeasurementVolume'?",
        ),
        ("rendr", {}, "rendr", "unknown key 'rendr'; did you mean 'render'?"),
        ("render.resolution", [960], "render.resolution.1", "is missing"),
        (
            "render.fidelity",
            "referense",
            "render.fidelity",
            "unknown value 'referense'; did you mean 'reference'?",
        ),
        (
            "render.resolution_percentage",
            101,
            "render.resolution_percentage",
            "must be at most 100, got 101",
        ),
        (
            "initial_runtime_state.seed",
            -1,
            "initial_runtime_state.seed",
            "must be at least 0, got -1",
        ),
        (
            "initial_runtime_state.look_seed",
            2**63,
            "initial_runtime_state.look_seed",
            "must be at most 9223372036854775807, got 9223372036854775808",
        ),
        (
            "initial_runtime_state.look_seed",
            0.5,
            "initial_runtime_state.look_seed",
            "expected a whole number, got 0.5",
        ),
        (
            "initial_runtime_state.time",
            float("nan"),
            "initial_runtime_state.time",
            "expected a finite number, got nan",
        ),
        (
            f"{VARIABILITY}.ParticleDimension.variability._target_",
            "$builtins.UniformDistribution3dHomogenous",
            f"{VARIABILITY}.ParticleDimension.variability._target_",
            "unknown variability '$builtins.UniformDistribution3dHomogenous'; "
            "did you mean '$builtins.UniformDistribution3dHomogeneous'?",
        ),
        (
            f"{VARIABILITY}.ParticleDimension.variability._target_",
            "os.system",
            f"{VARIABILITY}.ParticleDimension.variability._target_",
            "only '$builtins.' and '$plugins.' names are allowed, got 'os.system'",
        ),
        (
            f"{VARIABILITY}.ParticleDimension.variability.locaton",
            5,
            f"{VARIABILITY}.ParticleDimension.variability.locaton",
            "unknown key 'locaton'; did you mean 'location'?",
        ),
        (
            f"{VARIABILITY}.ParticleDimension.variability",
            7,
            f"{VARIABILITY}.ParticleDimension.variability",
            "expected a mapping with a _target_, got 7",
        ),
        (
            f"{VARIABILITY}.ParticleDimension.feature_name",
            "dimension",
            f"{STEP}.2.feature_variability_name",
            "unknown feature 'dimension'; did you mean 'dimensions'? (blueprint 'Bead')",
        ),
        (
            f"{VARIABILITY}.NoiseThreshold.variability.num_dimensions",
            3,
            f"{STEP}.7.feature_variability_name",
            "noise_threshold takes one number, got (0.05, 0.05, 0.05)",
        ),
        (
            f"{VARIABILITY}.Defocus.variability.location",
            0.9,
            f"{STEP}.6.feature_variability_name",
            "defocus must lie in [0, 1], got 1.2",
        ),
        (
            f"{VARIABILITY}.ParticleSubdivisions.variability.value",
            0.5,
            f"{STEP}.3.feature_variability_name",
            "subdivisions takes whole numbers, got 0.5",
        ),
        (
            f"{STEP}.2.feature_variability_name",
            "ParticleDimensions",
            f"{STEP}.2.feature_variability_name",
            "unknown feature variability 'ParticleDimensions'; did you mean 'ParticleDimension'?",
        ),
        (
            f"{STEP}.2.affected_set_name",
            "AllParticels",
            f"{STEP}.2.affected_set_name",
            "unknown set 'AllParticels'; did you mean 'AllParticles'?",
        ),
        (
            f"{STEP}.2.affected_set_name",
            "AllParticleBlueprints",
            f"{STEP}.2.affected_set_name",
            "expected a set of particles or measurement techniques or nothing, "
            "but 'AllParticleBlueprints' is a set of particle blueprints",
        ),
        (
            f"{STEP}.5.collision_shape",
            "SPHEER",
            f"{STEP}.5.collision_shape",
            "unknown value 'SPHEER'; did you mean 'SPHERE'?",
        ),
        (f"{STEP}.5.gravity", [0, 0], f"{STEP}.5.gravity.2", "is missing"),
        (
            f"{STEP}.5.use_gravity",
            "yes",
            f"{STEP}.5.use_gravity",
            "expected true or false, got 'yes'",
        ),
        (f"{STEP}.5.num_frames", 0, f"{STEP}.5.num_frames", "must be at least 1, got 0"),
        (
            f"{STEP}.5._target_",
            "$builtins.RenderParticlesTogether",
            f"{STEP}.5._target_",
            "unknown feature generation step '$builtins.RenderParticlesTogether'",
        ),
        (
            f"{RENDER}.1.rendering_mode",
            "reel",
            f"{RENDER}.1.rendering_mode",
            "unknown rendering mode 'reel'; did you mean 'real'?",
        ),
        (
            f"{RENDER}.2.rendering_mode",
            "real",
            f"{RENDER}.2",
            "writes real.png, as step 1 does; "
            "give one of them another name, output_file_name_prefix or subfolder",
        ),
        (
            f"{RENDER}.2.subfolder",
            "../elsewhere",
            f"{RENDER}.2.subfolder",
            "must be a relative folder without '..'",
        ),
        (
            f"{RENDER}.2.output_file_name_prefix",
            "a/b",
            f"{RENDER}.2.output_file_name_prefix",
            "must have at most 64 of A-Z, a-z, 0-9 and _ . -, got 'a/b'",
        ),
        (
            "blueprints.measurement_techniques",
            {},
            "blueprints.measurement_techniques",
            "must have at least 1 entries, got 0",
        ),
        (
            "blueprints.measurement_techniques",
            {
                name: {
                    "measurement_technique_prototype_name": "secondary_electron_microscope",
                    "background_material_prototype_name": "sem_patchy_silicone",
                }
                for name in ("A", "B")
            },
            "blueprints.measurement_techniques",
            "must have at most 1 entries, got 2",
        ),
    ],
)
def test_one_thing_wrong_is_one_problem_with_its_path(
    resolved: dict[str, Any], path: str, value: Any, place: str, message: str
) -> None:
    found = problems(changed(resolved, path, value))
    assert place in found
    assert found[place].startswith(message)
    if place == path:
        assert len(found) == 1


def test_all_problems_are_told_at_once(resolved: dict[str, Any]) -> None:
    recipe = changed(resolved, f"{BEAD}.number", "many")
    recipe = changed(recipe, f"{RENDER}.1.rendering_mode", "reel")
    recipe = changed(recipe, f"{STEP}.2.affected_set_name", "Nothing")
    recipe = changed(recipe, f"{VARIABILITY}.Defocus.variability.scale", "wide")
    recipe = changed(recipe, "initial_runtime_state.seeed", 1)
    assert set(problems(recipe)) == {
        f"{BEAD}.number",
        f"{RENDER}.1.rendering_mode",
        f"{STEP}.2.affected_set_name",
        f"{VARIABILITY}.Defocus.variability.scale",
        "initial_runtime_state.seeed",
    }


SAVE = "$builtins.SaveState"
INVOKE = "$builtins.InvokeBlueprints"
TOGETHER = "$builtins.RenderParticlesTogether"


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"subfolder": "record.json"}, "writes record.json/real.png, which can't be beside record"),
        ({"subfolder": "Recipe.YAML/x"}, "which can't be beside recipe.yaml of every run"),
        ({"subfolder": "state.blend"}, "which can't be beside state.blend of step 0"),
        ({"subfolder": "a/preview.jpg", "output_file_name_prefix": "x"}, None),
        ({"output_file_name_prefix": "Real_"}, None),
        ({"output_file_name_prefix": ".x"}, "a name that begins or ends with a point"),
        ({"subfolder": "a."}, "a name that begins or ends with a point"),
        ({"subfolder": "aux"}, "but aux can't be the name of a file on Windows"),
        ({"subfolder": "a/COM1.x"}, "but COM1.x can't be the name of a file on Windows"),
        ({"subfolder": "/a"}, "must be a relative folder"),
        ({"subfolder": "a/../../b"}, "must be a relative folder"),
        ({"subfolder": "a\\b"}, "must have at most"),
        ({"subfolder": "a "}, "must have at most"),
        ({"subfolder": "a" * 129}, "must have at most"),
        ({"output_file_name_prefix": "x" * 65}, "must have at most"),
        ({"rendering_mode": "real"}, "writes real.png, as step 1 does"),
    ],
)
def test_files_that_no_run_could_hold(
    resolved: dict[str, Any], step: dict[str, Any], message: str | None
) -> None:
    added = {"_target_": TOGETHER, "rendering_mode": "real"} | step
    recipe = copy.deepcopy(resolved)
    recipe["synth_chain"]["rendering_steps"].append(added)
    if message is None:
        parse(recipe, "r.yaml", Registry())
        return
    ((place, found),) = problems(recipe).items()
    assert place.startswith(f"{RENDER}.7")
    assert message in found


def test_rendering_steps_are_read_as_the_predecessor_reads_them(resolved: dict[str, Any]) -> None:
    def parsed(**changes: Any) -> Recipe:
        recipe = copy.deepcopy(resolved)
        mode, state = changes.pop("mode"), changes.pop("state")
        recipe["synth_chain"]["rendering_steps"] = [
            {"_target_": SAVE, "name": state},
            {"_target_": TOGETHER, "rendering_mode": mode, **changes},
        ]
        return parse(recipe, "r.yaml", Registry())

    plain = parsed(mode="depth_map", state="state", set_name_overlapping="Empty")
    other = parsed(mode="Depth_MAP", state=None, set_name_overlapping=None)
    assert other.synth_chain.rendering_steps == plain.synth_chain.rendering_steps
    assert other.timing_labels() == plain.timing_labels()


def test_a_set_may_not_be_called_like_a_particles_image(resolved: dict[str, Any]) -> None:
    recipe = copy.deepcopy(resolved)
    steps = recipe["synth_chain"]["rendering_steps"]
    alone = {"_target_": "$builtins.RenderParticlesIndividually", "rendering_mode": "real"}
    steps += [alone, {**alone, "output_file_name_prefix": "REAL"}, {**alone, "subfolder": "x"}]
    parse(recipe, "r.yaml", Registry())
    steps.append({**alone, "output_file_name_prefix": "real"})
    assert (
        "writes realreal_*.png, which can't be beside REALreal_*.png of step 8"
        in (problems(recipe)[f"{RENDER}.10"])
    )


def test_two_saved_states_of_one_name(resolved: dict[str, Any]) -> None:
    recipe = copy.deepcopy(resolved)
    recipe["synth_chain"]["rendering_steps"].append({"_target_": SAVE, "name": "State"})
    assert "State.blend, which can't be beside state.blend" in problems(recipe)[f"{RENDER}.7"]


@pytest.mark.parametrize("steps", [[], [1], range(1, 11)])
def test_nothing_is_rendered_without_a_measurement_technique(
    resolved: dict[str, Any], steps: Any
) -> None:
    recipe = copy.deepcopy(resolved)
    chain = recipe["synth_chain"]
    chain["feature_generation_steps"] = [chain["feature_generation_steps"][n] for n in steps]
    found = problems(recipe)
    assert set(found) == {f"{RENDER}.1"}  # once for all steps
    assert "affected_set_name: AllMeasurementTechniqueBlueprints makes them" in found[f"{RENDER}.1"]
    chain["rendering_steps"] = chain["rendering_steps"][:1]
    parse(recipe, "r.yaml", Registry())


def test_steps_stand_behind_what_they_work_on(resolved: dict[str, Any]) -> None:
    recipe = copy.deepcopy(resolved)
    steps = recipe["synth_chain"]["feature_generation_steps"]
    steps.append(steps.pop(1))
    steps.append(steps.pop(0))
    particles = "works on particles before step 9 makes them; put it behind that"
    technique = "works on measurement techniques before step 10 makes them; put it behind that"
    found = problems(recipe)
    assert found == {f"{STEP}.{n}": particles if n < 3 else technique for n in range(9)}
    steps[:] = [steps[10], *steps[:9]]  # particles are never made: an empty substrate is legal
    parse(recipe, "r.yaml", Registry())
    steps[:] = [steps[0]]
    parse(recipe, "r.yaml", Registry())


def test_particles_before_the_technique_are_fine(resolved: dict[str, Any]) -> None:
    recipe = copy.deepcopy(resolved)
    steps = recipe["synth_chain"]["feature_generation_steps"]
    steps[0], steps[1] = steps[1], steps[0]
    parse(recipe, "r.yaml", Registry())


def test_the_technique_is_made_once(resolved: dict[str, Any]) -> None:
    recipe = copy.deepcopy(resolved)
    steps = recipe["synth_chain"]["feature_generation_steps"]
    steps.append(steps[0])
    assert problems(recipe) == {
        f"{STEP}.11": "makes the measurement technique a second time; there can be only one"
    }


@pytest.mark.parametrize(("number", "fits"), [(32767, True), (32768, False), (65535, False)])
def test_particles_of_all_invocations_have_ids(
    resolved: dict[str, Any], number: int, fits: bool
) -> None:
    recipe = changed(resolved, f"{BEAD}.number", number)
    steps = recipe["synth_chain"]["feature_generation_steps"]
    steps.append(steps[1])
    if fits:
        parse(recipe, "r.yaml", Registry())
        return
    message = f"at most 65535 particles in all, got {2 * number} with those of earlier steps"
    assert problems(recipe) == {f"{STEP}.11": message}


def test_damping_is_given_one_way(resolved: dict[str, Any]) -> None:
    recipe = changed(resolved, f"{STEP}.5.damping", 0.5)
    parse(recipe, "r.yaml", Registry())
    found = problems(changed(recipe, f"{STEP}.5.linear_damping", 0.5))
    assert found == {
        f"{STEP}.5": "give either damping, or linear_damping and angular_damping, not both"
    }


def test_own_sets_follow_a_blueprint(resolved: dict[str, Any]) -> None:
    recipe = changed(
        resolved,
        "sets",
        {"Beads": {"_target_": "$builtins.ParticlesOfBlueprint", "blueprint_name": "Bead"}},
    )
    recipe = changed(recipe, f"{RENDER}.2.set_name_of_interest", "Beads")
    assert isinstance(parse(recipe, "r.yaml", Registry()), Recipe)
    wrong = changed(recipe, "sets.Beads.blueprint_name", "Beed")
    assert problems(wrong) == {
        "sets.Beads.blueprint_name": "unknown particle blueprint 'Beed'; did you mean 'Bead'?"
    }


@pytest.mark.parametrize("broken", [None, [], 3, "x", {}, {"synth_chain": []}, {"blueprints": 1}])
def test_a_recipe_of_the_wrong_shape_is_told(broken: Any) -> None:
    recipe = broken if isinstance(broken, dict) else {"blueprints": broken, "synth_chain": broken}
    assert problems(recipe)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["$builtins.Constant", "$plugins.x.Y", "AllParticles", "real"])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.just("_target_"), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(node: Any, path: str = "") -> list[str]:
    items = node.items() if isinstance(node, dict) else enumerate(node)
    found = []
    for key, value in items:
        here = f"{path}.{key}" if path else str(key)
        found.append(here)
        if isinstance(value, dict | list):
            found += places(value, here)
    return found


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_is_written_the_answer_is_a_recipe_or_its_problems(
    resolved: dict[str, Any], data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(places(resolved)))
    recipe = changed(resolved, path, data.draw(values))
    try:
        parse(recipe, "r.yaml", Registry())
    except ConfigurationError as error:
        assert error.problems


def test_plugins_resolve_in_the_given_folders(
    resolved: dict[str, Any], tmp_path: Path, write_plugin: Callable[[Path, str, str], None]
) -> None:
    code = (
        "from scene.specimen.distributions import Distribution\n"
        "class Half(Distribution):\n"
        "    '''Half of x.'''\n"
        "    x: float\n"
        "    def sample(self, rng, volume):\n"
        "        return self.x / 2\n"
    )
    write_plugin(tmp_path, "halves", code)
    target = {"_target_": "$plugins.halves.Half", "x": 0.5}
    recipe = changed(resolved, f"{VARIABILITY}.Defocus.variability", target)
    parse(recipe, "r.yaml", Registry([tmp_path]))
    place = f"{VARIABILITY}.Defocus.variability._target_"
    assert problems(recipe)[place].startswith("unknown plugin package 'halves'")
    wrong = changed(recipe, place, "$plugins.halves.Hal")
    with pytest.raises(ConfigurationError, match=r"did you mean '\$plugins\.halves\.Half'"):
        parse(wrong, "r.yaml", Registry([tmp_path]))


def test_a_plugin_that_fails_to_import_is_told(
    resolved: dict[str, Any], tmp_path: Path, write_plugin: Callable[[Path, str, str], None]
) -> None:
    write_plugin(tmp_path, "broken", "import no_such_module_anywhere\n")
    target = {"_target_": "$plugins.broken.X"}
    recipe = changed(resolved, f"{VARIABILITY}.Defocus.variability", target)
    with pytest.raises(ConfigurationError, match=r"fails to import: ModuleNotFoundError"):
        parse(recipe, "r.yaml", Registry([tmp_path]))
