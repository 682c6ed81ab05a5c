"""Plugins: isolated from one another, checked when found, named with their file when at fault."""

from __future__ import annotations

import copy
import importlib.metadata
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scene.errors import ConfigurationError
from scene.execution.context import step_context
from scene.execution.stopwatch import Stopwatch
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.specimen.distributions import Distribution
from scene.specimen.features import FeatureSpec
from scene.specimen.specimen import Particle
from scene.steps.update import TriggerFeatureUpdate

ROOT = Path(__file__).parents[2]
type WritePlugin = Callable[[Path, str, str], None]

GEOMETRY = """
from blendsweep.plugins import FeatureSpec, GeometryPrototype
class Shape(GeometryPrototype):
    features = ({features})
    def build(self, features):
        return None
"""
MATERIAL = GEOMETRY.replace("Geometry", "Material").replace("Shape", "Paint")
VARIABILITY = """
import numpy as np
from scene.specimen.distributions import Distribution
class Draw(Distribution):
    def sample(self, rng, volume):
        return {value}
"""
STEP = """
from scene.steps.base import FeatureGenerationStep, RenderingStep
class Step({base}):
    {body}
    def execute(self, state):
        pass
"""
BEAD = "blueprints.particles.Bead"
GENERATION = "synth_chain.feature_generation_steps"
RENDERING = "synth_chain.rendering_steps"


@pytest.fixture(scope="module")
def resolved() -> dict[str, Any]:
    return Composition(ROOT / "recipes" / "spheres_sem.yaml").resolve()


