"""The same questions in SQL and in Polars get the same answers, and right ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.blender

type Import = Callable[[str], ModuleType]
type Answers = dict[str, list[tuple[Any, ...]]]

COVERAGE, HIDDEN, DEFOCUS, SIZES, TIME = range(5)


def answers_of_duckdb(example: Import, output: Path) -> Answers:
    module = example("queries_duckdb")
    connection = module.connected(output)
    return {title: connection.sql(query).fetchall() for title, query in module.QUERIES.items()}


def answers_of_polars(example: Import, output: Path) -> Answers:
    module = example("queries_polars")
    found = module.queries(*module.tables(output))
    return {title: query.collect().rows() for title, query in found.items()}


def test_both_give_the_same_answers(example: Import, example_output: Path) -> None:
    sql, polars = (
        answers(example, example_output) for answers in (answers_of_duckdb, answers_of_polars)
    )
    assert sql.keys() == polars.keys()
    for title, rows in sql.items():
        assert rows, title
        assert [[pytest.approx(value) for value in row] for row in rows] == [
            list(row) for row in polars[title]
        ], title


def test_answers_are_right(example: Import, example_output: Path) -> None:
    answers = list(answers_of_duckdb(example, example_output).values())
    runs = pq.read_table(example_output / "manifest").to_pylist()
    particles = pq.read_table(example_output / "particles").to_pylist()
    by_run = Counter(row["run_id"] for row in particles)

    assert [row[:2] for row in answers[COVERAGE]] == sorted(Counter(by_run.values()).items())
    hidden = sum(row["visible_pixels"] == 0 for row in particles)
    assert answers[HIDDEN][0][:3] == ("Bead", len(particles), hidden)
    assert answers[DEFOCUS][0][2] == max(row["feature.defocus"] for row in runs)
    assert all((example_output / row[3]).is_file() for row in answers[DEFOCUS])
    assert [row[1] for row in answers[SIZES]] == [
        by_run[row["run_id"]] for row in sorted(runs, key=lambda row: row["index"])
    ]
    assert answers[TIME][0][1] == pytest.approx(
        max(
            sum(row[name] for row in runs) / len(runs)
            for name in runs[0]
            if name.startswith("time.") and name != "time.total" and runs[0][name] is not None
        )
    )


@pytest.mark.parametrize("script", ["queries_duckdb.py", "queries_polars.py"])
def test_the_script_prints_every_question(
    script: str, run_example: Callable[..., str], example_output: Path
) -> None:
    printed = run_example(script, example_output)
    assert len(re.findall(r"^[A-Z][a-z ,]+$", printed, re.MULTILINE)) == 5
    assert "runs/" in printed
    assert "OUTPUT" in run_example(script, "--help").upper()
