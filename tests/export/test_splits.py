"""Splits by seed: disjoint, independent of what else is there, near the fractions asked for."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.export.splits import Splits
from scene.errors import ConfigurationError

PARTS = st.lists(st.integers(1, 100), min_size=1, max_size=6)
SEEDS = st.integers(0, 2**31 - 1)


def splits_of(parts: list[int]) -> Splits:
    total = sum(parts)
    return Splits({f"s{n}": Fraction(part, total) for n, part in enumerate(parts)})


@given(parts=PARTS, seed=SEEDS)
def test_every_seed_has_one_split_that_a_reader_of_the_text_finds_too(
    parts: list[int], seed: int
) -> None:
    splits = splits_of(parts)
    assert splits.of(seed) in splits.names
    assert Splits.parse(str(splits)).of(seed) == splits.of(seed)


@given(parts=PARTS, seed=SEEDS, at=st.integers(0, 5))
def test_dividing_one_split_moves_no_seed_between_the_others(
    parts: list[int], seed: int, at: int
) -> None:
    at %= len(parts)
    doubled = [2 * part for part in parts]
    finer = splits_of([*doubled[:at], parts[at], parts[at], *doubled[at + 1 :]])
    before = int(splits_of(parts).of(seed)[1:])
    after = int(finer.of(seed)[1:])
    assert before == after - (after > at)


@given(parts=PARTS)
def test_fractions_are_met_by_many_seeds(parts: list[int]) -> None:
    splits = splits_of(parts)
    found = [splits.of(seed) for seed in range(1000)]
    for name, share in splits.fractions.items():
        assert abs(found.count(name) / 1000 - share) < 0.06


def test_small_ranges_of_seeds_come_out_even_and_stay_where_they_are() -> None:
    splits = Splits.parse("train=0.8,val=0.1,test=0.1")
    found = [splits.of(seed) for seed in range(15)]
    assert [found.count(name) for name in splits] == [12, 2, 1]
    assert found[:4] == ["train", "val", "train", "val"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("train=0.8,val=0.1", "the fractions must sum to 1, not 0.9"),
        ("train=0.8,train=0.2", "'train' is given twice"),
        ("train=1.5,val=-0.5", "val must have a fraction above 0"),
        ("train", "'train' is not name=fraction"),
        ("train=x", "'train=x' is not name=fraction"),
        ("../a=1", "'../a' is not a name"),
        ("a=1/0", "is not name=fraction"),
        ("", "is not name=fraction"),
    ],
)
def test_unusable_fractions_are_told(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--split: .*") as error:
        Splits.parse(text)
    assert told in str(error.value)


def test_fractions_are_exact() -> None:
    assert Splits.parse("a=0.1,b=0.2,c=0.7").names == ("a", "b", "c")
    assert Splits.parse("a=1/3,b=2/3").names == ("a", "b")
    assert Splits.parse(None).of(7) == "train"
