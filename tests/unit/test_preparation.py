"""What a test session says of a machine that lacks something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import preparation

ROOT = Path(__file__).parents[2]

# pytest in a process of its own, on a machine without any of Blender's libraries.
WITHOUT_LIBRARIES = """
import sys
import pytest
from scene.machine import libraries

libraries._loads = lambda library: False
sys.exit(pytest.main(sys.argv[1:]))
"""


def run_pytest(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-c", code, "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=outer | environment,
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the libraries are Linux's")
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "in workers"])
def test_missing_libraries_are_told_in_one_sentence(workers: tuple[str, ...]) -> None:
    done = run_pytest(WITHOUT_LIBRARIES, "tests/scene", *workers)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    (line,) = (line for line in (done.stdout + done.stderr).splitlines() if line)
    assert line.startswith("ERROR: Blender needs system libraries that are not installed: libX11")


@pytest.mark.parametrize(
    ("ci", "end"),
    [("", "skipped"), ("false", "skipped"), ("true", "errors"), ("1", "errors")],
)
def test_tests_that_need_a_browser_are_skipped_but_in_ci(ci: str, end: str) -> None:
    done = run_pytest(
        "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))",
        "-m",
        "browser",
        "tests/ui",
        PATH="/nowhere",
        CI=ci,
    )
    last = done.stdout.splitlines()[-1]
    assert end in last, done.stdout
    assert "passed" not in last
    assert "install Debian's package chromium (apt-get install chromium)" in done.stdout
    assert "Traceback" not in done.stdout
    assert done.returncode == (0 if end == "skipped" else 1)


def test_the_environment_meets_the_development_group() -> None:
    assert list(preparation.missing()) == []


def test_what_is_missing_or_too_old_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text(
        '[dependency-groups]\ndev = ["no-such-package>=1", "pytest>=9999", "pytest>=1", '
        '"pytest[dev]", {include-group = "test"}]\n'
    )
    monkeypatch.setattr(preparation, "PROJECT", project)
    assert list(preparation.missing()) == ["no-such-package", "pytest"]
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda path, arguments: started.append([path, *arguments]))
    monkeypatch.setattr(sys, "orig_argv", ["python", "pytest", "-n", "2"])
    monkeypatch.setenv("UV", "/bin/uv")
    monkeypatch.delenv(preparation.ONCE, raising=False)
    preparation.prepare()
    assert started == [["/bin/uv", "/bin/uv", "run", "--dev", "python", "pytest", "-n", "2"]]
    # A second time it would not help either; nor is there anything to start without uv.
    with pytest.raises(SystemExit, match="no-such-package, pytest; run them by uv run pytest"):
        preparation.prepare()
    monkeypatch.delenv("UV")
    monkeypatch.delenv(preparation.ONCE)
    with pytest.raises(SystemExit, match="uv sync --dev"):
        preparation.prepare()


def test_processes_write_the_bytecode_that_the_next_ones_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    preparation.write_bytecode()
    command = [sys.executable, "-c", "import sys; print(sys.dont_write_bytecode)"]
    assert subprocess.check_output(command, text=True) == "False\n"
    assert not sys.dont_write_bytecode
