"""What a specimen's hash changes with, and what it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scene.errors import ConfigurationError
from scene.language.canonical import canonical
from scene.prototypes.library.folder import Library
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe
from scene.recipe.specimen_hash import specimen_hash, specimen_of, specimen_paths, specimen_steps

ROOT = Path(__file__).parents[2]
SPHERES = ROOT / "recipes" / "spheres_sem.yaml"
DROPCAST = ROOT / "examples" / "plugins" / "dropcast" / "dropcast.yaml"
STEPS = "synth_chain.feature_generation_steps"
VARIABILITIES = "process_conditions.feature_variabilities"
MICROSCOPE = "blueprints.measurement_techniques.SEM.measurement_technique_prototype_name"
SETS = (
    "++sets={Beads: {_target_: $builtins.ParticlesOfBlueprint, blueprint_name: Bead},"
    " Others: {_target_: $builtins.ParticlesOfBlueprint, blueprint_name: Dust},"
    " Kinds: {_target_: $plugins.odd.Kind, name: Bead}}"
)
DUST = (
    "+blueprints.particles.Dust={geometry_prototype_name: sphere,"
    " material_prototype_name: sem_polystyrene, number: 3}"
)
BEADS_ALONE = (
    DUST,
    SETS,
    f"{STEPS}.1.affected_set_name=Kinds",
    f"{STEPS}.5.affected_set_name=Beads",
)
BY_CRITERIA = (
    DUST,
    "+process_conditions.feature_criteria={IsFine: {_target_: $builtins.IsGreaterThan,"
    " feature_name: subdivisions, default_return_value: false, comparand: 3},"
    " IsOther: {_target_: $builtins.ContainsString, feature_name: blueprint_name,"
    " default_return_value: false, search_string: Be}}",
    "+process_conditions.sets={Fine: {criterion: $IsParticleBlueprint and not $IsFine},"
    " Beads: {criterion: $IsParticle and $IsOther}, Others: {criterion: $IsOther}}",
    f"{STEPS}.1.affected_set_name=Fine",
    f"{STEPS}.5.affected_set_name=Beads",
)
CRITERIA = "process_conditions.feature_criteria"
PLUGIN = '''
from blendsweep.plugins import FeatureGenerationStep, Members, ObjectSet, Text
from scene.prototypes.measurement_techniques import secondary_electron_microscope

class Kind(ObjectSet):
    members = Members.PARTICLE_BLUEPRINTS
    name: Text
    def includes(self, blueprint): return blueprint == self.name

class Anything(FeatureGenerationStep):
    def execute(self, context): ...

class Plans(FeatureGenerationStep):
    def concerns(self, context): return Members.PARTICLE_BLUEPRINTS
    def execute(self, context): ...

class Sieve(FeatureGenerationStep):
    variability: Text = ""
    def concerns(self, context): return Members.PARTICLES
    def makes(self, context): return {}
    def execute(self, context): ...

class Shutter(FeatureGenerationStep):
    width: Text = ""
    def concerns(self, context): return Members.TECHNIQUES
    def makes(self, context): return {}
    def execute(self, context): ...

class Wrong(FeatureGenerationStep):
    def concerns(self, context): return "particles"
    def execute(self, context): ...

class Microscope(secondary_electron_microscope.SecondaryElectronMicroscope):
    """One whose walls may move."""
'''

type Document = dict[str, Any]
type Change = str | Callable[[Document], None]
type Make = Callable[..., Recipe]


def put(position: int, target: str, **parameters: str | float) -> Change:
    """Put a step into the chain in the place of another."""

    def change(document: Document) -> None:
        step = {"_target_": target, **parameters}
        document["synth_chain"]["feature_generation_steps"][position] = step

    return change


DEFOCUS_FIRST = put(
    4,
    "$builtins.TriggerFeatureUpdate",
    feature_variability_name="Defocus",
    affected_set_name="AllMeasurementTechniques",
)
RELAXED_TWICE = put(10, "$builtins.RelaxCollisions")
SETTLED = put(5, "$builtins.SettleSpheres")


@pytest.fixture
def made(tmp_path: Path) -> Make:
    """Parse the tutorial's recipe, or another, with overrides; ``$plugins.odd`` is known."""
    folder = tmp_path / "plugins" / "odd"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(PLUGIN)
    registry = Registry([folder.parent, DROPCAST.parents[1]])

    def recipe(*changes: Change, path: Path = SPHERES) -> Recipe:
        texts = [change for change in changes if isinstance(change, str)]
        document = Composition(path).resolve(texts)
        for change in changes:
            if not isinstance(change, str):
                change(document)
        return parse(document, "r.yaml", registry)

    return recipe


