"""Whether the files that steps write can lie in one folder, on every system."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

from scene.imaging.files import RUN_FILES
from scene.language.paths import LONGEST_NAME

_NOT_ON_WINDOWS = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
_PARTICLE = "*"
_IN_FILE_NAMES = re.compile(r"[A-Za-z0-9_.*-]+")


def files_problem(
    files: Collection[object], step: str, writer: str, taken: dict[str, str]
) -> str | None:
    """Return what is wrong with the files that a step writes, or None.

    Parameters
    ----------
    files
        What the step gives as their paths.
    step, writer
        What messages call the step where it is at fault, and where a later one is.
    taken
        Path to writer of earlier steps' files; those of this step are added.
    """
    others = dict.fromkeys(RUN_FILES, "every run") | taken
    taken |= dict.fromkeys(map(str, files), writer)
    for file in files:
        if (unusable := _name_problem(file)) is not None:
            return f"{step} would write {file!r}, {unusable}"
        if (other := _collision(str(file), others)) is not None:
            return _twice(str(file), other, others[other])
    return None


def _twice(file: str, other: str, writer: str) -> str:
    does = f"as {writer} does" if file == other else f"which can't be beside {other} of {writer}"
    other_way = "another name, output_file_name_prefix or subfolder"
    return f"writes {file}, {does}; give one of them {other_way}"


def _name_problem(file: object) -> str | None:
    """Return why no run's folder can have a file of this path on every system."""
    if not isinstance(file, str) or not file:
        return "which is not a file's path"
    if PurePosixPath(file).is_absolute() or ".." in file.split("/"):
        return "which lies outside the run's folder"
    for part in PurePosixPath(file).parts:
        if len(part) > LONGEST_NAME:
            return f"whose name is longer than {LONGEST_NAME} characters"
        if not _IN_FILE_NAMES.fullmatch(part):
            return "which has other characters than letters, digits, '.', '_' and '-'"
        if part[0] == "." or part[-1] == ".":
            return "a name that begins or ends with a point"
        if _NOT_ON_WINDOWS.fullmatch(part):
            return f"but {part} can't be the name of a file on Windows"
    return None


def _collision(file: str, taken: Mapping[str, str]) -> str | None:
    """Return what of `taken` is the same path as `file` somewhere, or a folder of it."""
    own = _folded(file)
    for other in taken:
        theirs = _folded(other)
        for one, two in ((own, theirs), (theirs, own)):
            pattern = re.escape(one).replace(re.escape(_PARTICLE), r"\d{5,}")
            if one == two or re.fullmatch(pattern, two) or two.startswith(f"{one}/"):
                return other
    return None


def _folded(file: str) -> str:
    return str(PurePosixPath(file)).casefold()
