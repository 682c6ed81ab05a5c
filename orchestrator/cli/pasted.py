"""Command lines made for other programs or copied from a text, and what to write instead."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from scene.errors import COMMAND_LINE, Problem

_OF_HYDRA = {
    ("--config-name", "-cn", "--config-path", "-cp"): (
        "a sweep file names its recipe: 'recipe: NAME', or a path"
    ),
    ("--config-dir", "-cd"): "a sweep file names folders of recipes: 'recipe_dirs: [FOLDER]'",
    ("--cfg", "-c", "--resolve", "--info", "-i"): (
        "--dry-run prints the runs, and each run's folder holds its recipe.yaml"
    ),
    ("--run", "-r"): "leave it out: a sweep file is run as it is",
    ("--hydra-help", "--package", "-p", "--experimental-rerun"): "it has no counterpart here",
}
_INSTEAD = {option: words for options, words in _OF_HYDRA.items() for option in options}


def paste_problem(arguments: Sequence[str]) -> Problem | None:
    """Return what another program's or a text editor's habits did to a command line, if anything.

    >>> str(paste_problem(["sweeps/sem.yaml", "--config-name=sem"]))
    "command line: --config-name: an option of Hydra's own programs; a sweep file names its ...
    """
    for argument in arguments:
        option = argument.partition("=")[0]
        if option in _INSTEAD:
            message = f"an option of Hydra's own programs; {_INSTEAD[option]}"
            return Problem(COMMAND_LINE, option, message)
        if problem := _character_problem(argument):
            shown = argument if argument.isprintable() else ascii(argument)[1:-1]
            return Problem(COMMAND_LINE, shown, problem)
    return None


def _character_problem(argument: str) -> str | None:
    if "\0" in argument:
        return "holds a null character"
    if argument and not argument.strip():
        return "is a blank; a backslash that joins two lines is the last character of its line"
    start = argument.lstrip("-")
    if _is_dash(start[:1]):
        option = start.lstrip("".join(filter(_is_dash, start)))
        return f"{start[0]} is a dash of running text; write --{option}"
    if argument.startswith("-"):
        for character in argument.partition("=")[0]:
            if not character.isprintable() or (character.isspace() and character != " "):
                name = unicodedata.name(character, f"character U+{ord(character):04X}").lower()
                return f"holds a {name}, which looks like a blank or like nothing; leave it out"
    return None


def _is_dash(character: str) -> bool:
    if not character or character == "-":
        return False
    return character == "\N{MINUS SIGN}" or unicodedata.category(character) == "Pd"
