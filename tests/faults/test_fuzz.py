"""Whatever the bytes, the answer is a result or an error of our own."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.expansion import expand
from orchestrator.loading import load_sweep
from orchestrator.overrides import parse_overrides
from orchestrator.sweep import OverrideText
from scene.compose import Composition
from scene.errors import BlendsweepError
from scene.parsing import parse
from scene.registry import Registry
from scene.yaml_files import parse_mapping, write_mapping

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


def whole_recipe() -> dict[str, object]:
    return Composition(RECIPES / "spheres_sem.yaml").resolve()


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


@pytest.mark.slow
@given(place=st.sampled_from(PLACES), value=trees, text=overrides)
@settings(patient, max_examples=3000)
def test_any_recipe_with_any_override(
    place: tuple[object, ...], value: object, text: str, tmp_path: Path
) -> None:
    tree = replaced(WHOLE, place, value)
    sweep = yaml.safe_dump({"recipe": "own.yaml", "overrides": [text]}).encode()
    accepted(tmp_path, sweep=sweep, own=yaml.safe_dump(tree).encode())
