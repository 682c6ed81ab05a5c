"""Instance images, and their particles as run-length masks and as polygons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

import contourpy
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from orchestrator.dataset.run_files import INSTANCES, RunFilesError
from orchestrator.export.source import Example

type Instances = NDArray[np.uint16]
"""(height, width) particle ids, 0 where nothing is."""

type Ring = NDArray[np.float64]
"""(points, 2) closed outline, x and y in pixels from the image's top left corner."""

type _Place = tuple[int, int]
"""Number of a ring, and of a point on it."""

_SAMPLE = 0.25
_REACH = 0.225
"""Outlines run this far from the points of pixels that are `_SAMPLE` from their corner."""

_PAIRS = 2**18
"""This many distances are in memory at a time."""


@final
@dataclass(frozen=True, slots=True)
class Mask:
    """One particle's visible pixels.

    Parameters
    ----------
    particle_id
        The value in the instance image.
    rle
        ``size`` (height, width) and ``counts``, as pycocotools compresses them, as text.
    area
        Number of pixels.
    bbox
        Left, top, width, height in pixels.
    """

    particle_id: int
    rle: dict[str, Any]
    area: int
    bbox: tuple[int, int, int, int]


def read_instances(example: Example) -> Instances:
    """Return a run's instance image.

    Raises
    ------
    RunFilesError
        If it is missing, damaged, not a gray image, or shows a particle that is not on record.
    """
    file = example.image(INSTANCES)
    pixels = example.run.ids(file, example.read(INSTANCES))
    known = example.table["particle_id"].to_numpy()
    strange = np.setdiff1d(np.unique(pixels), np.append(known, 0))
    if len(strange):
        problem = f"shows particle {strange[0]}, which the particles table lacks"
        raise RunFilesError(f"run {example.run.run_id}: {example.run.place}/{file.path} {problem}")
    return pixels


def masks(instances: Instances) -> Iterator[Mask]:
    """Yield the visible particles, by id.

    The run lengths of all particles follow from one sort of the pixels: a dense mask for each
    would take a hundred times as long.
    """
    height, width = instances.shape
    flat = instances.T.ravel()  # column by column, as COCO counts
    shown = np.flatnonzero(flat)
    order = np.argsort(flat[shown], kind="stable")
    positions = shown[order]
    ids = flat[positions]
    first = np.ones(len(ids), bool)  # first pixel of a stretch without gap
    first[1:] = (np.diff(positions) != 1) | (np.diff(ids) != 0)
    starts = positions[first]
    lengths = np.diff(np.append(np.flatnonzero(first), len(ids)))
    owners = ids[first]
    bounds = np.append(np.flatnonzero(np.diff(owners, prepend=0)), len(owners))
    particles = [
        (int(owners[begin]), starts[begin:end], lengths[begin:end])
        for begin, end in pairwise(bounds.tolist())
    ]
    if not particles:
        return
    counts = [_counts(begins, sizes, flat.size) for _, begins, sizes in particles]
    plain: Any = [{"counts": count, "size": [height, width]} for count in counts]
    encoded: Any = coco_mask.frPyObjects(plain, height, width)
    boxes = coco_mask.toBbox(encoded).astype(int).tolist()
    for (particle_id, _, sizes), rle, box in zip(particles, encoded, boxes, strict=True):
        text = {"size": [height, width], "counts": rle["counts"].decode("ascii")}
        # Of the lengths, for pycocotools' own `area` takes at most 255 masks at a time.
        yield Mask(particle_id, text, int(sizes.sum()), tuple(box))


def outlines(instances: Instances, mask: Mask) -> list[Ring]:
    """Return the outlines of one particle's visible pixels, those of its holes included.

    Every corner lies in the left upper half of a pixel of the particle: readers that truncate
    corners to pixels and those that round them come to the same pixels, all on the particle's own
    edge, and what they paint, outline and inside, is the particle. Sampled a quarter of a pixel
    from each pixel's left upper corner, the outlines hold the particle's pixels and no others.

    Returns
    -------
    list of (points, 2) float64
        x and y in pixels from the image's top left corner.
    """
    x, y, width, height = mask.bbox
    inside = np.zeros((height + 2, width + 2))
    inside[1:-1, 1:-1] = instances[y : y + height, x : x + width] == mask.particle_id
    generator = contourpy.contour_generator(
        z=inside, name="serial", fill_type=contourpy.FillType.OuterOffset
    )
    shift = np.array([x, y]) - 1 + _SAMPLE  # the border of the padding took one pixel
    rings: list[Ring] = []
    for points, offsets in zip(*generator.filled(1 - _REACH, np.inf), strict=True):
        for begin, end in pairwise(offsets.tolist()):
            rings.append(points[begin : end - 1] + shift)
    return rings


