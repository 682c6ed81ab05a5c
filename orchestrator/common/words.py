"""Durations, sizes and counts, as people say them."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """Return a duration as people say it.

    >>> duration(42.4), duration(200), duration(7500)
    ('42 s', '3 min', '2 h 5 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def counted(number: int, what: str) -> str:
    """Return a number of things that are called `what`.

    >>> counted(1, "run"), counted(20, "run")
    ('1 run', '20 runs')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def no_particle(runs: int) -> str:
    """Return the line about runs whose images show no particle.

    >>> no_particle(1)
    '1 run shows no particle'
    """
    return f"{runs} run{'s' if runs > 1 else ''} show{'' if runs > 1 else 's'} no particle"


def amount(size: int) -> str:
    """Return a number of bytes as people say it.

    >>> amount(0), amount(1_540), amount(12_000_000_000)
    ('0 bytes', '1.54 kB', '12 GB')
    """
    if size < 1000:
        return "1 byte" if size == 1 else f"{size} bytes"
    units = ("kB", "MB", "GB", "TB", "PB")
    power = min(math.floor(math.log10(size)) // 3, len(units))
    return f"{size / 1000**power:.3g} {units[power - 1]}"
