"""Progress bars, where there is a terminal to show them on."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from rich.console import Console
from rich.progress import track


def shown[Item](items: Collection[Item], what: str) -> Iterator[Item]:
    """Yield the items, with a bar on stderr that says how many are done."""
    console = Console(stderr=True)
    quiet = not console.is_terminal
    yield from track(items, what, len(items), console=console, disable=quiet, transient=True)