def joined(rings: Sequence[Ring]) -> Ring:
    """Return one outline for all rings, for formats that know neither holes nor parts.

    Rings are joined by bridges of no width, each gone there and back, between the points that
    are nearest: by the even-odd rule the outline holds the same area as the rings. Points between
    two stretches of one direction are left out.
    """
    detours: dict[int, dict[int, list[Ring]]] = {number: {} for number in range(len(rings))}
    root, bridges = _bridges(rings)
    # What is joined later hangs on what was joined before: so from the end, each tour is complete.
    for (ring, point), (other, start) in reversed(bridges):
        tour = _tour(rings[other], start, detours[other])
        detours[ring].setdefault(point, []).append(np.concatenate([tour, tour[:1]]))
    return _straightened(_tour(rings[root], 0, detours[root]))


def _counts(starts: NDArray[np.intp], lengths: NDArray[np.intp], size: int) -> list[int]:
    """Return lengths of stretches without and with the particle, in turn."""
    ends = starts + lengths
    gaps = starts - np.append(0, ends[:-1])
    pairs = np.stack([gaps, lengths], axis=1).ravel()
    return [*pairs.tolist(), size - int(ends[-1])]


def _straightened(ring: Ring) -> Ring:
    """Leave out the points between two stretches of one direction."""
    before = ring - np.roll(ring, 1, axis=0)
    after = np.roll(ring, -1, axis=0) - ring
    turns = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]) > 1e-9
    return ring[turns | ((before * after).sum(axis=1) < 0)]


def _tour(ring: Ring, start: int, detours: Mapping[int, list[Ring]]) -> Ring:
    """Return a ring from `start` once around, with the detours that begin at its points."""
    turned = np.roll(ring, -start, axis=0)
    pieces, begin = [], 0
    for position, point in sorted(((point - start) % len(ring), point) for point in detours):
        pieces.append(turned[begin : position + 1])
        for detour in detours[point]:
            pieces += [detour, turned[position : position + 1]]
        begin = position + 1
    return np.concatenate([*pieces, turned[begin:]])


def _bridges(rings: Sequence[Ring]) -> tuple[int, list[tuple[_Place, _Place]]]:
    """Return the longest ring, and what joins all others to it: a minimal spanning tree.

    Returns
    -------
    tuple
        The ring's number, and the ends of each bridge, (ring, point) of a ring that is joined and
        (ring, point) of the one that it joins, in the order of joining.
    """
    lengths = np.array([len(ring) for ring in rings])
    owners = np.repeat(np.arange(len(rings)), lengths)
    first = np.cumsum(lengths) - lengths
    points = np.concatenate(rings)
    distances = np.full(len(points), np.inf)  # of each point to the nearest that is joined
    nearest = np.zeros(len(points), np.intp)  # the number of that one
    free = np.ones(len(points), bool)
    root = newest = int(np.argmax(lengths))
    found: list[tuple[_Place, _Place]] = []
    while True:
        free[owners == newest] = False
        rest = np.flatnonzero(free)
        if not len(rest):
            return root, found
        for begin in range(0, len(rings[newest]), step := max(1, _PAIRS // len(rest))):
            some = rings[newest][begin : begin + step]
            squares = ((points[rest, None] - some[None]) ** 2).sum(axis=2)
            closest = squares.argmin(axis=1)
            shortest = squares[np.arange(len(rest)), closest]
            nearer = shortest < distances[rest]
            distances[rest[nearer]] = shortest[nearer]
            nearest[rest[nearer]] = first[newest] + begin + closest[nearer]
        there = rest[np.argmin(distances[rest])]
        here = nearest[there]
        newest = int(owners[there])
        found.append((_place(here, owners, first), _place(there, owners, first)))


def _place(number: int, owners: NDArray[np.intp], first: NDArray[np.intp]) -> _Place:
    """Return which point of which ring has a number among all points."""
    return int(owners[number]), int(number - first[owners[number]])
