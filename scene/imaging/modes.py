"""The rendering modes. Numpy only: everything comes from a frame."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from scene.imaging.frame import Frame, Image, RenderingMode
from scene.imaging.shading import stylized_gray
from scene.shapes.stl import stl_file

LARGEST_ID = 65_535
DARKEST_CATEGORY = 64
"""Smallest value of a category colour's brightest channel, so that none is taken for background."""

NOTHING_DEPTH = 255
FARTHEST_DEPTH = 254


@final
class Real(RenderingMode):
    """The image as the microscope takes it."""

    name: ClassVar[str] = "real"
    outputs: ClassVar[Mapping[str, str]] = {"real": "png"}

    def render(self, frame: Frame) -> Mapping[str, Image]:
        """Return ``real``: uint8, or uint16 where ``render.bit_depth`` is 16; gray or in colour."""
        return {"real": frame.real()}


@final
class Categorical(RenderingMode):
    """One flat colour for each particle, and the ids themselves."""

    name: ClassVar[str] = "categorical"
    outputs: ClassVar[Mapping[str, str]] = {"categorical": "png", "instances": "png"}

    def render(self, frame: Frame) -> Mapping[str, Image]:
        """Return ``categorical``: uint8 RGB, and ``instances``: uint16 ids; 0 where nothing is."""
        instance = frame.buffers.instance
        # Three times as fast as indexing with the ids.
        colors = category_colors().take(instance, axis=0)
        return {"categorical": colors, "instances": instance}


@final
class Agglomerates(RenderingMode):
    """The agglomerate that each particle belongs to."""

    name: ClassVar[str] = "agglomerates"
    outputs: ClassVar[Mapping[str, str]] = {"agglomerates": "png"}

    def render(self, frame: Frame) -> Mapping[str, Image]:
        """Return ``agglomerates``: uint16, the id of the agglomerate's root; 0 where nothing is.

        A particle on its own is its own root.
        """
        roots = np.arange(LARGEST_ID + 1, dtype=np.uint16)
        for particle_id, root in frame.roots.items():
            roots[particle_id] = root
        return {"agglomerates": roots.take(frame.buffers.instance)}


@final
class DepthMap(RenderingMode):
    """Distance from the camera: near is dark, far is light, nothing is white."""

    name: ClassVar[str] = "depth_map"
    outputs: ClassVar[Mapping[str, str]] = {"depth_map": "png", "depth": "tiff"}

    def render(self, frame: Frame) -> Mapping[str, Image]:
        """Return ``depth_map`` and ``depth``.

        ``depth_map`` is uint8, linear from 0 at the nearest visible point to 254 at the farthest;
        255 is nothing, and only nothing. ``depth`` is float32 in scene units, inf for nothing.
        """
        depth = frame.buffers.depth
        seen = np.isfinite(depth)
        gray = np.full(depth.shape, NOTHING_DEPTH, dtype=np.uint8)
        if seen.any():
            nearest = float(depth[seen].min())
            span = float(depth[seen].max()) - nearest or 1.0
            gray[seen] = np.rint((depth[seen] - nearest) * (FARTHEST_DEPTH / span))
        return {"depth_map": gray, "depth": depth}


@final
class NormalMap(RenderingMode):
    """Camera-space normals: x is red, y green, z blue."""

    name: ClassVar[str] = "normal_map"
    outputs: ClassVar[Mapping[str, str]] = {"normal_map": "png"}

    def render(self, frame: Frame) -> Mapping[str, Image]:
        """Return ``normal_map``: uint8, round(255 * (n + 1) / 2); black where nothing is."""
        buffers = frame.buffers
        colors = np.rint((buffers.normal + 1.0) * 127.5).astype(np.uint8)
        colors[buffers.instance == 0] = 0
        return {"normal_map": colors}


@final
class Ignore(RenderingMode):
    """Where `real` shows something other than the specimen: a data bar."""

    name: ClassVar[str] = "ignore"
    outputs: ClassVar[Mapping[str, str]] = {"ignore": "png"}

    def render(self, frame: Frame) -> Mapping[str, Image]:
        """Return ``ignore``: uint8, 255 where nothing can be known of the specimen, else 0."""
        ignored = np.zeros(frame.buffers.instance.shape, dtype=np.uint8)
        ignored[frame.specimen_rows :] = 255
        return {"ignore": ignored}


@final
class Stl(RenderingMode):
    """The surfaces of the particles of interest, in scene units and the scene's axes."""

    name: ClassVar[str] = "stl"
    outputs: ClassVar[Mapping[str, str]] = {"particles": "stl"}

    def render(self, frame: Frame) -> Mapping[str, bytes]:
        """Return ``particles``, a binary STL file of all surfaces, by the particles' ids."""
        return {"particles": stl_file(frame.surfaces().values())}


@final
class Stylized(RenderingMode):
    """Matt particles under one soft light, with thin dark outlines."""

    name: ClassVar[str] = "stylized"
    outputs: ClassVar[Mapping[str, str]] = {"stylized": "png"}

    def render(self, frame: Frame) -> Mapping[str, Image]:
        """Return ``stylized``: uint8 gray."""
        buffers = frame.buffers
        return {"stylized": stylized_gray(buffers.normal, buffers.instance)}


@final
class StylizedXray(RenderingMode):
    """The stylized look with translucent particles: hidden ones show through."""

    name: ClassVar[str] = "stylized_xray"
    outputs: ClassVar[Mapping[str, str]] = {"stylized_xray": "png"}

    def render(self, frame: Frame) -> Mapping[str, Image]:
        """Return ``stylized_xray``: uint8 gray."""
        return {"stylized_xray": frame.xray()}


def category_color(particle_id: int) -> tuple[int, int, int]:
    """Return the colour (r, g, b) of a particle in ``categorical.png``.

    It depends on the id alone, differs for every id from 1 to 65535, and is never nearly black.

    Raises
    ------
    ValueError
        If `particle_id` is outside 1..65535.
    """
    if not 1 <= particle_id <= LARGEST_ID:
        raise ValueError(f"a particle's id lies in [1, {LARGEST_ID}], got {particle_id}")
    red, green, blue = category_colors()[particle_id].tolist()
    return red, green, blue


@cache
def category_colors() -> NDArray[np.uint8]:
    """Return the colours of all ids: (65536, 3) uint8, black for id 0.

    The n-th candidate is a bijective mix of the bits of n, so no two are equal; leaving out the
    dark ones keeps it so.
    """
    candidates = _mixed(np.arange(1, 2 * LARGEST_ID, dtype=np.uint32))
    rgb = np.stack([candidates >> 16, candidates >> 8, candidates], axis=1).astype(np.uint8)
    colors = np.zeros((LARGEST_ID + 1, 3), dtype=np.uint8)
    colors[1:] = rgb[rgb.max(axis=1) >= DARKEST_CATEGORY][:LARGEST_ID]
    colors.setflags(write=False)
    return colors


def _mixed(numbers: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return a one-to-one scramble of 24-bit numbers.

    Each step can be undone, hence no two inputs meet: xor with the own upper half, and
    multiplication by an odd number modulo 2**24.
    """
    mask = np.uint32(0xFFFFFF)
    mixed = numbers
    for factor in (0x9E3779, 0x85EBCB):
        mixed = (mixed * np.uint32(factor)) & mask
        mixed ^= mixed >> np.uint32(12)
    return mixed
