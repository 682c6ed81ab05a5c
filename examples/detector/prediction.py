"""What a detector says of a micrograph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Prediction:
    """The particles found in one micrograph.

    Parameters
    ----------
    labels
        (height, width) uint16: 1 to n, 0 where no particle is.
    scores
        (n,) float32 in 0 to 1: how sure each is; that of label i is at i - 1.
    """

    labels: NDArray[np.uint16]
    scores: NDArray[np.float32]
