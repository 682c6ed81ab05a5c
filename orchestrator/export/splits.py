"""Splits: which runs are for training, which for validation, whatever else is exported."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from typing import Self, final

from scene.errors import COMMAND_LINE, ConfigurationError, Problem

WHOLE = "train"
"""The one split there is where none is asked for."""

SALT = "split 53305 seed "
"""Goes in front of a seed before it is hashed.

Any salt is as good as another for many seeds. This one was picked among 60 000 for spreading the
first 5, 10 and 15 seeds evenly, so that small sweeps get splits near the fractions asked for.
"""

_NUMBER = re.compile(
    r"-?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})(e-?\d{1,2})?|-?\d{1,40}/\d{1,40}",
    re.ASCII | re.IGNORECASE,
)
"""Fractions as people write them; 1e999999999 would take hours to write out."""

_QUOTED = 60
"""Characters of a text that a sentence quotes at most."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,49}")


@final
class Splits:
    """Names of splits and their fractions.

    A run's split depends on its seed and on the fractions alone: not on the run's other values, nor
    on how many runs there are. Runs of one seed have the same particles wherever they have the
    same number of them, and all looks of a specimen have its seed: no two splits have a specimen in
    common.

    Parameters
    ----------
    fractions
        Name to fraction; they sum to 1.
    """

    def __init__(self, fractions: Mapping[str, Fraction]) -> None:
        self.fractions = dict(fractions)
        self.names = tuple(fractions)
        self._bounds = tuple(accumulate(fractions.values()))
        self.of = lru_cache(maxsize=65_536)(self._of)

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Read ``train=0.8,val=0.1,test=0.1``; None is one split.

        Raises
        ------
        ConfigurationError
            If a name or fraction is unusable, or the fractions do not sum to 1.
        """
        if text is None:
            return cls({WHOLE: Fraction(1)})
        fractions: dict[str, Fraction] = {}
        problems = []
        for part in text.split(","):
            name, _, number = (piece.strip() for piece in part.partition("="))
            fraction = _fraction(number)
            if fraction is None:
                problems.append(f"{_short(part)!r} is not name=fraction, for instance train=0.8")
            elif problem := _problem(name, fraction, fractions):
                problems.append(problem)
            else:
                fractions[name] = fraction
        if not problems and sum(fractions.values()) != 1:
            total = f"{float(sum(fractions.values())):.6g}"
            total = "about 1" if total == "1" else total
            problems.append(f"the fractions must sum to 1, not {total}")
        if problems:
            raise ConfigurationError(Problem(COMMAND_LINE, "--split", each) for each in problems)
        return cls(fractions)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __str__(self) -> str:
        """Return the splits as `parse` reads them."""
        return ",".join(f"{name}={fraction}" for name, fraction in self.fractions.items())

    def _of(self, seed: int) -> str:
        digest = hashlib.sha256(f"{SALT}{seed}".encode()).digest()
        position = Fraction(int.from_bytes(digest[:8]), 2**64)
        return self.names[bisect_right(self._bounds, position)]


def _short(text: str) -> str:
    """Return a text as a sentence quotes it."""
    text = text.strip()
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}..."


def _fraction(text: str) -> Fraction | None:
    """Return the number that a text writes, or None if it is not one."""
    try:
        return Fraction(text) if _NUMBER.fullmatch(text) else None
    except ZeroDivisionError:
        return None


def _problem(name: str, fraction: Fraction, others: Mapping[str, Fraction]) -> str | None:
    """Return what is wrong with a split beside those that come before it."""
    if not _NAME.fullmatch(name):
        return f"{_short(name)!r} is not a name of up to 50 letters, digits and underscores"
    if name in others:
        return f"{name!r} is given twice"
    if (same := {other.casefold(): other for other in others}.get(name.casefold())) is not None:
        return f"{name!r} and {same!r} differ in capitals alone, which some disks take for one name"
    return f"{name} must have a fraction above 0, got {fraction}" if fraction <= 0 else None
