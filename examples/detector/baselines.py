"""Classical methods that find particles without training, to compare a detector with.

Both expect particles that are brighter than what is behind them, as in most secondary-electron
images. Their settings are those with the best AP50 of a few dozen tried, on four annotated
micrographs of metal powder: on others they do less well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.measure import regionprops
from skimage.morphology import h_maxima, remove_small_holes, remove_small_objects
from skimage.segmentation import watershed as flood

from examples.detector.errors import DetectorError
from examples.detector.prediction import Prediction, without_data_bar

_SMALLEST_PX, _LARGEST_PX = 3.5, 128.0
"""The radii of circles that are looked for, in px."""

_EDGE_SIGMA, _EDGE = 0.5, 0.05
"""Blur in px before gradients are taken, and the least gradient of an edge, per px."""

_OCTAVE = np.arange(6.0, 12.0)
"""Radii in pixels of an image that is scaled down until they fit; twice the first is next."""

_SPREAD = 0.08
"""How far votes for a centre spread, relative to the radius; real particles are not quite round."""

_LEAST_SCORE, _MOST_OVERLAP = 0.4, 0.4
_CHANCE_PX = 2.0
"""Radius in px at which a circle's score is halved, as few edges meet by chance easily."""

_SMOOTH_SIGMA, _LEVEL = 0.5, 0.5
"""Blur in px before the threshold, and that relative to Otsu's: most particles have dark parts."""

_MOST_HOLE_PX, _LEAST_PX = 100, 40
"""Areas in px of the largest hole in a particle that is filled and of the smallest particle."""

_DEPTH_PX = 0.7
"""How much narrower, in radius, a neck has to be to be cut."""

type Floats = NDArray[np.float64]


def hough(image: NDArray[np.float32]) -> Prediction:
    """Find bright circles by a Hough transform in which edges vote along their gradients.

    C. Kimme, D. Ballard and J. Sklansky, "Finding circles by an array of accumulators",
    Communications of the ACM 18, 120 (1975); here in images of several sizes, so that large circles
    take no longer than small ones.

    Parameters
    ----------
    image
        (height, width) in 0 to 1. A data bar at the bottom is left out.

    Returns
    -------
    Prediction
        Discs, the smaller ones in front; their scores are the fraction of the circumference that
        voted for the centre.
    """
    return without_data_bar(image, _circular)


def _circular(image: NDArray[np.float32]) -> Prediction:
    gray = _stretched(image)
    octaves, scale = [], 1
    while scale * _OCTAVE[0] < _LARGEST_PX:
        small = gray
        if scale > 1:
            small = ndimage.zoom(ndimage.gaussian_filter(gray, scale / 2), 1 / scale, order=1)
        radii = _OCTAVE if scale > 1 else np.arange(_SMALLEST_PX, 2 * _OCTAVE[0], 0.5)
        circles = _circles(small, radii)
        zoom = np.divide(gray.shape, small.shape)
        circles[:, 1:3] = (circles[:, 1:3] + 0.5) * zoom - 0.5
        circles[:, 3] *= scale
        octaves.append(circles)
        scale *= 2
    return _discs(_apart(np.concatenate(octaves)), image.shape)


def _circles(image: Floats, radii: Floats) -> Floats:
    """Return (n, 4) score, y, x and radius of the circles in an image, in its pixels."""
    gy = ndimage.gaussian_filter(image, _EDGE_SIGMA, order=(1, 0))
    gx = ndimage.gaussian_filter(image, _EDGE_SIGMA, order=(0, 1))
    strength = np.hypot(gy, gx)
    y, x = np.nonzero(strength > _EDGE)
    toward_y, toward_x = gy[y, x] / strength[y, x], gx[y, x] / strength[y, x]
    margin = int(radii[-1]) + 1  # centres may lie outside
    height, width = np.add(image.shape, 2 * margin)
    votes = np.empty((len(radii), height, width), dtype=np.float32)
    for plane, radius in zip(votes, radii, strict=True):
        centre_y = np.rint(y + radius * toward_y).astype(np.intp) + margin
        centre_x = np.rint(x + radius * toward_x).astype(np.intp) + margin
        counts = np.bincount(centre_y * width + centre_x, minlength=plane.size)
        spread = _SPREAD * radius + 0.5
        blurred = ndimage.gaussian_filter(counts.reshape(plane.shape).astype(float), spread)
        # The blur's peak is 1 / (2 pi spread^2), a circumference is 2 pi radius.
        plane[:] = blurred * spread**2 / (radius + _CHANCE_PX)
    peaks = peak_local_max(votes, 1, threshold_abs=_LEAST_SCORE, exclude_border=False)
    level, y, x = peaks.T
    return np.column_stack([votes[level, y, x], y - margin, x - margin, radii[level]])


