"""The pool of workers on Ray: actors that each keep one warm Blender.

Ray is asked for processes and nothing more. Retries, deadlines and the record of what was done
are the driver's, for Ray's own retries run a task at least once, not once.

A worker's life::

    starting ──warm──> idle <──submit/outcome──> busy
        │               │                          │
        └──fails────────┴──recycled, let go────────┴──dies, killed──> replaced while runs are left
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, final

import psutil

from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.execution.errors import WorkerStartError
from orchestrator.execution.executors.base import Executor
from orchestrator.execution.executors.ray.cluster import Cluster, Size
from orchestrator.execution.executors.ray.deaths import cause, death, is_machine_lost
from orchestrator.execution.executors.ray.host import out_of_memory_kills
from orchestrator.execution.worker import Worker, WorkerInfo, WorkerSettings, thread_environment
from scene.machine.resources import Resources

if TYPE_CHECKING:
    import ray

GPU_FRACTION = 0.5
"""What a worker reserves of a GPU unless set otherwise; two workers on one GPU let one relax its
beads on the CPU while the other renders."""

START_FAILURES = 3
"""This many workers in a row that fail to start, while none is warm, end the sweep."""

LEAST_PENDING = 4
"""Workers that a joined cluster is asked for beyond those that it has room for, so that it grows;
as many as it has already, if that is more."""

LONGEST_PAUSE_S = 60.0
"""Most time after a worker failed to start until the next one is tried."""


@dataclass(slots=True, eq=False)
class _Actor:
    """A worker as the driver sees it: starting or busy while it has a call, idle otherwise."""

    name: str
    handle: Any
    call: ray.ObjectRef[Any] | None
    info: WorkerInfo | None = None
    attempt: Attempt | None = None
    submitted_at: datetime | None = None
    memory_kills: int = 0
    runs: int = 0

    def begin(self, attempt: Attempt) -> None:
        """Send an attempt off."""
        self.attempt = attempt
        self.submitted_at = datetime.now(UTC)
        self.memory_kills = out_of_memory_kills()
        self.call = self.handle.execute.remote(attempt)

    def failed(self, failure: Failure) -> AttemptOutcome:
        """Return the outcome of the attempt that ended with this worker."""
        if self.info is None or self.attempt is None or self.submitted_at is None:
            raise RuntimeError(f"{self.name} has no attempt")
        return AttemptOutcome(
            attempt=self.attempt,
            worker=self.name,
            node=self.info.node,
            device=self.info.device,
            started_at=self.submitted_at,
            finished_at=datetime.now(UTC),
            failure=failure,
        )


@final
class RayExecutor(Executor):
    """Runs attempts on Ray actors.

    Parameters
    ----------
    settings
        What workers need to know. Without ``gpus_per_worker``, they share the GPUs where the
        cluster has any and render on CPUs elsewhere.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._execution = settings.execution
        self._threads = thread_environment(Resources(self._execution.cpus_per_worker))
        self._storage = open_storage(settings.output)
        self._cluster = Cluster(self._execution.address, self._threads)
        self._useful = 0
        self._resources: Resources | None = None
        self._actors: list[_Actor] = []
        self._killed: list[AttemptOutcome] = []
        self._processes: list[psutil.Process] = []
        self._named = 0
        self._start_failures = 0
        self._start_not_before = 0.0

    def start(self) -> None:
        """Begin to start, or to join, Ray, and return at once."""
        self._cluster.start()

    def scale(self, useful: int) -> None:
        """Create workers up to what is useful, allowed and possible; let idle ones beyond go."""
        self._useful = useful
        if self._cluster.ready(0.0):
            self._adjust()

    @property
    def workers(self) -> int:
        """How many workers are warm."""
        return sum(actor.info is not None for actor in self._actors)

    @property
    def free(self) -> int:
        """How many workers are idle."""
        return sum(actor.call is None for actor in self._actors)

    def submit(self, attempt: Attempt) -> None:
        """Hand an attempt to an idle worker."""
        for actor in self._actors:
            if actor.call is None:
                actor.begin(attempt)
                return
        raise RuntimeError("no worker is free")

    def wait(self, timeout_s: float) -> list[AttemptOutcome]:
        """Return the outcomes that have arrived; see `Executor.wait`."""
        outcomes, self._killed = self._killed, []
        timeout_s = 0.0 if outcomes else timeout_s
        if not self._cluster.ready(timeout_s):
            return outcomes
        import ray

        self._adjust()
        calls = {actor.call: actor for actor in self._actors if actor.call is not None}
        if not calls:
            # Possible only while a joined cluster has no room for any worker.
            time.sleep(0.0 if self.free else timeout_s)
            return outcomes
        if ray.wait(list(calls), timeout=timeout_s)[0]:
            ready, _ = ray.wait(list(calls), num_returns=len(calls), timeout=0.0)
            for call in ready:
                outcomes += self._collect(calls[call])
            self._adjust()
        return outcomes

    def kill(self, attempt: Attempt, failure: Failure) -> None:
        """End the worker that has the attempt; a new one takes its place."""
        for actor in self._actors:
            if actor.attempt == attempt:
                self._remove(actor)
                self._killed.append(actor.failed(failure))
                return
        raise ValueError(f"run {attempt.run.run_id} is not in flight")

    def close(self) -> None:
        """End all workers, and Ray itself where it is embedded."""
        if not self._cluster.held:
            return
        for actor in list(self._actors):
            self._remove(actor)
        self._cluster.close()
        _, alive = psutil.wait_procs(self._processes, timeout=3.0)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def _adjust(self) -> None:
        """Bring the number of workers towards what is useful."""
        surplus = max(0, len(self._actors) - self._useful)
        # Those that are not warm yet go first: nothing is lost with them.
        without_work = [actor for actor in self._actors if actor.attempt is None]
        for actor in sorted(without_work, key=lambda actor: actor.info is not None)[:surplus]:
            self._remove(actor)
        wanted = self._target() - len(self._actors)
        if time.monotonic() >= self._start_not_before:
            for _ in range(wanted):
                self._create(self._reserved(self._cluster.size()))

    def _target(self) -> int:
        """Return how many workers there should be."""
        size = self._cluster.size()
        if size.machines == 0:
            return len(self._actors)  # a joined cluster whose head has not answered yet
        self._check_output_is_shared(size)
        wants = self._reserved(size)
        room = size.cpus / wants.cpus
        if wants.gpus > 0:
            room = min(room, size.gpus / wants.gpus)
        most = int(room + 1e-6)
        if not self._cluster.embedded:
            # Only workers that wait for room make a cluster grow.
            most += max(LEAST_PENDING, self.workers)
        elif most < 1:
            raise WorkerStartError(
                f"a worker reserves {wants.cpus:g} CPUs and {wants.gpus:g} GPUs, but this machine "
                f"has {size.cpus:g} and {size.gpus:g}; --cpus-per-worker and --gpus-per-worker set "
                "what it reserves"
            )
        return min(self._useful, max(1, most), self._execution.workers or self._useful)

    def _reserved(self, size: Size) -> Resources:
        """Return what each worker reserves; whether that is a GPU is decided once."""
        if self._resources is None:
            gpus = self._execution.gpus_per_worker
            if gpus is None:
                gpus = GPU_FRACTION if size.gpus > 0 else 0.0
            # Actors that reserve no CPU do not make a cluster grow.
            self._resources = Resources(max(1.0, self._execution.cpus_per_worker), gpus)
        return self._resources

    def _check_output_is_shared(self, size: Size) -> None:
        folder = None if self._cluster.embedded else self._storage.folder
        if size.machines > 1 and folder is not None and not self._execution.shared_output:
            raise WorkerStartError(
                f"the cluster has {size.machines} nodes, but the output {folder} is a folder of "
                "this machine; give an object store as --output, or --shared-output if all nodes "
                "see that folder"
            )

    def _create(self, reserved: Resources) -> None:
        import ray

        name = f"worker-{self._named}"
        self._named += 1
        options: dict[str, Any] = {
            "num_cpus": reserved.cpus,
            "num_gpus": reserved.gpus,
            "max_restarts": 0,
            "max_task_retries": 0,
        }
        if not self._cluster.embedded:
            options["runtime_env"] = {"env_vars": self._threads}
        actor_class = ray.remote(_RayWorker).options(**options)
        handle = actor_class.remote(self._settings, reserved, name)
        self._actors.append(_Actor(name, handle, handle.warm.remote()))

    def _remove(self, actor: _Actor) -> None:
        import ray

        self._actors.remove(actor)
        ray.kill(actor.handle)

    def _collect(self, actor: _Actor) -> list[AttemptOutcome]:
        """Take the result of the actor's call, which is ready."""
        import ray
        from ray.exceptions import RayError

        try:
            result = ray.get(actor.call)
        except RayError as error:
            self._remove(actor)
            if actor.info is None:
                self._count_start_failure(error)
                return []
            killed = self._cluster.embedded and out_of_memory_kills() > actor.memory_kills
            failure = death(error, kernel_killed=killed, crash_log=actor.info.crash_log)
            return [actor.failed(failure)]
        actor.call = None
        if actor.info is None:
            self._take_in(actor, result)
            return []
        outcome, resident_mb = result
        actor.attempt = None
        actor.runs += 1
        if (
            actor.runs >= self._execution.recycle_after_runs
            or resident_mb > self._execution.recycle_above_mb
        ):
            self._remove(actor)
        return [outcome]

    def _take_in(self, actor: _Actor, info: WorkerInfo) -> None:
        """Count a worker as warm."""
        if info.probe is not None and not self._storage.exists(info.probe):
            raise WorkerStartError(
                f"a file that {actor.name} on {info.node} wrote into {self._storage.folder} is not "
                "there on this machine: the output is not shared; give an object store as --output"
            )
        actor.info = info
        self._start_failures = 0
        if self._cluster.embedded:
            with suppress(psutil.NoSuchProcess):
                self._processes.append(psutil.Process(info.pid))
        self._processes = [process for process in self._processes if process.is_running()]

    def _count_start_failure(self, error: Exception) -> None:
        if is_machine_lost(error):
            return  # the next worker finds another place
        self._start_failures += 1
        if self._start_failures >= START_FAILURES and not self.workers:
            raise WorkerStartError(f"no worker can start: {cause(error)}") from error
        pause = min(LONGEST_PAUSE_S, 2.0 ** (self._start_failures - 1))
        self._start_not_before = time.monotonic() + pause


@final
class _RayWorker:
    """A `Worker` that is built by its first call, so that errors come back as they are."""

    def __init__(self, settings: WorkerSettings, resources: Resources, name: str) -> None:
        self._arguments = (settings, resources, name)

    def warm(self) -> WorkerInfo:
        self._worker = Worker(*self._arguments)
        return self._worker.warm()

    def execute(self, attempt: Attempt) -> tuple[AttemptOutcome, float]:
        return self._worker.execute(attempt), self._worker.resident_mb()
