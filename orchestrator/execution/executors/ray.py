"""Execution on Ray: actors that each keep one warm Blender.

Ray is asked for processes and nothing more. Retries, deadlines and the record of what was done
are the driver's, for Ray's own retries run a task at least once, not once.

A worker's life::

    starting ──warm──> idle <──submit/outcome──> busy
        │               │                          │
        └──fails────────┴──recycled, let go────────┴──dies, killed──> replaced while runs are left

Short runs share a call, as many as `CallSize` finds worth it. A call that ends with its worker is
taken apart: nobody knows which of its attempts was at fault, so each is tried again alone, without
being reported.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import psutil

from orchestrator.common.environment import environment
from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.execution.executors.base import Executor, WorkerSettings, WorkerStartError
from orchestrator.execution.executors.batching import CallSize
from orchestrator.execution.executors.host import (
    check_reachable,
    children_ended_with_this_process,
    local_cpus,
    out_of_memory_kills,
    ray_folder,
    restore_signals,
)
from orchestrator.execution.worker import Worker, WorkerInfo, thread_environment
from scene.machine.resources import Resources
from scene.machine.scratch import SHARED_MEMORY

if TYPE_CHECKING:
    import ray

_log = logging.getLogger(__name__)

GPU_SHARE = 0.5
"""Share of a GPU that a worker reserves unless told otherwise; two workers on one GPU let one
relax its beads on the CPU while the other renders."""

START_FAILURES = 3
"""So many workers in a row that fail to start, while none is warm, end the sweep."""

LEAST_PENDING = 4
"""Workers that a joined cluster is asked for beyond those that it has room for, so that it grows;
as many as it has already, if that is more."""

LONGEST_PAUSE_S = 60.0
"""Most time after a worker failed to start until the next one is tried."""

OBJECT_STORE_BYTES = 80 * 2**20
"""Near the least that Ray accepts; only small plain data travels here."""

SHUTDOWN_SECONDS = 30.0

LOCAL_TRIES = 2
"""How often a local Ray is started. It has 30 s to come up, which nothing lengthens, and may need
more on a busy machine; the second time, the system holds its files in memory."""

LOCAL_SECONDS = 240.0
"""How long all of that may take."""

JOIN_SECONDS = 90.0
"""How long a cluster may take to let this process join."""

HEAD_SECONDS = 30.0
"""A joined cluster whose head does not answer for so long is lost; after twice that, Ray would end
this process without a word to us."""

CAPACITY_SECONDS = 1.0
"""How long a cluster's size is taken as known."""

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Under `uv run`, workers would otherwise each set up an environment of their own.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # Ray prints the deaths of workers to stdout; the driver reports them itself.
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
}


@dataclass(slots=True)
class _Actor:
    """A worker as the driver sees it: busy while it has a call, till then it takes attempts."""

    name: str
    handle: Any
    call: ray.ObjectRef[Any] | None
    info: WorkerInfo | None = None
    attempts: list[Attempt] = field(default_factory=list)
    submitted_at: datetime | None = None
    memory_kills: int = 0
    runs: int = 0

    @property
    def idle(self) -> bool:
        return self.call is None

    def begin(self) -> None:
        """Send the attempts off."""
        self.submitted_at = datetime.now(UTC)
        self.memory_kills = out_of_memory_kills()
        self.call = self.handle.execute.remote(self.attempts)