def _apart(circles: Floats) -> Floats:
    """Return the best circles of which no two overlap by more than is usual for particles."""
    circles = circles[np.argsort(-circles[:, 0], kind="stable")]
    kept = []
    while len(circles):
        _, y, x, radius = best = circles[0]
        kept.append(best)
        distance = np.hypot(circles[:, 1] - y, circles[:, 2] - x)
        overlap = circles[:, 3] + radius - distance
        apart = overlap < _MOST_OVERLAP * 2 * np.minimum(circles[:, 3], radius)
        apart[0] = False
        circles = circles[apart]
    return np.array(kept).reshape(-1, 4)


def _discs(circles: Floats, shape: tuple[int, ...]) -> Prediction:
    _check_number(len(circles))
    labels = np.zeros(shape, dtype=np.uint16)
    circles = circles[np.argsort(-circles[:, 3], kind="stable")]
    for number, (_, y, x, radius) in enumerate(circles, start=1):
        rows = slice(max(int(y - radius), 0), max(int(y + radius) + 2, 0))
        columns = slice(max(int(x - radius), 0), max(int(x + radius) + 2, 0))
        part = labels[rows, columns]
        dy, dx = np.ogrid[: part.shape[0], : part.shape[1]]
        part[np.hypot(dy + rows.start - y, dx + columns.start - x) <= radius] = number
    return Prediction(labels, np.minimum(circles[:, 0], 1).astype(np.float32))


def watershed(image: NDArray[np.float32]) -> Prediction:
    """Find bright regions and cut them where they are narrow: a watershed of distances.

    Parameters
    ----------
    image
        (height, width) in 0 to 1. A data bar at the bottom is left out.

    Returns
    -------
    Prediction
        Its scores are the solidity of each particle: its area relative to its convex hull's.
    """
    return without_data_bar(image, _bright)


def _bright(image: NDArray[np.float32]) -> Prediction:
    smooth = ndimage.gaussian_filter(_stretched(image), _SMOOTH_SIGMA)
    bright = smooth > _LEVEL * threshold_otsu(smooth)
    bright = remove_small_holes(bright, max_size=_MOST_HOLE_PX)
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(bright), 1.0)
    seeds, _ = ndimage.label(h_maxima(distance, _DEPTH_PX))
    labels = remove_small_objects(flood(-distance, seeds, mask=bright), max_size=_LEAST_PX)
    ids, places = np.unique(np.append(0, labels), return_inverse=True)  # 0, too, may have no pixel
    _check_number(len(ids) - 1)
    labels = places[1:].reshape(image.shape).astype(np.uint16)
    solidity = [region.solidity for region in regionprops(labels)]
    return Prediction(labels, np.array(solidity, dtype=np.float32))


def _check_number(particles: int) -> None:
    most = np.iinfo(np.uint16).max
    if particles > most:
        raise DetectorError(
            f"{particles:,} particles were found, and a label image holds {most:,}: either this is "
            "noise, or the micrograph has to be cut into several"
        )


def _stretched(image: NDArray[np.float32]) -> Floats:
    """Return gray values from 0 at the darkest percent of pixels to 1 at the brightest."""
    low, high = np.percentile(image, (1, 99))
    stretched: Floats = np.clip((image - low) / max(high - low, 1e-6), 0.0, 1.0)
    return stretched
