"""Splits by seed: disjoint, independent of what else is there, near the fractions asked for."""

from __future__ import annotations

import copy
import dataclasses
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.dataset.dataset import DataSet
from orchestrator.dataset.results import RunResult
from orchestrator.export.source import Source
from orchestrator.export.splits import Splits
from scene.errors import ConfigurationError
from scene.imaging.files import FileRecord
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe
from scene.recipe.specimen_hash import specimen_hash, specimen_paths
from tests.unit.test_report import data_set, result

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


RECIPES = Path(__file__).parents[2] / "recipes"
RUNS = st.tuples(st.integers(0, 20), st.integers(1, 3), st.none() | st.integers(0, 9))
"""A run's seed, number of beads, and look_seed."""


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parts=PARTS, runs=st.lists(RUNS, min_size=1, max_size=30, unique=True))
def test_all_looks_of_a_specimen_are_in_one_split(
    parts: list[int], runs: list[tuple[int, int, int | None]]
) -> None:
    specimens = {run: specimen(*run) for run in runs}
    assert len(set(specimens.values())) == len({(seed, number) for seed, number, _ in runs})
    with TemporaryDirectory() as folder:
        results = [shown(index, run[0], specimens[run]) for index, run in enumerate(runs)]
        source = Source(DataSet(data_set(Path(folder), results)), splits := splits_of(parts))
        found: dict[str | None, set[str]] = {}
        for split in splits:
            for run in source.data.runs_of(source.ids_of(split)):
                found.setdefault(run.specimen, set()).add(split)
    assert found.keys() == set(specimens.values())
    assert all(len(of_one) == 1 for of_one in found.values())


@cache
def recipe() -> Recipe:
    return parse(Composition(RECIPES / "spheres_sem.yaml").resolve(), "recipe", Registry())


def specimen(seed: int, number: int, look: int | None) -> str:
    """Return the hash of a run's specimen."""
    paths = specimen_paths(recipe())
    assert paths is not None
    document = copy.deepcopy(dict(recipe().document))
    document["initial_runtime_state"] = {"seed": seed, "look_seed": look}
    document["blueprints"]["particles"]["Bead"]["number"] = number
    return specimen_hash(document, paths, {})


def shown(index: int, seed: int, of: str) -> RunResult:
    """Return the result of a run with an image."""
    made = result(index)
    assert made.outcome.record is not None
    files = tuple(FileRecord(name, f"{name}.png", "0", 1, 4, 4) for name in ("real", "instances"))
    record = dataclasses.replace(made.outcome.record, seed=seed, specimen=of, files=files)
    return dataclasses.replace(made, outcome=dataclasses.replace(made.outcome, record=record))
