"""How many pixels an image has. Everything that has to know asks here."""

from __future__ import annotations


def rendered_size(resolution: tuple[int, int], percentage: int) -> tuple[int, int]:
    """Return width and height in pixels of a render at `percentage` of `resolution`.

    In whole numbers, cut off, as Blender counts (``BKE_render_resolution``): 57 % of 200 pixels are
    114, where 0.57 * 200 is less than that in floating point. Either may be 0, which Blender can't
    render.

    >>> rendered_size((200, 16), 57)
    (114, 9)
    """
    width, height = resolution
    return width * percentage // 100, height * percentage // 100