@final
class RayExecutor(Executor):
    """Runs attempts on Ray actors.

    Parameters
    ----------
    settings
        What workers need to know. Without ``gpus_per_worker``, they share the GPUs where the
        cluster has any and render on CPUs elsewhere.
    address
        A cluster to join; None for an embedded Ray that ends with this executor.
    limit
        Most workers at once; None for as many as the cluster's resources hold.
    """

    def __init__(
        self, settings: WorkerSettings, address: str | None = None, limit: int | None = None
    ) -> None:
        self._settings = settings
        self._storage = open_storage(settings.output)
        self._address = address
        self._limit = limit
        self._useful = 0
        self._reservation = Resources()
        self._actors: list[_Actor] = []
        self._killed: deque[AttemptOutcome] = deque()
        self._alone: deque[Attempt] = deque()
        self._call_size = CallSize()
        self._processes: list[psutil.Process] = []
        self._named = 0
        self._started_at = 0.0
        self._start_failures = 0
        self._start_not_before = 0.0
        self._connected = threading.Event()
        self._closing = threading.Event()
        self._connect_error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._stack = ExitStack()
        self._settings_of_process = ExitStack()
        self._signals_restored = False
        self._known_capacity = 0
        self._capacity_until = 0.0
        self._head_seen_at = 0.0

    def start(self) -> None:
        """Begin to start, or to join, Ray, and return at once."""
        # Children inherit the environment, which spares Ray a set-up for each worker.
        variables = ENVIRONMENT | ({} if self._address else self._thread_environment())
        self._settings_of_process.enter_context(environment(variables))
        self._started_at = time.monotonic()
        self._thread = threading.Thread(target=self._hold_ray, name="ray", daemon=True)
        self._thread.start()

    def scale(self, useful: int) -> None:
        """Create workers up to what is useful, allowed and possible; let idle ones beyond go."""
        self._useful = useful
        if self._await_ray(0.0):
            self._adjust()

    @property
    def workers(self) -> int:
        """How many workers are warm."""
        return sum(actor.info is not None for actor in self._actors)

    @property
    def free(self) -> int:
        """How many more attempts idle workers take."""
        size = self._call_size.runs
        room = sum(max(0, size - len(actor.attempts)) for actor in self._actors if actor.idle)
        return max(0, room - len(self._alone))

    def submit(self, attempt: Attempt) -> None:
        """Hand an attempt to an idle worker; one that is tried again gets a worker to itself."""
        if not self.free:
            raise RuntimeError("no worker is free")
        if attempt.number > 1:
            self._alone.append(attempt)
            self._start_alone()
            return
        actor = min(
            (actor for actor in self._actors if actor.idle), key=lambda actor: len(actor.attempts)
        )
        actor.attempts.append(attempt)
        if len(actor.attempts) >= self._call_size.runs:
            actor.begin()

    def wait(self, timeout_s: float) -> list[AttemptOutcome]:
        """Return the outcomes that have arrived; see `Executor.wait`."""
        outcomes = list(self._killed)
        self._killed.clear()
        if not self._await_ray(0.0 if outcomes else timeout_s):
            return outcomes
        import ray

        self._adjust()
        self._start_alone()
        for actor in self._actors:
            if actor.idle and actor.attempts:
                actor.begin()
        calls = {actor.call: actor for actor in self._actors if actor.call is not None}
        if not calls:
            # Possible only while a joined cluster has no room for any worker.
            time.sleep(0.0 if outcomes or self.free else timeout_s)
            return outcomes
        ready, pending = ray.wait(
            list(calls), num_returns=1, timeout=0.0 if outcomes else timeout_s
        )
        if ready and pending:
            more, _ = ray.wait(pending, num_returns=len(pending), timeout=0.0)
            ready += more
        for call in ready:
            outcomes += self._collect(calls[call])
        self._adjust()
        return outcomes

    def kill(self, attempt: Attempt, failure: Failure) -> bool:
        """End the worker that has the attempt; a new one takes its place."""
        if attempt in self._alone:
            return False
        for actor in self._actors:
            if attempt in actor.attempts:
                self._remove(actor)
                if len(actor.attempts) > 1:
                    self._alone += actor.attempts
                    return False
                self._killed.append(_failed(actor, failure))
                return True
        raise ValueError(f"run {attempt.run.run_id} is not in flight")

    def close(self) -> None:
        """End all workers, and Ray itself where it is embedded."""
        if self._thread is None:
            return
        self._connected.wait(SHUTDOWN_SECONDS)
        for actor in list(self._actors):
            self._remove(actor)
        self._closing.set()
        self._thread.join(SHUTDOWN_SECONDS)
        self._thread = None
        self._settings_of_process.close()
        _, alive = psutil.wait_procs(self._processes, timeout=3.0)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    # -- Ray itself ------------------------------------------------------------------------------

    def _hold_ray(self) -> None:
        # Ray's processes ask the kernel to end them with the thread that started them, so this
        # one lives as long as they are needed.
        import ray

        try:
            self._connect()
        except BaseException as error:  # noqa: BLE001 - told to the caller by `_await_ray`
            self._connect_error = error
        self._connected.set()
        self._closing.wait()
        ray.shutdown()
        self._stack.close()

    def _connect(self) -> None:
        import ray

        if self._address is not None:
            check_reachable(self._address)
            ray.init(self._address, log_to_driver=False, logging_level="ERROR")
            self._check_output_is_shared(sum(node["Alive"] for node in ray.nodes()))
        else:
            self._start_local_ray()
        gpus = self._settings.gpus_per_worker
        if gpus is None:
            gpus = GPU_SHARE if ray.cluster_resources().get("GPU", 0) > 0 else 0.0
        # Actors that reserve no CPU do not make a cluster grow.
        self._reservation = Resources(max(1.0, self._settings.cpus_per_worker), gpus)

    def _start_local_ray(self) -> None:
        """Start a Ray that ends with this process; once more where it took too long to come up."""
        import ray

        folder = ray_folder()
        for tries_left in reversed(range(LOCAL_TRIES)):
            try:
                with ExitStack() as stack:
                    started = stack.enter_context(children_ended_with_this_process())
                    _init_local_ray(folder)
                    started()
                    self._stack = stack.pop_all()
                    return
            except ValueError:
                raise  # the same again would come of another try
            except Exception as error:
                if not tries_left or self._closing.is_set():
                    raise
                _log.warning("a local Ray did not start, it is tried again: %s", error)
                ray.shutdown()

    def _check_output_is_shared(self, machines: int) -> None:
        if machines > 1 and self._storage.folder is not None and not self._settings.shared_output:
            raise WorkerStartError(
                f"the cluster has {machines} nodes, but the output {self._storage.folder} is a "
                "folder of this machine; give an object store as --output, or --shared-output "
                "if all nodes see that folder"
            )

    def _thread_environment(self) -> dict[str, str]:
        return thread_environment(Resources(self._settings.cpus_per_worker))

    def _abandon(self) -> None:
        """Forget the thread: there is nothing to shut down, and no way to call it back."""
        self._thread = None
        self._settings_of_process.close()

    def _await_ray(self, timeout_s: float) -> bool:
        if not self._connected.wait(timeout_s):
            if self._address and time.monotonic() - self._started_at > JOIN_SECONDS:
                self._abandon()
                raise WorkerStartError(
                    f"Ray at {self._address} does not let this process join; if it asks for a "
                    "token, RAY_AUTH_MODE=token in the environment shows ~/.ray/auth_token"
                )
            if not self._address and time.monotonic() - self._started_at > LOCAL_SECONDS:
                self._abandon()
                raise WorkerStartError(
                    f"a local Ray did not start within {LOCAL_SECONDS:g} s; --executor inline does "
                    "without Ray"
                )
            return False
        if isinstance(self._connect_error, WorkerStartError):
            raise self._connect_error
        if self._connect_error is not None:
            told = str(self._connect_error) or type(self._connect_error).__name__
            if self._address:
                message = f"Ray at {self._address} can't be used: {told}"
            else:
                message = (
                    f"a local Ray can't be used: {told.rstrip('.')}; its files go where RAY_TMPDIR "
                    "or TMPDIR say, and --executor inline does without Ray"
                )
            raise WorkerStartError(message) from self._connect_error
        if not self._signals_restored:
            self._signals_restored = True
            restore_signals()
        return True

    # -- Workers ---------------------------------------------------------------------------------

    def _adjust(self) -> None:
        """Bring the number of workers towards what is useful."""
        surplus = max(0, len(self._actors) - self._useful)
        # Those that are not warm yet go first: nothing is lost with them.
        without_work = [actor for actor in self._actors if not actor.attempts]
        for actor in sorted(without_work, key=lambda actor: actor.info is not None)[:surplus]:
            self._remove(actor)
        wanted = self._target() - len(self._actors)
        if time.monotonic() >= self._start_not_before:
            for _ in range(wanted):
                self._create()

    def _start_alone(self) -> None:
        """Give attempts that must not share a call to workers that have none."""
        for actor in self._actors:
            if self._alone and actor.idle and not actor.attempts:
                actor.attempts = [self._alone.popleft()]
                actor.begin()

    def _target(self) -> int:
        capacity = self._capacity()
        if self._address is None and capacity < 1:
            raise WorkerStartError(self._no_room())
        # Only workers that wait for room make a cluster grow.
        waiting = 0 if self._address is None else max(LEAST_PENDING, self.workers)
        most = capacity + waiting
        if self._limit is not None:
            most = min(most, self._limit)
        return min(self._useful, max(1, most))

    def _no_room(self) -> str:
        import ray

        has, wants = ray.cluster_resources(), self._reservation
        return (
            f"a worker reserves {wants.cpus:g} CPUs and {wants.gpus:g} GPUs, but this machine has "
            f"{has.get('CPU', 0):g} and {has.get('GPU', 0):g}; "
            "--cpus-per-worker and --gpus-per-worker set what it reserves"
        )

    def _capacity(self) -> int:
        """Return how many workers the cluster has room for, as of a moment ago."""
        import ray

        now = time.monotonic()
        if now < self._capacity_until:
            return self._known_capacity
        self._capacity_until = now + CAPACITY_SECONDS
        if not self._head_answers(now):
            return self._known_capacity
        resources = ray.cluster_resources()
        if self._address is not None:
            self._check_output_is_shared(sum(node["Alive"] for node in ray.nodes()))
        capacity = resources.get("CPU", 0) / self._reservation.cpus
        if self._reservation.gpus > 0:
            capacity = min(capacity, resources.get("GPU", 0) / self._reservation.gpus)
        self._known_capacity = int(capacity + 1e-6)
        return self._known_capacity

    def _head_answers(self, now: float) -> bool:
        """Whether the cluster's head can be asked; without it, a question to Ray would hang."""
        import ray

        if self._address is None:
            return True
        try:
            check_reachable(ray.get_runtime_context().gcs_address, timeout_s=CAPACITY_SECONDS)
        except OSError:
            if self._head_seen_at and now - self._head_seen_at > HEAD_SECONDS:
                self._abandon()
                raise WorkerStartError(
                    f"the head of the Ray cluster at {self._address} does not answer any more"
                ) from None
            return False
        self._head_seen_at = now
        return True

    def _create(self) -> None:
        import ray

        name = f"worker-{self._named}"
        self._named += 1
        options: dict[str, Any] = {
            "num_cpus": self._reservation.cpus,
            "num_gpus": self._reservation.gpus,
            "max_restarts": 0,
            "max_task_retries": 0,
        }
        if self._address is not None:
            options["runtime_env"] = {"env_vars": self._thread_environment()}
        handle = (
            ray.remote(_RayWorker)
            .options(**options)
            .remote(self._settings, self._reservation, name)
        )
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
            if len(actor.attempts) > 1:
                self._alone += actor.attempts
                return []
            return [_failed(actor, self._death(actor, error))]
        actor.call = None
        if actor.info is None:
            self._take_in(actor, result)
            return []
        outcomes: list[AttemptOutcome]
        outcomes, resident_mb = result
        actor.attempts = []
        actor.runs += len(outcomes)
        self._call_size.learn(outcomes)
        if (
            actor.runs >= self._settings.recycle_after_runs
            or resident_mb > self._settings.recycle_above_mb
        ):
            self._remove(actor)
        return outcomes

    def _take_in(self, actor: _Actor, info: WorkerInfo) -> None:
        if info.probe is not None and not self._storage.exists(info.probe):
            raise WorkerStartError(
                f"a file that {actor.name} on {info.node} wrote into {self._storage.folder} is not "
                "there on this machine: the output is not shared; give an object store as --output"
            )
        actor.info = info
        self._start_failures = 0
        if self._address is None:
            with suppress(psutil.NoSuchProcess):
                self._processes.append(psutil.Process(info.pid))
        self._processes = [process for process in self._processes if process.is_running()]

    def _count_start_failure(self, error: Exception) -> None:
        if _machine_lost(error):
            return  # the next worker finds another place
        self._start_failures += 1
        if self._start_failures >= START_FAILURES and not self.workers:
            raise WorkerStartError(f"no worker can start: {_cause(error)}") from error
        pause = min(LONGEST_PAUSE_S, 2.0 ** (self._start_failures - 1))
        self._start_not_before = time.monotonic() + pause

    def _death(self, actor: _Actor, error: Exception) -> Failure:
        """Return why a worker died as an attempt's failure."""
        from ray.exceptions import OutOfMemoryError

        log = _crash_report(actor, error)
        if isinstance(error, OutOfMemoryError):
            return Failure("OutOfMemory", _cause(error), log)
        if self._address is None and out_of_memory_kills() > actor.memory_kills:
            message = "out of memory: the kernel killed a process of this machine meanwhile"
            return Failure("OutOfMemory", message, log)
        return Failure("MachineLost" if _machine_lost(error) else "WorkerDied", _cause(error), log)


