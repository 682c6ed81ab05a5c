"""What an unquoted word of a YAML file or an override means.

It means the same as in Hydra's grammar of overrides, so that a value is the same in a file and on
the command line. What YAML 1.1 takes for another number than a person does (``0100`` is 64 there,
``1:40`` is 100), and what one YAML takes for a truth value and another for a text (``yes``,
``off``), is refused.
"""

from __future__ import annotations

import math
import re

_DIGITS = r"\d(?:_?\d)*"
_WHOLE = r"(?:0|[1-9](?:_?\d)*)"
_POINT = rf"(?:{_WHOLE}\.(?:{_DIGITS})?|\.{_DIGITS})"
_INT = re.compile(rf"[-+]?{_WHOLE}", re.ASCII)
_FLOAT = re.compile(rf"[-+]?(?:{_POINT}|(?:{_POINT}|{_WHOLE})[eE][-+]?{_DIGITS})", re.ASCII)
_NULL = re.compile(r"null|~|", re.IGNORECASE)
_BOOL = re.compile(r"true|false", re.IGNORECASE)
_AMBIGUOUS = {
    words: re.compile(pattern, re.ASCII | re.IGNORECASE)
    for words, pattern in {
        "a whole number with a leading zero, which YAML may read as octal": r"[-+]?0[\d_]+",
        "a number with a leading zero": r"[-+]?0[\d_]+(?:\.[\d_]*)?(?:[eE][-+]?\d+)?",
        "an octal number": r"[-+]?0[oO][0-7_]+",
        "a hexadecimal number": r"[-+]?0[xX][\da-fA-F_]+",
        "a binary number": r"[-+]?0[bB][01_]+",
        "a number to base 60 for YAML": r"[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?",
        "a number with misplaced underscores": (
            r"[-+]?\d[\d_]*_[\d_]*(?:\.[\d_]*)?(?:[eE][-+]?\d+)?"
        ),
        "not a finite number": r"[-+]?\.?(?:inf|nan|infinity)",
        "true or false for one YAML and a text for another": r"yes|no|on|off",
    }.items()
}

NOT_A_TEXT = re.compile(
    "|".join(
        rf"(?:{pattern.pattern})\Z"
        for pattern in (_FLOAT, _INT, _BOOL, _NULL, *_AMBIGUOUS.values())
    ),
    re.ASCII | re.IGNORECASE,
)
"""The words that mean a text only in quotes, for this reading or another YAML's."""


def ambiguity(text: str) -> str | None:
    """Return why the unquoted `text` can't be taken as a value, or None if it can.

    >>> ambiguity("0100")
    '0100 is a whole number with a leading zero, which YAML may read as octal; write 100, ...
    >>> ambiguity("100") is None, ambiguity("2024-11-25") is None
    (True, True)
    """
    if _INT.fullmatch(text) or not text:
        return None
    if _FLOAT.fullmatch(text):
        return f"{text} is too large for a number" if math.isinf(float(text)) else None
    for words, pattern in _AMBIGUOUS.items():
        if pattern.fullmatch(text):
            return f"{text} is {words}; {_remedy(text)}"
    return None


def value(text: str) -> float | bool | str | None:
    """Return what the unquoted `text` means.

    Raises
    ------
    ValueError
        If that is ambiguous or too large; the text is one sentence.
    """
    if problem := ambiguity(text):
        raise ValueError(problem)
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _FLOAT.fullmatch(text):
        return float(text)
    if not _INT.fullmatch(text):
        return text
    try:
        return int(text)
    except ValueError:  # Python reads whole numbers of up to some thousand digits
        raise ValueError(f"a whole number of {len(text)} digits is too large") from None


def _remedy(text: str) -> str:
    if text.lower() in {"yes", "on"}:
        meant = "true"
    elif text.lower() in {"no", "off"}:
        meant = "false"
    elif re.fullmatch(r"[-+]?0[\d_]*(?:\.\d*)?", text) and (digits := text.lstrip("+-0_")):
        meant = digits if digits[0].isdigit() else f"0{digits}"
        meant = ("-" if text[0] == "-" else "") + meant.replace("_", "")
    else:
        meant = "a decimal number"
    return f"write {meant}, or '{text}' in quotes if a text is meant"
