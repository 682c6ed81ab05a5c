"""Reading and cropping of labelled images, with and without PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest

import blendsweep as bs

type Import = Callable[[str], ModuleType]


def stripes() -> np.ndarray:
    """A particle of 4 x 4 pixels at the left, one of 1 x 8 at the bottom."""
    instances = np.zeros((10, 12), dtype=np.uint16)
    instances[1:5, 0:4] = 3
    instances[9, 2:10] = 7
    return instances


def test_boxes_enclose_the_pixels_of_each_particle(example: Import) -> None:
    module = example("particle_images")
    found = module.labelled(np.zeros((10, 12), dtype=np.uint8), stripes())
    assert found.ids.tolist() == [3, 7]
    assert found.boxes.tolist() == [[0, 1, 4, 5], [2, 9, 10, 10]]


def test_an_image_without_particles_has_no_boxes(example: Import) -> None:
    module = example("particle_images")
    nothing = np.zeros((4, 4), dtype=np.uint16)
    found = module.random_crop(module.labelled(nothing, nothing), 3, np.random.default_rng(0))
    assert found.boxes.shape == (0, 4)
    assert found.ids.shape == (0,)


def test_crops_move_image_and_labels_together(example: Import) -> None:
    module = example("particle_images")
    instances = stripes()
    whole = module.labelled(instances.astype(np.uint8), instances)
    dropped = kept = 0
    for seed in range(50):
        crop = module.random_crop(whole, 6, np.random.default_rng(seed), least_share=0.5)
        assert crop.image.shape == crop.instances.shape == (6, 6)
        labelled = crop.instances > 0
        assert (crop.image[labelled] == crop.instances[labelled]).all()
        for particle_id, (left, top, right, bottom) in zip(crop.ids, crop.boxes, strict=True):
            pixels = crop.instances == particle_id
            assert pixels.sum() >= 0.5 * (instances == particle_id).sum()
            rows, columns = np.nonzero(pixels)
            assert (left, top) == (columns.min(), rows.min())
            assert (right, bottom) == (columns.max() + 1, rows.max() + 1)
            kept += 1
        dropped += len(set(np.unique(crop.image[crop.image > 0])) - set(crop.ids.tolist()))
    assert kept
    assert dropped


@pytest.mark.blender
def test_labels_of_a_data_set_are_those_on_record(example: Import, example_output: Path) -> None:
    module = example("particle_images")
    runs = list(bs.open_dataset(example_output).runs(status="succeeded"))
    manifest = pq.read_table(example_output / "manifest").to_pylist()
    order = [row["run_id"] for row in sorted(manifest, key=lambda row: row["index"])]
    assert [run.run_id for run in runs] == order
    particles = pq.read_table(example_output / "particles").to_pylist()
    for run in runs:
        found = module.read_example(run)
        assert found.image.dtype == np.uint8
        assert found.image.std() > 0
        recorded = {
            row["particle_id"]: [row[f"bbox_{key}"] for key in ("x", "y", "width", "height")]
            for row in particles
            if row["run_id"] == run.run_id and row["visible_pixels"]
        }
        left, top, right, bottom = found.boxes.T.astype(int)
        boxes = np.stack([left, top, right - left, bottom - top], axis=1).tolist()
        assert dict(zip(found.ids.tolist(), boxes, strict=True)) == recorded


@pytest.mark.blender
@pytest.mark.torch
def test_pytorch_gets_batches(
    example: Import, run_example: Callable[..., str], example_output: Path
) -> None:
    import torch

    module = example("torch_dataset")
    dataset = module.ParticleDataset(example_output, crop=48)
    assert len(dataset) == 4
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=3, collate_fn=module.detection_batch, num_workers=2
    )
    torch.manual_seed(5)
    batches = list(loader)
    assert [len(images) for images, _ in batches] == [3, 1]
    labelled = 0
    for images, targets in batches:
        for image, target in zip(images, targets, strict=True):
            assert image.shape == (1, 48, 48)
            assert 0 <= image.min() < image.max() <= 1
            number = len(target["ids"])
            assert target["masks"].shape == (number, 48, 48)
            assert target["boxes"].shape == (number, 4)
            assert target["labels"].tolist() == [1] * number
            left, top, right, bottom = target["boxes"].T
            assert (right > left).all()
            assert (bottom > top).all()
            labelled += number
    assert labelled
    torch.manual_seed(5)
    again = list(loader)
    assert all(torch.equal(a, b) for a, b in zip(batches[0][0], again[0][0], strict=True))
    later = list(loader)  # another epoch, other crops
    assert not all(torch.equal(a, b) for a, b in zip(batches[0][0], later[0][0], strict=True))

    printed = run_example("torch_dataset.py", example_output, "--crop", "32", "--batch-size", "2")
    assert printed.startswith("4 images; one batch:\n")
    assert printed.count("image (1, 32, 32)") == 2