@final
class _RayWorker:
    """A `Worker` that is built by its first call, so that errors come back as they are."""

    def __init__(self, settings: WorkerSettings, reservation: Resources, name: str) -> None:
        self._arguments = (settings, reservation, name)

    def warm(self) -> WorkerInfo:
        self._worker = Worker(*self._arguments)
        return self._worker.warm()

    def execute(self, attempts: list[Attempt]) -> tuple[list[AttemptOutcome], float]:
        return [self._worker.execute(attempt) for attempt in attempts], self._worker.resident_mb()


def _init_local_ray(folder: Path) -> None:
    import ray

    ray.init(
        "local",
        num_cpus=local_cpus(),
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        _temp_dir=str(folder),
        # Where there is no shared memory, or none for us, Ray does not look for another place.
        _plasma_directory=None if os.access(SHARED_MEMORY, os.W_OK) else str(folder.parent),
    )


def _failed(actor: _Actor, failure: Failure) -> AttemptOutcome:
    if actor.info is None or actor.submitted_at is None:
        raise RuntimeError(f"{actor.name} has no attempt")
    (attempt,) = actor.attempts
    return AttemptOutcome(
        attempt=attempt,
        worker=actor.name,
        node=actor.info.node,
        device=actor.info.device,
        started_at=actor.submitted_at,
        finished_at=datetime.now(UTC),
        failure=failure,
    )


