"""The script that gets uv, with a stand-in for pip."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.fresh import PAGE, ROOT, documented

SHELLS = [shell for shell in ("sh", "bash", "zsh") if shutil.which(shell)]

UV = "#!/bin/sh\necho uv 9.9.9\n"
PIP = """#!/bin/sh
echo "$@" >> called
[ "$1 $2 $3" = "-m pip install" ] && mkdir -p .uv/bin && cp uv-to-install .uv/bin/uv
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the script, and a path with a Python whose pip installs a stand-in for uv."""
    folder = tmp_path / "a clone"
    (folder / "sweeps").mkdir(parents=True)
    shutil.copy(ROOT / "setup", folder)
    program(folder / "uv-to-install", UV)
    program(tmp_path / "bin" / "python3", PIP)
    return folder


def program(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


def run(shell: str, command: str, clone: Path) -> subprocess.CompletedProcess[str]:
    # As bare a path as can be had: no uv, and before all a Python of our own.
    tools = clone.parent / "tools"
    tools.mkdir(exist_ok=True)
    for tool in ("sh", "mkdir", "cp"):
        if not (tools / tool).exists():
            (tools / tool).symlink_to(shutil.which(tool) or "")
    environment = os.environ | {"PATH": f"{clone.parent / 'bin'}:{tools}"}
    return subprocess.run(
        [shutil.which(shell) or shell, "-c", command],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_it_puts_uv_on_the_path_of_the_shell(shell: str, clone: Path) -> None:
    done = run(shell, ". ./setup && command -v uv", clone)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["uv 9.9.9", f"{clone}/.uv/bin/uv"]
    (called,) = (clone / "called").read_text().splitlines()
    assert called.endswith("--target .uv --upgrade uv")
    # In another shell it is there already.
    assert run(shell, ". ./setup && command -v uv", clone).stdout == done.stdout
    assert len((clone / "called").read_text().splitlines()) == 1


def test_run_as_a_program_it_says_what_to_type(clone: Path) -> None:
    done = run("sh", "./setup", clone)
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["uv 9.9.9", "To have uv in this shell: . ./setup"]


@pytest.mark.parametrize("shell", SHELLS)
def test_it_changes_nothing_where_uv_is_there(shell: str, clone: Path) -> None:
    program(clone.parent / "bin" / "uv", UV)
    done = run(shell, "before=$PATH; . ./setup && [ $PATH = $before ]", clone)
    assert (done.returncode, done.stdout) == (0, "uv 9.9.9\n")
    assert not (clone / ".uv").exists()
    assert not (clone / "called").exists()


def test_a_shim_that_has_no_uv_counts_as_none(clone: Path) -> None:
    program(
        clone.parent / "bin" / "uv", "#!/bin/sh\necho pyenv: uv: command not found >&2; exit 127"
    )
    done = run("sh", ". ./setup && uv --version", clone)
    assert (done.returncode, done.stdout) == (0, "uv 9.9.9\n" * 2)
    assert done.stderr == ""


def test_where_pip_fails_it_says_so(clone: Path) -> None:
    program(clone.parent / "bin" / "python3", "#!/bin/sh\necho No module named pip >&2; exit 1")
    done = run("sh", ". ./setup", clone)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "No module named pip",
        "pip could not install uv; other ways to get it: https://docs.astral.sh/uv/",
    ]


def test_elsewhere_it_installs_nothing(clone: Path) -> None:
    done = run("sh", f"cd sweeps; . '{clone}/setup'", clone)
    assert done.returncode == 1
    assert "cd there" in done.stderr
    assert not list(clone.rglob(".uv"))


def test_the_documented_commands_are_found() -> None:
    assert documented(ROOT / "README.md", "Quickstart") == [
        ". ./setup",
        "uv run python -m orchestrator sweeps/quickstart.yaml",
        "uv run pytest",
    ]
    assert any("blendsweep quickstart" in text for text in documented(PAGE, "Without a clone"))
