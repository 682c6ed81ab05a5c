"""Where the time of a run goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final


@final
class Stopwatch:
    """Seconds by label; time measured inside another measurement counts for the inner one alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner = 0.0

    @contextmanager
    def measure(self, label: str) -> Iterator[None]:
        """Add the time of the block to `label`."""
        outer, self._inner = self._inner, 0.0
        start = time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - start
            self.seconds[label] = self.seconds.get(label, 0.0) + elapsed - self._inner
            self._inner = outer + elapsed
