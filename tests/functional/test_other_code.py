"""A data set that one code began is not silently gone on with by another."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
import yaml

from orchestrator.dataset.dataset import DataSet
from orchestrator.dataset.integrity import verify
from orchestrator.execution.errors import OtherCodeError
from orchestrator.execution.worker import Worker, WorkerSettings
from scene.machine.resources import Resources

if TYPE_CHECKING:
    from tests.conftest import Done

type Orchestrate = Callable[..., Done]
type CheapSweep = Callable[..., Path]


@pytest.fixture
def own_plugins(tmp_path: Path, probe_plugins: Path) -> Path:
    """Return a copy of the plugins that a test may edit."""
    target = tmp_path / "plugins"
    shutil.copytree(probe_plugins, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def rows(output: Path) -> list[dict[str, object]]:
    return pq.read_table(output / "manifest").sort_by("index").to_pylist()


def test_an_edited_plugin_is_refused_then_accepted_and_told_of(
    orchestrate: Orchestrate,
    cheap_sweep: CheapSweep,
    probe_plugins: Path,
    own_plugins: Path,
    tmp_path: Path,
) -> None:
    output = tmp_path / "out"
    options = ["--output", output, "--executor", "inline", "--no-mlflow"]

    def sweep(count: int) -> Path:
        path = cheap_sweep(count)
        path.write_text(path.read_text().replace(str(probe_plugins), str(own_plugins)))
        return path

    assert orchestrate(sweep(2), *options).code == 0
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    with (own_plugins / "probe" / "__init__.py").open("a") as stream:
        stream.write("# edited\n")
    for more in ([], ["--dry-run"]):
        refused = orchestrate(sweep(3), *options, *more)
        assert refused.code == 2, refused.out + refused.err
        (sentence,) = refused.err.splitlines()
        assert "was made by other code: plugins.probe " in sentence
        assert "--accept-versions goes on" in sentence
    after = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    assert {p: c for p, c in after.items() if p.name != ".lock"} == {
        p: c for p, c in before.items() if p.name != ".lock"
    }

    # A run that other code published, and nobody recorded, is made again.
    part = next((output / "manifest").iterdir())
    kept = pq.read_table(part)
    pq.write_table(kept.slice(0, 1), part)
    assert orchestrate(sweep(3), *options, "--accept-versions").code == 0
    first, second, third = rows(output)
    assert first["code_hash"] != second["code_hash"] == third["code_hash"]
    assert [path.name for path in (output / "damaged").iterdir()] == [f"{second['run_id']}-1"]
    assert orchestrate(sweep(3), *options).code == 0  # accepted once

    told = DataSet.open(output).status()
    assert [made.runs for made in told.codes] == [2, 1]
    assert any("other code: 1 run was made by plugins.probe" in line for line in told.lines())
    assert any("other code: " in line for line in verify(DataSet.open(output)).lines())
    document = yaml.safe_load((output / "sweep.yaml").read_text())
    assert document["code"].keys() == {"blendsweep", "bpy", "numpy", "scene", "plugins.probe"}
    assert document["accepted_code"] == [first["code_hash"]]


def test_a_worker_with_other_code_than_the_driver_does_not_start(
    tmp_path: Path, probe_plugins: Path
) -> None:
    code = {"bpy": "4.0.0", "plugins.probe": "0" * 12, "plugins.nowhere": "1"}
    settings = WorkerSettings(str(tmp_path), (str(probe_plugins),), code=code)
    with pytest.raises(OtherCodeError) as caught:
        Worker(settings, Resources(), "worker-0")
    sentence = str(caught.value)
    assert "instead of 4.0.0" in sentence
    assert "plugins.nowhere is missing instead of 1" in sentence
