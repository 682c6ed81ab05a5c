"""Instance images, and their particles as run-length masks and as polygons."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

import contourpy
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from pycocotools import mask as coco_mask

from orchestrator.export.records import INSTANCES, ExportError, Record, Source

type Instances = NDArray[np.uint16]
"""(height, width) particle ids, 0 where nothing is."""

type Ring = NDArray[np.float64]
"""(points, 2) closed outline, x and y in pixels from the image's top left corner."""


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


def read_instances(source: Source, record: Record) -> Instances:
    """Return a run's instance image.

    Raises
    ------
    ExportError
        If it is missing, damaged, no 16-bit image, or names a particle that is not on record.
    """
    data = source.read(record, INSTANCES)
    place = f"run {record.run_id}: {source.uri}/{record.images[INSTANCES].path}"
    try:
        with PillowImage.open(io.BytesIO(data)) as image:
            pixels = np.asarray(image)
    except (OSError, ValueError, SyntaxError) as error:
        raise ExportError(f"{place} can't be read as an image: {error}") from error
    if pixels.ndim != 2 or pixels.dtype.kind not in "ui":
        raise ExportError(f"{place} is no gray image of particle ids")
    known = record.table["particle_id"].to_numpy()
    strange = np.setdiff1d(np.unique(pixels), np.append(known, 0))
    if len(strange):
        raise ExportError(f"{place} shows particle {strange[0]}, which the particles table lacks")
    return pixels.astype(np.uint16)


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
    areas = coco_mask.area(encoded).tolist()
    boxes = coco_mask.toBbox(encoded).astype(int).tolist()
    for (particle_id, _, _), rle, area, box in zip(particles, encoded, areas, boxes, strict=True):
        text = {"size": [height, width], "counts": rle["counts"].decode("ascii")}
        yield Mask(particle_id, text, area, tuple(box))


def outlines(instances: Instances, mask: Mask) -> list[Ring]:
    """Return the outlines of one particle's visible pixels, those of its holes included.

    An outline runs half way between the centres of pixels inside and outside: by the even-odd
    rule it holds the centres of the particle's pixels and no others.
    """
    x, y, width, height = mask.bbox
    inside = np.zeros((height + 2, width + 2))
    inside[1:-1, 1:-1] = instances[y : y + height, x : x + width] == mask.particle_id
    generator = contourpy.contour_generator(
        z=inside, name="serial", fill_type=contourpy.FillType.OuterOffset
    )
    # Pixel centres lie at halves; the border of the padding took one pixel.
    shift = np.array([x - 0.5, y - 0.5])
    rings: list[Ring] = []
    for points, offsets in zip(*generator.filled(0.5, np.inf), strict=True):
        for begin, end in pairwise(offsets.tolist()):
            rings.append(_straightened(points[begin : end - 1]) + shift)
    return rings


def joined(rings: list[Ring]) -> Ring:
    """Return one outline for all rings, for formats that know neither holes nor parts.

    Rings are joined by bridges of no width, each gone there and back, between the points that
    are nearest: by the even-odd rule the outline holds the same area as the rings.
    """
    rest = sorted(rings, key=len, reverse=True)
    path = rest.pop(0)
    while rest:
        near = [_nearest(path, ring) for ring in rest]
        chosen = min(range(len(rest)), key=lambda n: near[n][0])
        _, here, there = near[chosen]
        ring = rest.pop(chosen)
        detour = np.concatenate([ring[there:], ring[: there + 1]])
        path = np.concatenate([path[: here + 1], detour, path[here:]])
    return path


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
    return ring[np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]) > 1e-9]


def _nearest(one: Ring, other: Ring) -> tuple[float, int, int]:
    squares = ((one[:, None] - other[None]) ** 2).sum(axis=2)
    here, there = divmod(int(squares.argmin()), len(other))
    return float(squares[here, there]), here, there
