"""The command line answers without loading what is heavy, and the driver never loads Blender."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

HEAVY = {"bpy", "ray", "mlflow"}

REPORT = """
import sys
sys.argv = ["orchestrator", *{arguments!r}]
from orchestrator.__main__ import main
try:
    {call}
except SystemExit as ended:
    assert not ended.code, ended.code
print("LOADED", *sorted({names!r} & set(sys.modules)))
"""


def loaded(call: str, *arguments: object, names: set[str] = HEAVY) -> set[str]:
    """Return which of the modules `names` are loaded after a call in a fresh process."""
    code = REPORT.format(arguments=[str(text) for text in arguments], call=call, names=names)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    assert loaded("pass", names=HEAVY | {"pyarrow", "hydra", "numpy"}) == set()


def test_importing_the_library_loads_nothing_heavy() -> None:
    names = HEAVY | {"pyarrow", "hydra", "numpy", "pydantic"}
    assert loaded("import blendsweep; blendsweep.__version__", names=names) == set()
    assert loaded("import blendsweep.plugins", names=HEAVY | {"pyarrow", "hydra"}) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["export", "hf", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert loaded("main()", *arguments, names=HEAVY | {"pyarrow", "hydra", "numpy"}) == set()


def test_a_dry_run_loads_nothing_heavy(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep.yaml"
    overrides = ["initial_runtime_state.seed=range(15)"]
    sweep.write_text(yaml.safe_dump({"recipe": "spheres_sem", "overrides": overrides}))
    assert loaded("main()", sweep, "--dry-run", names=HEAVY | {"pyarrow"}) == set()


def test_the_driver_does_not_load_blender() -> None:
    modules = "execution.launch, execution.executors.inline, execution.executors.ray.executor"
    modules += ", dataset.status, dataset.writer, tracking.mlflow"
    modules += ", export.exporting, export.coco, export.yolo, export.webdataset, export.hf"
    imports = "; ".join(f"import orchestrator.{name.strip()}" for name in modules.split(","))
    assert loaded(imports) == set()
