"""The network: a small U-Net whose output has a cell for every two by two pixels."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from examples.detector.targets import LEAST_DISTANCE, RAYS, STRIDE

WIDTHS = (32, 64, 96, 128, 160)
MULTIPLE = STRIDE * 2 ** (len(WIDTHS) - 1)  # sides of an input are multiples of it, in pixels


class StarNetwork(nn.Module):
    """For each cell of an image, whether it lies in a particle and how far the outline is.

    Parameters
    ----------
    widths
        Channels at each resolution, from half the image's on; each resolution is half of the one
        before. With five a cell sees some 190 pixels around it.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        first = widths[0]
        self.stem = _convolved(1, first, kernel=5, stride=STRIDE)
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList([_twice(first, first), *(_twice(a, b) for a, b in pairs)])
        # What comes up is added to the finer features, not put beside them: a third less work.
        self.narrow = nn.ModuleList([nn.Conv2d(b, a, 1) for a, b in pairs])
        self.up = nn.ModuleList([_twice(a, a) for a, _ in pairs])
        self.head = nn.Sequential(_convolved(first, 48), nn.Conv2d(48, 1 + RAYS, 1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of centredness, and logarithms of the distances to the outline in pixels.

        Parameters
        ----------
        images
            (n, 1, height, width) float32, normalised; sides are multiples of `MULTIPLE`.

        Returns
        -------
        logits, log_distances
            (n, height / 2, width / 2) and (n, rays, height / 2, width / 2).
        """
        features = self.stem(images)
        levels: list[Tensor] = []
        for level, convolve in enumerate(self.down):
            features = convolve(functional.max_pool2d(features, 2) if level else features)
            levels.append(features)
        features = levels.pop()
        for narrow, convolve in zip(reversed(self.narrow), reversed(self.up), strict=True):
            wider = functional.interpolate(narrow(features), scale_factor=2.0, mode="nearest")
            features = convolve(levels.pop() + wider)
        out = self.head(features).float()
        return out[:, 0], out[:, 1:] + 2.0  # some 7 pixels to begin with


def loss_of(
    logits: Tensor, log_distances: Tensor, centredness: Tensor, distances: Tensor, counted: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the losses of both outputs, scalars.

    Parameters
    ----------
    logits, log_distances
        From `StarNetwork.forward`.
    centredness, distances
        What is true: (n, rows, columns) in 0 to 1 and (n, rays, rows, columns) in pixels.
    counted
        (n, rows, columns): 0 where a particle is too small to be judged at this scale, else 1.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, centredness, reduction="none")
    errors = functional.smooth_l1_loss(
        log_distances,
        distances.clamp_min(LEAST_DISTANCE).log(),
        reduction="none",
        beta=0.1,
    ).mean(dim=1)
    # A particle is cut out by what its innermost cells say.
    weights = counted * centredness * (distances[:, 0] > 0)
    return (
        (entropy * counted).sum() / counted.sum().clamp_min(1),
        (errors * weights).sum() / weights.sum().clamp_min(1),
    )


def _convolved(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _twice(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_convolved(inputs, outputs), _convolved(outputs, outputs))
