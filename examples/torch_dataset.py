"""A PyTorch data set of particle images for detection and instance segmentation.

    uv run --group torch python examples/torch_dataset.py outputs/quickstart

Targets have the form that torchvision's detection models take.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from particle_images import random_crop, read_example
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import blendsweep as bs

type Target = dict[str, Tensor]


class ParticleDataset(Dataset[tuple[Tensor, Target]]):
    """Images and their particles, read from a data set when they are asked for.

    Parameters
    ----------
    output
        Folder or URI of a data set whose recipe renders ``real`` and ``categorical``.
    crop
        Pixels of a side of a random crop; None for whole images.
    """

    def __init__(self, output: str | Path, crop: int | None = None) -> None:
        self.runs = list(bs.open_dataset(output).runs(status="succeeded"))
        self.crop = crop

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, index: int) -> tuple[Tensor, Target]:
        """Return an image, (1, height, width) in [0, 1], and its target.

        ``boxes`` are (n, 4) float32, ``labels`` (n,) int64, all 1, ``masks`` (n, height, width)
        bool, ``ids`` (n,) int64.
        """
        example = read_example(self.runs[index])
        if self.crop is not None:
            # The loader seeds torch differently for every worker and epoch, numpy it does not.
            rng = np.random.default_rng(int(torch.randint(2**63 - 1, ())))
            example = random_crop(example, self.crop, rng)
        white = np.iinfo(example.image.dtype).max  # of 8 or 16 bits
        return torch.from_numpy(example.image.astype(np.float32) / white)[None], {
            "boxes": torch.from_numpy(example.boxes),
            "labels": torch.ones(len(example.ids), dtype=torch.int64),
            "masks": torch.from_numpy(example.instances == example.ids[:, None, None]),
            "ids": torch.from_numpy(example.ids),
        }


def detection_batch(items: list[tuple[Tensor, Target]]) -> tuple[list[Tensor], list[Target]]:
    """Return images and targets as lists: images differ in their number of particles."""
    images, targets = zip(*items, strict=True)
    return list(images), list(targets)


def main() -> None:
    """Print one batch."""
    parser = argparse.ArgumentParser(description="Print a batch of a data set for PyTorch.")
    parser.add_argument("output", help="output of a sweep: a folder or a URI")
    parser.add_argument("--crop", type=int, default=128, help="side of the crops [%(default)s]")
    parser.add_argument("--batch-size", type=int, default=4, help="[%(default)s]")
    arguments = parser.parse_args()

    dataset = ParticleDataset(arguments.output, arguments.crop)
    loader = DataLoader(dataset, arguments.batch_size, shuffle=True, collate_fn=detection_batch)
    images, targets = next(iter(loader))
    print(f"{len(dataset)} images; one batch:")
    for image, target in zip(images, targets, strict=True):
        print(f"  image {tuple(image.shape)} mean {image.mean():.3f}", end="  ")
        print(*(f"{name} {tuple(tensor.shape)}" for name, tensor in target.items()), sep=", ")


if __name__ == "__main__":
    main()
