"""Commands that are printed begin the way the program was begun, and are quoted for a shell."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.common import commands

SCRIPT = str(Path(sys.executable).with_name("blendsweep"))


def usage(words: list[str], **environment: str) -> str:
    """Return the command that the help text shows as its own."""
    done = subprocess.run(
        [*words, "status", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    return done.stdout.split("Usage: ")[1].split(" status ")[0].replace("\n", " ")


def path_without_environment() -> str:
    own = str(Path(sys.executable).parent)
    return os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if p != own)


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not there")
@pytest.mark.parametrize(
    "words",
    [
        "uv run --no-sync python -m orchestrator",
        "uv run --no-sync --quiet -- python -m orchestrator",
        "uv run --no-sync blendsweep",
        "uv run --no-sync -m orchestrator",
    ],
)
def test_what_uv_started_is_shown_with_uv(words: str) -> None:
    shown = usage(words.split())
    assert shown == words.replace("-sync -m", "-sync python -m")
    assert usage(shlex.split(shown)) == shown


def test_without_uv_it_is_python_or_the_script_by_the_name_that_a_shell_finds() -> None:
    own = str(Path(sys.executable).parent)
    found = f"{own}{os.pathsep}{path_without_environment()}"
    name = Path(sys.executable).name
    for path, python, script in [
        (found, name, "blendsweep"),
        (path_without_environment(), sys.executable, SCRIPT),
    ]:
        assert usage([sys.executable, "-m", "orchestrator"], PATH=path) == (
            f"{python} -m orchestrator"
        )
        assert usage([SCRIPT], PATH=path) == script


def test_a_tool_of_uvx_is_shown_as_it_was_typed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its environment is on the path of this process, but not on that of who pastes."""
    for name in ("uvx", "uv", "mlflow"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    words = commands._as_typed(["/x/uv", "tool", "uvx", "--from", "a.whl"])
    assert words == ("uvx", "--from", "a.whl")
    assert commands._as_typed(["/x/uv", "tool", "run", "x"]) == ("uv", "tool", "run", "x")
    start = commands._Start(words, "python", "blendsweep")
    monkeypatch.setattr(commands, "_start", lambda: start)
    assert commands.program("status") == "uvx --from a.whl blendsweep status"
    assert commands.tool("mlflow", "ui") == f"{tmp_path}/python -m mlflow ui"


def test_a_shell_that_uv_started_needs_no_uv() -> None:
    shown = usage([sys.executable, "-m", "orchestrator"], UV="uv", UV_RUN_RECURSION_DEPTH="1")
    assert not shown.startswith("uv")


@pytest.mark.parametrize("word", ["a b", "a;b", "a'b", "a\nb", "$(x)", "é", "#", "", "*", "a&b"])
def test_a_shell_reads_the_words_that_were_meant(word: str) -> None:
    for command in (commands.program("status", word), commands.module("scene", word)):
        script = command.replace(command[: command.rindex(shlex.quote(word))], "printf '%s|' ")
        assert subprocess.check_output(["sh", "-c", script], text=True) == f"{word}|"


def test_options_are_added_once_and_before_what_is_no_option(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "s.yaml", "--", "~key"])
    expected = commands.program("s.yaml", "--retry-failed", "--", "~key")
    assert commands.this_command("--retry-failed") == expected
    monkeypatch.setattr(sys, "argv", ["x", "s.yaml", "--retry-failed"])
    assert commands.this_command("--retry-failed") == commands.program("s.yaml", "--retry-failed")


def test_a_command_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "s.yaml", "--output=s3://key:secret@b/p?region=eu"])
    assert commands.this_command().endswith("s.yaml '--output=s3://***@b/p?region=eu'")
