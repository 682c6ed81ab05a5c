"""Data sets at the edges of what an export meets: nothing, no particles, all ids, any names."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from orchestrator.export import FORMATS
from orchestrator.export.exporting import export_output
from orchestrator.report.report import write_report
from scene.errors import ConfigurationError

pytestmark = [
    pytest.mark.blender,
    # numpy's, about the arrays that pycocotools decodes into
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # webdataset leaves that to the garbage collector
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

EXAMPLES = Path(__file__).parents[2] / "examples"

type Row = dict[str, Any]


def to(name: str, folder: Path) -> str:
    return str(folder / "all.json" if name == "coco" else folder / name)


def change(output: Path, table: str, changed: Callable[[list[Row]], list[Row]]) -> None:
    """Write a table of one part anew."""
    (part,) = (output / table).iterdir()
    rows = pq.read_table(part)
    new = pa.Table.from_pylist(changed(rows.to_pylist()), rows.schema)
    with pq.ParquetWriter(part, rows.schema) as file:
        if len(new):
            file.write_table(new)


def png(pixels: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def put(output: Path, row: Row, path: str, data: bytes, **fields: Any) -> None:
    """Add or replace an image of a run, in its folder and on record."""
    place = output / "runs" / row["run_id"] / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    relative = f"runs/{row['run_id']}/{path}"
    file = {"mode": "x", "path": relative, "sha256": hashlib.sha256(data).hexdigest()}
    file |= {"bytes": len(data), "width": 64, "height": 48, "particle_id": None} | fields
    row["files"] = [*(f for f in row["files"] if f["path"] != relative), file]


@pytest.fixture(scope="session")
def background(orchestrate: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of a recipe without particles."""
    folder = tmp_path_factory.mktemp("background")
    overrides = [
        "render.resolution=[64,48]",
        "render.max_samples=2",
        "initial_runtime_state.seed=range(2)",
        "~blueprints.particles.Bead",
    ]
    document = {"name": "background", "recipe": "spheres_sem", "overrides": overrides}
    (folder / "sweep.yaml").write_text(yaml.safe_dump(document))
    options = ["--output", folder / "out", "--executor", "inline", "--no-mlflow"]
    done = orchestrate(folder / "sweep.yaml", *options)
    assert done.code == 0, done.err
    return folder / "out"