def _cause(error: Exception) -> str:
    """Return one sentence on what ended a worker."""
    from ray import exceptions

    if isinstance(error, exceptions.OutOfMemoryError):
        return "out of memory: Ray ended the worker because its machine had too little left"
    if _machine_lost(error):
        return "its machine died, left the cluster or does not answer any more"
    if isinstance(error, exceptions.RayTaskError):
        return f"{type(error.cause).__name__}: {error.cause}"
    # Ray's texts are paragraphs: an exit detail, or else the last line, tells what happened.
    _, found, detail = str(error).rpartition("Worker exit detail:")
    if "connection error code 2" in detail:
        return "its process ended without a word: a crash in native code, or killed from outside"
    lines = [line.strip() for line in detail.splitlines() if line.strip()] or [type(error).__name__]
    return f"its process ended: {lines[0 if found else -1]}"


def _machine_lost(error: Exception) -> bool:
    """Whether Ray tells of a machine that is gone, or, sooner, that an actor does not answer."""
    from ray.exceptions import ActorUnavailableError, NodeDiedError

    kinds = (ActorUnavailableError, NodeDiedError)
    return isinstance(error, kinds) or "its node has died" in str(error)


def _crash_report(actor: _Actor, error: Exception) -> str:
    report = str(error)
    if actor.info is not None:
        with suppress(OSError):
            report += "\n" + Path(actor.info.crash_log).read_text(
                encoding="utf-8", errors="replace"
            )
    return report
