"""Instance images that do not go together with their records are refused."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image

from orchestrator.dataset.recorded_run import RecordedRun
from orchestrator.dataset.run_files import RunFilesError
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.export.masks import read_instances
from orchestrator.export.source import Example
from scene.imaging.files import FileRecord


def read(folder: Path, pixels: NDArray[Any] | bytes, *particle_ids: int) -> NDArray[np.uint16]:
    if isinstance(pixels, bytes):
        data = pixels
    else:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, format="PNG")
        data = stream.getvalue()
    (folder / "runs" / "r").mkdir(parents=True, exist_ok=True)
    (folder / "runs" / "r" / "instances.png").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    file = FileRecord("instances", "instances.png", digest, len(data), 3, 1)
    table = pa.table({"particle_id": pa.array(particle_ids, pa.int32())})
    row = {"run_id": "r", "status": "succeeded"}
    run = RecordedRun(open_storage(str(folder)), "runs/r", "r", (file,), row, lambda: table)
    return read_instances(Example(run, {"instances": file}, table))


@pytest.mark.parametrize("ids", [[], [1], [1, 255, 256, 65_535]])
def test_an_image_of_known_particles_is_read_as_it_is(ids: list[int], tmp_path: Path) -> None:
    pixels = np.array([[0, *ids]], np.uint16)
    np.testing.assert_array_equal(read(tmp_path, pixels, *ids), pixels)
    np.testing.assert_array_equal(read(tmp_path, pixels, *ids, 7, 8), pixels)  # hidden ones


@pytest.mark.parametrize(
    ("pixels", "told"),
    [
        (np.array([[0, 1, 3]], np.uint16), "shows particle 3, which the particles table lacks"),
        (np.zeros((2, 2, 3), np.uint8), "is not a gray image of particle ids"),
        (b"no image", "can't be read as an image"),
    ],
)
def test_what_does_not_go_together_is_named(
    pixels: NDArray[Any] | bytes, told: str, tmp_path: Path
) -> None:
    with pytest.raises(RunFilesError) as error:
        read(tmp_path, pixels, 1, 2)
    assert f"run r: {tmp_path}/runs/r/instances.png" in str(error.value)
    assert told in str(error.value)
