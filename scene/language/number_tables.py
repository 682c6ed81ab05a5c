"""Tables of numbers in CSV files, read strictly: what is wrong is reported with file and line."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from scene.errors import ConfigurationError, Problem, unknown
from scene.language.messages import shown
from scene.language.yaml_files import read_text

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?(?:nan|inf|infinity)", re.IGNORECASE)
_OTHER_SEPARATORS = re.compile(r"[;\t]")


@final
@dataclass(frozen=True, slots=True)
class NumberTable:
    """A CSV file's columns.

    Parameters
    ----------
    file
        For messages.
    names
        The columns' names in the first line; empty if that holds numbers, too.
    lines
        Number of each line in the file, and its entries; at least one.
    """

    file: str
    names: tuple[str, ...]
    lines: Sequence[tuple[int, Sequence[str]]]

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.lines[0][1])

    def column(self, index: int) -> list[float]:
        """Return a column's numbers.

        Raises
        ------
        ConfigurationError
            If one of them is not a finite number.
        """
        return [self._number(line, entries[index].strip()) for line, entries in self.lines]

    def position(self, column: str | int) -> int:
        """Return the position of a column that is given by its name or position, from 0.

        Raises
        ------
        ValueError
            If there is none; the text is one sentence.
        """
        if isinstance(column, int):
            if 0 <= column < self.width:
                return column
            raise ValueError(
                f"{self.file} has {self.width} columns, counted from 0; there is no {column}"
            )
        if not self.names:
            raise ValueError(f"{self.file} has no names of columns in its first line")
        if column not in self.names:
            raise ValueError(unknown("column", column, self.names, where=f"of {self.file}"))
        if self.names.count(column) > 1:
            raise ValueError(f"{self.file} has two columns {column!r}")
        return self.names.index(column)

    def error(self, index: int, message: str) -> ConfigurationError:
        """Return the error for the line at `index` of `lines`."""
        return _error(self.file, self.lines[index][0], message)

    def _number(self, line: int, entry: str) -> float:
        if _NUMBER.fullmatch(entry) and math.isfinite(number := float(entry)):
            return number
        finite = "a finite" if _is_number(entry) else "a"
        raise _error(self.file, line, f"expected {finite} number, got {shown(entry)}")


def read_table(path: Path) -> NumberTable:
    """Read a CSV file: columns separated by commas, with or without their names in the first line.

    Raises
    ------
    ConfigurationError
        If it can't be read, or its lines are not those of a table.
    """
    file = str(path)
    reader = csv.reader(io.StringIO(read_text(path, "CSV"), newline=""), strict=True)
    try:
        lines = [(reader.line_num, entries) for entries in reader if any(map(str.strip, entries))]
    except csv.Error as error:
        raise _error(file, reader.line_num, f"is not CSV: {error}") from error
    for line, entries in lines:
        if _OTHER_SEPARATORS.search(text := ",".join(entries)):
            message = "columns are separated by commas, and decimals by a point"
            raise _error(file, line, f"{message}, got {shown(text)}")
        if len(entries) != len(lines[0][1]):
            here, there = len(entries), len(lines[0][1])
            raise _error(file, line, f"has {here} columns, where line {lines[0][0]} has {there}")
    names: tuple[str, ...] = ()
    if lines and _are_names(lines[0][1]):
        names = tuple(entry.strip() for entry in lines.pop(0)[1])
    if not lines:
        raise ConfigurationError([Problem(file, "", "holds no numbers")])
    return NumberTable(file, names, lines)


def _are_names(entries: Sequence[str]) -> bool:
    """Return whether a first line names columns: it holds no numbers, misspelt ones neither."""
    return not any(map(_is_number, entries)) and not all(
        _NUMBER.match(entry.strip()) for entry in entries
    )


def _is_number(entry: str) -> bool:
    text = entry.strip()
    return (_NUMBER.fullmatch(text) or _NOT_FINITE.fullmatch(text)) is not None


def _error(file: str, line: int, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(file, f"line {line}", message)])
