"""The library's page and its notebook: every example works as it stands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.blender

ROOT = Path(__file__).parents[2]


def blocks(page: str, language: str) -> list[str]:
    """Return the content of the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_page_work_in_their_order(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    examples = blocks(page, "python")
    assert len(examples) >= 9
    script = tmp_path / "examples.py"
    script.write_text("\n".join(examples), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=280,
        env=dict(os.environ),  # not what native code has set in this process
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.startswith("quickstart: 4 runs done")
    assert (tmp_path / "labels.png").is_file()
    ((command, shown),) = re.findall(r"^\$ (.*)\n((?:.*\n)*)", *blocks(page, "console"))
    tested = subprocess.run(
        [sys.executable, "-m", *command.split(), "-p", "no:cacheprovider"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=280,
        env=dict(os.environ),  # not what native code has set in this process
    )
    assert tested.returncode == 0, tested.stdout
    assert tested.stdout.splitlines()[0] == shown.splitlines()[0]


EXECUTE = """
import json, sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
assert not any(cell.get("outputs") for cell in notebook.cells)
NotebookClient(notebook, timeout=200, kernel_name="python3").execute()
print(json.dumps([cell.outputs for cell in notebook.cells if cell.cell_type == "code"]))
"""


def test_the_notebook_runs_and_shows_its_runs(tmp_path: Path) -> None:
    notebook = ROOT / "examples" / "notebook.ipynb"
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, notebook],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=280,
        # What was set up by hand on this machine is no matter.
        env=os.environ | {"JUPYTER_PREFER_ENV_PATH": "1", "IPYTHONDIR": str(tmp_path / "ipython")},
    )
    assert done.returncode == 0, done.stderr
    run, arrays, sweep, manifest, other = json.loads(done.stdout.splitlines()[-1])
    for shown in (run, other):
        (output,) = shown
        assert output["data"]["image/png"]
        assert "visible particles" in "".join(output["data"]["text/html"])
    assert arrays[0]["data"]["text/plain"].startswith("((128, 128), ")
    assert "2/2 runs done" in "".join(output["text"] for output in sweep)
    assert "coverage" in "".join(manifest[0]["data"]["text/html"])