def changed(recipe: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    recipe = copy.deepcopy(recipe)
    *parents, last = path.split(".")
    node: Any = recipe
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node[part]
    if isinstance(node, list) and last == "+":
        node.append(value)
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return recipe


def problems(recipe: dict[str, Any], *folders: Path) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        parse(recipe, "r.yaml", Registry(folders))
    assert all("\n" not in problem.message for problem in caught.value.problems)
    return {problem.path: problem.message for problem in caught.value.problems}


def geometry(name: str, features: str, write: WritePlugin, folder: Path) -> str:
    write(folder, name, GEOMETRY.format(features=features))
    return f"$plugins.{name}.Shape"


# -- Isolation --------------------------------------------------------------------------------


def test_packages_of_one_name_in_two_folders_do_not_share_submodules(
    tmp_path: Path, write_plugin: WritePlugin
) -> None:
    for size in (1, 2):
        write_plugin(tmp_path / str(size), "twin", "from .part import Draw\n")
        code = VARIABILITY.format(value=f"{size}.0")
        (tmp_path / str(size) / "twin" / "part.py").write_text(code)
    draws = []
    for size in (1, 2, 1):
        found = Registry([tmp_path / str(size)]).find(Distribution, "$plugins.twin.Draw", "x")
        draws.append(found().sample(None, None))
    assert draws == [1.0, 2.0, 1.0]
    with pytest.raises(ValueError, match=r"'twin' lies in .*/1 and in .*/2; rename one of them"):
        Registry([tmp_path / "1", tmp_path / "2"]).find(Distribution, "$plugins.twin.Draw", "x")
    Registry([tmp_path / "1", tmp_path / "1"]).find(Distribution, "$plugins.twin.Draw", "x")


def test_an_edited_package_is_loaded_anew(
    tmp_path: Path, write_plugin: WritePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    write_plugin(tmp_path, "edited", "from .part import Draw\n")
    part = tmp_path / "edited" / "part.py"
    draws = []
    for value in (1, 2, 33):
        part.write_text(VARIABILITY.format(value=value))
        os.utime(part, (1e9, 1e9))  # two edits within one tick of the clock
        found = Registry([tmp_path]).find(Distribution, "$plugins.edited.Draw", "x")
        draws.append(found().sample(None, None))
    assert draws == [1, 2, 33]


@pytest.mark.parametrize("name", ["json", "numpy", "scene", "orchestrator", "yaml"])
def test_a_package_may_be_called_like_an_installed_one(
    tmp_path: Path, write_plugin: WritePlugin, name: str
) -> None:
    write_plugin(tmp_path, name, f"import {name} as other\n" + VARIABILITY.format(value=1))
    module = __import__(name)
    Registry([tmp_path]).find(Distribution, f"$plugins.{name}.Draw", "x")
    assert __import__(name) is module
    assert tmp_path not in Path(str(module.__file__)).parents


HIDING = """
import warnings
from blendsweep.plugins import Distribution
warnings.simplefilter("ignore")  # pydantic warns of it, too
class X(Distribution):
    drawn: float
    def sample(self, rng, volume): ...
"""


@pytest.mark.parametrize(
    ("files", "target", "expected"),
    [
        ({"shapes.py": ""}, "shapes.X", "shapes.py is a module; a plugin is a package: move it to"),
        ({"shapes/part.py": ""}, "shapes.X", "shapes has no __init__.py"),
        ({"__init__.py": ""}, "here.X", "is the package itself; --plugins takes its folder"),
        ({"my-pack/__init__.py": ""}, "my-pack.X", "in names of Python"),
        ({"class/__init__.py": ""}, "class.X", "in names of Python"),
        ({"a/__init__.py": ""}, "a", "expected '$plugins.<package>.<Class>'"),
        ({"a/__init__.py": ""}, "a.b.X", "expected '$plugins.<package>.<Class>'"),
        ({"a/__init__.py": ""}, "b.X", "unknown plugin package 'b'"),
        ({"a/__init__.py": ""}, "b" * 300 + ".X", "unknown plugin package"),
        ({"a/__init__.py": "import nothing_of_this"}, "a.X", "No module named 'nothing_of_this'"),
        ({"a/__init__.py": "from a import x"}, "a.X", "use relative imports"),
        ({"a/__init__.py": "x = (\n"}, "a.X", "SyntaxError: '(' was never closed"),
        ({"a/__init__.py": "x = 1 / 0"}, "a.X", "ZeroDivisionError: division by zero (plugin"),
        ({"a/__init__.py": "from . import b", "a/b.py": "\n1 / 0"}, "a.X", "a/b.py, line 2)"),
        ({"a/__init__.py": "raise SystemExit(3)"}, "a.X", "SystemExit: 3"),
        ({"a/__init__.py": "raise BaseException('x')"}, "a.X", "BaseException: x"),
        ({"a/__init__.py": "\0"}, "a.X", "fails to import: SyntaxError"),
        ({"a/__init__.py": "x = '\udcff'"}, "a.X", "fails to import: SyntaxError"),
        ({"a/__init__.py": "X = 3"}, "a.X", "it is a int, not a class"),
        ({"a/__init__.py": "class X: pass"}, "a.X",
         "it derives from object, not from Distribution"),
        ({"a/__init__.py": "from scene.specimen.distributions import Distribution as X"}, "a.X",
         "it has no sample"),
        ({"a/__init__.py": HIDING}, "a.X",
         "its field 'drawn' hides what a distribution has of this name; rename it"),
        ({"a/__init__.py": "class Y: pass"}, "a.X", "unknown variability '$plugins.a.X'"),
    ],
)  # fmt: skip
def test_what_is_no_plugin_is_told(
    tmp_path: Path, files: dict[str, str], target: str, expected: str, resolved: dict[str, Any]
) -> None:
    folder = tmp_path / "here"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    place = "process_conditions.feature_variabilities.Defocus.variability"
    recipe = changed(resolved, place, {"_target_": f"$plugins.{target}"})
    found = problems(recipe, folder)
    assert list(found) == [f"{place}._target_"]
    assert expected in found[f"{place}._target_"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("no_such_module_here", "fails to load: ModuleNotFoundError"),
        ("json:dumps", "must name a package, not <function dumps"),
        ("json:nothing", "fails to load: AttributeError"),
    ],
)
def test_a_broken_entry_point_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: str
) -> None:
    point = importlib.metadata.EntryPoint("offer", value, "blendsweep.plugins")
    points = importlib.metadata.EntryPoints([point])
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: points)
    with pytest.raises(ValueError, match=f"plugin entry point offer = {value}") as caught:
        Registry().find(Distribution, "$plugins.offer.X", "variability")
    assert expected in str(caught.value)