@pytest.mark.parametrize(
    ("base", "change"),
    [
        ((), "initial_runtime_state.seed=1"),
        ((), "blueprints.particles.Bead.number=599"),
        ((), DUST),
        ((), f"{STEPS}.5.gravity.2=-99"),
        ((), f"{STEPS}.5.num_frames=10"),
        ((), f"+{STEPS}.5.mass=2"),
        ((), f"~{STEPS}.3"),
        (("synth_chain.rendering_steps=[]", f"~{STEPS}.10"), f"~{STEPS}.0"),
        ((), f"{STEPS}.4.affected_set_name=Empty"),
        ((), RELAXED_TWICE),
        ((), SETTLED),
        ((SETTLED,), put(5, "$builtins.SettleSpheres", largest_overlap=0.01)),
        ((), f"{VARIABILITIES}.ParticleDimension.variability.scale=1"),
        ((), f"{VARIABILITIES}.ParticleSubdivisions.variability.value=2"),
        ((), f"{VARIABILITIES}.InitialParticleLocation={{feature_name: rotation}}"),
        ((), "render.resolution=[480,480]"),
        (BEADS_ALONE, "blueprints.particles.Bead.number=599"),
        (BEADS_ALONE, "sets.Beads.blueprint_name=Dust"),
        (
            (*BEADS_ALONE, put(3, "$plugins.odd.Sieve", variability="Dust")),
            "blueprints.particles.Dust.number=4",
        ),
        (BY_CRITERIA, "blueprints.particles.Dust.number=4"),
        (BY_CRITERIA, f"{CRITERIA}.IsFine.comparand=4"),
        (BY_CRITERIA, f"{CRITERIA}.IsOther.search_string=D"),
        (BY_CRITERIA, "process_conditions.sets.Beads.criterion=$IsParticle"),
        # Nobody is made of them with this number, but with another.
        ((*BY_CRITERIA, f"{CRITERIA}.IsFine.comparand=-1"), "blueprints.particles.Dust.number=4"),
        ((f"{MICROSCOPE}=$plugins.odd.Microscope",), "render.fidelity=reference"),
        ((f"~{STEPS}.5",), f"~{STEPS}.4"),
        ((f"~{STEPS}.5",), f"{VARIABILITIES}.ParticleDimension.variability.scale=1"),
        (
            (put(3, "$plugins.odd.Sieve", variability="NoiseThreshold"),),
            f"{VARIABILITIES}.NoiseThreshold.variability.scale=0.5",
        ),
    ],
)
def test_the_hash_changes_with_what_decides_particles(
    made: Make, base: tuple[Change, ...], change: Change
) -> None:
    before = specimen_of(made(*base))
    assert before is not None
    assert specimen_of(made(*base, change)) not in {before, None}


@pytest.mark.parametrize(
    ("base", "change"),
    [
        ((), "initial_runtime_state.look_seed=1"),
        ((), "initial_runtime_state.time=1"),
        ((), "+name=other"),
        (
            (f"~{STEPS}.10", f"~{STEPS}.9"),
            "blueprints.measurement_techniques.SEM.background_material_prototype_name=null",
        ),
        ((), f"{VARIABILITIES}.Defocus.variability.scale=0.1"),
        ((), f"{VARIABILITIES}.BackgroundPatchSeed.variability.value=3"),
        ((f"~{STEPS}.6",), f"~{VARIABILITIES}.Defocus"),
        ((), "render.resolution_percentage=25"),
        ((), "render.max_samples=4"),
        ((), "render.fidelity=reference"),
        ((), "synth_chain.rendering_steps=[]"),
        ((), f"{STEPS}.5.num_frames=250.0"),
        ((), f"~{STEPS}.7"),
        ((), SETS.replace("Dust", "Bead")),
        ((DEFOCUS_FIRST,), f"{VARIABILITIES}.Defocus.variability.scale=0.1"),
        (
            (DEFOCUS_FIRST,),
            lambda document: document["synth_chain"]["feature_generation_steps"].pop(4),
        ),
        ((DEFOCUS_FIRST,), put(4, "$plugins.odd.Shutter")),
        (BEADS_ALONE, "blueprints.particles.Dust.number=4"),
        (BEADS_ALONE, "~sets.Others"),
        (BY_CRITERIA, "~process_conditions.sets.Others"),
        ((f"~{STEPS}.5",), "initial_runtime_state.look_seed=1"),
        ((f"~{STEPS}.5",), f"~{STEPS}.7"),
    ],
)
def test_the_hash_does_not_change_with_anything_else(
    made: Make, base: tuple[Change, ...], change: Change
) -> None:
    before = specimen_of(made(*base))
    assert before is not None
    changed = made(*base, change)
    after = specimen_hash(changed.document, specimen_paths(changed) or (), made(*base).code())
    assert after == before


