"""An executor that an installed package adds is named, checked and made like our own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.execution.executors import create
from orchestrator.plan.loading import load_sweep
from scene.errors import ConfigurationError

ADDED = """
def make(settings):
    return settings.output, settings.execution.workers
"""


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lab_executors.py").write_text(ADDED, encoding="utf-8")
    folder = tmp_path / "lab-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[blendsweep.executors]\nslurm = lab_executors:make\n")
    monkeypatch.delitem(sys.modules, "lab_executors", raising=False)


@pytest.mark.usefixtures("_installed")
def test_a_sweep_can_name_it(tmp_path: Path) -> None:
    output = str(tmp_path / "out")
    sweep = load_sweep("quickstart", executor="slurm", workers=3, output=output)
    assert create(sweep, {}) == (output, 3)
    with pytest.raises(ConfigurationError, match="unknown executor 'slrm'; did you mean 'slurm'"):
        load_sweep("quickstart", executor="slrm")


def test_without_the_package_it_is_unknown() -> None:
    with pytest.raises(ConfigurationError, match="unknown executor 'slurm'; valid are: inline, r"):
        load_sweep("quickstart", executor="slurm")
