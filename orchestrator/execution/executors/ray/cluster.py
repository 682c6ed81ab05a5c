"""A Ray to work on: one embedded in this process, or a cluster that this process joins."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, final

from orchestrator.common.environment import environment
from orchestrator.execution.errors import WorkerStartError
from orchestrator.execution.executors.ray.host import (
    check_reachable,
    children_ended_with_this_process,
    local_cpus,
    ray_folder,
    restore_signals,
)
from scene.machine.scratch import SHARED_MEMORY

_log = logging.getLogger(__name__)

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

SIZE_SECONDS = 1.0
"""How long a cluster's size is taken as known."""

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Under `uv run`, workers would otherwise each set up an environment of their own.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # Ray prints the deaths of workers to stdout; the driver reports them itself.
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
}


class Size(NamedTuple):
    """What a cluster has at present."""

    machines: int = 0
    cpus: float = 0.0
    gpus: float = 0.0


@final
class Cluster:
    """Ray, held by a thread of its own until `close`.

    Parameters
    ----------
    address
        A cluster to join; None for an embedded Ray that ends with this object.
    variables
        Environment of an embedded Ray's processes, which spares Ray a set-up for each worker.
    """

    def __init__(self, address: str | None, variables: Mapping[str, str]) -> None:
        self._address = address
        self._variables = ENVIRONMENT | ({} if address else dict(variables))
        self._thread: threading.Thread | None = None
        self._connected = threading.Event()
        self._closing = threading.Event()
        self._error: BaseException | None = None
        self._embedded = ExitStack()
        self._environment = ExitStack()
        self._signals_restored = False
        self._started_at = 0.0
        self._size = Size()
        self._size_until = 0.0
        self._head_seen_at = 0.0

    @property
    def embedded(self) -> bool:
        """Whether this Ray belongs to this process."""
        return self._address is None

    @property
    def held(self) -> bool:
        """Whether Ray is started and neither closed nor lost."""
        return self._thread is not None

    def start(self) -> None:
        """Begin to start, or to join, Ray, and return at once."""
        self._environment.enter_context(environment(self._variables))
        self._started_at = time.monotonic()
        self._thread = threading.Thread(target=self._hold, name="ray", daemon=True)
        self._thread.start()

    def ready(self, timeout_s: float) -> bool:
        """Wait up to `timeout_s` for Ray, and return whether it can be used.

        Raises
        ------
        WorkerStartError
            If it can't be started or joined.
        """
        if not self._connected.wait(timeout_s):
            patience = LOCAL_SECONDS if self.embedded else JOIN_SECONDS
            if time.monotonic() - self._started_at <= patience:
                return False
            self._abandon()
            if self.embedded:
                raise WorkerStartError(
                    f"a local Ray did not start within {patience:g} s; --executor inline does "
                    "without Ray"
                )
            raise WorkerStartError(
                f"Ray at {self._address} does not let this process join; if it asks for a "
                "token, RAY_AUTH_MODE=token in the environment shows ~/.ray/auth_token"
            )
        if self._error is not None:
            reason = str(self._error) or type(self._error).__name__
            message = f"Ray at {self._address} can't be used: {reason}"
            if self.embedded:
                message = (
                    f"a local Ray can't be used: {reason.rstrip('.')}; RAY_TMPDIR or TMPDIR names "
                    "the place of its files, and --executor inline does without Ray"
                )
            raise WorkerStartError(message) from self._error
        if not self._signals_restored:
            self._signals_restored = True
            restore_signals()
        return True

    def size(self) -> Size:
        """Return what the cluster has, as of a moment ago. Ray is `ready`.

        Raises
        ------
        WorkerStartError
            If the cluster's head does not answer any more.
        """
        import ray

        now = time.monotonic()
        if now >= self._size_until:
            self._size_until = now + SIZE_SECONDS
            if self._head_answers(now):
                has, nodes = ray.cluster_resources(), ray.nodes()
                machines = sum(node["Alive"] for node in nodes)
                self._size = Size(machines, has.get("CPU", 0.0), has.get("GPU", 0.0))
        return self._size

    def close(self) -> None:
        """Let go of Ray, and end it where it is embedded."""
        if self._thread is None:
            return
        self._connected.wait(SHUTDOWN_SECONDS)
        self._closing.set()
        self._thread.join(SHUTDOWN_SECONDS)
        self._abandon()

    def _abandon(self) -> None:
        """Forget the thread."""
        self._thread = None
        self._environment.close()

    def _hold(self) -> None:
        # Ray's processes ask the kernel to end them with the thread that started them, so this
        # one lives as long as they are needed.
        import ray

        try:
            if self._address is None:
                self._start_embedded()
            else:
                check_reachable(self._address)
                ray.init(self._address, log_to_driver=False, logging_level="ERROR")
        except BaseException as error:  # noqa: BLE001 (`ready` raises it)
            self._error = error
        self._connected.set()
        self._closing.wait()
        ray.shutdown()
        self._embedded.close()

    def _start_embedded(self) -> None:
        """Start a Ray that ends with this process; once more where it took too long to come up."""
        import ray

        folder = ray_folder()
        for tries_left in reversed(range(LOCAL_TRIES)):
            try:
                with ExitStack() as stack:
                    started = stack.enter_context(children_ended_with_this_process())
                    init_embedded(folder)
                    started()
                    self._embedded = stack.pop_all()
                    return
            except ValueError:
                raise  # another try would end in the same way
            except Exception as error:
                if not tries_left or self._closing.is_set():
                    raise
                _log.warning("a local Ray did not start, it is tried again: %s", error)
                ray.shutdown()

    def _head_answers(self, now: float) -> bool:
        """Whether the cluster's head can be asked; without it, a question to Ray would hang."""
        import ray

        if self.embedded:
            return True
        try:
            check_reachable(ray.get_runtime_context().gcs_address, timeout_s=SIZE_SECONDS)
        except OSError:
            if self._head_seen_at and now - self._head_seen_at > HEAD_SECONDS:
                self._abandon()
                raise WorkerStartError(
                    f"the head of the Ray cluster at {self._address} does not answer any more"
                ) from None
            return False
        self._head_seen_at = now
        return True


def init_embedded(folder: Path) -> None:
    """Start Ray in this process, its files in `folder`."""
    import ray

    ray.init(
        "local",
        num_cpus=local_cpus(),
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        _temp_dir=str(folder),
        # Without shared memory, or permission to use it, Ray does not look for another place.
        _plasma_directory=None if os.access(SHARED_MEMORY, os.W_OK) else str(folder.parent),
    )
