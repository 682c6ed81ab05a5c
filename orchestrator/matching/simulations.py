"""Simulations of a recipe: small renders of its draws, and what is measured of them."""

from __future__ import annotations

import copy
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Unpack, final

import numpy as np

from orchestrator.dataset.dataset import DataSet
from orchestrator.dataset.recorded_run import RecordedRun
from orchestrator.execution.launch import run_sweep
from orchestrator.execution.progress import Shown
from orchestrator.matching.numbers import scaled
from orchestrator.matching.parameters import Parameter
from orchestrator.plan.checking import expand
from orchestrator.plan.loading import load_sweep
from orchestrator.plan.options import Options
from orchestrator.statistics.gray import Floats
from orchestrator.statistics.summary import NAMES, summary
from scene.errors import ConfigurationError, Problem
from scene.language.yaml_files import write_mapping
from scene.recipe.schema import Recipe

_REAL = {"_target_": "$builtins.RenderParticlesTogether", "rendering_mode": "real"}
_RECIPE, _OUTPUT, _STATISTICS = "simulated.yaml", "simulations", "statistics.npz"

_IN_THIS_PROCESS = 100
"""So few images are measured before other processes would have started."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Simulations:
    """Draws of a recipe and what they look like, a row for each.

    Parameters
    ----------
    positions
        Of each of the parameters, in its range.
    statistics
        See `STATISTICS`.
    pixel_nm
        Sides of their pixels in nm.
    failed
        How many more failed.
    """

    positions: Floats
    statistics: Floats
    pixel_nm: Floats
    failed: int

    def and_more(self, others: Simulations) -> Simulations:
        """Return these and others."""
        return Simulations(
            np.concatenate([self.positions, others.positions]),
            np.concatenate([self.statistics, others.statistics]),
            np.concatenate([self.pixel_nm, others.pixel_nm]),
            self.failed + others.failed,
        )


def simulated_recipe(document: Mapping[str, Any], recipe: Recipe, side: int) -> dict[str, Any]:
    """Return a recipe for images of `side` pixels with the scale and the density of another one.

    Parameters
    ----------
    document
        That recipe, composed, its numbers of particles as ranges.
    recipe
        The same, parsed.
    """
    render = recipe.render
    size = math.ceil(side * 100 / render.resolution_percentage)
    changed = copy.deepcopy(scaled(document, (size / max(render.resolution)) ** 2))
    changed["synth_chain"]["rendering_steps"] = [_REAL]
    changed["initial_runtime_state"] = {"seed": 0}
    changed["render"] = {
        **(changed.get("render") or {}),
        "resolution": [size, size],
        "data_bar": "none",
    }
    return changed


def simulate(
    content: Mapping[str, Any],
    parameters: Sequence[Parameter],
    folder: Path,
    count: int,
    seconds: float,
    *,
    progress: Shown = None,
    **options: Unpack[Options],
) -> Simulations:
    """Render draws of a recipe, or go on with it, until there are enough or the time is used.

    Parameters
    ----------
    content
        The recipe, as `simulated_recipe` returns it.
    parameters
        Whose positions are asked for; the recipe's own ranges may be narrower.
    folder
        Where recipe, renders and statistics are kept.
    count
        Most simulations.
    seconds
        When no more are started.
    progress, options
        As for a sweep.

    Raises
    ------
    ConfigurationError
        If the folder holds simulations of another recipe, or the recipe can't be run.
    KeyboardInterrupt
        If it was interrupted before that.
    """
    text = _checked(content, folder)
    file, output = folder / _RECIPE, folder / _OUTPUT
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    # A draw that can't be rendered, such as too many particles, can't be rendered the next time.
    quietly: Options = {**options, "mlflow": False, "max_attempts": 1}
    sweep = load_sweep(
        {
            "name": "simulations",
            "recipe": str(file),
            "overrides": [f"initial_runtime_state.seed=range({count})"],
            "output": str(output),
        },
        **quietly,
    )
    runs = expand(sweep)
    start, stop = time.monotonic(), threading.Event()
    timer = threading.Timer(seconds, stop.set)
    timer.daemon = True
    timer.start()
    try:
        done = run_sweep(sweep, runs, progress=progress, stop=stop, handle_signals=True)
    finally:
        timer.cancel()
    if not done.complete and time.monotonic() - start < seconds:
        raise KeyboardInterrupt
    return collected(parameters, folder)


def kept(content: Mapping[str, Any], parameters: Sequence[Parameter], folder: Path) -> Simulations:
    """Return the simulations that there are, without any more.

    Parameters
    ----------
    content, parameters, folder
        As for `simulate`.

    Raises
    ------
    ConfigurationError
        If the folder holds simulations of another recipe.
    """
    _checked(content, folder)
    return collected(parameters, folder)


def _checked(content: Mapping[str, Any], folder: Path) -> str:
    """Return the text of a recipe, of which nothing else may have been simulated in a folder."""
    text = write_mapping(content)
    if (folder / _OUTPUT).exists() and (folder / _RECIPE).read_text(encoding="utf-8") != text:
        message = (
            "holds simulations of another recipe or of another size; remove it, or give another "
            "file with --to"
        )
        raise ConfigurationError([Problem(str(folder), "", message)])
    return text


def collected(parameters: Sequence[Parameter], folder: Path) -> Simulations:
    """Return what was drawn and measured of the runs in a folder.

    Parameters
    ----------
    parameters, folder
        As for `simulate`.
    """
    data = DataSet.open(str(folder / _OUTPUT))
    columns = [parameter.column for parameter in parameters]
    table = data.manifest(["run_id", "status", "pixel_size_nm", *columns]).to_pylist()
    rows = [row for row in table if row["status"] == "succeeded"]
    rows.sort(key=lambda row: str(row["run_id"]))
    found = _statistics(data, [row["run_id"] for row in rows], folder / _STATISTICS)
    positions = [
        parameter.positions(np.array([row[parameter.column] for row in rows], float))
        for parameter in parameters
    ]
    return Simulations(
        positions=np.stack(positions, axis=1),
        statistics=found,
        pixel_nm=np.array([row["pixel_size_nm"] or np.nan for row in rows], float),
        failed=sum(row["status"] == "failed" for row in table),
    )


def _statistics(data: DataSet, run_ids: Sequence[str], cache: Path) -> Floats:
    """Return the statistics of runs, those that were measured before from a file."""
    known: dict[str, Floats] = {}
    if cache.exists():
        with np.load(cache) as kept:
            if tuple(kept["names"]) == NAMES:
                known = dict(zip(kept["run_ids"].tolist(), kept["statistics"], strict=True))
    missing = [run_id for run_id in run_ids if run_id not in known]
    known |= zip(missing, _measured(list(data.runs_of(missing))), strict=True)
    vectors = np.array([known[run_id] for run_id in run_ids]).reshape(len(run_ids), len(NAMES))
    if missing:
        part = cache.with_suffix(".part.npz")
        np.savez(part, names=np.array(NAMES), run_ids=np.array(run_ids), statistics=vectors)
        part.replace(cache)
    return vectors


def _measured(runs: Sequence[RecordedRun]) -> Iterator[Floats]:
    if len(runs) <= _IN_THIS_PROCESS:
        yield from map(_vector, runs)
        return
    workers = os.process_cpu_count() or 1
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_vector, runs, chunksize=8)


def _vector(run: RecordedRun) -> Floats:
    return summary(run.image("real")).vector
