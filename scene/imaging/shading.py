"""The stylized look, in numbers fitted to the published images.

One soft directional light from the camera's upper left, an ambient floor that is also the ground's
gray, and thin dark outlines. All grays are 8-bit values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LIGHT = (-0.394, 0.375, 0.839)
"""Unit vector towards the light in camera space, where x is right, y up, z towards the camera."""

FALLOFF = 1.10
"""Exponent of the cosine between normal and light; 1 would be Lambert's law."""

GROUND = 13.0
"""Gray of the ground and of everything turned away from the light."""

BRIGHTNESS = 117.5
"""Gray that the light adds to a surface facing it."""

OUTLINE_DARKNESS = 0.6
"""Fraction of the brightness that the core of an outline takes away, for `stylized`."""

XRAY_BRIGHTNESS = 39.7
"""Gray that a single fully lit particle adds to the ground, for `stylized_xray`."""

XRAY_BACK_FRACTION = 0.9
"""Fraction of that which comes from the lit inside of the far wall; the front gives the rest."""

XRAY_HAZE = 1.2
"""Gray that even an unlit particle adds."""

XRAY_STACKING = 1.0 / 3.0
"""k particles behind each other are k to this power as bright as one of them."""

XRAY_RIM = (0.05, 0.35)
"""Cosines between normal and view axis where a particle's rim begins and ends to be lit."""

XRAY_OUTLINE_DENSITY = 0.8
"""Optical density of a particle's dark rim."""


def stylized_gray(normal: NDArray[np.float32], instance: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Shade the frame.

    Parameters
    ----------
    normal
        (height, width, 3), camera-space unit normal.
    instance
        (height, width), the particle's id, 0 for the ground.

    Returns
    -------
    NDArray[np.uint8]
        (height, width) gray.
    """
    cosine: NDArray[np.float32] = normal @ np.array(LIGHT, dtype=np.float32)
    lit = np.maximum(cosine, 0.0) ** np.float32(FALLOFF)
    shade = np.where(instance > 0, GROUND + BRIGHTNESS * lit, GROUND).astype(np.float32)
    edge = _edges(instance)
    # Pixels at an edge are part one side, part the other: smoothing them takes the steps away.
    smooth = np.where(edge, _binomial_blur(shade), shade)
    outline = OUTLINE_DARKNESS * _binomial_blur(edge.astype(np.float32))
    gray: NDArray[np.uint8] = np.rint(smooth * (1.0 - outline)).astype(np.uint8)
    return gray


def xray_gray(
    light: NDArray[np.float32], body: NDArray[np.float32], rim: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Combine what all particles along a line of sight add, front and hidden ones alike.

    Parameters
    ----------
    light
        (height, width), sum over the particles of their shade in [0, 1].
    body
        (height, width), number of particles, their rims counting in part.
    rim
        (height, width), number of rims.

    Returns
    -------
    NDArray[np.uint8]
        (height, width) gray.
    """
    stacked = np.maximum(body, 1e-6) ** (XRAY_STACKING - 1.0) * light
    gray = GROUND + XRAY_HAZE * np.minimum(body, 1.0) + XRAY_BRIGHTNESS * stacked
    gray *= np.exp(-XRAY_OUTLINE_DENSITY * _binomial_blur(rim))
    return np.rint(np.minimum(gray, 255.0)).astype(np.uint8)


def _edges(instance: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Mark the pixels on both sides of every boundary between two ids."""
    edge = np.zeros(instance.shape, dtype=bool)
    across = instance[:, 1:] != instance[:, :-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    down = instance[1:] != instance[:-1]
    edge[1:] |= down
    edge[:-1] |= down
    return edge


def _binomial_blur(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blur with the weights 1, 2, 1 along both axes, edges repeated."""
    padded = np.pad(values, ((1, 1), (0, 0)), mode="edge")
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    padded = np.pad(rows, ((0, 0), (1, 1)), mode="edge")
    return (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / np.float32(16)
