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
    name = sweep.settings.execution.executor
    known = EXECUTORS if name in EXECUTORS else with_installed(EXECUTOR_ENTRY_POINTS, EXECUTORS)
    settings = WorkerSettings(
        output=sweep.output,
        plugins=sweep.plugins,
        prototype_dirs=sweep.prototype_dirs,
        execution=sweep.settings.execution,
        code=dict(code),
    )
    return known[name](settings)


def _inline(settings: WorkerSettings) -> Executor:
    from orchestrator.execution.executors.inline import InlineExecutor

    return InlineExecutor(settings)


def _ray(settings: WorkerSettings) -> Executor:
    from orchestrator.execution.executors.ray.executor import RayExecutor

    return RayExecutor(settings)


EXECUTORS: Mapping[str, Callable[[WorkerSettings], Executor]] = {
    "inline": _inline,
    "ray": _ray,
}
"""Executor name to what makes it."""
