"""Where attempts are executed. A new executor is a file here and a line in `EXECUTORS`.

An installed package adds its own by an entry point of the group ``blendsweep.executors``, which
names a function like those in `EXECUTORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from orchestrator.common.entry_points import with_installed
from orchestrator.execution.executors.base import Executor
from orchestrator.execution.worker import WorkerSettings
from orchestrator.plan.settings import EXECUTOR_ENTRY_POINTS

if TYPE_CHECKING:
    from orchestrator.plan.settings import Execution
    from orchestrator.plan.sweep import Sweep
    from scene.recipe.code import Code


def create(sweep: Sweep, code: Code) -> Executor:
    """Return the executor that the sweep asks for; nothing is started yet.

    Parameters
    ----------
    code
        What makes the images, for workers to be held against.

    Raises
    ------
    ConfigurationError
        If an executor of an installed package can't be loaded.
    """
    execution = sweep.settings.execution
    settings = WorkerSettings(
        output=sweep.output,
        plugins=sweep.plugins,
        cpus_per_worker=execution.cpus_per_worker,
        gpus_per_worker=execution.gpus_per_worker,
        recycle_after_runs=execution.recycle_after_runs,
        recycle_above_mb=execution.recycle_above_mb,
        shared_output=execution.shared_output,
        code=dict(code),
    )
    known = EXECUTORS
    if execution.executor not in known:
        known = with_installed(EXECUTOR_ENTRY_POINTS, known)
    return known[execution.executor](settings, execution)


def _inline(settings: WorkerSettings, execution: Execution) -> Executor:
    from orchestrator.execution.executors.inline import InlineExecutor

    del execution  # one worker, here
    return InlineExecutor(settings)


def _ray(settings: WorkerSettings, execution: Execution) -> Executor:
    from orchestrator.execution.executors.ray.executor import RayExecutor

    return RayExecutor(settings, execution.address, execution.workers)


EXECUTORS: Mapping[str, Callable[[WorkerSettings, Execution], Executor]] = {
    "inline": _inline,
    "ray": _ray,
}
"""Executor name to what makes it."""
