"""Short names of steps and swept keys, for people."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping

SEED = "initial_runtime_state.seed"
LOOK_SEED = "initial_runtime_state.look_seed"
SEEDS = (SEED, LOOK_SEED)

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def step_name(label: str) -> str:
    """Return what a step's time is called: its rendering mode, or the step in words.

    >>> step_name("RenderParticlesTogether.real"), step_name("RelaxCollisions")
    ('real', 'relax collisions')
    """
    name = label.rpartition(".")[2]
    return _WORDS.sub(" ", name).lower() if name[:1].isupper() else name


def short_keys(
    keys: Collection[str],
    known: Mapping[str, str] | None = None,
    spelled: Callable[[str], str] = str,
) -> dict[str, str]:
    """Return each dotted key's short name, which no other key has.

    A name is the key's last word with the indices after it, preceded by what owns it where that
    has a name of its own; it is longer where another key has that name already.

    Parameters
    ----------
    known
        Names that are given already; they stay.
    spelled
        Gives a name the spelling in which no two may be equal.

    >>> list(short_keys(["blueprints.particles.Bead.number", "steps.5.gravity.2"]).values())
    ['Bead.number', 'gravity.2']
    >>> list(short_keys([SEED, LOOK_SEED]).values())
    ['seed', 'look_seed']
    """
    names = {SEED: "seed", LOOK_SEED: "look_seed"} | dict(known or {})
    taken = set(names.values())
    left = {key: _candidates(key) for key in keys if key not in names}
    while True:
        first = {key: spelled(candidates[0]) for key, candidates in left.items()}
        counts = Counter(first.values())
        clashes = [key for key, name in first.items() if name in taken or counts[name] > 1]
        longer = [key for key in clashes if len(left[key]) > 1]
        if not longer:
            names |= first
            return {key: names[key] for key in keys}
        for key in longer:
            del left[key][0]


def _candidates(key: str) -> list[str]:
    """Return ends of a dotted key that read as names, the best first, then longer ones."""
    parts = key.split(".")
    starts = [index for index, part in enumerate(parts) if not part.isdigit()] or [0]
    best = len(starts) - 1
    # A list's element has no name, and "variability.scale" would be the name of many.
    while best > 0 and starts[best - 1] == starts[best] - 1:
        best -= 1
        if parts[starts[best]] != "variability":
            break
    return [".".join(parts[start:]) for start in reversed(starts[: best + 1])]
