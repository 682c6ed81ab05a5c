"""A tiny run's files and pixels, held against literal values."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.golden import file, making

if TYPE_CHECKING:
    from scene.blender.session import Session

OTHER_MACHINE = {
    "CYCLES_CPU_NO_AVX2": "1",
    "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F",
}
"""What makes Cycles, numpy and the C library compute as on an older processor."""

RENDER = """
import json, sys
from pathlib import Path
from scene.blender.session import Session
from scene.machine.resources import Resources
from tests.golden import making
session = Session(Resources(cpus=1))
found = {part: making.images(session, Path(sys.argv[1]) / part, part) for part in making.RENDERED}
print("FOUND", json.dumps(found))
"""


@pytest.mark.parametrize("part", making.RENDERED)
def test_the_images_are_those_of_earlier_versions(
    session: Session, tmp_path: Path, part: str
) -> None:
    file.check(part, making.images(session, tmp_path / "run", part))


@pytest.mark.parametrize("part", making.RENDERED)
@pytest.mark.parametrize("nudge", [making.NUDGE, -making.NUDGE])
def test_no_golden_pixel_lies_near_a_rounding_edge(
    session: Session, tmp_path: Path, nudge: float, part: str
) -> None:
    still, moved = (
        making.images(session, tmp_path / str(number), part, by)
        for number, by in enumerate((0, nudge))
    )
    assert moved == still
    far = making.images(session, tmp_path / "far", part, 1000 * nudge)
    assert far["pixels"] != still["pixels"], "nudging moves nothing"


def test_the_golden_images_are_those_of_an_older_processor_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RENDER, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | OTHER_MACHINE,
    )
    (found,) = (line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    for part, images in json.loads(found.removeprefix("FOUND ")).items():
        file.check(part, images)
