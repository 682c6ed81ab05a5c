"""Which of a data set's runs the sweep asks for that was started last."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchestrator.storage import Storage

EXACT_RUNS = 200_000
"""Up to so many runs, each is looked up; larger sweeps go by the recipe that rows name."""


def asked_for(storage: Storage, sweep: Mapping[str, Any]) -> Callable[[str, str | None], bool]:
    """Return what tells from a run's id and recipe hash whether the sweep asks for it.

    Parameters
    ----------
    sweep
        As `orchestrator.reading.described_sweep` returns it.
    """
    recipe_hash = sweep["recipe_hash"]
    if sweep["runs"] > EXACT_RUNS:
        return lambda _, of_recipe: of_recipe == recipe_hash
    wanted = _run_ids(storage, sweep)
    return lambda run_id, _: run_id in wanted


def _run_ids(storage: Storage, sweep: Mapping[str, Any]) -> frozenset[str]:
    from orchestrator.expansion import Expansion
    from orchestrator.overrides import parse_overrides
    from orchestrator.sweep import OverrideText
    from scene.compose import Composition

    axes = parse_overrides([OverrideText(text, "sweep.yaml") for text in sweep["overrides"]])
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder) / "recipe.yaml"
        recipe.write_bytes(storage.read(f"recipes/{sweep['recipe_hash']}.yaml"))
        runs = Expansion(axes, Composition(recipe), sweep["limit"])
    return frozenset(run.run_id for run in runs)
