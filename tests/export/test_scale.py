"""The size of a pixel, from a sweep of several magnifications through every export."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tifffile
import yaml
from PIL import Image

from orchestrator.dataset.dataset import DataSet
from orchestrator.export.exporting import export_output

pytestmark = pytest.mark.blender

DRAWN = "process_conditions.feature_variabilities.IlluminationStrength"
OVERRIDES = [
    "render.resolution=[48,32]",
    "render.max_samples=2",
    "render.scene_unit_nm=200",
    "blueprints.particles.Bead.number=5",
    "synth_chain.feature_generation_steps.5.num_frames=2",
    "initial_runtime_state.seed=range(2)",
    f"{DRAWN}.feature_name=magnification",  # 1 to 3, for each run its own
    *(f"~synth_chain.rendering_steps.{number}" for number in (6, 5, 4, 0)),
]


@pytest.fixture(scope="module")
def scaled(orchestrate: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs whose pixels differ in size."""
    folder = tmp_path_factory.mktemp("scaled")
    document = {"name": "scaled", "recipe": "spheres_sem", "overrides": OVERRIDES}
    (folder / "sweep.yaml").write_text(yaml.safe_dump(document))
    options = ["--output", folder / "out", "--executor", "inline", "--no-mlflow"]
    done = orchestrate(folder / "sweep.yaml", *options)
    assert done.code == 0, done.err
    return folder / "out"


def sizes(output: Path) -> dict[str, float]:
    rows = pq.read_table(output / "manifest").to_pylist()
    return {row["run_id"]: row["pixel_size_nm"] for row in rows}


def tag(data: bytes) -> float:
    """Return the size of a pixel in nm that a PNG's pHYs says, and check its text."""
    with Image.open(io.BytesIO(data)) as image:
        size = 0.0254e9 / image.info["dpi"][0]
        assert float(image.info["pixel_size_nm"]) == pytest.approx(size, rel=1e-6)
    return size


def test_pixels_are_as_large_as_scale_and_magnification_say(scaled: Path) -> None:
    rows = pq.read_table(scaled / "manifest").to_pylist()
    assert len({row["pixel_size_nm"] for row in rows}) == 2
    for run, row in zip(DataSet.open(str(scaled)), rows, strict=True):
        expected = 200 * 0.1 / row["feature.magnification"]
        assert row["pixel_size_nm"] == run.pixel_size_nm == pytest.approx(expected, rel=1e-5)
        folder = scaled / "runs" / row["run_id"]
        for name in ("real", "categorical", "instances", "depth_map"):
            assert tag((folder / f"{name}.png").read_bytes()) == pytest.approx(expected, rel=1e-5)
        with tifffile.TiffFile(folder / "depth.tiff") as tiff:
            numerator, denominator = tiff.pages[0].tags["XResolution"].value
        assert 1e7 * denominator / numerator == pytest.approx(expected, rel=1e-5)
        table = run.particles.to_pydict()
        diameters = [200 * side for side in table["dimensions_x"]]
        assert table["equivalent_diameter_nm"] == pytest.approx(diameters)


def test_coco(scaled: Path, tmp_path: Path) -> None:
    export_output("coco", str(scaled), str(tmp_path / "all.json"))
    content = json.loads((tmp_path / "all.json").read_text())
    expected = sizes(scaled)
    assert {image["run_id"]: image["pixel_size_nm"] for image in content["images"]} == expected
    for image in content["images"]:
        found = tag((scaled / image["file_name"]).read_bytes())
        assert found == pytest.approx(image["pixel_size_nm"], rel=1e-6)
    assert all(entry["equivalent_diameter_nm"] > 0 for entry in content["annotations"])


def test_yolo_has_a_table_where_sizes_differ(scaled: Path, tmp_path: Path) -> None:
    done = export_output("yolo", str(scaled), str(tmp_path))
    assert done.written.files == ["data.yaml", "pixel_sizes.csv"]
    assert "pixel_size_nm" not in yaml.safe_load((tmp_path / "data.yaml").read_text())
    rows = list(csv.DictReader((tmp_path / "pixel_sizes.csv").read_text().splitlines()))
    found = {Path(row["image"]).stem: float(row["pixel_size_nm"]) for row in rows}
    assert found == sizes(scaled)
    for row in rows:
        assert tag((tmp_path / row["image"]).read_bytes()) == pytest.approx(
            float(row["pixel_size_nm"]), rel=1e-6
        )


def test_webdataset(scaled: Path, tmp_path: Path) -> None:
    export_output("webdataset", str(scaled), str(tmp_path))
    with tarfile.open(tmp_path / "train-000000.tar") as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    for run_id, expected in sizes(scaled).items():
        assert json.loads(members[f"{run_id}.json"])["pixel_size_nm"] == expected
        for name in ("image", "instances"):
            assert tag(members[f"{run_id}.{name}.png"]) == pytest.approx(expected, rel=1e-6)


def test_hf(scaled: Path, tmp_path: Path) -> None:
    export_output("hf", str(scaled), str(tmp_path))
    rows = pq.read_table(tmp_path / "data").to_pylist()
    assert {row["run_id"]: row["pixel_size_nm"] for row in rows} == sizes(scaled)
    for row in rows:
        for name in ("image", "instances"):
            assert tag(row[name]["bytes"]) == pytest.approx(row["pixel_size_nm"], rel=1e-6)
        assert all(entry["equivalent_diameter_nm"] > 0 for entry in row["particles"])


def test_where_no_size_is_known_nothing_is_said(scaled: Path, tmp_path: Path) -> None:
    """As in data sets of older versions."""
    output = tmp_path / "out"
    shutil.copytree(scaled, output)
    for part in (output / "manifest").iterdir():
        table = pq.read_table(part)
        pq.write_table(table.drop_columns("pixel_size_nm"), part)
    for name in ("coco", "yolo", "webdataset", "hf"):
        target = tmp_path / name / "all.json" if name == "coco" else tmp_path / name
        export_output(name, str(output), str(target))
    images = json.loads((tmp_path / "coco" / "all.json").read_text())["images"]
    assert not any("pixel_size_nm" in image for image in images)
    assert not (tmp_path / "yolo" / "pixel_sizes.csv").exists()
    assert "pixel_size_nm" not in yaml.safe_load((tmp_path / "yolo" / "data.yaml").read_text())
    found = pq.read_table(tmp_path / "hf" / "data")
    assert found.schema.field("pixel_size_nm").type == pa.float64()
    assert found["pixel_size_nm"].null_count == 2
    assert DataSet.open(str(output))[0].pixel_size_nm is None
