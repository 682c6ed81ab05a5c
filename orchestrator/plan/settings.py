"""Schema of the sweep file: its keys with their types, bounds and defaults."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Annotated, final

from pydantic import AfterValidator, Field, StringConstraints

from scene.errors import unknown
from scene.language.fields import Bool, Int, Real, StrictModel, Text

type Positive = Annotated[Real, Field(gt=0)]
type Count = Annotated[Int, Field(ge=1)]
type Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]


EXECUTOR_ENTRY_POINTS = "blendsweep.executors"
"""Group of the entry points by which an installed package adds an executor."""


def _known_executor(name: str) -> str:
    built_in = ("ray", "inline")
    if name not in built_in:
        names = (*built_in, *entry_points(group=EXECUTOR_ENTRY_POINTS).names)
        if name not in names:
            raise ValueError(unknown("executor", name, names))
    return name


@final
class Execution(StrictModel):
    """Where and how runs are executed.

    Parameters
    ----------
    executor
        ``ray``, ``inline`` for this process without Ray, or what an installed package adds.
    address
        Ray cluster to join; None starts a local one that ends with the sweep.
    workers
        Most workers at once; None takes what the resources allow.
    cpus_per_worker, gpus_per_worker
        What a worker reserves; without GPUs given, a fraction where the cluster has GPUs.
    timeout_s
        Seconds after which an attempt is ended.
    max_attempts
        How often a run is tried before it counts as failed.
    recycle_after_runs, recycle_above_mb
        A worker is replaced after this many runs, or above this much resident memory in MiB.
    shared_output
        Whether a local output is a folder that all machines of a cluster see.
    reuse
        Whether runs that share a specimen take it from the first that made it.
    """

    executor: Annotated[Text, AfterValidator(_known_executor)] = "ray"
    address: Text | None = None
    workers: Count | None = None
    cpus_per_worker: Positive = 1.0
    gpus_per_worker: Annotated[Real, Field(ge=0)] | None = None
    timeout_s: Positive = 3600.0
    max_attempts: Count = 3
    recycle_after_runs: Count = 200
    recycle_above_mb: Count = 4096
    shared_output: Bool = False
    reuse: Bool = True


@final
class Tracking(StrictModel):
    """Where MLflow records.

    Parameters
    ----------
    enabled
        False for no MLflow at all.
    uri
        Tracking server or database; None for ``sqlite:///<output>/mlflow.db``.
    experiment
        Name of the experiment; None for the sweep's name.
    """

    enabled: Bool = True
    uri: Annotated[Text, Field(min_length=1)] | None = None
    experiment: Annotated[Text, Field(min_length=1, max_length=250)] | None = None


class Settings(StrictModel):
    """How to make the runs of a sweep.

    Parameters
    ----------
    limit
        Only the first this many runs; None for all.
    retry_failed
        Whether runs recorded as failed are taken again.
    accept_versions
        Whether to go on with a data set that other code began.
    """

    limit: Count | None = None
    retry_failed: Bool = False
    accept_versions: Bool = False
    execution: Execution = Execution()
    tracking: Tracking = Tracking()


@final
class SweepFile(Settings):
    """What ``sweeps/*.yaml`` holds, after the caller's options are merged in."""

    name: Name
    recipe: Annotated[Text, Field(min_length=1)]
    recipe_dirs: tuple[Text, ...] = ()
    plugins: tuple[Text, ...] = ()
    prototype_dirs: tuple[Text, ...] = ()
    overrides: tuple[Text, ...] = ()
    output: Annotated[Text, Field(min_length=1)] | None = None
