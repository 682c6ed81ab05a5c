"""Conditions: boolean expressions in a recipe's texts, such as ``$IsParticle and not $IsRed``.

Operands are ``True``, ``False`` and ``$Name``; operators ``not``, which binds tightest, ``and`` and
``or``; parentheses group. The text is read once and never handed to Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import final

type Answer = bool | None
"""True, False, or None for what is not known."""

_TOKEN = re.compile(r"\$[A-Za-z][A-Za-z0-9_-]*|\w+|\S")
_CONSTANTS: Mapping[str, Answer] = {"True": True, "False": False}
_BINDING = {"not": 4, "and": 3, "or": 2, ")": 1, "(": 0}


@final
@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that has been read.

    Parameters
    ----------
    postfix
        Operands and operators, each operator behind what it works on.
    """

    postfix: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Condition:
        """Read a condition.

        Raises
        ------
        ValueError
            If the text is not a condition; the message says at which character, counted from 1.
        """
        postfix: list[str] = []
        waiting: list[tuple[str, int]] = []
        operand_next = True
        for token, place in _tokens(text):
            _check_turn(token, place, operand_next=operand_next)
            if token in {"not", "("}:
                waiting.append((token, place))
            elif token == ")":
                _release(waiting, postfix, _BINDING[token])
                if not waiting:
                    raise ValueError(f"')' at character {place} closes nothing")
                waiting.pop()
            elif token in _OPERATORS:
                _release(waiting, postfix, _BINDING[token])
                waiting.append((token, place))
                operand_next = True
            else:
                postfix.append(token)
                operand_next = False
        if operand_next:
            raise ValueError(f"expected {_OPERAND} at character {len(text) + 1}, got the end")
        _release(waiting, postfix, _BINDING[")"])
        if waiting:
            raise ValueError(f"'(' at character {waiting[-1][1]} is never closed")
        return cls(tuple(postfix))

    @property
    def names(self) -> tuple[str, ...]:
        """The names in it without their ``$``, each once."""
        return tuple(dict.fromkeys(part[1:] for part in self.postfix if part.startswith("$")))

    def value(self, answers: Mapping[str, Answer]) -> Answer:
        """Return what follows from the answers of its names; None if they do not decide it."""
        stack: list[Answer] = []
        for part in self.postfix:
            if part == "not":
                stack.append(_not(stack.pop()))
            elif part in _OPERATORS:
                second, first = stack.pop(), stack.pop()
                stack.append(_OPERATORS[part](first, second))
            else:
                stack.append(_CONSTANTS[part] if part in _CONSTANTS else answers[part[1:]])
        return stack.pop()


_OPERAND = "True, False, a $Name, 'not' or '('"
_OPERATOR = "'and', 'or' or ')'"


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    for found in _TOKEN.finditer(text):
        yield found[0], found.start() + 1


def _check_turn(token: str, place: int, *, operand_next: bool) -> None:
    if operand_next:
        fits = token in {"not", "(", *_CONSTANTS} or (token[0] == "$" and len(token) > 1)
    else:
        fits = token in {"and", "or", ")"}
    if not fits:
        expected = _OPERAND if operand_next else _OPERATOR
        raise ValueError(f"expected {expected} at character {place}, got {token!r}")


def _release(waiting: list[tuple[str, int]], postfix: list[str], binding: int) -> None:
    """Put operators that bind at least as tightly as the next one behind what they work on."""
    while waiting and _BINDING[waiting[-1][0]] >= binding:
        postfix.append(waiting.pop()[0])


def _not(value: Answer) -> Answer:
    return None if value is None else not value


def _and(first: Answer, second: Answer) -> Answer:
    if first is False or second is False:
        return False
    return None if first is None or second is None else True


def _or(first: Answer, second: Answer) -> Answer:
    return _not(_and(_not(first), _not(second)))


_OPERATORS: Mapping[str, Callable[[Answer, Answer], Answer]] = {"and": _and, "or": _or}