def read_by_everything(output: Path, tmp_path: Path) -> None:
    """Read a data set with the examples and with the readers of docs/outputs.md; and report."""
    import datasets
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow.dataset as ds

    for script in ("queries_duckdb.py", "queries_polars.py"):
        done = subprocess.run(
            [sys.executable, EXAMPLES / script, output], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
    for table, column in (("manifest", "feature.defocus"), ("particles", "dimensions_x")):
        folder, pattern = output / table, f"{output}/{table}/*.parquet"
        rows = len(pd.read_parquet(folder)[column])
        assert ds.dataset(folder, format="parquet").to_table(columns=[column]).num_rows == rows
        found = duckdb.sql(f"SELECT \"{column}\" FROM read_parquet('{pattern}')").fetchall()
        assert len(found) == len(pl.read_parquet(pattern)[column]) == rows
        # In memory, `datasets` knows no table without rows.
        loaded = datasets.load_dataset("parquet", data_files=pattern, streaming=True)
        assert sum(column in row for row in loaded["train"]) == rows
    assert Path(write_report(str(output), str(tmp_path / "report"))).is_file()


def test_a_recipe_without_particles_gives_images_without_annotations(
    background: Path, tmp_path: Path
) -> None:
    import datasets
    import webdataset
    from pycocotools.coco import COCO
    from supervision import DetectionDataset

    for name in FORMATS:
        assert export_output(name, str(background), to(name, tmp_path)).written.new == {"train": 2}
    coco = COCO(tmp_path / "all.json")
    assert (len(coco.getImgIds()), coco.getAnnIds()) == (2, [])
    yolo = tmp_path / "yolo"
    images, labels = (str(yolo / folder / "train") for folder in ("images", "labels"))
    read = DetectionDataset.from_yolo(images, labels, str(yolo / "data.yaml"), force_masks=True)
    assert [len(found) for _, _, found in read] == [0, 0]
    shards = webdataset.WebDataset(
        str(tmp_path / "webdataset" / "train-000000.tar"), shardshuffle=False
    )
    assert [json.loads(sample["json"])["particles"] for sample in shards] == [[], []]
    loaded = datasets.load_dataset(str(tmp_path / "hf"), cache_dir=str(tmp_path / "cache"))
    assert loaded["train"]["particles"][:] == [[], []]
    assert not np.asarray(loaded["train"][0]["instances"]).any()
    del shards
    gc.collect()
    read_by_everything(background, tmp_path)


def failed(rows: list[Row]) -> list[Row]:
    kept = {"files", "error_type", "error_message", "feature.defocus"}
    return [row | dict.fromkeys(kept) | {"status": "failed"} for row in rows]


@pytest.mark.parametrize(
    ("changed", "told"), [(failed, "; 4 failed, and `status` names"), (lambda _: [], " yet$")]
)
def test_nothing_but_failures_or_nothing_yet_is_told_in_a_sentence(
    changed: Callable[[list[Row]], list[Row]], told: str, output: Path, tmp_path: Path
) -> None:
    change(output, "manifest", changed)
    change(output, "particles", lambda _: [])
    for name in FORMATS:
        with pytest.raises(ConfigurationError, match=f"holds no succeeded run .*{told}"):
            export_output(name, str(output), to(name, tmp_path / "to"))
    assert not (tmp_path / "to").exists()
    read_by_everything(output, tmp_path)


@pytest.mark.parametrize("name", FORMATS)
def test_runs_that_lack_an_image_are_told_before_anything_is_written(
    name: str, output: Path, tmp_path: Path
) -> None:
    def lacking(mode: str, runs: int) -> Callable[[list[Row]], list[Row]]:
        def drop(rows: list[Row]) -> list[Row]:
            for row in rows[:runs]:
                row["files"] = [file for file in row["files"] if file["mode"] != mode]
            return rows

        return drop

    target = to(name, tmp_path / "to")
    change(output, "manifest", lacking("real", 1))
    told = "--image: only 3 of 4 runs have an image 'real'; all have: categorical, depth, depth_map"
    with pytest.raises(ConfigurationError, match=told):
        export_output(name, str(output), target)
    with pytest.raises(ConfigurationError, match="--image: instances holds the masks"):
        export_output(name, str(output), target, image="instances")
    assert not (tmp_path / "to").exists()
    change(output, "manifest", lacking("real", 4))
    assert export_output(name, str(output), target, image="categorical").written.new["train"] == 4
    change(output, "manifest", lacking("instances", 2))
    with pytest.raises(ConfigurationError, match=r"only 2 of 4 runs have instances\.png, which"):
        export_output(name, str(output), target, image="depth_map")
    change(output, "manifest", lacking("instances", 4))
    with pytest.raises(ConfigurationError, match=r"no run has instances\.png, which"):
        export_output(name, str(output), target, image="depth_map")


@pytest.fixture(scope="session")
def crowded(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run of 65,535 particles, each one pixel of 256 x 256."""
    import shutil

    output = tmp_path_factory.mktemp("crowded") / "out"
    shutil.copytree(rendered, output)
    instances = np.arange(2**16).reshape(256, 256)
    size = {"width": 256, "height": 256}

    def one(rows: list[Row]) -> list[Row]:
        row = min(rows, key=lambda row: row["index"])
        put(output, row, "instances.png", png(instances.astype(np.uint16)), **size)
        put(output, row, "real.png", png((instances % 251).astype(np.uint8)), **size)
        return [row]

    change(output, "manifest", one)
    (run_id,) = pq.read_table(output / "manifest")["run_id"].to_pylist()

    def many(rows: list[Row]) -> list[Row]:
        row = next(row for row in rows if row["run_id"] == run_id)
        return [row | {"particle_id": number} for number in range(1, 2**16)]

    change(output, "particles", many)
    return output


def test_65535_particles_in_one_image(crowded: Path, tmp_path: Path) -> None:
    import datasets
    from pycocotools.coco import COCO

    for name in FORMATS:
        export_output(name, str(crowded), to(name, tmp_path))
    expected = np.arange(2**16).reshape(256, 256)
    coco = COCO(tmp_path / "all.json")
    shown = np.zeros((256, 256), int)
    annotations = coco.loadAnns(coco.getAnnIds())
    for annotation in annotations:
        x, y, *size = annotation["bbox"]
        assert (*size, annotation["area"]) == (1, 1, 1)
        shown[y, x] = annotation["particle_id"]
    assert (shown == expected).all()
    for annotation in annotations[:: 2**16 // 300] + annotations[-1:]:
        ((y, x),) = np.argwhere(coco.annToMask(annotation))
        assert expected[y, x] == annotation["particle_id"]
    (labels,) = (tmp_path / "yolo" / "labels" / "train").iterdir()
    lines = [line.split() for line in labels.read_text().splitlines()]
    for read in (np.trunc, np.round):
        for number, (_, *values) in enumerate(lines, 1):
            corners = read(np.array(values, np.float32).reshape(-1, 2) * 256).astype(int)
            assert {expected[y, x] for x, y in corners.tolist()} == {number}
    assert len(lines) == 2**16 - 1
    with tarfile.open(tmp_path / "webdataset" / "train-000000.tar") as tar:
        (member,) = [member for member in tar if member.name.endswith(".json")]
        read_back = json.load(tar.extractfile(member))  # type: ignore[arg-type]
    assert [p["particle_id"] for p in read_back["particles"]] == [*range(1, 2**16)]
    loaded = datasets.load_dataset(str(tmp_path / "hf"), cache_dir=str(tmp_path / "cache"))
    (entry,) = loaded["train"]
    assert (np.asarray(entry["instances"]) == expected).all()
    assert [p["particle_id"] for p in entry["particles"]] == [*range(1, 2**16)]


NAMES = (
    "a/b_x.png", "a_b_x.png", "a/b/x.png", "a%2Fb_x.png", "A/b_x.png", "A/B_X.png", "image.png",
    "Image.png", "json.png", "json", "real.tiff", "real_00001.png", "run_id.png", "particles.png",
    "feature.defocus.png", "coverage.png", "x.y.png", "Instances.png", "real~2.png", "image~2.png",
    f"{'f/' * 60}{'p' * 64}real_{'s' * 64}_under_{'t' * 64}.png",
    f"{'f/' * 60}{'p' * 64}real_{'s' * 64}_under_{'u' * 64}.png",
)  # fmt: skip


def test_images_of_any_name_stay_apart(output: Path, tmp_path: Path) -> None:
    import datasets
    import webdataset

    pictures = {
        path: png(np.full((48, 64), number, np.uint8)) for number, path in enumerate(NAMES, 1)
    }

    def add(rows: list[Row]) -> list[Row]:
        for row in rows:
            for path, data in pictures.items():
                put(output, row, path, data)
            put(output, row, "alone.png", b"shows one particle", particle_id=3)
        return rows

    change(output, "manifest", add)
    for name in FORMATS:
        export_output(name, str(output), to(name, tmp_path / "to"))
        assert export_output(name, str(output), to(name, tmp_path / "to")).written.files
    # Five images of the sweep itself beside those.
    rows = {row["run_id"]: row for row in pq.read_table(output / "manifest").to_pylist()}
    shard = tmp_path / "to" / "webdataset" / "train-000000.tar"
    dataset = webdataset.WebDataset(str(shard), shardshuffle=False)
    for sample in dataset:
        images = json.loads(sample["json"])["images"]
        assert sorted(images.values()) == sorted(
            file["path"].split("/", 2)[2]
            for file in rows[sample["__key__"]]["files"]
            if file["width"] and file["particle_id"] is None
        )
        for member, path in images.items():
            run = output / "runs" / sample["__key__"]
            assert sample[member.lower()] == (run / path).read_bytes()
        assert images["image.png"] == "real.png"
        assert images["instances.png"] == "instances.png"
    with tarfile.open(shard) as tar:
        assert max(len(name) for name in tar.getnames()) < 255
    loaded = datasets.load_dataset(str(tmp_path / "to" / "hf"), cache_dir=str(tmp_path / "cache"))
    kinds = loaded["train"].features
    columns = [name for name, kind in kinds.items() if isinstance(kind, datasets.Image)]
    assert len({name.casefold() for name in kinds}) == len(kinds)
    raw = loaded["train"].cast(
        datasets.Features(kinds | dict.fromkeys(columns, datasets.Image(decode=False)))
    )
    for entry in raw:
        found = sorted(entry[column]["bytes"] for column in columns)
        files = [file for file in rows[entry["run_id"]]["files"] if file["width"]]
        kept = [output / file["path"] for file in files if file["particle_id"] is None]
        assert found == sorted(path.read_bytes() for path in kept)
        assert isinstance(entry["coverage"], float)
    del dataset
    gc.collect()


def test_more_images_that_change_no_name_leave_shards_as_they_are(
    output: Path, tmp_path: Path
) -> None:
    target = str(tmp_path / "tars")
    export_output("webdataset", str(output), target)

    def add(path: str) -> None:
        data = png(np.zeros((48, 64), np.uint8))

        def put_all(rows: list[Row]) -> list[Row]:
            for row in rows:
                put(output, row, path, data)
            return rows

        change(output, "manifest", put_all)

    add("other.png")
    assert export_output("webdataset", str(output), target).written.new == {"train": 0}
    add("Depth_map.png")  # takes the plain name, as capitals come first
    assert export_output("webdataset", str(output), target).written.new == {"train": 4}


def test_whole_numbers_that_floats_would_round_are_text_in_json(
    output: Path, tmp_path: Path
) -> None:
    large = 2**53 + 1
    change(output, "manifest", lambda rows: [row | {"seed": large} for row in rows])
    export_output("coco", str(output), str(tmp_path / "all.json"))
    images = json.loads((tmp_path / "all.json").read_text(), parse_int=float)["images"]
    assert {image["blendsweep"]["seed"] for image in images} == {str(large)}
    export_output("webdataset", str(output), str(tmp_path / "tars"))
    with tarfile.open(tmp_path / "tars" / "train-000000.tar") as tar:
        texts = [tar.extractfile(member).read() for member in tar if member.name.endswith("json")]  # type: ignore[union-attr]
    assert {json.loads(text, parse_int=float)["seed"] for text in texts} == {str(large)}
    export_output("hf", str(output), str(tmp_path / "hf"))
    assert set(pq.read_table(tmp_path / "hf" / "data")["seed"].to_pylist()) == {large}
