"""The tutorial's sweep through every export and back through readers that are not ours.

Its images show up to some 400 particles at once, touching, hidden and cut in parts.
"""

from __future__ import annotations

import gc
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from orchestrator.export.exporting import export_output

pytestmark = [
    pytest.mark.blender,
    # numpy's, about the arrays that pycocotools decodes into
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

type Instances = NDArray[np.uint16]


@pytest.fixture(scope="module")
def expected(sem: Path) -> dict[str, Instances]:
    """Instance image of each run, by run id."""
    rows = pq.read_table(sem / "manifest").to_pylist()
    images = {
        row["run_id"]: np.asarray(Image.open(sem / "runs" / row["run_id"] / "instances.png"))
        for row in rows
    }
    shown = [len(np.unique(image)) - 1 for image in images.values()]
    assert shown == [row["visible_particles"] for row in rows]
    assert len(shown) == 12
    assert sum(count > 255 for count in shown) >= 4
    return images


def particles(sem: Path) -> dict[tuple[str, int], dict[str, Any]]:
    rows = pq.read_table(sem / "particles").to_pylist()
    return {(row["run_id"], row["particle_id"]): row for row in rows}


def test_coco(sem: Path, expected: dict[str, Instances], tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    export_output("coco", str(sem), str(tmp_path / "sem.json"))
    coco, known = COCO(tmp_path / "sem.json"), particles(sem)
    runs = {image["run_id"]: image for image in coco.loadImgs(coco.getImgIds())}
    assert runs.keys() == expected.keys()
    for run_id, instances in expected.items():
        shown = np.zeros_like(instances)
        for annotation in coco.loadAnns(coco.getAnnIds(runs[run_id]["id"])):
            pixels = coco.annToMask(annotation).astype(bool)
            assert not shown[pixels].any(), "masks don't overlap"
            shown[pixels] = annotation["particle_id"]
            row = known[run_id, annotation["particle_id"]]
            assert annotation["area"] == pixels.sum() == row["visible_pixels"]
            sides = ("bbox_x", "bbox_y", "bbox_width", "bbox_height")
            assert annotation["bbox"] == [row[side] for side in sides]
        assert (shown == instances).all()
    numbers = coco.getAnnIds()
    assert numbers == [int(number) for number in np.array(numbers, np.float32)]


def in_one_piece(pixels: NDArray[np.bool_]) -> bool:
    """Whether pixels hang together by their sides and have no hole."""
    from scipy.ndimage import label

    around = label(np.pad(~pixels, 1, constant_values=True), np.ones((3, 3)))[1]
    return bool(label(pixels)[1] == around == 1)


def test_yolo(sem: Path, expected: dict[str, Instances], tmp_path: Path) -> None:
    from supervision import DetectionDataset

    export_output("yolo", str(sem), str(tmp_path))
    dataset = DetectionDataset.from_yolo(
        str(tmp_path / "images" / "train"),
        str(tmp_path / "labels" / "train"),
        str(tmp_path / "data.yaml"),
        force_masks=True,
    )
    assert dataset.classes == ["Bead"]
    seen, whole, surplus, total = set(), 0, 0, 0
    for path, _, found in dataset:
        instances = expected[Path(path).stem]
        seen.add(Path(path).stem)
        ids = np.unique(instances)[1:]
        assert set(found.class_id) == {0}
        for number, shown, box in zip(ids, found.mask, found.xyxy, strict=True):
            pixels = instances == number
            assert shown[pixels].all(), "no pixel of a particle is lost"
            more = int((shown & ~pixels).sum())
            if in_one_piece(pixels):
                assert more == 0, "and none is added to one in one piece"
                whole += 1
            surplus, total = surplus + more, total + int(pixels.sum())
            ys, xs = np.nonzero(pixels)
            edges = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
            assert (np.abs(box - edges) <= [0.04, 0.04, 0.54, 0.54]).all()
    count = sum(len(np.unique(image)) - 1 for image in expected.values())
    print(f"{whole} of {count} particles in one piece, {surplus} of {total} pixels on bridges")
    assert seen == expected.keys()
    assert whole > 0.8 * count
    assert surplus < 0.01 * total


# the library leaves that to the garbage collector
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_webdataset(sem: Path, expected: dict[str, Instances], tmp_path: Path) -> None:
    import webdataset

    (pattern,) = export_output("webdataset", str(sem), str(tmp_path), shard_mb=1).written.files
    ids = webdataset.handle_extension(
        "instances.png", lambda data: np.asarray(Image.open(io.BytesIO(data)))
    )
    dataset = webdataset.WebDataset(str(tmp_path / pattern), shardshuffle=False).decode(ids, "pil")
    known, seen = particles(sem), set()
    for sample in dataset:
        run_id = sample["__key__"]
        seen.add(run_id)
        assert (sample["instances.png"] == expected[run_id]).all()
        real = Image.open(sem / "runs" / run_id / "real.png")
        assert (np.asarray(sample["image.png"])[..., 0] == np.asarray(real)).all()
        for particle in sample["json"]["particles"]:
            row = known[run_id, particle["particle_id"]]
            assert particle == {name: row[name] for name in particle}
        assert len(sample["json"]["particles"]) in range(100, 601, 100)
    assert seen == expected.keys()
    del dataset
    gc.collect()


def test_hf(
    sem: Path, expected: dict[str, Instances], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    import datasets

    datasets.disable_progress_bars()
    export_output("hf", str(sem), str(tmp_path / "hf"), shard_mb=1)
    loaded = datasets.load_dataset(str(tmp_path / "hf"), cache_dir=str(tmp_path / "cache"))
    known, seen = particles(sem), set()
    for entry in loaded["train"]:
        run_id = entry["run_id"]
        seen.add(run_id)
        assert (np.asarray(entry["instances"]) == expected[run_id]).all()
        real = Image.open(sem / "runs" / run_id / "real.png")
        assert (np.asarray(entry["image"]) == np.asarray(real)).all()
        for particle in entry["particles"]:
            row = known[run_id, particle["particle_id"]]
            assert particle == {name: row[name] for name in particle}
    assert seen == expected.keys()