# -- Classes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("pass", "it has no build"),
        ("def build(self, features): ...", "its 'features' must be a tuple of FeatureSpec"),
        ("features = 3\n def build(self, features): ...", "its 'features' must be"),
        ("features = ('size',)\n def build(self, features): ...", "its 'features' must be"),
        ("features = ()\n def __init__(self, x): ...\n def build(self, features): ...",
         "it can't be made without arguments: TypeError"),
        ("features = (FeatureSpec('a', 1, ''), FeatureSpec('a', 1, ''))\n"
         " def build(self, features): ...", "it has two features 'a'"),
    ],
)  # fmt: skip
def test_a_broken_geometry_is_told_at_its_key(
    tmp_path: Path,
    write_plugin: WritePlugin,
    resolved: dict[str, Any],
    body: str,
    expected: str,
) -> None:
    code = (
        "from scene.specimen.features import FeatureSpec\n"
        "from scene.prototypes.geometry import GeometryPrototype\n"
        f"class Shape(GeometryPrototype):\n {body}\n"
    )
    write_plugin(tmp_path, "broken", code)
    recipe = changed(resolved, f"{BEAD}.geometry_prototype_name", "$plugins.broken.Shape")
    found = problems(recipe, tmp_path)
    message = found.pop(f"{BEAD}.geometry_prototype_name")
    assert found == {}
    assert expected in message
    assert str(tmp_path / "broken" / "__init__.py") in message


@pytest.mark.parametrize(
    "name", ["''", "'a b'", "'a.mean'", "'\\xe9'", "'_a'", "'1a'", "'a' * 65", "3"]
)
def test_features_with_names_that_no_table_could_hold(
    tmp_path: Path, write_plugin: WritePlugin, resolved: dict[str, Any], name: str
) -> None:
    target = geometry("odd", f"FeatureSpec({name}, 1.0, ''),", write_plugin, tmp_path)
    found = problems(changed(resolved, f"{BEAD}.geometry_prototype_name", target), tmp_path)
    assert "a feature's name is made of letters" in found[f"{BEAD}.geometry_prototype_name"]


CLASHES = {
    "with a particle's own": ("'location', 0.0, ''", "'location' of every particle"),
    "with the blueprint's name": ("'blueprint_name', '', '', kind='string'", "every particle"),
    "with a component": ("'location_x', 1.0, ''", "'location' of every particle"),
    "in capitals": ("'Rotation_Y', 1.0, ''", "'rotation' of every particle"),
    "with the blueprint": ("'blueprint', 1.0, ''", "the table of particles"),
    "with the id": ("'particle_id', 1.0, ''", "the table of particles"),
    "with the box": ("'bbox', (0.0,) * 2, '', 2", "the table of particles"),
    "with the first pose": ("'initial_location', (0.0,) * 3, '', 3", "the table of particles"),
    "with the run": ("'run_id', 1.0, ''", "the table of particles"),
}


@pytest.mark.parametrize("case", CLASHES)
def test_features_that_would_take_a_column_are_refused(
    tmp_path: Path, write_plugin: WritePlugin, resolved: dict[str, Any], case: str
) -> None:
    arguments, other = CLASHES[case]
    target = geometry("clash", f"FeatureSpec({arguments}),", write_plugin, tmp_path)
    found = problems(changed(resolved, f"{BEAD}.geometry_prototype_name", target), tmp_path)
    message = found[f"{BEAD}.geometry_prototype_name"]
    assert "of geometry prototype '$plugins.clash.Shape' has the " in message
    assert f"{other} has" in message


@pytest.mark.parametrize(
    ("shape", "paint"),
    [("'size', 1.0, ''", "'size', 1.0, ''"), ("'a', (1.0,) * 3, '', 3", "'a_z', 1.0, ''"),
     ("'a_z', 1.0, ''", "'A', (1.0,) * 3, '', 3")],
)  # fmt: skip
def test_features_of_geometry_and_material_that_clash_name_both(
    tmp_path: Path, write_plugin: WritePlugin, resolved: dict[str, Any], shape: str, paint: str
) -> None:
    target = geometry("shapes", f"FeatureSpec({shape}),", write_plugin, tmp_path)
    write_plugin(tmp_path, "paints", MATERIAL.format(features=f"FeatureSpec({paint}),"))
    recipe = changed(resolved, f"{BEAD}.geometry_prototype_name", target)
    recipe = changed(recipe, f"{BEAD}.material_prototype_name", "$plugins.paints.Paint")
    message = problems(recipe, tmp_path)[f"{BEAD}.material_prototype_name"]
    assert "material prototype '$plugins.paints.Paint'" in message
    assert "geometry prototype '$plugins.shapes.Shape'" in message


