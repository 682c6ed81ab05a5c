"""Durations and counts, as people say them."""

from __future__ import annotations


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


def no_particle(runs: int) -> str:
    """Return the line about runs whose images show no particle.

    >>> no_particle(1)
    '1 run shows no particle'
    """
    return f"{runs} run{'s' if runs > 1 else ''} show{'' if runs > 1 else 's'} no particle"
