"""One run, rendered in this process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from orchestrator.common.redaction import masked
from orchestrator.common.uris import local_folder
from orchestrator.dataset.recorded_run import RecordedRun
from scene.blender.thread import on_blenders_thread, use_own_thread
from scene.errors import COMMAND_LINE, ConfigurationError, Problem
from scene.execution.alone import execute_alone
from scene.language.arguments import listed
from scene.machine.resources import Resources
from scene.machine.scratch import ScratchFolder

_ARGUMENTS = {
    COMMAND_LINE: "overrides",
    "--output": "output",
    "--plugins": "plugins",
    "--prototypes": "prototypes",
}


def render_alone(
    recipe: str | Path,
    overrides: Sequence[str],
    output: str | Path | None,
    plugins: Sequence[str | Path],
    prototypes: Sequence[str | Path],
    cpus: int | None,
    gpus: float,
) -> RecordedRun:
    """Render one run; the parameters are those of `blendsweep.render`."""
    _check_resources(cpus, gpus)
    overrides = listed("overrides", overrides)
    packages = [Path(given) for given in listed("plugins", plugins, str, Path)]
    libraries = [Path(given) for given in listed("prototypes", prototypes, str, Path)]
    use_own_thread()
    scratch = None
    if output is None:
        scratch = ScratchFolder()
        output = scratch.path / "run"
    folder = local_folder(str(output))
    if folder is None:
        message = f"{masked(str(output))} is not a folder of this machine, as a single run's is"
        raise ConfigurationError([Problem("output", "", message)])
    job = partial(
        execute_alone,
        Path(recipe),
        overrides,
        folder,
        plugins=packages,
        prototypes=libraries,
        resources=Resources(cpus or len(os.sched_getaffinity(0)), gpus),
    )
    try:
        on_blenders_thread(job)
    except ConfigurationError as error:
        raise ConfigurationError(map(_of_argument, error.problems)) from error
    return RecordedRun.from_folder(folder, owner=scratch)


def _check_resources(cpus: object, gpus: object) -> None:
    problems = []
    if cpus is not None and (not isinstance(cpus, int) or cpus < 1):
        problems.append(Problem("arguments", "cpus", f"expected a number from 1, got {cpus!r}"))
    if not isinstance(gpus, int | float) or gpus < 0:
        problems.append(Problem("arguments", "gpus", f"expected a number from 0, got {gpus!r}"))
    if problems:
        raise ConfigurationError(problems)


def _of_argument(problem: Problem) -> Problem:
    """Return a problem as Python's callers know the place, instead of the command line's."""
    source = _ARGUMENTS.get(problem.source, problem.source)
    return replace(problem, source=source)
