"""Every reader counts the runs that the last sweep asks for, and all count the same."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from orchestrator.dataset.dataset import DataSet
from orchestrator.dataset.integrity import verify
from orchestrator.report.sample import read_sample

if TYPE_CHECKING:
    from tests.conftest import Done

VALUE = "synth_chain.rendering_steps.3.value"

type Orchestrate = Callable[..., Done]
type CheapSweep = Callable[..., Path]


def told(output: Path) -> tuple[set[int], int]:
    """Return how many succeeded runs of the last sweep the readers tell of, and of all."""
    verified = verify(DataSet.open(output))
    with closing(sqlite3.connect(output / "mlflow.db")) as database:
        query = "SELECT value FROM latest_metrics WHERE key = 'runs_succeeded'"
        ((logged,),) = database.execute(query).fetchall()
    counts = {
        DataSet.open(output).status().succeeded,
        len(read_sample(DataSet.open(output)).rows),
        verified.runs - verified.others,
        int(logged),
    }
    return counts, verified.runs


def test_readers_agree_after_a_changed_sweep(
    orchestrate: Orchestrate, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    options = ["--output", output, "--executor", "inline"]
    for values, asked, made in (
        ("range(4)", 4, 4),
        ("range(4,8)", 4, 8),  # other values of the same recipe
        ("range(3,5)", 2, 8),  # some of both
    ):
        done = orchestrate(cheap_sweep(), *options, f"{VALUE}={values}")
        assert done.code == 0, done.out + done.err
        assert told(output) == ({asked}, made)
    plan = pq.read_table(output / "plan.parquet").to_pylist()
    assert [row[f"override.{VALUE}"] for row in plan] == [3, 4]
    assert [row["index"] for row in plan] == [0, 1]


def test_a_data_set_of_before_there_were_plans(
    orchestrate: Orchestrate, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    options = ["--output", output, "--executor", "inline", "--no-mlflow"]
    assert orchestrate(cheap_sweep(3), *options).code == 0
    (output / "plan.parquet").unlink()
    assert DataSet.open(output).status().succeeded == 3
    assert verify(DataSet.open(output)).others == 0
    assert len(read_sample(DataSet.open(output)).rows) == 3
    assert orchestrate(cheap_sweep(2), *options).code == 0
    assert DataSet.open(output).status().succeeded == 2


def test_a_dry_run_tells_what_is_recorded_and_writes_nothing(
    orchestrate: Orchestrate, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    options = ["--output", output, "--executor", "inline", "--no-mlflow", "--max-attempts", "1"]
    kinds = "synth_chain.rendering_steps.0.kind=none,raise"
    assert orchestrate(cheap_sweep(2, kinds), *options).code == 1
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    told = orchestrate(cheap_sweep(5, kinds), *options, "--dry-run", "--json")
    assert told.code == 0, told.err
    *lines, total, found, _ = told.out.splitlines()
    assert (len(lines), total) == (10, "10 runs")
    assert found == f"recorded in {output}: 2 succeeded, 2 failed; 6 would be executed"
    expected = {"compared": 10, "succeeded": 2, "failed": 2, "new": 6, "specimens": None}
    assert told.json["recorded"] == expected
    again = orchestrate(cheap_sweep(5, kinds), *options, "--dry-run", "--json", "--retry-failed")
    assert again.json["recorded"] == expected | {"new": 8}
    after = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    assert after == before
    shutil.rmtree(output / "runs" / lines[0].split()[1])  # is made again
    last = orchestrate(cheap_sweep(5, kinds), *options, "--dry-run", "--json")
    assert last.json["recorded"]["new"] == 7


@pytest.mark.parametrize("moment", ["--dry-run", "--limit"])
def test_an_endless_range_is_answered_at_once(
    orchestrate: Orchestrate, cheap_sweep: CheapSweep, tmp_path: Path, moment: str
) -> None:
    arguments = [moment] if moment == "--dry-run" else [moment, "1"]
    output = tmp_path / "out"
    done = orchestrate(
        cheap_sweep(), f"{VALUE}=range(1e8)", "--output", output, "--executor", "inline",
        "--no-mlflow", *arguments, timeout=60,
    )  # fmt: skip
    assert done.code == 0, done.out[-500:] + done.err
    if moment == "--limit":
        assert pq.read_table(output / "plan.parquet").num_rows == 1
    else:
        assert done.out.splitlines()[-1] == "100000000 runs"
        assert not output.exists()
