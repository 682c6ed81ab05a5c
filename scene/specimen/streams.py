"""Random streams: every stream is found by name, from a root.

A stream's numbers depend on its root, a seed of the recipe, and on the stream's own key alone,
never on what else is drawn, in which order, or on which worker: the seventh bead's diameter is the
same with 100 or 600 beads.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import numpy as np

type StreamKey = tuple[str | int, ...]


def shared(rng: np.random.Generator, *key: str | int) -> np.random.Generator:
    """Return the stream `key` of the root that a stream has: the same for all streams of a root.

    Parameters
    ----------
    rng
        Any stream of a `Streams`.
    """
    seeds: Any = rng.bit_generator.seed_seq
    return Streams(seeds.entropy).counted(*key)


class Streams:
    """Source of a run's random generators with one root.

    Parameters
    ----------
    seed
        The root: ``seed`` or ``look_seed`` of the recipe's ``initial_runtime_state``, not negative.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn: Counter[StreamKey] = Counter()

    def generator(self, *key: str | int) -> np.random.Generator:
        """Return the generator of the stream `key`.

        Asking again for the same key gives the next, independent generator of that name, so that
        a feature drawn twice for one particle is not the same number twice.
        """
        occurrence = self._drawn[key]
        self._drawn[key] += 1
        return np.random.Generator(np.random.PCG64(self._sequence(*key, occurrence)))

    @property
    def drawn(self) -> Counter[StreamKey]:
        """How often each generator has been asked for, by its key."""
        return self._drawn.copy()

    def advance(self, drawn: Counter[StreamKey]) -> None:
        """Go on as if generators had been asked for so often."""
        self._drawn += drawn

    def counted(self, *key: str | int) -> np.random.Generator:
        """Return a counter-based generator of the stream `key`, the same at every call."""
        return np.random.Generator(np.random.Philox(self._sequence(*key)))

    def integer(self, *key: str | int) -> int:
        """Return the 31-bit integer of the stream `key`, the same at every call."""
        return int(self._sequence(*key).generate_state(1)[0] >> 1)

    def _sequence(self, *key: str | int) -> np.random.SeedSequence:
        # Each part of the key is hashed with its type and length in front of it, so that
        # ("a", "bc") and ("ab", "c"), or 1 and "1", are different streams.
        digest = hashlib.sha256()
        for part in key:
            text = str(part).encode()
            digest.update(f"{type(part).__name__}{len(text)}:".encode() + text)
        words = np.frombuffer(digest.digest()[:16], dtype="<u4")
        return np.random.SeedSequence(self._seed, spawn_key=tuple(int(word) for word in words))
