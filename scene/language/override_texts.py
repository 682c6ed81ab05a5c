"""What is wrong with an override's text: traces of copying, ambiguous values."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from scene.language.scalars import ambiguity

_QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""")
_ESCAPE = re.compile(r"\\([\\()\[\]{},:= \t]|\Z)")
_FUNCTIONS = "bool|choice|float|glob|int|interval|range|shuffle|sort|str|tag"
_OF_A_SHELL = re.compile(
    rf"\\\Z|\s*(?:(?:{_FUNCTIONS})\s*)?\\[(\[{{]|.*\d(?:\\[, ])+[-+.\d]", re.DOTALL
)
_QUOTES = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\u2032\u2033\xab\xbb\xb4`"
_IN_BRACKETS = re.compile(r"""\[['"]?([\w-]+)['"]?\]""")
_FOREIGN_WORDS = {
    r"missing EQUAL at .*": "it has no '='",
    r"mismatched input '<EOF>' .*": "it ends too early",
    r"missing \S+ at '(.*)'": r"something is missing before '\1'",
    r"(?:extraneous|mismatched) input '(.*)' expecting .*": r"'\1' does not belong there",
    r"no viable alternative at input '(.*)'": r"'\1' can't be read",
    r"token recognition error at: '(.*)'": (
        r"'\1' does not belong there; a text with such characters is written in quotes"
    ),
    r"\w+ while evaluating '(.*)': Unknown function '(\w+)'": (
        r"there is no function \2(); there are choice(), range() and sort()"
    ),
    r"\w+ while evaluating '(.*)': (.*)": r"\1: \2",
}
"""Phrases of the grammar's parser, and what a person understands."""


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
    if _has_shell_backslash(bare):
        clean = _ESCAPE.sub(r"\1", text).rstrip()
        return (
            "the backslash belongs to the shell, and stays where no shell takes it away; write "
            f"{clean}, or a text with such characters in quotes"
        )
    _, equals, value = _ESCAPE.sub("qq", bare).partition("=")
    if equals and (problem := _key_problem(*text.partition("=")[::2])):
        return problem
    if (twice := _given_twice(value)) is not None:
        return f"the key {twice!r} is given twice"
    return next((problem for word in _words(value) if (problem := ambiguity(word))), None)


def grammar_sentence(error: Exception) -> str:
    """Return what Hydra's parser objects to in an override, in words that a person understands."""
    sentence = str(error).splitlines()[0] if str(error) else type(error).__name__
    for pattern, words in _FOREIGN_WORDS.items():
        if found := re.fullmatch(pattern, sentence):
            return found.expand(words)
    return sentence


def _has_shell_backslash(bare: str) -> bool:
    r"""Whether a backslash keeps from being read what was meant to be: brackets, further numbers.

    Others make a text of what follows, in Hydra's grammar as in a shell: `a\,b` is one text.
    """
    key, _, value = bare.partition("=")
    return "\\" in key or _OF_A_SHELL.match(value) is not None or _ends_in_backslash(value)


def _ends_in_backslash(value: str) -> bool:
    return any(not found[1] for found in _ESCAPE.finditer(value))


def _key_problem(key: str, value: str) -> str | None:
    if not key.strip("+~ "):
        return "names no key; an override is KEY=VALUE"
    if re.search(r"\s", key):
        return (
            f"a key has no blanks in it or around it; write {''.join(key.split())}={value.strip()}"
        )
    if _IN_BRACKETS.search(key):
        dotted = _IN_BRACKETS.sub(r".\1", key)
        return f"keys and entries of a list come after a dot: {dotted}={value}"
    return None


def _given_twice(value: str) -> str | None:
    """Return the first key that a mapping has twice, of which Hydra would take the last."""
    mappings: list[set[str]] = []
    key: str | None = ""
    for character in value:
        if character in "{[(":
            mappings.append(set())
            key = ""
        elif character in "}])":
            if mappings:
                mappings.pop()
            key = None
        elif character == ",":
            key = ""
        elif character == ":" and mappings and key is not None:
            name, key = key.strip(), None
            if name in mappings[-1]:
                return name
            mappings[-1].add(name)
        elif key is not None:
            key += character
    return None


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
