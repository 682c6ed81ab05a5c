"""One strict reading for all YAML files, in agreement with the overrides' grammar."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.plan.loading import load_sweep
from orchestrator.plan.overrides import parse_overrides, plain
from orchestrator.plan.sweep import OverrideText
from scene.errors import ConfigurationError
from scene.language.yaml_files import LARGEST_FILE, read_mapping, write_mapping
from scene.language.yaml_texts import parse_mapping
from scene.recipe.compose import Composition

READ = {
    "1": 1, "-2": -2, "+1": 1, "0": 0, "-0": 0, "1_000": 1000, "1e3": 1000.0, "1e1": 10.0,
    "1E-2": 0.01, ".5": 0.5, "-.5": -0.5, "5.": 5.0, "1.5e3": 1500.0, "1_0.5": 10.5, "1e+3": 1000.0,
    "true": True, "False": False, "TRUE": True, "tRuE": True, "null": None, "NULL": None,
    "2024-11-25": "2024-11-25", "y": "y", "n": "n", "e1": "e1", "1.2.3": "1.2.3", "_1": "_1",
    "'0100'": "0100", '"yes"': "yes", "'1:40'": "1:40", "'.inf'": ".inf", "''": "",
}  # fmt: skip
REFUSED = [
    "0100", "0o17", "0O17", "0x1F", "0b11", "-0100", "08", "007", "00.5", "01e3", "1:40", "1:40:59",
    "1:40.5", "190:20:30", "1__0", "1_", "1_.5", "yes", "No", "ON", "off", ".inf", "-.inf", ".NaN",
    "inf", "nan", "infinity", "1e999", "9" * 5000,
]  # fmt: skip


def of_file(text: str) -> Any:
    return parse_mapping(f"k: {text}\n", "f.yaml")["k"]


def of_override(text: str) -> Any:
    (axis,) = parse_overrides([OverrideText(f"k={text}", "test")])
    (value,) = axis.values
    return plain(value)


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


@pytest.mark.parametrize("text", READ)
def test_files_and_overrides_read_alike(text: str) -> None:
    assert same(of_file(text), READ[text])
    assert same(of_override(text), READ[text])


@pytest.mark.parametrize("text", REFUSED)
def test_what_yaml_and_people_read_differently_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as in_file:
        parse_mapping(f"a:\n  b: [1, {text}]\n", "f.yaml")
    assert str(in_file.value).startswith("f.yaml: a.b.1: line 2: ")
    for value in (text, f"[1,{text}]", f"1,{text}", f"{{x:{text}}}", f"choice(1,{text})"):
        with pytest.raises(ConfigurationError):
            of_override(value)
    recipe, sweep = tmp_path / "r.yaml", tmp_path / "s.yaml"
    recipe.write_text(f"a: {text}\n")
    sweep.write_text(f"recipe: r\nlimit: {text}\n")
    with pytest.raises(ConfigurationError, match=r"r\.yaml: a: line 1: "):
        Composition(recipe)
    with pytest.raises(ConfigurationError, match=r"s\.yaml: limit: line 2: "):
        load_sweep(sweep)


def test_all_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_mapping("a: 0100\nb: yes\nno: 1\nb: 2\n", "f")
    assert len(caught.value.problems) == 4


def test_whole_floats_are_whole_numbers_in_a_sweep_too(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("a: 1\n")
    (tmp_path / "s.yaml").write_text("recipe: r\nlimit: 1e1\nexecution: {workers: 2.0}\n")
    sweep = load_sweep(tmp_path / "s.yaml")
    assert (sweep.settings.limit, sweep.settings.execution.workers) == (10, 2)


words = st.text(string.digits + "+-._:eExXoObBnifaNyY", max_size=7)


@given(word=words)
@settings(max_examples=1500, deadline=None)
def test_no_plain_word_is_one_value_here_and_another_there(word: str) -> None:
    """The file's reading, the override's, and PyYAML's, which other programs have."""
    try:
        value = of_file(word)
    except ConfigurationError:
        return
    if value is not None and not isinstance(value, dict | list):
        try:
            override = of_override(word)
        except ConfigurationError:
            return
        assert same(value, override)
        if not isinstance(value, str):
            others = yaml.safe_load(f"k: {word}\n")["k"]
            assert isinstance(others, str) or others == value


texts = st.text(string.printable + "é\u00a0\u2028", max_size=12) | words | st.sampled_from(REFUSED)
plain_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(content=st.dictionaries(texts, plain_data, max_size=3))
@settings(max_examples=300, deadline=None)
def test_what_is_written_reads_back(content: dict[str, Any]) -> None:
    assert parse_mapping(write_mapping(content), "f") == content
    assert yaml.safe_load(write_mapping(content)) == (content or {})


def test_files_that_are_not_read(tmp_path: Path) -> None:
    def told(path: Path) -> str:
        with pytest.raises(ConfigurationError) as caught:
            read_mapping(path)
        return str(caught.value)

    assert "is a folder" in told(tmp_path)
    assert "is not a file" in told(Path("/dev/null"))
    assert "can't be read" in told(tmp_path / "a\0b.yaml")
    assert "can't be read: File name too long" in told(tmp_path / ("x" * 300))
    file = tmp_path / "f.yaml"
    file.write_bytes(b"#" * (LARGEST_FILE + 1))
    assert "larger than" in told(file)
    assert "can't be read: Not a directory" in told(file / "g.yaml")
    (tmp_path / "l.yaml").symlink_to("gone.yaml")
    assert "is a link to gone.yaml, which does not exist" in told(tmp_path / "l.yaml")


def test_anchors_do_not_multiply() -> None:
    bomb = "a: &a [x]\n" + "".join(
        f"{name}: &{name} [{', '.join(9 * [f'*{before}'])}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(ConfigurationError, match="stand for too many values"):
        parse_mapping(bomb, "f")
