"""Instance images that do not go together with their records are refused."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image

from orchestrator.export.images import read_instances
from orchestrator.export.records import ExportError


def read(pixels: NDArray[Any] | bytes, *particle_ids: int) -> NDArray[np.uint16]:
    if isinstance(pixels, bytes):
        data = pixels
    else:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, format="PNG")
        data = stream.getvalue()
    source: Any = SimpleNamespace(uri="out", read=lambda *_: data)
    record: Any = SimpleNamespace(
        run_id="r",
        images={"instances": SimpleNamespace(path="runs/r/instances.png")},
        table=pa.table({"particle_id": pa.array(particle_ids, pa.int32())}),
    )
    return read_instances(source, record)


@pytest.mark.parametrize("ids", [[], [1], [1, 255, 256, 65_535]])
def test_an_image_of_known_particles_is_read_as_it_is(ids: list[int]) -> None:
    pixels = np.array([[0, *ids]], np.uint16)
    np.testing.assert_array_equal(read(pixels, *ids), pixels)
    np.testing.assert_array_equal(read(pixels, *ids, 7, 8), pixels)  # hidden ones


@pytest.mark.parametrize(
    ("pixels", "told"),
    [
        (np.array([[0, 1, 3]], np.uint16), "shows particle 3, which the particles table lacks"),
        (np.zeros((2, 2, 3), np.uint8), "is no gray image of particle ids"),
        (b"no image", "can't be read as an image"),
    ],
)
def test_what_does_not_go_together_is_named(pixels: NDArray[Any] | bytes, told: str) -> None:
    with pytest.raises(ExportError) as error:
        read(pixels, 1, 2)
    assert "run r: out/runs/r/instances.png" in str(error.value)
    assert told in str(error.value)
