"""A trained detector: micrographs of any size in, labels out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.swa_utils import AveragedModel

from examples.detector.crops import gray_range, mirrored_rays, resized
from examples.detector.errors import DetectorError
from examples.detector.merging import Outlines, View, agreed, painted, sure_enough, surest
from examples.detector.network import MULTIPLE, StarNetwork
from examples.detector.prediction import Prediction, without_data_bar
from examples.detector.targets import RAYS, STRIDE

MIRRORS: tuple[tuple[int, ...], ...] = ((), (1,), (0,), (0, 1))  # axes that are flipped

PARTS = {"about", "average", "step"}
"""What every checkpoint holds, at least."""

ENLARGED = 4.0  # pixels of a view a pixel of a micrograph, at most
LEAST_SIDE = 120  # pixels of a view; in a smaller one there is no room for a particle it can show


@dataclass(frozen=True)
class Rules:
    """How a micrograph is looked at, and how outlines become particles.

    Parameters
    ----------
    finest, longer_side, number
        Pixels that the network sees a pixel of the micrograph, in the finest view; of a small
        micrograph so many that its longer side has `longer_side` pixels, but at most four. Each
        view has half the pixels of the one before; there are at most so many.
    mirrors
        How many mirror images are looked at, at each scale: 1 to 4.
    diameters
        What is smaller or larger at a scale, in pixels there, is left to the other scales.
    least_peak, least_score
        Of an outline in one view, and of a candidate in all of them; see `merging.agreed`.
    sure, as_sure
        Which of the candidates are particles; see `merging.sure_enough`.
    largest_overlap, contained, contained_score
        See `merging.merged`.
    tile, margin
        Pixels a side of what the network sees at once, and how many of them at each side give it
        context only.
    """

    finest: float = 1.41
    longer_side: int = 2048
    number: int = 12
    mirrors: int = 2
    diameters: tuple[float, float] = (7.0, 80.0)
    least_peak: float = 0.25
    least_score: float = 0.25
    sure: float = 0.9
    as_sure: float = 0.73
    largest_overlap: float = 0.4
    contained: float = 0.4
    contained_score: float = 0.9
    tile: int = 768
    margin: int = 96

    def scales(self, shape: tuple[int, ...]) -> list[float]:
        """Return the scales at which a micrograph of this shape is looked at, the finest first."""
        finest = max(self.finest, min(self.longer_side / max(shape), ENLARGED))
        scales = [finest * 2 ** (-view / 2) for view in range(self.number)]
        return [scale for scale in scales if min(shape) * scale >= LEAST_SIDE] or scales[:1]


class Detector:
    """A network and the rules by which its output becomes particles.

    Parameters
    ----------
    network
        Trained.
    about
        What it was trained on, and how: plain values, kept in the checkpoint.
    rules
        See `Rules`.
    """

    def __init__(
        self, network: StarNetwork, about: Mapping[str, Any], rules: Rules | None = None
    ) -> None:
        self.device, self.precision = device_and_precision()
        self.network = network.to(self.device, memory_format=torch.channels_last).eval()
        self.about = dict(about)
        self.rules = rules or Rules()

    @classmethod
    def load(cls, path: str | Path) -> Detector:
        """Read a checkpoint that `training.train` wrote.

        Raises
        ------
        DetectorError
            If there is no such file, or it is something else.
        """
        held = read_checkpoint(path)
        average = AveragedModel(StarNetwork())
        restored(average, held["average"], path)
        return cls(average.module, held["about"])

    def predict(self, image: NDArray[np.float32]) -> Prediction:
        """Find the particles of a micrograph.

        Parameters
        ----------
        image
            (height, width), gray in 0 to 1, at least 32 pixels a side. A data bar at the bottom is
            left out.

        Raises
        ------
        ValueError
            If it is anything else.
        """
        return without_data_bar(image, self._particles)

    def _particles(self, image: NDArray[np.float32]) -> Prediction:
        rules = self.rules
        outlines = agreed(self.views(image))
        found = surest(
            outlines.where(outlines.scores >= rules.least_score),
            image.shape,
            rules.largest_overlap,
            rules.contained,
            rules.contained_score,
        )
        return Prediction(*painted(sure_enough(found, rules.sure, rules.as_sure), image.shape))

    def views(self, image: NDArray[np.float32]) -> list[View]:
        """Return what the network finds at every scale, and in mirror images."""
        low, high = gray_range(image)
        normalised = ((image - low) / (high - low)).astype(np.float32)
        return [
            self._view(normalised, scale, mirror)
            for scale in self.rules.scales(image.shape)
            for mirror in range(self.rules.mirrors)
        ]

    def _view(self, image: NDArray[np.float32], scale: float, mirror: int) -> View:
        height, width = (max(round(side * scale), 1) for side in image.shape)
        # The scale that was meant and the one that a whole number of pixels gives differ a little.
        scales = np.array([height / image.shape[0], width / image.shape[1]], np.float32)
        small = image if scale == 1 else resized(image, (height, width))
        axes = MIRRORS[mirror]
        small = np.ascontiguousarray(np.flip(small, axes))
        found = []
        for top, left in self._tiles(height, width):
            part = small[top : top + self.rules.tile, left : left + self.rules.tile]
            found.append(self._peaks(part, top, left, (height, width), self.rules.least_peak))
        outlines = Outlines.joined(found)
        centres = outlines.centres
        for axis in axes:
            centres[:, axis] = small.shape[axis] - 1 - centres[:, axis]
        rays = mirrored_rays(RAYS, axes, turned=False)
        low, high = (diameter / scale for diameter in self.rules.diameters)
        return View(
            Outlines(
                (centres + np.float32(0.5)) / scales - np.float32(0.5),
                outlines.distances[:, rays] / np.float32(scale),
                outlines.scores,
            ),
            (low, high),
        )

    def _tiles(self, height: int, width: int) -> Iterator[tuple[int, int]]:
        inner = self.rules.tile - 2 * self.rules.margin
        for top in range(0, max(height - 2 * self.rules.margin, 1), inner):
            for left in range(0, max(width - 2 * self.rules.margin, 1), inner):
                yield top, left

    @torch.inference_mode()
    def _peaks(
        self,
        part: NDArray[np.float32],
        top: int,
        left: int,
        shape: tuple[int, int],
        least_score: float,
    ) -> Outlines:
        """Return the outlines at the local maxima of a tile, in pixels of the scaled micrograph."""
        padding = [(0, -side % MULTIPLE) for side in part.shape]
        padded = torch.from_numpy(np.pad(part, padding))[None, None].to(
            self.device, memory_format=torch.channels_last
        )
        with torch.autocast(self.device.type, dtype=self.precision):
            logits, log_distances = self.network(padded)
        scores = torch.sigmoid(logits)[:, None]
        peaks = (torch.nn.functional.max_pool2d(scores, 3, 1, 1) == scores) & (scores > least_score)
        rows, columns = (array.cpu().numpy() for array in torch.nonzero(peaks[0, 0], as_tuple=True))
        values = scores[0, 0, rows, columns].cpu().numpy()
        distances = log_distances[0][:, rows, columns].exp().cpu().numpy().T
        centres = (np.stack([rows, columns], 1) + 0.5) * STRIDE - 0.5
        # A peak in the margin is another tile's, but at the micrograph's border.
        first = [self.rules.margin if start > 0 else 0 for start in (top, left)]
        last = [
            side - (self.rules.margin if start + side < whole else 0)
            for start, side, whole in zip((top, left), part.shape, shape, strict=True)
        ]
        own = ((centres >= first) & (centres < last)).all(axis=1)
        return Outlines(
            (centres[own] + [top, left]).astype(np.float32),
            distances[own].astype(np.float32).reshape(-1, RAYS),
            values[own].astype(np.float32),
        )


def device_and_precision() -> tuple[torch.device, torch.dtype]:
    """Return the GPU where there is one, and 16-bit numbers where the device computes with them."""
    if torch.cuda.is_available():
        return torch.device("cuda"), torch.bfloat16
    quick = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001
    return torch.device("cpu"), torch.bfloat16 if quick else torch.float32


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read what `training.train` wrote, into the memory of the CPU.

    Raises
    ------
    DetectorError
        If there is no such file, or it is something else.
    """
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DetectorError(f"there is no checkpoint {path}") from None
    except OSError as error:
        raise DetectorError(f"{path} can't be read: {error.strerror}") from error
    except Exception as error:
        raise DetectorError(
            f"{path} is not a checkpoint of this detector, or is damaged"
        ) from error
    if not isinstance(held, dict) or not held.keys() >= PARTS:
        raise DetectorError(f"{path} is not a checkpoint of this detector")
    return held


def restored(part: Any, state: Any, path: str | Path) -> None:
    """Give a network, or what trains one, a state of a checkpoint.

    Raises
    ------
    DetectorError
        If it is that of another network.
    """
    try:
        part.load_state_dict(state)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DetectorError(
            f"{path} holds another network than this version of the detector has: train it again"
        ) from error
