"""Whatever the bytes, the answer is a result or an error of our own."""

from __future__ import annotations

import contextlib
import io
import string
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.__main__ import main
from orchestrator.dataset.schema import Columns, particles_schema
from orchestrator.plan.checking import expand
from orchestrator.plan.loading import load_sweep
from orchestrator.plan.overrides import parse_overrides
from orchestrator.plan.sweep import OverrideText
from scene.errors import BlendsweepError
from scene.language.yaml_files import write_mapping
from scene.language.yaml_texts import parse_mapping
from scene.prototypes.particle_features import PARTICLE_FEATURES
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.specimen.columns import Declared, absorbed, clash
from scene.specimen.features import FeatureSpec
from scene.specimen.values import initial, values

RECIPES = Path(__file__).parents[2] / "recipes"
REGISTRY = Registry()

patient = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

NUMBER_LIKE = ["0100", "1:40", "1_000", "1e3", ".5", "+1", "yes", "off", "0x1F", ".inf", "1e999",
    "2024-01-01", "~", "9" * 5000, "-00", "1__0", "nan", "=", "<<"]  # fmt: skip

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["${a}", "${oc.env:HOME}", "$builtins.Choice", "os.system", "../x", "", "???"]
    )
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(string.ascii_letters + "_$.", max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


CRITERIA = """
feature_criteria:
  Is: {_target_: $builtins.IsEqualTo, feature_name: location, default_return_value: true,
    comparand: [0, 0, 1]}
  Has: {_target_: $builtins.ContainsString, feature_name: blueprint_name,
    default_return_value: false, search_string: B}
  Less: {_target_: $builtins.IsSmallerThan, feature_name: subdivisions,
    default_return_value: false, comparand: 2}
  In: {_target_: $plugins.official.InCompartment, feature_name: subdivisions, compartment_no: 1,
    compartments_total: 2, default_return_value: false}
  Red: {_target_: $plugins.official.InHsvRange, feature_name: dimensions, h_max: 0.1,
    default_return_value: false}
sets:
  Some: {criterion: $IsParticle and ($Is or not $Has) and $Less}
  Others: {criterion: $IsParticleBlueprint and not $In or $IsMeasurementTechniqueBlueprint}
  All: {criterion: true}
"""


def whole_recipe() -> dict[str, Any]:
    recipe = Composition(RECIPES / "spheres_sem.yaml").resolve()
    recipe["process_conditions"] |= yaml.safe_load(CRITERIA)
    steps = recipe["synth_chain"]["feature_generation_steps"]
    steps[1]["affected_set_name"] = "Others"
    steps[0] = {"_target_": "$builtins.TriggerFeatureUpdate", "affected_set_name": "Some",
        "feature_variability_name": "ParticleSubdivisions"}  # fmt: skip
    steps[0], steps[1] = steps[1], steps[0]
    return recipe


def places(tree: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Return the path of every node."""
    found = [path]
    if isinstance(tree, dict):
        found += [place for key, value in tree.items() for place in places(value, (*path, key))]
    elif isinstance(tree, list):
        found += [place for i, value in enumerate(tree) for place in places(value, (*path, i))]
    return found


def replaced(tree: object, path: tuple[object, ...], value: object) -> object:
    if not path:
        return value
    if isinstance(tree, dict):
        return {
            key: replaced(item, path[1:], value) if key == path[0] else item
            for key, item in tree.items()
        }
    assert isinstance(tree, list)
    return [
        replaced(item, path[1:], value) if i == path[0] else item for i, item in enumerate(tree)
    ]


WHOLE = whole_recipe()
PLACES = places(WHOLE)[1:]


def accepted(folder: Path, **files: bytes) -> bool:
    """Write the files, read the sweep among them; False if it was refused with an error of ours."""
    for name, data in files.items():
        (folder / f"{name}.yaml").write_bytes(data)
    try:
        runs = expand(load_sweep(folder / "sweep.yaml", output=str(folder / "out")))
        assert len(runs) >= 1
    except BlendsweepError as error:
        assert str(error)
        return False
    return True


@given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(patient, max_examples=300)
def test_any_bytes_as_a_sweep(data: bytes, tmp_path: Path) -> None:
    accepted(tmp_path, sweep=data)


@given(tree=st.dictionaries(st.sampled_from(["name", "recipe", "overrides", "output", "limit",
    "execution", "tracking", "plugins", "recipe_dirs"]), trees))  # fmt: skip
@settings(patient, max_examples=200)
def test_any_tree_as_a_sweep(tree: dict[str, object], tmp_path: Path) -> None:
    accepted(tmp_path, sweep=yaml.safe_dump(tree).encode())


@given(data=st.binary(max_size=200) | trees.map(lambda tree: yaml.safe_dump(tree).encode()))
@settings(patient, max_examples=100)
def test_any_bytes_as_a_recipe(data: bytes, tmp_path: Path) -> None:
    assert not accepted(tmp_path, sweep=b"recipe: own.yaml", own=data)


LINES = [
    "a: 1", "a: 2", "\ta: 1", "  a: 1", "- a", "---", "...", "%YAML 1.1", "a: !!int 3", "a: !x {}",
    "a: &a [*a]", "b: *a", "<<: {a: 1}", "<<: 3", "? [a]", ": b", "'a': 1", "1: 2", "no: 1",
    "a: [", "}", "a: |", "# @package a", "# @package a b", "a: ${b}", "a: ${b:c}", "b: ${a}",
    "a: ${", "hydra: {}", "hydra: {searchpath: [/]}", "defaults:", "  - _self_", "  - own",
    "  - part", "  - BaseRecipe", "  - a: b", "  - a@b: c", "  - optional x: y",
    "  - override x: y", "  - x: [y, null]", "  - null", "  - 3", "  - [x]", "  - {}", "  - ''",
    "  - ${oc.env:HOME}", "  - /x", "  - ../own", "  - a@: b", "  - override hydra/launcher: x",
    "\ufeff", "\x00", "a:\xa01", "\u2028",
    *(f"a: {word}" for word in NUMBER_LIKE),
    *(f"{word}: 1" for word in NUMBER_LIKE if len(word) < 99),
]  # fmt: skip


@given(
    own=st.lists(st.sampled_from(LINES), max_size=6),
    part=st.lists(st.sampled_from(LINES), max_size=4),
    ending=st.sampled_from(["yaml", "yml"]),
)
@settings(patient, max_examples=400)
def test_any_lines_as_a_recipe_and_its_defaults(
    own: list[str], part: list[str], ending: str, tmp_path: Path
) -> None:
    """Whole recipes included: what composes is plain data that reads back as itself."""
    for old in tmp_path.iterdir():
        old.unlink()
    (tmp_path / "own.yaml").write_text("\n".join(own), encoding="utf-8")
    (tmp_path / f"part.{ending}").write_text("\n".join(part), encoding="utf-8")
    try:
        content = Composition(tmp_path / "own.yaml").resolve()
    except BlendsweepError as error:
        assert str(error)
        assert "Error" not in str(error)
        return
    assert parse_mapping(write_mapping(content), "test") == content


@given(place=st.sampled_from(PLACES), value=trees)
@settings(patient, max_examples=400)
def test_any_value_anywhere_in_a_recipe(place: tuple[object, ...], value: object) -> None:
    tree = replaced(WHOLE, place, value)
    assert isinstance(tree, dict)
    try:
        parse(tree, "test", REGISTRY)
    except BlendsweepError as error:
        assert str(error)


@given(place=st.sampled_from(PLACES), value=trees)
@settings(patient, max_examples=40)
def test_any_value_anywhere_in_a_recipe_file(
    place: tuple[object, ...], value: object, tmp_path: Path
) -> None:
    tree = replaced(WHOLE, place, value)
    accepted(tmp_path, sweep=b"recipe: own.yaml", own=yaml.safe_dump(tree).encode())


overrides = st.text(max_size=60) | st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "+", "++", "~", "~~"]),
    st.sampled_from([".".join(map(str, place)) for place in PLACES]) | st.text(max_size=8),
    st.sampled_from(["=", "", "@x=", "=="]),
    st.text("0123456789.,()[]{}'\"$:ranges -+e\\\n", max_size=20)
    | st.sampled_from([r"range\(3\)", "\N{LEFT DOUBLE QUOTATION MARK}3", "3\u00a0", "\N{EN DASH}3",
                       "[0100]", "range(010)", "3 \\", *NUMBER_LIKE])
    | st.sampled_from(["range(3)", "1,2", "choice(1,2)", "interval(0,1)", "glob(*)", "sort(3,1)",
                       "shuffle(1,2)", "1e400", ".inf", "nan", "${oc.env:X}", "[[[[[[[["]),
)  # fmt: skip


@given(text=overrides)
@settings(patient, max_examples=500)
def test_any_text_as_an_override(text: str) -> None:
    try:
        axes = parse_overrides([OverrideText(text, "test")])
        composition = Composition(RECIPES / "spheres_sem.yaml") if axes else None
        assert composition is not None
        for index in range(min(3, len(axes[0].values))):
            composition.resolve([axes[0].assignment(index)])
    except BlendsweepError as error:
        assert str(error)


WORDS = [
    "sweeps/quickstart.yaml", "run", "--dry-run", "--limit", "1", "--output", "--plugins",
    "--multirun", "-m", "--config-name", "--config-name=x", "--cfg", "job", "\N{EN DASH}dry-run",
    "\N{EM DASH}limit", " ", "", "~nosuchuser/x", "~", "x" * 300, "overrides=a=1", "limit=3",
    "a=range\\(3\\)", "initial_runtime_state.seed=1", "--limit\u00a03", "--", "-1", "--json",
    "--help", "--address", "--timeout", "1e999", "nan", "--executor", "inline",
]  # fmt: skip


@given(words=st.lists(st.sampled_from(WORDS), max_size=5))
@settings(patient, max_examples=150)
def test_any_words_as_a_command_line(words: list[str]) -> None:
    """What is not refused only tells its runs: nothing is started."""
    told = io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(told),
    ):
        patch.setattr("sys.argv", ["orchestrator", *words, "--dry-run"])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code in {0, 2, None}, told.getvalue()
    assert "internal error" not in told.getvalue()
    assert "Traceback" not in told.getvalue()


FOLDERS = ["record.json", "a", "A", "a/b", "real.png", "con", "..", "a.", "state.blend", "x/" * 70,
    "preview.jpg", "/a", "a\\b"]  # fmt: skip
PREFIXES = ["", "x", "X", ".", "-", "real_", " ", "..", "aux."]
renderings = st.fixed_dictionaries(
    {"rendering_mode": st.sampled_from(["real", "categorical", "depth_map"])},
    optional={
        "subfolder": st.sampled_from(FOLDERS),
        "output_file_name_prefix": st.sampled_from(PREFIXES),
    },
)


@given(
    generation=st.lists(st.integers(0, 10), max_size=14),
    rendering=st.lists(renderings, max_size=4),
    alone=st.booleans(),
)
@settings(patient, max_examples=300)
def test_whatever_chain_is_taken_can_run(
    generation: list[int], rendering: list[dict[str, str]], alone: bool
) -> None:
    steps = WHOLE["synth_chain"]["feature_generation_steps"]
    kind = "RenderParticlesIndividually" if alone else "RenderParticlesTogether"
    first = [{"_target_": "$builtins.SaveState"}] if alone else []
    chain = {
        "feature_generation_steps": [steps[n] for n in generation],
        "rendering_steps": first
        + [{"_target_": f"$builtins.{kind}", **step} for step in rendering],
    }
    try:
        recipe = parse({**WHOLE, "synth_chain": chain}, "test", REGISTRY)
    except BlendsweepError as error:
        assert str(error)
        return
    assert generation.count(0) <= 1
    assert generation.count(0) or not rendering
    assert 600 * generation.count(1) <= 65535
    files = ["record.json", "recipe.yaml", "preview.jpg"]
    files += [
        file for step in recipe.synth_chain.rendering_steps for file in step.files(recipe.names)
    ]
    folders = {str(parent).lower() for file in files for parent in PurePosixPath(file).parents}
    assert len({file.lower() for file in files}) == len(files)
    assert not folders & {file.lower() for file in files}
    assert all(
        not PurePosixPath(file).is_absolute() and ".." not in file.split("/") for file in files
    )


feature_names = st.sampled_from(["size", "Size", "size_x", "size_y", "location", "location_x",
    "bbox", "blueprint", "bbox_x", "run_id", "mean", "initial_location", "dimensions_y", "a.b", "",
    "\xe9", "x" * 65])  # fmt: skip


aliases = st.none() | st.tuples(st.sampled_from(["location", "size"]), st.integers(0, 3))


@given(
    specs=st.lists(
        st.tuples(feature_names, st.integers(1, 4), st.integers(0, 1), aliases), max_size=5
    )
)
@settings(patient, max_examples=300)
def test_whatever_features_are_taken_have_columns_of_their_own(
    specs: list[tuple[str, int, int, tuple[str, int] | None]],
) -> None:
    sources = [Declared("every particle", PARTICLE_FEATURES), Declared("a", []), Declared("b", [])]
    try:
        for name, size, owner, alias in specs:
            default = 1.0 if size == 1 else (1.0,) * size
            spec = FeatureSpec(name, default, "", size, alias_of=alias)
            sources[1 + owner] = Declared("x", [*sources[1 + owner].specs, spec])
    except ValueError:
        return
    sources = absorbed(sources)
    if clash(sources, reserved=True) is not None:
        return
    features = [spec for source in sources for spec in source.specs]
    names = particles_schema(Columns(particle_features=features)).names
    plain = particles_schema(Columns()).names
    stored = sum(spec.components for spec in features if spec.is_stored)
    assert len(names) == len(plain) + stored
    assert len({name.lower() for name in names}) == len(names)
    held = initial(features)
    assert held.keys() == {spec.name for spec in features if spec.is_stored}
    assert values(held, features).keys() == {spec.name for spec in features}


@pytest.mark.slow
@given(place=st.sampled_from(PLACES), value=trees, text=overrides)
@settings(patient, max_examples=3000)
def test_any_recipe_with_any_override(
    place: tuple[object, ...], value: object, text: str, tmp_path: Path
) -> None:
    tree = replaced(WHOLE, place, value)
    sweep = yaml.safe_dump({"recipe": "own.yaml", "overrides": [text]}).encode()
    accepted(tmp_path, sweep=sweep, own=yaml.safe_dump(tree).encode())
