"""Lists that a caller in Python gives, where a text alone would pass for a list of characters."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scene.errors import ConfigurationError, Problem


def listed(name: str, given: Iterable[Any], *kinds: type) -> list[Any]:
    """Return a list that was given as the argument `name`.

    Raises
    ------
    ConfigurationError
        If it is not a list, or holds anything but `kinds`, which are texts by default.
    """
    message = ""
    if isinstance(given, str | Path):
        message = f"expected a list, got {str(given)!r}; [{str(given)!r}] would be right"
    elif not isinstance(given, Iterable):
        message = f"expected a list, got {given!r}"
    else:
        items = list(given)
        wrong = [item for item in items if not isinstance(item, kinds or str)]
        if not wrong:
            return items
        message = f"expected a list of texts, got {wrong[0]!r} in it"
    raise ConfigurationError([Problem("arguments", name, message)])
