"""What the network learns: where a particle is, and how far its outline is from there.

A particle is described as in U. Schmidt et al., "Cell Detection with Star-Convex Polygons", MICCAI
2018: by the distances from a point inside it to its outline, along rays at equal angles. Two things
differ. A ray ends at the last pixel of its particle, not at the first that is none, so that what
lies before a particle cuts no piece out of its outline. And distances are learned as logarithms: an
error of a tenth counts as much for a particle of 8 pixels as for one of 200.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

RAYS = 32
STRIDE = 2  # pixels of the image a side of a cell of the network's output
LEAST_DISTANCE = 0.5  # pixels, so that a logarithm exists


def centredness(labels: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Return how far inside its particle each pixel lies.

    Parameters
    ----------
    labels
        (height, width): the particle at each pixel, 0 where none is.

    Returns
    -------
    (height, width)
        The distance to the particle's visible outline by the largest such distance of the particle:
        1 at its innermost pixel, 0 outside of particles.
    """
    distances = _distance_inside(labels)
    largest = np.zeros(int(labels.max(initial=0)) + 1, np.float32)
    np.maximum.at(largest, labels.ravel(), distances.ravel())
    largest[0] = np.inf
    return (distances / np.maximum(largest, 1e-6)[labels]).astype(np.float32)


def _distance_inside(labels: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Return each pixel's distance to the nearest pixel of another label, over all at once.

    A transform of the whole image knows one outline only, that between background and particles; so
    pixels at which two particles meet are made background. That costs each particle half a pixel,
    which is given back.
    """
    edge = np.zeros(labels.shape, dtype=bool)
    across, along = labels[:, 1:] != labels[:, :-1], labels[1:] != labels[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= along
    edge[:-1] |= along
    inside = (labels != 0) & ~edge
    distances = ndimage.distance_transform_edt(inside).astype(np.float32) + np.float32(0.5)
    return np.where(labels != 0, distances, np.float32(0))


def ray_directions(number: int = RAYS) -> NDArray[np.float32]:
    """Return unit vectors (row, column) of rays, (number, 2); the first points right."""
    angles = 2 * np.pi * np.arange(number) / number
    return np.stack([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def boxes_of(labels: NDArray[np.uint16]) -> NDArray[np.int32]:
    """Return first and last row, first and last column of each label, zeros for absent ones.

    The shape is (largest label + 1, 4): top, left, bottom, right.
    """
    boxes = np.zeros((int(labels.max(initial=0)) + 1, 4), np.int32)
    for label, window in enumerate(ndimage.find_objects(labels), start=1):
        if window is not None:
            rows, columns = window
            boxes[label] = rows.start, columns.start, rows.stop - 1, columns.stop - 1
    return boxes


@njit(cache=True, nogil=True)
def _reach(
    place: np.float32,
    step: np.float32,
    first: np.int32,
    last: np.int32,
) -> np.float32:
    """Return how far a ray goes along one axis before it leaves the pixels `first` to `last`."""
    if step > 1e-6:
        return (np.float32(last) + np.float32(0.49) - place) / step
    if step < -1e-6:
        return (np.float32(first) - np.float32(0.49) - place) / step
    return np.float32(1e9)


@njit(cache=True, nogil=True)
def distances_to_outline(
    labels: NDArray[np.uint16],
    boxes: NDArray[np.int32],
    rows: NDArray[np.float32],
    columns: NDArray[np.float32],
    directions: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the distance from places to the outline of their particle along rays.

    Parameters
    ----------
    labels
        (height, width) uint16.
    boxes
        (largest label + 1, 4) int32, from `boxes_of`.
    rows, columns
        (n,) float32: places in pixels, the middle of the first pixel at 0.
    directions
        (rays, 2) float32, from `ray_directions`.

    Returns
    -------
    (n, rays) float32
        Pixels; 0 for places where no particle is.
    """
    half = np.float32(0.5)
    out = np.zeros((len(rows), len(directions)), np.float32)
    for place in range(len(rows)):
        row, column = rows[place], columns[place]
        label = labels[int(row + half), int(column + half)]
        if label == 0:
            continue
        top, left, bottom, right = boxes[label]
        # Half a pixel for small particles, a 48th of their side for large ones.
        step = max(half, np.float32(max(bottom - top, right - left)) / np.float32(48))
        for ray in range(len(directions)):
            down, across = directions[ray]
            # From where the ray leaves the particle's box inwards: mostly there are few steps.
            reach = min(_reach(row, down, top, bottom), _reach(column, across, left, right))
            distance = reach
            while distance > 0:
                y = int(row + distance * down + half)
                x = int(column + distance * across + half)
                if labels[y, x] == label:
                    break
                distance -= step
            # The outline lies between this step and the one before.
            out[place, ray] = min(max(distance, np.float32(0)) + half * step, reach)
    return out
