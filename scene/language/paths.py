"""Paths as people write them, with ``~``: what they mean, or why they mean nothing."""

from __future__ import annotations

import os
from pathlib import Path

LONGEST_NAME = 255
"""Bytes of a file's name on the file systems in use."""

LONGEST_PATH = 4000
"""Bytes that leave some of a path's 4,096 for what is made below it."""


def written_path(text: str | os.PathLike[str]) -> Path:
    """Return the path that a person's text names.

    Parameters
    ----------
    text
        Absolute or relative, perhaps with ``~`` or ``~USER`` at its beginning.

    Raises
    ------
    ValueError
        If no file can have that path; the text is the predicate of a sentence.
    """
    text = os.fspath(text)
    if not text.strip():
        raise ValueError("is empty; a path is expected")
    if "\0" in text:
        raise ValueError("holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not UTF-8, in which all that is recorded is written") from None
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise ValueError("there is no such user; ./~NAME is a folder of that name") from None
    if len(str(path).encode()) > LONGEST_PATH:
        raise ValueError(f"is longer than {LONGEST_PATH} bytes")
    if any(len(part.encode()) > LONGEST_NAME for part in path.parts):
        raise ValueError(f"holds a name of more than {LONGEST_NAME} bytes")
    return path


def is_file(path: Path) -> bool:
    """Return whether there is such a file; False, too, for what can't be one or can't be asked."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_there(path: Path) -> bool:
    """Return whether there is anything of that path, a link that leads nowhere included."""
    try:
        return path.exists() or path.is_symlink()
    except OSError:
        return False


def is_dead_link(path: Path) -> bool:
    """Return whether there is a link that leads nowhere."""
    return is_there(path) and not path.exists()


def shown_path(text: str | os.PathLike[str]) -> str:
    """Return a path in characters that a line of a terminal can show, at most 100 of them."""
    written = os.fspath(text)
    if not written.strip() or not written.isprintable():
        written = ascii(written)
    return written if len(written) <= 100 else f"{written[:97]}..."
