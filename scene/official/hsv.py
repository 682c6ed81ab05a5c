"""Ranges of hue, saturation and value, which distributions and criteria are given."""

from __future__ import annotations


def check_ranges(bounds: object) -> None:
    """Check that ``h_min``, ``s_min`` and ``v_min`` are not above their counterparts.

    Raises
    ------
    ValueError
        If one is; the text is one sentence.
    """
    for name in "hsv":
        low, high = getattr(bounds, f"{name}_min"), getattr(bounds, f"{name}_max")
        if low > high:
            raise ValueError(f"{name}_min ({low:g}) must not be above {name}_max ({high:g})")
