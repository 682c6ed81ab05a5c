"""Measured distributions: CSV files whose numbers take the files' place in a recipe."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.plan.checking import expand
from orchestrator.plan.loading import load_sweep
from scene.errors import ConfigurationError
from scene.language.number_tables import read_table
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.specimen.distributions.empirical import MOST_VALUES

KEY = "process_conditions.feature_variabilities.ParticleDimension.variability"
RECIPE = """
defaults: [spheres_sem, _self_]
process_conditions:
  feature_variabilities:
    ParticleDimension:
      variability: {_target_: $builtins.Empirical, file: sizes.csv, num_dimensions: 3}
"""
PARTS = ("_target_", "num_dimensions")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "sizes.csv").write_text("5\n3\n4.5\n")
    (tmp_path / "mine" / "r.yaml").write_text(RECIPE)
    return tmp_path / "mine"


def measured(recipe: dict[str, Any]) -> dict[str, Any]:
    node: Any = recipe
    for key in KEY.split("."):
        node = node[key]
    return {key: value for key, value in node.items() if key not in PARTS}


def resolved(recipe: Path, *overrides: str) -> dict[str, Any]:
    return measured(Composition(recipe).resolve([f"{KEY}.{text}" for text in overrides]))


def problems(recipe: Path, *overrides: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        resolved(recipe, *overrides)
    return str(caught.value)


def test_numbers_take_the_place_of_their_file(folder: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir("/")
    composition = Composition(folder / "r.yaml")
    assert measured(composition.resolve()) == {"values": [3.0, 4.5, 5.0]}
    assert measured(yaml.safe_load(composition.document())) == {"values": [3.0, 4.5, 5.0]}
    assert measured(composition.resolve([f"+{KEY}.factor=2"])) == {
        "values": [3.0, 4.5, 5.0],
        "factor": 2,
    }


def test_a_resolved_recipe_needs_no_file(folder: Path) -> None:
    recipe = parse(Composition(folder / "r.yaml").resolve(), "r.yaml", Registry())
    recipe.write(folder / "again.yaml")
    (folder / "sizes.csv").unlink()
    again = Composition(folder / "again.yaml")
    assert again.resolve() == recipe.document
    sizes = recipe.process_conditions.feature_variabilities["ParticleDimension"].variability
    assert sizes.extremes() == ((3,) * 3, (5,) * 3)


def test_a_path_is_relative_to_the_recipe_that_names_it(folder: Path, monkeypatch: Any) -> None:
    other = folder.parent / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    head = "defaults: [r, _self_]\n"
    mine = {"file": "sizes.csv"}
    tree: dict[str, Any] = {"process_conditions": {"feature_variabilities": {}}}
    entry = tree["process_conditions"]["feature_variabilities"]
    (other / "d.yaml").write_text(head)
    assert measured(Composition(other / "d.yaml", [folder]).resolve())["values"] == [3, 4.5, 5]
    entry["ParticleDimension"] = {"variability": mine}
    (other / "d.yaml").write_text(head + yaml.safe_dump(tree))
    (other / "sizes.csv").write_text("7\n8\n")
    assert measured(Composition(other / "d.yaml", [folder]).resolve())["values"] == [7, 8]
    (other / "b.csv").write_text("1\n2\n")
    assert resolved(folder / "r.yaml", "file=b.csv")["values"] == [1, 2]
    assert resolved(folder / "r.yaml", f"file={other}/b.csv")["values"] == [1, 2]


def test_a_file_in_the_part_of_a_mixture_is_found(folder: Path) -> None:
    part = "{weight: 1, variability: {_target_: $builtins.Empirical, file: sizes.csv}}"
    text = RECIPE[: RECIPE.index("{_target_")] + f"{{_target_: $builtins.Mixture, parts: [{part}]}}"
    (folder / "r.yaml").write_text(text)
    parts = resolved(folder / "r.yaml")["parts"]
    assert parts[0]["variability"]["values"] == [3, 4.5, 5]


def test_a_file_of_a_parameter_that_is_drawn_is_found(folder: Path) -> None:
    (folder / "factors.csv").write_text("1\n1.5\n")
    factor = "factor: {_target_: $builtins.Empirical, file: factors.csv}"
    (folder / "r.yaml").write_text(RECIPE.replace("num_dimensions", f"{factor}, num_dimensions"))
    recipe = Composition(folder / "r.yaml").resolve()
    assert measured(recipe) == {
        "values": [3, 4.5, 5],
        "factor": {"_target_": "$builtins.Empirical", "values": [1, 1.5]},
    }
    sizes = parse(recipe, "r.yaml", Registry()).process_conditions.feature_variabilities
    assert max(sizes["ParticleDimension"].variability.extremes()) == (7.5,) * 3


def test_a_file_that_another_entry_names_is_found(folder: Path) -> None:
    other = f"{KEY.replace('ParticleDimension', 'Other')}.file"
    (folder / "r.yaml").write_text(
        RECIPE.replace("file: sizes.csv", f"file: '${{{other}}}'")
        + "    Other:\n      feature_name: dimensions\n      variability:\n"
        "        {_target_: $builtins.Empirical, file: sizes.csv, num_dimensions: 3}\n"
    )
    composition = Composition(folder / "r.yaml")
    values = {"values": [3, 4.5, 5]}
    assert measured(composition.resolve()) == values
    assert measured(yaml.safe_load(composition.document())) == values
    (folder / "other.csv").write_text("7\n8\n")
    moved = composition.resolve([f"{other}={folder}/other.csv"])
    assert measured(moved) == {"values": [7, 8]}


def test_a_key_file_of_something_else_is_left_alone(folder: Path) -> None:
    (folder / "x.yaml").write_text("a: {_target_: $plugins.a.B, file: sizes.csv}\nb: {file: c}\n")
    made = Composition(folder / "x.yaml").resolve()
    assert made == {"a": {"_target_": "$plugins.a.B", "file": "sizes.csv"}, "b": {"file": "c"}}


FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "{KEY}.file: {file}: holds no numbers"),
    "blank": (b" \n\n,\n", "{KEY}.file: {file}: holds no numbers"),
    "a header alone": (b"size\n", "{KEY}.file: {file}: holds no numbers"),
    "one value": (b"size\n5\n", "{file}: line 2: is the only one with values"),
    "text": (b"size\n5\n\nabc\n", "{file}: line 4: expected a number, got 'abc'"),
    "a gap": (b"5,1\n5,\n", "{KEY}.column: {file} has 2 columns; name one: 0 to 1"),
    "NaN": (b"5\nNaN\n", "{file}: line 2: expected a finite number, got 'NaN'"),
    "infinite": (b"-inf\n5\n", "{file}: line 1: expected a finite number, got '-inf'"),
    "huge": (b"5\n1e999\n", "{file}: line 2: expected a finite number, got '1e999'"),
    "underscores": (b"5\n1_000\n", "{file}: line 2: expected a number, got '1_000'"),
    "underscores at once": (b"1_000\n5\n6\n", "{file}: line 1: expected a number, got '1_000'"),
    "a unit at once": (b"4 nm\n5\n6\n", "{file}: line 1: expected a number, got '4 nm'"),
    "Arabic digits": ("5\n٣\n".encode(), "{file}: line 2: expected a number, got '٣'"),
    "semicolons": (b"a;b\n4,5;1\n", "{file}: line 1: columns are separated by commas, and dec"),
    "tabs": (b"1\t2\n", "{file}: line 1: columns are separated by commas, and decimals by a p"),
    "decimal commas": (b"4,5\n5,5\n", "name one: 0 to 1 (a decimal is a point)"),
    "ragged": (b"d,n\n5,1\n6\n", "{file}: line 3: has 1 columns, where line 1 has 2"),
    "mixed head": (b"size\n4\n5,6\n", "{file}: line 3: has 2 columns, where line 1 has 1"),
    "UTF-16": ("5\n6\n".encode("utf-16"), "{KEY}.file: {file}: not a UTF-8 text file (byte 0)"),
    "Latin-1": ("größe\n5\n6\n".encode("latin-1"), "{file}: not a UTF-8 text file (byte 2)"),
    "a quote": (b'5\n"6\n', "{file}: line 2: is not CSV: unexpected end of data"),
    "binary": (b"\x00\x01\x02\n5\n", "{file}: "),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_bad_files_are_reported_with_their_line(folder: Path, case: str) -> None:
    content, expected = FILES[case]
    (folder / "sizes.csv").write_bytes(content)
    found = problems(folder / "r.yaml")
    assert expected.format(KEY=KEY, file=folder / "sizes.csv") in found
    assert "\n" not in found


def test_a_place_without_a_file_is_reported_with_its_key(folder: Path) -> None:
    recipe, there = folder / "r.yaml", folder / "sizes.csv"
    there.unlink()
    (folder / "other.csv").write_text("1\n2\n")
    assert f"r.yaml: {KEY}.file: {there}: no such file; {folder} holds other.csv" in problems(
        recipe
    )
    there.mkdir()
    assert "is a folder; give the CSV file in it" in problems(recipe)
    there.rmdir()
    os.mkfifo(there)
    assert "is not a file" in problems(recipe)
    there.unlink()
    with there.open("wb") as big:
        big.truncate(17 * 2**20)
    assert "is larger than 16 MiB" in problems(recipe)


@pytest.mark.parametrize(
    "content",
    [
        b"size\n3\n4.5\n5\n",
        b"\xef\xbb\xbfsize\r\n 3 \r\n4.5\r\n5.0\r\n\r\n",
        b"\xef\xbb\xbf3\n+4.5e0\n50e-1",
        b'"3"\n"4.5"\n5.\n',
        b"3\r4.5\r5\r",
    ],
)
def test_what_programs_write_is_read(folder: Path, content: bytes) -> None:
    (folder / "sizes.csv").write_bytes(content)
    assert resolved(folder / "r.yaml") == {"values": [3, 4.5, 5]}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["column=d"], {"values": [3, 4]}),
        (["column=1"], {"values": [1, 2]}),
        (["kind=quantiles", "column=d", "fraction_column=Q"],
         {"values": [3, 4], "fractions": [0, 1]}),
        (["column=e"], "unknown column 'e' of {file}; valid are: Q, d, n"),
        (["column=D"], "did you mean 'd'?"),
        (["column=3"], "has 3 columns, counted from 0; there is no 3"),
        (["column=-1"], "there is no -1"),
        (["column=true"], "expected a column's name, or its position counted from 0, got True"),
        (["column=[1]"], "expected a column's name, or its position counted from 0, got [1]"),
        (["kind=quantile"], "kind: expected values or quantiles, got 'quantile'"),
        (["kind=quantiles"], "column: {file} has 3 columns; name one: d, n, Q"),
        (["column=d", "fraction_column=Q"], "fraction_column: means something with kind: qu"),
        (["file=5"], "file: expected a file, got 5"),
        (["file=[a.csv]"], "file: expected a file, got ['a.csv']"),
    ],
)  # fmt: skip
def test_columns_are_chosen_by_name_or_position(
    folder: Path, overrides: list[str], expected: object
) -> None:
    (folder / "sizes.csv").write_text("d,n,Q\n3,2,0\n4,1,1\n")
    added = [
        f"+{KEY}.{text}" if not text.startswith("file") else f"{KEY}.{text}" for text in overrides
    ]
    composition = Composition(folder / "r.yaml")
    if isinstance(expected, str):
        with pytest.raises(ConfigurationError) as caught:
            composition.resolve(added)
        assert expected.format(file=folder / "sizes.csv") in str(caught.value)
    else:
        assert measured(composition.resolve(added)) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(0, 1), (0.5, 2), (1, 9)], {"values": [1, 2, 9], "fractions": [0, 0.5, 1]}),
        ([(0, 1), (0.5, 2), (0.4, 3), (1, 9)], "line 3: fractions must rise, got 0.4 after 0.5"),
        ([(0, 1), (0.5, 1), (1, 0)], "line 3: quantiles must not fall, got 0 after 1"),
        ([(0, 1), (50, 2), (100, 9)], "line 2: a fraction lies in 0 to 1, got 50"),
        ([(0.1, 1), (1, 2)], "line 1: the first fraction must be 0, got 0.1"),
        ([(0, 1), (0.9, 2)], "line 2: the last fraction must be 1, got 0.9"),
        ([(n / 1200, n) for n in range(1201)], "line 1001: a distribution has at most 1,000"),
    ],
)
def test_quantiles_rise_from_0_to_1(
    folder: Path, rows: list[tuple[float, float]], expected: object
) -> None:
    (folder / "sizes.csv").write_text("".join(f"{q},{value}\n" for q, value in rows))
    overrides = [f"+{KEY}.kind=quantiles"]
    if isinstance(expected, str):
        with pytest.raises(ConfigurationError, match=expected):
            Composition(folder / "r.yaml").resolve(overrides)
    else:
        assert measured(Composition(folder / "r.yaml").resolve(overrides)) == expected


def test_of_very_many_values_a_recipe_holds_quantiles(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = np.random.default_rng(1).lognormal(1, 0.3, 50_000)
    (folder / "sizes.csv").write_text("\n".join(map(str, values)))
    with caplog.at_level(logging.WARNING):
        kept = resolved(folder / "r.yaml")["values"]
    assert f"50000 values, for which {MOST_VALUES} quantiles stand" in caplog.text
    assert len(kept) == MOST_VALUES
    assert kept == pytest.approx(np.quantile(values, np.linspace(0, 1, MOST_VALUES)), rel=1e-8)


def test_sizes_that_a_particle_can_not_have_are_reported(folder: Path) -> None:
    for number in ("0", "-5"):
        (folder / "sizes.csv").write_text(f"{number}\n5\n")
        with pytest.raises(ConfigurationError, match="dimensions must lie in"):
            parse(Composition(folder / "r.yaml").resolve(), "r.yaml", Registry())


def sweep(folder: Path, *overrides: str) -> Any:
    (folder / "s.yaml").write_text(
        yaml.safe_dump({"name": "s", "recipe": "r.yaml", "overrides": list(overrides)})
    )
    return expand(load_sweep(folder / "s.yaml"))


def test_a_sweep_over_files_has_a_run_for_each_content(folder: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(folder)
    (folder / "a.csv").write_text("5\n3\n4.5\n")
    (folder / "b.csv").write_text("5\n6\n7\n")
    runs = sweep(folder, f"{KEY}.file=a.csv,b.csv", "initial_runtime_state.seed=1,2")
    assert len({run.run_id for run in runs}) == 4
    assert [measured(run.recipe)["values"] for run in runs] == 2 * [[3, 4.5, 5]] + 2 * [[5, 6, 7]]
    assert runs[0].run_id == sweep(folder, "initial_runtime_state.seed=1")[0].run_id
    assert runs[0].values[f"{KEY}.file"] == "a.csv"
    (folder / "b.csv").write_text("size\n3\n5\n4.5\n")
    with pytest.raises(ConfigurationError, match=r"same recipe: .*file=a.csv and .*file=b.csv"):
        sweep(folder, f"{KEY}.file=a.csv,b.csv")
    (folder / "b.csv").unlink()
    with pytest.raises(ConfigurationError, match=r"s.yaml: overrides.*b.csv: no such file"):
        sweep(folder, f"{KEY}.file=a.csv,b.csv")


def test_a_plan_of_many_runs_reads_a_file_once(folder: Path) -> None:
    (folder / "sizes.csv").write_text("\n".join(str(5 + n / 999) for n in range(1000)))
    runs = sweep(folder, "initial_runtime_state.seed=range(10000)", f"+{KEY}.factor=1,0.5")
    (folder / "sizes.csv").unlink()
    start = time.process_time()
    assert len({runs.run_id(position) for position in range(len(runs))}) == 20_000
    assert time.process_time() - start < 4


@given(st.binary(max_size=60) | st.text(alphabet="0123456789.,;-+e \n\r\"'abN", max_size=60))
def test_any_content_is_numbers_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes | str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        table = read_table(file)
        numbers = [table.column(index) for index in range(table.width)]
    except ConfigurationError as error:
        assert len(error.problems) == 1
    else:
        assert np.isfinite(numbers).all()