def test_features_of_technique_and_substrate_that_clash_name_both(
    tmp_path: Path, write_plugin: WritePlugin, resolved: dict[str, Any]
) -> None:
    write_plugin(tmp_path, "p", MATERIAL.format(features="FeatureSpec('defocus', 1.0, ''),"))
    place = "blueprints.measurement_techniques.SEM.background_material_prototype_name"
    message = problems(changed(resolved, place, "$plugins.p.Paint"), tmp_path)[place]
    assert "material prototype '$plugins.p.Paint'" in message
    assert "measurement technique prototype 'secondary_electron_microscope'" in message


@pytest.mark.parametrize(
    ("one", "two"),
    [("'s', 1.0, ''", "'s', (1.0,) * 3, '', 3"), ("'s', 1, '', integer=True", "'s', 1.0, ''"),
     ("'s', (1.0,) * 3, '', 3", "'s_x', 1.0, ''")],
)  # fmt: skip
def test_features_of_two_blueprints_share_the_tables_columns(
    tmp_path: Path, write_plugin: WritePlugin, resolved: dict[str, Any], one: str, two: str
) -> None:
    first = geometry("first", f"FeatureSpec({one}),", write_plugin, tmp_path)
    second = geometry("second", f"FeatureSpec({two}),", write_plugin, tmp_path)
    bead = resolved["blueprints"]["particles"]["Bead"] | {"number": 1}
    recipe = changed(resolved, BEAD, bead | {"geometry_prototype_name": first})
    recipe = changed(
        recipe, "blueprints.particles.Other", bead | {"geometry_prototype_name": second}
    )
    message = problems(recipe, tmp_path)["blueprints.particles.Other"]
    assert "$plugins.first.Shape" in message
    assert "$plugins.second.Shape" in message


MODES = {
    "outputs = {'a': 'png'}": "its 'name' must be",
    "name = 'a b'; outputs = {'a': 'png'}": "its 'name' must be",
    "name = 'a'": "its 'outputs' must be",
    "name = 'a'; outputs = {}": "its 'outputs' must be",
    "name = 'a'; outputs = {'../a': 'png'}": "an image's name must be",
    "name = 'a'; outputs = {'a': '.PNG'}": "a file's ending must be small letters and",
}


@pytest.mark.parametrize("body", MODES)
def test_a_broken_mode_is_told(
    tmp_path: Path, write_plugin: WritePlugin, resolved: dict[str, Any], body: str
) -> None:
    code = f"""
    from scene.imaging.frame import RenderingMode
    class Mode(RenderingMode):
        {body}
        def render(self, frame): ...
    """
    write_plugin(tmp_path, "modes", textwrap.dedent(code))
    place = f"{RENDERING}.1.rendering_mode"
    message = problems(changed(resolved, place, "$plugins.modes.Mode"), tmp_path)[place]
    assert MODES[body] in message
    assert str(tmp_path) in message


