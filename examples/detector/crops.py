"""Data sets as the network sees them: crops at many scales, under many cameras."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from examples.detector.data_sets import gray, place, succeeded
from examples.detector.errors import DetectorError
from examples.detector.targets import (
    STRIDE,
    boxes_of,
    centredness,
    distances_to_outline,
    ray_directions,
)

SIDE = 256  # pixels of a crop
DIAMETERS = (7.0, 96.0)  # pixels at which the particle that a crop is made for is shown
SCALES = (0.15, 2.5)  # pixels of a crop a pixel of the image
LEAST_DIAMETER = 5.0  # pixels; what is smaller in a crop is neither particle nor background
LEAST_CENTREDNESS = 0.2  # below it the distances of a cell are not learned
MEASURED = 0.35  # fraction of the cells above it whose distances are
BLACK, WHITE = 1.0, 99.8  # percentiles of an image that become 0 and 1


@dataclass(frozen=True)
class Picture:
    """One image of a data set, ready to be cropped.

    Parameters
    ----------
    image
        (height, width) uint8.
    labels
        (height, width) uint16.
    centredness
        (height, width) uint8, 255 for 1; see `targets.centredness`.
    boxes
        (largest label + 1, 4) int32.
    centres, diameters
        (n, 2) and (n,) float32: row and column, and the diameter of a circle of the same visible
        area, in pixels; of the particles that can be seen.
    of_label
        (largest label + 1,) float32, the same diameters by label.
    grays
        The gray values that become 0 and 1.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint16]
    centredness: NDArray[np.uint8]
    boxes: NDArray[np.int32]
    centres: NDArray[np.float32]
    diameters: NDArray[np.float32]
    of_label: NDArray[np.float32]
    grays: tuple[float, float]

    @classmethod
    def of(
        cls, image: NDArray[np.uint8] | NDArray[np.uint16], labels: NDArray[np.uint16]
    ) -> Picture:
        """Prepare an image, 8 or 16 bits, and its labels."""
        wide = image.dtype == np.uint16
        eight_bit = np.asarray(image >> 8 if wide else image, np.uint8)
        boxes = boxes_of(labels)
        of_label = (2 * np.sqrt(np.bincount(labels.ravel()) / np.pi)).astype(np.float32)
        of_label[0] = 0
        seen = np.flatnonzero(of_label)
        centres = np.asarray((boxes[seen, :2] + boxes[seen, 2:]) / 2, np.float32)
        grays = gray_range(eight_bit)
        inner = np.round(255 * centredness(labels)).astype(np.uint8)
        return cls(eight_bit, labels, inner, boxes, centres, of_label[seen], of_label, grays)


def gray_range(image: NDArray[Any]) -> tuple[float, float]:
    """Return the grays that become 0 and 1: percentiles, so that no single pixel decides."""
    low, high = (float(value) for value in np.percentile(image, (BLACK, WHITE)))
    return low, max(high, low + 1e-6)


def read_pictures(outputs: Sequence[str | Path]) -> list[Picture]:
    """Read the runs of data sets that show a particle.

    Raises
    ------
    BlendsweepError
        If a data set, or an image in it, can't be read, or no run of one shows a particle.
    """
    pictures: list[Picture] = []
    for output in outputs:
        runs = succeeded(output)
        with ThreadPoolExecutor(2) as pool:
            read = pool.map(lambda run: Picture.of(gray(run), run.instances), runs)
            found = [picture for picture in read if len(picture.diameters)]
        if not found:
            raise DetectorError(f"{place(runs)} holds no run that shows a particle")
        pictures += found
    return pictures


class Crop(NamedTuple):
    """What the network sees and what it should say; shapes and units as in `network.loss_of`."""

    image: Tensor
    centredness: Tensor
    distances: Tensor
    counted: Tensor


class ParticleCrops(Dataset[Crop]):
    """Crops that are drawn at random; the same index is always the same crop.

    Parameters
    ----------
    pictures
        From `read_pictures`.
    seed
        Of every draw.
    number
        How many crops there are.
    """

    def __init__(self, pictures: Sequence[Picture], seed: int, number: int) -> None:
        self._pictures = pictures
        self._seed = seed
        self._number = number
        self._directions = ray_directions()

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, index: int) -> Crop:
        """Return a crop."""
        if not 0 <= index < self._number:
            raise IndexError(f"there are {self._number} crops, none of index {index}")
        rng = np.random.default_rng([self._seed, index])
        picture = self._pictures[int(rng.integers(len(self._pictures)))]
        window = _Window.around_a_particle(picture, rng)
        image = photographed(window.image(), rng)
        centred, distances, counted = window.targets(self._directions, rng)
        axes = [axis for axis in (0, 1) if rng.random() < 0.5]
        turned = rng.random() < 0.5
        rays = mirrored_rays(distances.shape[-1], axes, turned=turned)

        def mirrored(array: NDArray[np.float32]) -> NDArray[np.float32]:
            array = np.flip(array, tuple(axes))
            return array.swapaxes(0, 1) if turned else array

        def tensor(array: NDArray[np.float32]) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array))

        return Crop(
            tensor(mirrored(image))[None],
            tensor(mirrored(centred)),
            tensor(mirrored(distances)[..., rays].transpose(2, 0, 1)),
            tensor(mirrored(counted)),
        )


