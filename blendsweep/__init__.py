"""Blendsweep from Python: run sweeps, render one recipe, open data sets.

::

    import blendsweep as bs

    result = bs.run("quickstart", ["initial_runtime_state.seed=range(2)"], output="outputs/first")
    for run in result.data.runs(status="succeeded"):
        run.image("real"), run.instances, run.depth, run.particles, run.features
    picture = bs.render("spheres_sem", ["blueprints.particles.Bead.number=50"])

Nothing here needs a terminal or the main thread, prints unless asked to, or handles signals unless
asked to. What a function needs is imported when it is called.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from scene.errors import (
    BlendsweepError,
    ConfigurationError,
    DeviceError,
    MissingLibraryError,
    Problem,
    RenderError,
    SimulationError,
    StepError,
    ThreadError,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Unpack

    from blendsweep.result import Result
    from orchestrator.dataset.dataset import DataSet, UnknownRunError
    from orchestrator.dataset.recorded_run import RecordedRun
    from orchestrator.dataset.run_files import RunFilesError
    from orchestrator.dataset.storage.locking import OutputLockedError
    from orchestrator.dataset.storage.storage import OutputError
    from orchestrator.execution.errors import WorkersLostError, WorkerStartError
    from orchestrator.execution.progress import Progress, Shown
    from orchestrator.plan.options import Options
    from orchestrator.plan.sweep import Sweep

__all__ = [
    "BlendsweepError",
    "ConfigurationError",
    "DataSet",
    "DeviceError",
    "MissingLibraryError",
    "OutputError",
    "OutputLockedError",
    "Problem",
    "Progress",
    "RecordedRun",
    "RenderError",
    "Result",
    "RunFilesError",
    "SimulationError",
    "StepError",
    "Sweep",
    "ThreadError",
    "UnknownRunError",
    "WorkerStartError",
    "WorkersLostError",
    "__version__",
    "load_sweep",
    "open_dataset",
    "render",
    "run",
]

__version__: str

_HOMES = {
    "DataSet": "orchestrator.dataset.dataset",
    "OutputError": "orchestrator.dataset.storage.storage",
    "OutputLockedError": "orchestrator.dataset.storage.locking",
    "Progress": "orchestrator.execution.progress",
    "RecordedRun": "orchestrator.dataset.recorded_run",
    "Result": "blendsweep.result",
    "RunFilesError": "orchestrator.dataset.run_files",
    "Sweep": "orchestrator.plan.sweep",
    "UnknownRunError": "orchestrator.dataset.dataset",
    "WorkerStartError": "orchestrator.execution.errors",
    "WorkersLostError": "orchestrator.execution.errors",
}


if not TYPE_CHECKING:  # which would take any name for one that is here

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version

            return version("blendsweep")
        if name in _HOMES:
            return getattr(importlib.import_module(_HOMES[name]), name)
        raise AttributeError(f"module 'blendsweep' has no attribute {name!r}", name=name)


def __dir__() -> list[str]:
    return __all__


def load_sweep(
    sweep: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    **options: Unpack[Options],
) -> Sweep:
    """Return a sweep, checked as far as that is possible without its recipe.

    Parameters
    ----------
    sweep
        A sweep file, the name of a sweep that ships with Blendsweep, such as ``quickstart``, or
        the content of a sweep file.
    overrides
        In Hydra's grammar, as on the command line; they win over the sweep's own.
    options
        The options of the command line with underscores: `output`, `limit`, `executor`,
        `workers`, `mlflow`, ... Those left out are as the sweep says, which by default is ``ray``
        on all cores, with MLflow.

    Raises
    ------
    ConfigurationError
        With every problem found.
    """
    from orchestrator.plan.loading import load_sweep as load

    return load(sweep, overrides, **options)


def run(
    sweep: str | Path | Mapping[str, Any] | Sweep,
    overrides: Sequence[str] = (),
    *,
    progress: Shown = None,
    stop: threading.Event | None = None,
    handle_signals: bool = False,
    **options: Unpack[Options],
) -> Result:
    """Run a sweep, or go on with it: runs that its output holds as succeeded are not run again.

    Parameters
    ----------
    sweep, overrides, options
        As for `load_sweep`; or a sweep that it has returned, by itself.
    progress
        None for silence; ``"auto"`` for what suits standard output, a notebook's included; a
        function that is called with the counts whenever they change; or a `Progress`.
    stop
        Once this is set, the runs in flight finish and no more start.
    handle_signals
        Whether the first Ctrl-C or SIGTERM does that too, as on the command line. By default a
        Ctrl-C drops the runs in flight and is a ``KeyboardInterrupt`` here.

    Returns
    -------
    Result
        Counts, failures, and the data set. That runs failed raises nothing.

    Raises
    ------
    ConfigurationError
        If the input is wrong; nothing was started.
    BlendsweepError
        If the sweep can't go on: no worker can be started, or the output can't be written.
    """
    from blendsweep.result import run_and_open
    from orchestrator.plan.sweep import Sweep

    if not isinstance(sweep, Sweep):
        sweep = load_sweep(sweep, overrides, **options)
    elif overrides or options:
        message = "overrides and options are given to load_sweep, which has made this sweep"
        raise ConfigurationError([Problem("arguments", "", message)])
    return run_and_open(sweep, progress=progress, stop=stop, handle_signals=handle_signals)


def render(
    recipe: str | Path,
    overrides: Sequence[str] = (),
    *,
    output: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
    prototypes: Sequence[str | Path] = (),
    cpus: int | None = None,
    gpus: float = 0.0,
) -> RecordedRun:
    """Render one run of a recipe in this process.

    Parameters
    ----------
    recipe
        A recipe file, or the name of a recipe that ships with Blendsweep, such as ``spheres_sem``.
    overrides
        One value for a key, in Hydra's grammar.
    output
        The run's folder, new or empty. By default a temporary one, which is removed once the
        returned run is no longer used.
    plugins
        Folders of plugin packages.
    prototypes
        Libraries of prototypes.
    cpus
        Threads that Cycles renders with; by default one for each core.
    gpus
        Above 0 to render on a GPU.

    Raises
    ------
    ConfigurationError
        If the recipe, an override or the output can't be used.
    StepError
        If a step fails; it names the step.
    BlendsweepError
        If Blender can't be used.
    """
    from blendsweep.rendering import render_alone

    return render_alone(recipe, overrides, output, plugins, prototypes, cpus, gpus)


def open_dataset(uri: str | Path) -> DataSet:
    """Return the data set in a folder, or under a URI such as ``s3://bucket/prefix``.

    Raises
    ------
    ConfigurationError
        If there is none, or it can't be reached.
    """
    from orchestrator.dataset.dataset import DataSet

    return DataSet.open(uri)