STEPS = {
    ("FeatureGenerationStep", "def check(self, names): return None"): "fails in check: TypeError",
    ("FeatureGenerationStep", "def check(self, names): return 1 / 0"): "__init__.py, line 4)",
    ("FeatureGenerationStep", "def changes(self, recipe): return None"): "fails in changes",
    ("FeatureGenerationStep", "def changes(self, recipe): return [3]"): "must give features' names",
    (
        "FeatureGenerationStep",
        "def makes(self, *_): raise KeyError(3)",
    ): "fails in makes: KeyError",
    ("FeatureGenerationStep", "def makes(self, *_): return 3"): "makes must give numbers by",
    ("FeatureGenerationStep", "def makes(self, *_): return {'x': 3}"): "makes must give numbers",
    ("FeatureGenerationStep", "def needs(self, _): return None"): "fails in needs",
    ("FeatureGenerationStep", "def needs(self, _): return 'x'"): "needs must give Members",
    ("FeatureGenerationStep", "label = property(lambda self: 3)"): "its label must be",
    ("FeatureGenerationStep", "label = property(lambda self: 'total')"): "another time of a run",
    ("RenderingStep", "label = property(lambda self: 1 / 0)"): "fails in label: ZeroDivisionError",
    ("RenderingStep", "def files(self, names): return None"): "fails in files: TypeError",
    ("RenderingStep", "def files(self, names): return [3]"): "would write 3, which is not a file's",
    ("RenderingStep", "def files(self, names): return ['../x']"): "outside the run's folder",
    ("RenderingStep", "def files(self, names): return ['/x']"): "outside the run's folder",
    ("RenderingStep", "def files(self, names): return ['a/b c.png']"): "other characters",
    ("RenderingStep", "def files(self, names): return ['a' * 300]"): "longer than 255",
    (
        "RenderingStep",
        "def files(self, names): return ['nul.png']",
    ): "can't be the name of a file on Windows",
    ("RenderingStep", "def files(self, names): return ['Record.JSON']"): "record.json of every run",
}


@pytest.mark.parametrize("case", STEPS)
def test_a_steps_rubbish_is_told_with_its_file(
    tmp_path: Path, write_plugin: WritePlugin, resolved: dict[str, Any], case: tuple[str, str]
) -> None:
    base, body = case
    write_plugin(tmp_path, "steps", STEP.format(base=base, body=body))
    steps = GENERATION if base.startswith("Feature") else RENDERING
    recipe = changed(resolved, f"{steps}.+", {"_target_": "$plugins.steps.Step"})
    ((place, message),) = problems(recipe, tmp_path).items()
    assert place.startswith(steps)
    assert STEPS[case] in message
    if "every run" not in message:
        assert str(tmp_path / "steps" / "__init__.py") in message


MIXTURE = """
from scene.specimen.distributions import Distribution
class Mixture(Distribution):
    one: Distribution
    other: Distribution
    def sample(self, rng, volume):
        return (self.one if rng.random() < 0.5 else self.other).sample(rng, volume)
"""


def test_a_distribution_can_be_made_of_others(
    tmp_path: Path, write_plugin: WritePlugin, resolved: dict[str, Any]
) -> None:
    write_plugin(tmp_path, "mixtures", MIXTURE)
    place = "process_conditions.feature_variabilities.Defocus.variability"
    constant = {"_target_": "$builtins.Constant", "value": 0.5}
    mixture = {"_target_": "$plugins.mixtures.Mixture", "one": constant, "other": {**constant}}
    recipe = changed(resolved, place, mixture)
    parse(recipe, "r.yaml", Registry([tmp_path]))
    recipe = changed(recipe, f"{place}.one._target_", "$builtins.Constent")
    recipe = changed(recipe, f"{place}.other.valu", 1)
    found = problems(recipe, tmp_path)
    assert "did you mean '$builtins.Constant'?" in found[f"{place}.one._target_"]
    assert found[f"{place}.other.valu"] == "unknown key 'valu'; did you mean 'value'?"
    assert len(found) == 2


@pytest.mark.parametrize(
    ("body", "expected"),
    [("return 1 / 0", "fails in volume: ZeroDivisionError"), ("return 3", "got 3")],
)
def test_a_technique_without_a_volume_is_told_with_all_else(
    tmp_path: Path, write_plugin: WritePlugin, resolved: dict[str, Any], body: str, expected: str
) -> None:
    code = f"""
    from scene.prototypes.technique import MeasurementTechniquePrototype
    class Scope(MeasurementTechniquePrototype):
        features = ()
        def volume(self, resolution): {body}
        def build(self, scene, resolution, fidelity): ...
        def apply(self, scene, features, fidelity): ...
    """
    write_plugin(tmp_path, "scopes", textwrap.dedent(code))
    place = "blueprints.measurement_techniques.SEM.measurement_technique_prototype_name"
    recipe = changed(resolved, place, "$plugins.scopes.Scope")
    recipe = changed(recipe, f"{RENDERING}.1.rendering_mode", "reel")
    found = problems(recipe, tmp_path)
    assert expected in found[place]
    assert str(tmp_path / "scopes" / "__init__.py") in found[place]
    assert f"{RENDERING}.1.rendering_mode" in found


