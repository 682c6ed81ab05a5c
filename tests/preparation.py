"""Bring along what the tests need: a pytest plugin, loaded before pytest reads its options.

A user's environment holds pytest alone of the development group, so that `uv run pytest` can start.
Where the rest is missing or too old, the same command is run again with the whole group.

The tests start hundreds of processes, each of which would compile its libraries anew where
containers' usual ``PYTHONDONTWRITEBYTECODE`` is set; so that is lifted for them.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
ONCE = "BLENDSWEEP_TESTS_PREPARED"


def missing() -> Iterator[str]:
    """Yield the development group's requirements that the environment does not meet."""
    groups = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["dependency-groups"]
    for text in groups["dev"]:
        if isinstance(text, dict):
            continue  # the group of pytest, which is running
        requirement = Requirement(text)
        try:
            met = requirement.specifier.contains(version(requirement.name), prereleases=True)
        except PackageNotFoundError:
            met = False
        if not met:
            yield requirement.name


def prepare() -> None:
    """Run this command again with the development group if that is missing; uv says what it adds.

    Raises
    ------
    SystemExit
        If that can't be done, or did not help.
    """
    lacking = list(missing())
    if not lacking:
        return
    uv = os.environ.get("UV")
    if uv is None or ONCE in os.environ:
        sys.exit(
            f"The tests need packages that are not installed: {', '.join(lacking)}; run them by "
            "uv run pytest, or install the packages by uv sync --dev"
        )
    os.environ[ONCE] = "1"
    os.execv(uv, [uv, "run", "--dev", *sys.orig_argv])


def write_bytecode() -> None:
    """Have the bytecode of what is imported written, here and in all processes from now on."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


prepare()
write_bytecode()
