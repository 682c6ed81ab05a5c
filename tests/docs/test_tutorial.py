"""Everything that the tutorial asks its reader to type or save works, in its order.

Images are made smaller than the tutorial says, in one process and without MLflow.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.blender, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SMALLER = "render.resolution_percentage=5 render.max_samples=4"
IN_ONE_PROCESS = "--executor inline --no-mlflow"


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """Yield the language and the content of each fenced block."""
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        yield match[1], match[2]


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a console block, each with the output that it shows."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def as_run_here(command: str) -> str:
    """Return a command of the tutorial as it is run by this test."""
    here = command.replace("uv run python", sys.executable)
    if re.search(r"-m orchestrator \S+\.yaml", command):
        return f"{here} {SMALLER} {IN_ONE_PROCESS}"
    if "-m scene " in command:
        return f"{here} {SMALLER}"
    return here


def pattern(shown: str) -> str:
    """Return what matches output as shown; ``...`` stands for anything, alone also for no line."""
    lines = (
        r"(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + r"\n"
        for line in shown.splitlines()
    )
    return "".join(lines)


def run(command: str, shown: str, folder: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", as_run_here(command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        timeout=600,
        check=False,
    )
    assert (done.returncode == 0) != shown.startswith("error:"), f"$ {command}\n{done.stdout}"
    assert re.fullmatch(pattern(shown), done.stdout), (
        f"$ {command}\nshown:\n{shown}\nprinted:\n{done.stdout}"
    )


def test_everything_in_the_tutorial_works(tmp_path: Path) -> None:
    for folder in ("recipes", "sweeps"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    done = 0
    for language, content in blocks((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")):
        if language == "console":
            for command, shown in commands(content):
                run(command, shown, tmp_path)
                done += 1
        elif named := re.match(r"# (\S+\.(?:yaml|py))\n", content):
            file = tmp_path / named[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        else:
            assert language == "python", f"a {language} block that says no file name"
            subprocess.run([sys.executable, "-c", content], check=True, cwd=tmp_path, timeout=60)
    assert done >= 14
