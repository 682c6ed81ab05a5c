"""Every command of docs/cluster.md is one that its program understands, and has a test."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import typer

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "cluster.md").read_text(encoding="utf-8")

SHOWN_BY = {
    "python -m orchestrator sweeps/sem.yaml": "functional/test_sweeps.py",
    "python -m orchestrator sweeps/sem.yaml --address auto --output s3://": "deploy/test_job.py",
    "python -m orchestrator status s3://": "functional/test_object_storage.py",
    "ray up ": "deploy/test_cluster_files.py",
    "ray dashboard ": "",  # a tunnel by ssh to a machine that only a cloud has
    "ray job submit ": "deploy/test_job.py",
    "ray job logs ": "deploy/test_job.py",
    "ray job stop ": "deploy/test_job.py",
    "ray down ": "",  # the counterpart of `ray up`
}
"""Beginning of a command to the test that runs its like on one machine, if any can."""


def commands() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert lines
    assert all(line.startswith("$ ") for line in lines)
    return [line.removeprefix("$ ").partition("  #")[0].strip() for line in lines]


@pytest.mark.parametrize("command", commands())
def test_a_documented_command_is_tested_where_it_can_run(command: str) -> None:
    command = command.removeprefix("uv run ")
    matching = [begin for begin in SHOWN_BY if command.startswith(begin)]
    assert matching, "name the test that shows it, in SHOWN_BY"
    test = SHOWN_BY[max(matching, key=len)]
    assert not test or (TESTS / test).is_file()


@pytest.mark.parametrize("command", commands())
def test_a_documented_command_is_understood(command: str) -> None:
    words = shlex.split(command.removeprefix("uv run "))
    if words[:3] == ["python", "-m", "orchestrator"]:
        parse_own(words[3:])
        return
    from ray.scripts.scripts import cli

    assert words[0] == "ray"
    # Parsing alone: nothing is started. What follows "--" is a command of its own.
    own, _, entrypoint = " ".join(words[1:]).partition(" -- ")
    parse(cli, shlex.split(own) + (["--", "entry"] if entrypoint else []))
    if entrypoint:
        parse_own(shlex.split(entrypoint)[3:])


def parse_own(words: list[str]) -> None:
    from orchestrator.cli.app import app

    command: Any = typer.main.get_command(app)
    context = None
    while True:
        context = command.make_context(command.name, words, parent=context)
        if not hasattr(command, "commands"):
            break
        _, command, words = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )


def parse(command: click.Command, words: list[str]) -> None:
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"there is no command {words[0]}"
        command, words = found, words[1:]
    command.make_context(command.name, list(words))