def test_a_validator_that_raises_anything_is_told_with_its_file(
    tmp_path: Path, write_plugin: WritePlugin, resolved: dict[str, Any]
) -> None:
    code = """
    from pydantic import field_validator
    from scene.specimen.distributions import Distribution
    class Draw(Distribution):
        x: int
        @field_validator("x")
        @classmethod
        def half(cls, x): raise KeyError(x)
        def sample(self, rng, volume): ...
    """
    write_plugin(tmp_path, "draws", textwrap.dedent(code))
    place = "process_conditions.feature_variabilities.Defocus.variability"
    recipe = changed(resolved, place, {"_target_": "$plugins.draws.Draw", "x": 3})
    message = problems(recipe, tmp_path)[place]
    assert "fails in checking its parameters: KeyError: 3" in message
    assert str(tmp_path / "draws" / "__init__.py") in message


# -- Draws ------------------------------------------------------------------------------------


def drawn(folder: Path, write: WritePlugin, value: str, recipe: dict[str, Any]) -> Any:
    write(folder, "draws", VARIABILITY.format(value=value))
    place = "process_conditions.feature_variabilities.ParticleDimension.variability"
    recipe = changed(recipe, place, {"_target_": "$plugins.draws.Draw"})
    parsed = parse(recipe, "r.yaml", Registry([folder]))
    bead = Particle(1, "Bead", 0, "sphere", "sem_polystyrene")
    no_blender: Any = None
    context = step_context(parsed, no_blender, folder, Stopwatch())
    context.specimen.particles.append(bead)
    step = TriggerFeatureUpdate(
        feature_variability_name="ParticleDimension", affected_set_name="AllParticles"
    )
    step.execute(context)
    return bead.features["dimensions"]


@pytest.mark.parametrize(
    "value",
    ["np.array([1, 2, 3])", "np.array([1.0, 2, 3], np.float32)", "[np.int64(1), np.float64(2), 3]",
     "(np.float32(1), 2, 3)"],
)  # fmt: skip
def test_numpys_values_become_plain(
    tmp_path: Path, write_plugin: WritePlugin, resolved: dict[str, Any], value: str
) -> None:
    found = drawn(tmp_path, write_plugin, value, resolved)
    assert found == (1.0, 2.0, 3.0)
    assert {type(number) for number in found} == {float}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("None", "takes 3 numbers, got None"),
        ("np.ones((3, 3))", "takes numbers, got [1.0, 1.0, 1.0]"),
        ("np.ones(2)", "takes 3 numbers, got [1.0, 1.0]"),
        ("(1, 2, float('nan'))", "must be finite and at most"),
        ("(1, 2, np.float64('inf'))", "must be finite and at most"),
        ("(True, 1, 2)", "takes numbers, got True"),
        ("np.array(['a', 'b', 'c'])", "takes numbers, got 'a'"),
        ("'abc'", "takes 3 numbers, got 'abc'"),
        ("(-1, 1, 1)", "must lie in [0.001, 100000], got -1"),
        ("rng", "takes 3 numbers, got Generator"),
    ],
)
def test_a_draw_that_fits_nothing_names_the_plugin(
    tmp_path: Path,
    write_plugin: WritePlugin,
    resolved: dict[str, Any],
    value: str,
    expected: str,
) -> None:
    with pytest.raises(ValueError, match="plugin class Draw in ") as caught:
        drawn(tmp_path, write_plugin, value, resolved)
    assert expected in str(caught.value)
    assert str(tmp_path / "draws" / "__init__.py") in str(caught.value)


def test_scalars_of_numpy_are_plain_too() -> None:
    whole = FeatureSpec("n", 1, "", integer=True)
    assert [type(whole.checked(v)) for v in (np.int64(3), np.float64(3), np.array(3))] == [int] * 3
    with pytest.raises(ValueError, match="takes numbers, got True"):
        whole.checked(np.bool_(True))
    assert FeatureSpec("v", [1, 2, 3], "", 3).default == (1.0, 2.0, 3.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="1, 2, 3 or 4 components"):
        FeatureSpec("v", (1,) * 5, "", 5)
