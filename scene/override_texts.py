"""What is wrong with an override's text: traces of copying, values that are not clear."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from scene.yaml_files import ambiguity

_QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""")
_ESCAPE = re.compile(r"\\(?=[()\[\]{},:= \t]|\Z)")
_QUOTES = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\u2032\u2033\xab\xbb\xb4`"
_INDEX = re.compile(r"\[(\d+)\]")


def override_problem(text: str) -> str | None:
    """Return what is wrong with an override as a person wrote it; None if nothing is.

    Asked before Hydra's grammar, which knows nothing of either.

    >>> override_problem("blueprints.particles.Bead.number=1:40")
    "1:40 is a number to base 60 for YAML; write a decimal number, or '1:40' in quotes if ...
    """
    if not text.strip():
        return "is empty; an override is KEY=VALUE"
    bare = _QUOTED.sub(lambda found: "q" * len(found[0]), text)
    for character in bare:
        if problem := _character_problem(character):
            return problem
    if _ESCAPE.search(bare):
        clean = "".join(text[n] for n in range(len(text)) if not _ESCAPE.match(bare, n)).rstrip()
        return (
            "the backslash belongs to the shell, and stays where no shell takes it away; write "
            f"{clean}, or a text with such characters in quotes"
        )
    key, _, value = bare.partition("=")
    if _INDEX.search(key):
        return f"entries of a list are counted after a dot: {_INDEX.sub(r'.\1', key)}={value}"
    return next((problem for word in _words(value) if (problem := ambiguity(word))), None)


def _character_problem(character: str) -> str | None:
    if character in _QUOTES:
        return f"{character} is a typographic quote; write ' or \""
    category = unicodedata.category(character)
    if category == "Pd" and character != "-":
        return f"{character} is a dash of running text; write -"
    if character == "\N{MINUS SIGN}":
        return f"{character} is not the minus of a keyboard; write -"
    if (category in {"Zs", "Zl", "Zp", "Cf"} and character != " ") or character in "\n\r\v\f":
        name = unicodedata.name(character, "line break").lower()
        return f"holds a {name} (U+{ord(character):04X}) where nothing or a blank is meant"
    return None


def _words(value: str) -> Iterator[str]:
    """Yield the plain words of a value: alone, in a list, in a mapping, or given to a function."""
    for part in re.split(r"[()\[\],]|(?<!\$)\{|\}", value):
        word = part.strip()
        yield word
        if "{" in value and ":" in word:
            yield word.partition(":")[2].strip()
