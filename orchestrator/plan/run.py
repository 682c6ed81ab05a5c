"""A run: one resolved recipe of a sweep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

type Scalar = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Run:
    """One resolved recipe to execute.

    Parameters
    ----------
    index
        Position in the sweep, from 0.
    run_id
        16 hex digits: a hash of the resolved recipe, and of the files of prototypes that it uses.
    recipe
        The resolved recipe, plain dicts and lists.
    overrides
        Swept keys and this run's values as written in Hydra's grammar, in the sweep's order.
    values
        The same keys with typed values; lists and mappings stay text.
    """

    index: int
    run_id: str
    recipe: dict[str, Any]
    overrides: tuple[tuple[str, str], ...]
    values: dict[str, Scalar]
