"""Names that stay apart: of images in an export, and of what they become in a format."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from urllib.parse import quote

MOST_CHARACTERS = 150
"""Longer names of members are cut, so that what unpacks them can name its files."""


def image_names(paths: Iterable[str]) -> dict[str, str]:
    """Return what images are called, by their path in a run's folder.

    It is the path without its ending; where several differ in nothing else, that is the name of the
    first, and the others are called by their whole path.

    >>> image_names(["real.png", "a/real.png", "real.tiff"])
    {'a/real.png': 'a/real', 'real.png': 'real', 'real.tiff': 'real.tiff'}
    """
    names: dict[str, str] = {}
    for path in sorted(paths):
        stem = str(PurePosixPath(path).with_suffix(""))
        names[path] = path if stem in names.values() else stem
    return names


def distinct(wishes: Mapping[str, str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return the names that things wish for, those that are taken with a number behind.

    Names that differ in capitals alone count as one, as many readers and disks can't tell them
    apart. Who comes first is served first.

    Parameters
    ----------
    wishes
        Thing to name.
    taken
        Names that nothing may have.

    >>> distinct({"one": "Real", "two": "real"}, ["json"])
    {'one': 'Real', 'two': 'real~2'}
    """
    gone = {name.casefold() for name in taken}
    found: dict[str, str] = {}
    for thing, wish in wishes.items():
        name, number = wish, 1
        while name.casefold() in gone:
            number += 1
            name = f"{wish}~{number}"
        gone.add(name.casefold())
        found[thing] = name
    return found


def member_name(name: str) -> str:
    """Return an image's name as one part of a path: percent-encoded, and no longer than that.

    >>> member_name("top/real_Large")
    'top%2Freal_Large'
    """
    quoted = quote(name, safe="")
    if len(quoted) <= MOST_CHARACTERS:
        return quoted
    return f"{quoted[: MOST_CHARACTERS - 17]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"
