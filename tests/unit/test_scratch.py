from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import scene.machine.scratch
from scene.machine.scratch import remove_orphans, scratch_folder

LEAVE_BEHIND = """
import os, signal, sys
from pathlib import Path
from scene.machine.scratch import lasting_scratch_folder, scratch_folder

with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "image").write_text("half")
    print(folder, lasting_scratch_folder(), flush=True)
    {end}
"""


@pytest.fixture(autouse=True)
def _here_and_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene.machine.scratch, "ORPHAN_SECONDS", -1.0)
    monkeypatch.setattr(scene.machine.scratch, "SHARED_MEMORY", tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def left_by_a_process(tmp_path: Path, end: str) -> list[Path]:
    done = subprocess.run(
        [sys.executable, "-c", LEAVE_BEHIND.format(end=end), tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    return [Path(name) for name in done.stdout.split()]


def test_folders_of_a_killed_process_are_removed_and_others_are_not(tmp_path: Path) -> None:
    orphans = left_by_a_process(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    assert len(orphans) == 2
    assert all(folder.is_dir() for folder in orphans)
    mine = tmp_path / "blendsweep-mine"
    mine.mkdir()
    with scratch_folder(tmp_path) as held:
        remove_orphans()
        assert held.is_dir()
        assert not any(folder.exists() for folder in orphans)
    assert not held.exists()
    assert mine.is_dir()


def test_a_process_that_ends_in_order_leaves_nothing(tmp_path: Path) -> None:
    folders = left_by_a_process(tmp_path, "pass")
    assert len(folders) == 2
    assert not any(folder.exists() for folder in folders)


def test_little_shared_memory_is_left_alone(tmp_path: Path) -> None:
    assert scene.machine.scratch.memory_folder(1.0) == tmp_path
    assert scene.machine.scratch.memory_folder(1e18) is None