def mirrored_rays(number: int, axes: Sequence[int], *, turned: bool) -> NDArray[np.intp]:
    """Return which ray of an image becomes each ray of its mirror image.

    Parameters
    ----------
    number
        Of rays, a multiple of 4.
    axes
        Along which the image is flipped: 0 for rows, 1 for columns.
    turned
        Whether rows and columns are exchanged after that.
    """
    rays = np.arange(number)
    if turned:
        rays = (number // 4 - rays) % number
    for axis in axes:
        rays = (-rays if axis == 0 else number // 2 - rays) % number
    return rays


@dataclass(frozen=True)
class _Window:
    """A square of a picture: its upper left corner and its side, in pixels of the picture."""

    picture: Picture
    top: int
    left: int
    side: int

    @classmethod
    def around_a_particle(cls, picture: Picture, rng: np.random.Generator) -> _Window:
        """Draw a particle, the size at which it is shown, and where in the crop it lies."""
        chosen = int(rng.integers(len(picture.diameters)))
        wanted = np.exp(rng.uniform(*np.log(DIAMETERS)))
        scale = np.clip(wanted / picture.diameters[chosen], *SCALES)
        height, width = picture.labels.shape
        side = min(round(SIDE / scale), height, width)
        corner = np.round(picture.centres[chosen] - side * rng.random(2))
        top, left = np.clip(corner, 0, [height - side, width - side])
        return cls(picture, int(top), int(left), side)

    @property
    def scale(self) -> float:
        """Pixels of the crop a pixel of the picture."""
        return SIDE / self.side

    def image(self) -> NDArray[np.float32]:
        """Return the crop, (SIDE, SIDE), in about 0 to 1."""
        rows, columns = (slice(start, start + self.side) for start in (self.top, self.left))
        low, high = self.picture.grays
        part = (self.picture.image[rows, columns].astype(np.float32) - low) / (high - low)
        return resized(part.astype(np.float32), (SIDE, SIDE))

    def targets(
        self, directions: NDArray[np.float32], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Return centredness, distances in pixels of the crop with rays last, and counted."""
        cells = SIDE // STRIDE
        middles = (np.arange(cells) + 0.5) * self.side / cells - 0.5
        rows, columns = (
            np.clip(start + middles, start, start + self.side - 1).astype(np.float32)
            for start in (self.top, self.left)
        )
        nearest = np.ix_(*((places + 0.5).astype(np.intp) for places in (rows, columns)))
        centred = np.asarray(self.picture.centredness[nearest] / np.float32(255), np.float32)
        distances = np.zeros((cells, cells, len(directions)), np.float32)
        # Neighbours have much the same outlines: of the inner cells some are measured.
        measured = (centred > LEAST_CENTREDNESS) & (rng.random(centred.shape) < MEASURED)
        row, column = np.nonzero(measured)
        distances[measured] = distances_to_outline(
            self.picture.labels, self.picture.boxes, rows[row], columns[column], directions
        )
        shown = self.picture.of_label[self.picture.labels[nearest]] * self.scale
        counted = ((shown == 0) | (shown >= LEAST_DIAMETER)).astype(np.float32)
        return centred, np.asarray(distances * np.float32(self.scale)), counted


def resized(image: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the image with another number of pixels; what would alias is averaged."""
    result = functional.interpolate(
        torch.from_numpy(image)[None, None],
        size=shape,
        mode="bilinear",
        align_corners=False,
        antialias=True,
    )
    return np.asarray(result[0, 0].numpy(), dtype=np.float32)


def photographed(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the image as another operator would have set it up.

    Gamma, contrast and brightness, blur, and noise that may hang together along lines are drawn
    anew for each crop. Contrast may be low: text that is written into an image, which no data bar
    holds, takes black and white for itself.
    """
    image = np.clip(image, 0, 1.2) ** np.float32(np.exp(rng.normal(0, 0.35)))
    contrast = np.exp(rng.uniform(np.log(0.35), np.log(1.4)))
    image = image * np.float32(contrast) + np.float32(rng.uniform(*sorted((0.0, 1 - contrast))))
    if rng.random() < 0.35:
        image = _blurred(image, float(rng.uniform(0.4, 1.8)))
    if rng.random() < 0.5:
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        if rng.random() < 0.5:
            # As a slow amplifier and an interpolated image leave it: more along lines than across.
            along = rng.uniform(0.4, 1.5)
            noise = _blurred(noise, (rng.uniform(0, along), along))
            noise /= noise.std()
        level = np.exp(rng.uniform(np.log(0.01), np.log(0.12)))
        image = image + noise * np.float32(level * contrast)
    return np.ascontiguousarray(image, dtype=np.float32)


def _blurred(image: NDArray[np.float32], sigma: float | tuple[float, float]) -> NDArray[np.float32]:
    return np.asarray(ndimage.gaussian_filter(image, sigma, truncate=3), dtype=np.float32)
