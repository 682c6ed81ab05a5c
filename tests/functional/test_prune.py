"""`prune` between real sweeps, on a folder and on a bucket: what is removed can be made again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.dataset.dataset import DataSet

if TYPE_CHECKING:
    from tests.conftest import Bucket, Done

pytestmark = pytest.mark.blender

type Orchestrate = Callable[..., Done]


@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_a_sweep_is_limited_pruned_and_made_whole_again(
    place: str,
    orchestrate: Orchestrate,
    bucket: Bucket,
    cheap_sweep: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    output = str(tmp_path / "out") if place == "folder" else "s3://bucket/pruned"
    sweep = [cheap_sweep(4), "--output", output, "--executor", "inline", "--no-mlflow"]
    assert orchestrate(*sweep).code == 0
    ids = [run.run_id for run in DataSet.open(output)]
    assert orchestrate(*sweep, "--limit", "1").code == 0

    shown = orchestrate("prune", output)
    assert shown.code == 2
    assert "with --limit 1: 1 run, 1 of them made" in shown.out
    assert "    3 runs on record, " in shown.out
    done = orchestrate("prune", output, "--yes", "--json")
    assert (done.code, done.json["runs"], done.json["removed"]) == (0, 3, True), done.err

    data = DataSet.open(output)
    assert [run.run_id for run in data.runs(all_runs=True)] == ids[:1]
    assert data.storage.list("runs") == ids[:1]
    assert len(data.particles(all_runs=True)) == 2
    assert orchestrate("verify", output).code == 0
    assert orchestrate("status", output, "--json").json["left"] == 0
    again = orchestrate("prune", output, "--yes")
    assert (again.code, "removed" in again.out) == (0, False)

    whole = orchestrate(*sweep, "--json")
    assert (whole.code, whole.json["executed"]) == (0, 3)
    assert [run.run_id for run in DataSet.open(output)] == ids
