"""Arguments of the library's functions that can't be meant, refused before anything starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import blendsweep as bs
from orchestrator.execution.progress import make_progress

RECIPE = "spheres_sem"
BEADS: dict[str, Any] = {"name": "beads", "recipe": RECIPE}


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: bs.render(RECIPE, "a.b=3"), r"overrides: .*'a\.b=3'; \['a\.b=3'\] would"),
        (lambda: bs.render(RECIPE, [3]), "overrides: expected a list of texts, got 3 in it"),
        (lambda: bs.render(RECIPE, plugins="mine"), r"plugins: .*\['mine'\] would be right"),
        (lambda: bs.render(RECIPE, plugins=["nowhere"]), "plugins: .*nowhere is not a folder"),
        (lambda: bs.render(RECIPE, output="s3://b/run"), "output: s3://b/run is not a folder of"),
        (lambda: bs.render(RECIPE, cpus=0), "arguments: cpus: expected a number from 1, got 0"),
        (lambda: bs.render(RECIPE, gpus=-1), "arguments: gpus: expected a number from 0, got -1"),
        (lambda: bs.load_sweep(BEADS, "a.b=3"), r"overrides: .*\['a\.b=3'\] would be right"),
        (lambda: bs.load_sweep(BEADS, [3]), "overrides: expected a list of texts, got 3 in it"),
        (lambda: bs.load_sweep(BEADS, plugins="mine"), r"plugins: .*\['mine'\] would be right"),
        (lambda: make_progress("bar"), "progress: expected 'auto', .*, got 'bar'"),
        (lambda: make_progress(True), "progress: expected 'auto', .*, got True"),
    ],
)
def test_it_is_refused_in_one_sentence(
    call: Callable[[], object], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(bs.ConfigurationError, match=told) as error:
        call()
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
