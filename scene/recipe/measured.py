"""Measured distributions: the numbers of their CSV files take the files' place in a recipe.

So a resolved recipe needs no other file, and its hash covers what was measured.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np

from scene.errors import ConfigurationError, Problem
from scene.language.canonical import Place
from scene.language.messages import shown
from scene.language.number_tables import NumberTable, read_table
from scene.specimen.distributions.empirical import MOST_VALUES

_TARGET = "$builtins.Empirical"
_KINDS = ("values", "quantiles")
_OF_FILES = ("file", "kind", "column", "fraction_column")

_LOG = logging.getLogger(__name__)


def is_measured(node: object) -> bool:
    """Return whether a part of a recipe is a measured distribution."""
    return isinstance(node, Mapping) and node.get("_target_") == _TARGET


def named_files(node: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Yield the (place, text) of each mapping's `file`."""
    if isinstance(node, Mapping | list):
        if isinstance(node, Mapping) and isinstance(file := node.get("file"), str):
            yield place, file
        for key, value in node.items() if isinstance(node, Mapping) else enumerate(node):
            yield from named_files(value, (*place, key))


@final
class MeasuredFiles:
    """The files that a recipe's measured distributions name, each read once.

    Parameters
    ----------
    source
        The recipe, for messages.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._tables: dict[str, NumberTable] = {}
        self._known: dict[str, dict[str, list[float]]] = {}

    def inline(self, node: Any, place: Place = ()) -> None:
        """Put the numbers in the place of the files, everywhere in a resolved recipe.

        Raises
        ------
        ConfigurationError
            If a file can't be read or does not hold what its distribution asks for.
        """
        if isinstance(node, dict):
            if is_measured(node) and node.get("file") is not None and node.get("values") is None:
                numbers = self._numbers(node, place)
                for key in _OF_FILES:
                    node.pop(key, None)
                node |= numbers
            for key, value in node.items():
                self.inline(value, (*place, key))
        elif isinstance(node, list):
            for index, item in enumerate(node):
                if isinstance(item, dict | list):
                    self.inline(item, (*place, index))

    def _numbers(self, node: Mapping[str, Any], place: Place) -> dict[str, list[float]]:
        wanted = repr([node.get(key) for key in _OF_FILES])
        if wanted not in self._known:
            self._known[wanted] = self._read(node, place)
        return self._known[wanted]

    def _read(self, node: Mapping[str, Any], place: Place) -> dict[str, list[float]]:
        file, kind = node["file"], node.get("kind", "values")
        if not isinstance(file, str):
            raise self._error((*place, "file"), f"expected a file, got {shown(file)}")
        if kind not in _KINDS:
            raise self._error((*place, "kind"), f"expected values or quantiles, got {shown(kind)}")
        table = self._table(file, (*place, "file"))
        quantiles = kind == "quantiles"
        if not quantiles and node.get("fraction_column") is not None:
            raise self._error(
                (*place, "fraction_column"), "means something with kind: quantiles alone"
            )
        values = table.column(self._column(table, node, "column", place, 1 if quantiles else 0))
        if len(values) < 2:
            raise table.error(0, "is the only one with values; a distribution needs at least two")
        if not quantiles:
            return {"values": _reduced(values, file)}
        fractions = table.column(self._column(table, node, "fraction_column", place, 0))
        _check_quantiles(table, fractions, values)
        return {"values": values, "fractions": fractions}

    def _table(self, file: str, place: Place) -> NumberTable:
        if file not in self._tables:
            try:
                self._tables[file] = read_table(Path(file))
            except ConfigurationError as error:
                (problem,) = error.problems
                if problem.path:
                    raise
                raise self._error(place, f"{file}: {problem.message}") from error
        return self._tables[file]

    def _column(
        self, table: NumberTable, node: Mapping[str, Any], key: str, place: Place, default: int
    ) -> int:
        """Return the position of the column that `key` names, by default a table's only choice."""
        given = node.get(key)
        if given is None and table.width == (2 if node.get("kind") == "quantiles" else 1):
            return default
        if given is None:
            names = ", ".join(table.names) or f"0 to {table.width - 1} (a decimal is a point)"
            message = f"{table.file} has {table.width} columns; name one: {names}"
            raise self._error((*place, key), message)
        if isinstance(given, bool) or not isinstance(given, str | int):
            message = f"expected a column's name, or its position counted from 0, got {given!r}"
            raise self._error((*place, key), message)
        try:
            return table.position(given)
        except ValueError as error:
            raise self._error((*place, key), str(error)) from None

    def _error(self, place: Place, message: str) -> ConfigurationError:
        return ConfigurationError([Problem(self._source, ".".join(map(str, place)), message)])


def _reduced(values: list[float], file: str) -> list[float]:
    """Return values, sorted; of very many, quantiles at even fractions from 0 to 1."""
    ordered = np.sort(values)
    if len(ordered) <= MOST_VALUES:
        return list(map(float, ordered))
    _LOG.warning(
        "%s: %d values, for which %d quantiles stand in the recipe", file, len(values), MOST_VALUES
    )
    positions = np.linspace(0, len(ordered) - 1, MOST_VALUES)
    quantiles = np.interp(positions, np.arange(len(ordered)), ordered)
    return [float(f"{quantile:.9g}") for quantile in quantiles]


def _check_quantiles(table: NumberTable, fractions: list[float], values: list[float]) -> None:
    """Refuse what is not a rising list of quantiles, with the line."""
    for index, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise table.error(index, f"a fraction lies in 0 to 1, got {fraction:g}")
        if index and fraction <= fractions[index - 1]:
            raise table.error(
                index, f"fractions must rise, got {fraction:g} after {fractions[index - 1]:g}"
            )
        if index and values[index] < values[index - 1]:
            message = f"quantiles must not fall, got {values[index]:g} after {values[index - 1]:g}"
            raise table.error(index, message)
    if len(values) > MOST_VALUES:
        raise table.error(MOST_VALUES, f"a distribution has at most {MOST_VALUES:,} quantiles")
    for index, end in ((0, 0), (-1, 1)):
        if fractions[index] != end:
            which = "last" if end else "first"
            raise table.error(
                index, f"the {which} fraction must be {end}, got {fractions[index]:g}"
            )
