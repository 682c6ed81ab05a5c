"""Conditions of sets: read like Python's own boolean expressions, and nothing else is."""

from __future__ import annotations

import ast
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scene.language.conditions import Answer, Condition

NAMES = ("$A", "$B", "$A10", "$IsCat1")
TOKENS = ("True", "False", "not", "and", "or", "(", ")", *NAMES)
KEPT = ast.Expression | ast.BoolOp | ast.UnaryOp | ast.Not | ast.And | ast.Or
READ = ast.Load | ast.Name | ast.Constant


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("True", True),
        ("False", False),
        ("True or False", True),
        ("True and False", False),
        ("True and not False", True),
        ("True and False and (False or True)", False),
        ("True and not (False and True)", True),
        ("not not True", True),
        (" (not(False)and(True)) ", True),
        ("True or True and False", True),
        ("not False and False", False),
    ],
)
def test_what_a_text_means(text: str, value: bool) -> None:
    assert Condition.read(text).value({}) is value


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("", 1, "expected True"),
        ("   ", 4, "got the end"),
        ("a", 1, "got 'a'"),
        ("Trueb", 1, "got 'Trueb'"),
        ("true", 1, "got 'true'"),
        ("True | False", 6, "expected 'and', 'or' or ')'"),
        ("True |", 6, "got '|'"),
        ("True & True", 6, "got '&'"),
        ("$A and ", 8, "got the end"),
        ("and $A", 1, "got 'and'"),
        ("$A $B", 4, "got '$B'"),
        ("$A AND $B", 4, "got 'AND'"),
        ("not", 4, "got the end"),
        ("()", 2, "got ')'"),
        ("($A", 1, "'(' at character 1 is never closed"),
        ("$A)", 3, "closes nothing"),
        ("$", 1, "got '$'"),
        ("$A.real", 3, "got '.'"),
        ("1", 1, "got '1'"),
        ("$A == $B", 4, "got '='"),
    ],
)
def test_what_is_no_condition_gets_a_sentence_with_its_place(
    text: str, place: int, problem: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)) as caught:
        Condition.read(text)
    assert f"at character {place}" in str(caught.value)


def test_a_name_is_the_whole_word() -> None:
    condition = Condition.read("$IsCat1 and not $IsCat10")
    assert condition.names == ("IsCat1", "IsCat10")
    assert condition.value({"IsCat1": True, "IsCat10": False}) is True


@given(st.lists(st.sampled_from(TOKENS), max_size=12))
def test_conditions_are_those_boolean_expressions_of_python_and_mean_the_same(
    tokens: list[str],
) -> None:
    text = " ".join(tokens)
    expected = _in_python(text)
    if expected is None:
        with pytest.raises(ValueError, match="at character"):
            Condition.read(text)
        return
    condition = Condition.read(text)
    for values in itertools.product([False, True], repeat=len(condition.names)):
        answers = dict(zip(condition.names, values, strict=True))
        assert condition.value(answers) is eval(expected, {}, dict(answers))


OPERANDS = st.sampled_from(["True", "False", *NAMES])
SENTENCES = st.recursive(
    OPERANDS,
    lambda inner: (
        inner.map(lambda text: f"not {text}")
        | inner.map(lambda text: f"({text})")
        | st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join)
    ),
)
UNKNOWN = st.fixed_dictionaries({name[1:]: st.sampled_from([True, False, None]) for name in NAMES})


@given(SENTENCES, UNKNOWN)
def test_what_is_known_in_spite_of_unknown_answers_is_so_whatever_they_are(
    text: str, answers: dict[str, Answer]
) -> None:
    condition = Condition.read(text)
    python = _in_python(text)
    assert python is not None
    choices = [[False, True] if value is None else [value] for value in answers.values()]
    possible = {
        eval(python, {}, dict(zip(answers, values, strict=True)))
        for values in itertools.product(*choices)
    }
    value = condition.value(answers)
    assert value is None or possible == {value}
    if len(condition.names) == text.count("$") and None in answers.values():
        # Each name stands there once: nothing is left open that could be known.
        assert (value is None) == (len(possible) == 2)


def _in_python(text: str) -> str | None:
    """Return a text as Python reads it; None if it is more or less than a boolean expression."""
    python = text.replace("$", "").strip()
    try:
        tree = ast.parse(python, mode="eval")
    except SyntaxError:
        return None
    return python if all(isinstance(node, KEPT | READ) for node in ast.walk(tree)) else None


def test_depth_is_no_limit() -> None:
    deep = "(" * 20_000 + "not " * 20_001 + "$A" + ")" * 20_000
    assert Condition.read(deep).value({"A": True}) is False
