"""A data set that can only be read: everything that does not have to write works on it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import command

if TYPE_CHECKING:
    from tests.conftest import Done

type Orchestrate = Callable[..., Done]
type CheapSweep = Callable[..., Path]

READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
"""In a mount namespace of its own; root passes over permissions, a mount it does not."""


def mounts_allowed() -> bool:
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", READ_ONLY, "/mnt", "true"],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


@pytest.fixture
def read_only(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    if not mounts_allowed():
        pytest.skip("this machine lets nobody make mounts")

    def run(output: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
        inner = command(*arguments)
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", READ_ONLY, str(output), *inner],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )

    return run


def test_what_can_only_be_read_is_verified_and_told_of_but_not_compacted(
    orchestrate: Orchestrate,
    cheap_sweep: CheapSweep,
    read_only: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    output = tmp_path / "out"
    options = ["--output", output, "--executor", "inline", "--no-mlflow"]
    assert orchestrate(cheap_sweep(2), *options).code == 0

    told = read_only(output, "status", output)
    assert told.returncode == 0, told.stderr
    assert "2 runs, 2 succeeded" in told.stdout

    verified = read_only(output, "verify", output)
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.startswith("2 runs with ")
    assert verified.stdout.rstrip().endswith("0 damaged")

    for name, done in (("compact", "compacted"), ("prune", "pruned")):
        refused = read_only(output, name, output)
        assert refused.returncode == 2, refused.stdout + refused.stderr
        assert refused.stderr == (
            f"error: {output}: can't be {done}, since it can't be written: Read-only file system\n"
        )

    image = next((output / "runs").glob("*/stripes.png"))
    image.write_bytes(b"other")
    damaged = read_only(output, "verify", output, "--json")
    assert damaged.returncode == 1
    assert json.loads(damaged.stdout.splitlines()[-1])["set_aside"] is False
    assert "left in place, since the data set can't be written: Read-only" in damaged.stdout
    assert image.exists()
