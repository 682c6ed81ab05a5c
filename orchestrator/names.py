"""Short names of steps and swept keys, for people."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def step_name(label: str) -> str:
    """Return what a step's time is called: its rendering mode, or the step in words.

    >>> step_name("RenderParticlesTogether.real"), step_name("RelaxCollisions")
    ('real', 'relax collisions')
    """
    name = label.rpartition(".")[2]
    return _WORDS.sub(" ", name).lower() if name[:1].isupper() else name


def short_keys(keys: Sequence[str]) -> dict[str, str]:
    """Return each dotted key's last word, with as many words before it as tell it from others.

    A number, which is a place in a list, stands with the word before it.

    >>> list(short_keys(["blueprints.particles.Bead.number", "steps.5.gravity.2"]).values())
    ['number', 'gravity.2']
    """
    words = {key: key.split(".") for key in keys}
    lengths = {key: _least_words(parts) for key, parts in words.items()}
    while True:
        names = {key: ".".join(parts[-lengths[key] :]) for key, parts in words.items()}
        counts = Counter(names.values())
        longer = [key for key in keys if counts[names[key]] > 1 and lengths[key] < len(words[key])]
        if not longer:
            return names
        for key in longer:
            lengths[key] += 1


def _least_words(parts: Sequence[str]) -> int:
    places = 0
    while places < len(parts) - 1 and parts[-1 - places].isdigit():
        places += 1
    return places + 1