def test_other_code_is_another_specimen(made: Make) -> None:
    recipe = made()
    paths = specimen_paths(recipe)
    assert paths is not None
    code = dict(recipe.code())
    assert specimen_hash(recipe.document, paths, code) == specimen_of(recipe)
    for component in code:
        other = specimen_hash(recipe.document, paths, code | {component: "other"})
        assert other != specimen_of(recipe)
    plugin = made(put(10, "$plugins.odd.Shutter"))
    assert specimen_of(plugin) != specimen_of(recipe)


def test_one_recipe_has_one_hash_however_it_is_written(made: Make) -> None:
    recipe = made(f"{STEPS}.5.gravity=[0.0,-0.0,-100.0]")
    document: Any = recipe.document
    paths = specimen_paths(recipe)
    assert paths is not None
    found = specimen_hash(canonical(document), paths, recipe.code())
    assert found == specimen_of(recipe) == specimen_of(made())
    assert len(found) == 32
    assert set(found) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "changes",
    [
        (put(3, "$plugins.odd.Anything"),),
        (f"~{STEPS}.5", put(6, "$plugins.odd.Anything")),
        (put(3, "$plugins.odd.Plans"),),
        (f"{MICROSCOPE}=$plugins.odd.Microscope", DEFOCUS_FIRST),
        (DUST.replace("Dust", "SEM"),),
    ],
)
def test_runs_whose_particles_may_depend_on_anything_share_none(
    made: Make, changes: tuple[Change, ...]
) -> None:
    assert specimen_of(made(*changes)) is None
    assert specimen_steps(made(*changes)) is None


def test_what_comes_after_the_last_relaxation_is_anybodys_business(made: Make) -> None:
    later = made(put(10, "$plugins.odd.Anything"))
    assert specimen_paths(later) == specimen_paths(made())
    steps = specimen_steps(made(RELAXED_TWICE, DEFOCUS_FIRST))
    assert steps is not None
    assert (sorted(steps.makers), steps.end, steps.worth_keeping) == ([1, 2, 3, 5, 10], 11, True)
    settled = specimen_steps(made(SETTLED))
    assert settled is not None
    assert (settled.end, settled.worth_keeping) == (6, True)
    unmoved = specimen_steps(made(f"~{STEPS}.5", DEFOCUS_FIRST))
    assert unmoved is not None
    assert (sorted(unmoved.makers), unmoved.end, unmoved.worth_keeping) == ([1, 2, 3], 10, False)


def test_the_example_plugin_says_what_its_step_concerns(made: Make) -> None:
    rinse = put(6, "$builtins.RelaxCollisions")
    steps = specimen_steps(made(rinse, path=DROPCAST))
    assert steps is not None
    assert sorted(steps.makers) == [1, 2, 3, 4, 5, 6]


def test_a_step_that_gives_no_usable_answer_is_reported(made: Make) -> None:
    with pytest.raises(ConfigurationError, match="concerns must give one of Members or None"):
        made(put(3, "$plugins.odd.Wrong"))


def test_walls_of_a_library_may_follow_the_features_of_the_technique(
    made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, later = made(DEFOCUS_FIRST), made()
    assert specimen_of(recipe) is not None
    monkeypatch.setattr(Library, "find", lambda *_: object())
    assert specimen_steps(recipe) is None
    assert specimen_steps(later) is not None
    assert ("render", "fidelity") in (specimen_paths(later) or ())
