"""One run, rendered in this process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from orchestrator.dataset.recorded_run import RecordedRun
from scene.blender.thread import on_blenders_thread, use_own_thread
from scene.errors import COMMAND_LINE, ConfigurationError, Problem
from scene.execution.alone import execute_alone
from scene.machine.resources import Resources
from scene.machine.scratch import ScratchFolder


def render_alone(
    recipe: str | Path,
    overrides: Sequence[str],
    output: str | Path | None,
    plugins: Sequence[str | Path],
    cpus: int | None,
    gpus: float,
) -> RecordedRun:
    """Render one run; the parameters are those of `blendsweep.render`."""
    use_own_thread()
    scratch = None
    if output is None:
        scratch = ScratchFolder()
        output = scratch.path / "run"
    job = partial(
        execute_alone,
        Path(recipe),
        list(overrides),
        Path(output),
        plugins=[Path(plugin) for plugin in plugins],
        resources=Resources(cpus or len(os.sched_getaffinity(0)), gpus),
    )
    try:
        on_blenders_thread(job)
    except ConfigurationError as error:
        raise ConfigurationError(map(_of_argument, error.problems)) from error
    return RecordedRun.from_folder(output, owner=scratch)


def _of_argument(problem: Problem) -> Problem:
    """Return a problem as Python's callers know the place, instead of the command line's."""
    source = {COMMAND_LINE: "overrides", "--output": "output"}.get(problem.source, problem.source)
    return replace(problem, source=source)
