"""One run inside a worker process: a private folder, one warm Blender, one move into the output."""

from __future__ import annotations

import faulthandler
import os
import shutil
import socket
import time
import traceback
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import final

from orchestrator.dataset.layout import ATTEMPTS, run_folder
from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure
from orchestrator.dataset.runs_folder import difference, set_aside
from orchestrator.dataset.specimens import SharedSpecimen
from orchestrator.dataset.storage.disks import full_places, write_fault
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import OutputError
from orchestrator.execution.errors import OtherCodeError
from orchestrator.plan.settings import Execution
from scene.blender.session import Session
from scene.execution.chain import execute
from scene.execution.record import RunRecord
from scene.imaging.files import RECORD_FILE
from scene.machine.resources import Resources
from scene.machine.scratch import lasting_scratch_folder
from scene.recipe.code import Code, code_of, code_of_versions, differences, named_in
from scene.recipe.parse import parse
from scene.recipe.registry import Registry


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker needs to know, once, before its first run.

    Parameters
    ----------
    output
        URI or absolute path of the data set.
    plugins
        Folders that ``$plugins`` names resolve in.
    execution
        Where and how runs are executed.
    code
        The code of the driver's machine, which a worker's must be, too; empty for any.
    prototype_dirs
        Libraries of prototypes.
    """

    output: str
    plugins: tuple[str, ...] = ()
    execution: Execution = field(default_factory=Execution)
    code: Code = field(default_factory=dict)
    prototype_dirs: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What a warm worker says about itself.

    Parameters
    ----------
    pid
        Its process.
    node
        Name of its machine.
    device
        The Cycles device.
    crash_log
        Where Python's fault handler writes should the process crash.
    probe
        A file that the worker has just made in the output; relative to it.
    """

    pid: int
    node: str
    device: str
    crash_log: str
    probe: str | None = None


@final
class Worker:
    """Executes attempts, one at a time, in this process.

    Parameters
    ----------
    settings
        What all workers of the sweep have in common.
    resources
        What this worker may use of its machine.
    name
        Its name, unique within the sweep.

    Raises
    ------
    DeviceError
        If a GPU is reserved that Cycles can't use.
    OtherCodeError
        If this machine has other code than the driver's.
    """

    def __init__(self, settings: WorkerSettings, resources: Resources, name: str) -> None:
        self._code = _checked_code(settings)
        self._name = name
        self._storage = open_storage(settings.output)
        self._registry = Registry(settings.plugins, settings.prototype_dirs)
        self._scratch = _scratch_folder(self._storage.folder)
        self._session = Session(resources)

    def warm(self) -> WorkerInfo:
        """Report on this worker and let the process leave word if it crashes."""
        crash_log = self._scratch / f"{self._name}-{os.getpid()}.crash"
        # The fault handler keeps the descriptor, so the file object must outlive this call.
        self._crash_stream = crash_log.open("w")
        faulthandler.enable(self._crash_stream)
        # Only a local output can be another folder on another machine.
        probe = None if self._storage.folder is None else f"{ATTEMPTS}/{crash_log.name}"
        return WorkerInfo(
            os.getpid(), socket.gethostname(), self._session.device, str(crash_log), probe
        )

    @property
    def device(self) -> str:
        """The Cycles device."""
        return self._session.device

    def resident_mb(self) -> float:
        """Return the resident memory of this process in MiB."""
        return self._session.resident_mb()

    def execute(self, attempt: Attempt) -> AttemptOutcome:
        """Execute one attempt; whatever goes wrong is in the outcome.

        A run that an earlier attempt published, but nobody recorded, is taken as it is; one that
        other code made is set aside.
        """
        started_at = datetime.now(UTC)
        specimen = SharedSpecimen(self._storage)
        record, failure, publish_seconds = self._attempt(attempt, specimen)
        return AttemptOutcome(
            attempt=attempt,
            worker=self._name,
            node=socket.gethostname(),
            device=record.device if record is not None else self._session.device,
            started_at=started_at,
            finished_at=datetime.now(UTC),
            record=record,
            failure=failure,
            publish_seconds=publish_seconds,
            specimen=specimen.use,
        )

    def _attempt(
        self, attempt: Attempt, specimen: SharedSpecimen
    ) -> tuple[RunRecord | None, Failure | None, float]:
        run_id = attempt.run.run_id
        folder = self._scratch / f"{run_id}-{attempt.number}-{self._name}"
        captured = ""
        try:
            record = self._published(run_id)
            if record is not None:
                return record, None, 0.0
            with self._session.captured() as log:
                try:
                    record = self._render(attempt, specimen, folder)
                finally:
                    captured = log.text
            start = time.perf_counter()
            while not self._storage.publish(folder, run_folder(run_id)):
                # Another attempt, thought dead, got there first; both hold the same bytes.
                if (published := self._published(run_id)) is not None:
                    record = published
                    break
            return record, None, time.perf_counter() - start
        except KeyboardInterrupt:
            raise
        # A plugin may call sys.exit, or raise what is not an Exception; it must not end the worker.
        except BaseException as error:  # noqa: BLE001
            report = "".join(traceback.format_exception(error))
            log_text = f"{report}\n--- Blender's output ---\n{captured}" if captured else report
            fault = self._output_fault(error)
            message = f"{error}{full_places()}" if fault is None else fault
            return None, Failure(type(error).__name__, message, log_text, fault is not None), 0.0
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _render(self, attempt: Attempt, specimen: SharedSpecimen, folder: Path) -> RunRecord:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        recipe = parse(attempt.run.recipe, f"run {attempt.run.run_id}", self._registry)
        shared = None if attempt.specimen is None else specimen
        return execute(recipe, self._session, folder, specimens=shared)

    def _published(self, run_id: str) -> RunRecord | None:
        target = run_folder(run_id)
        try:
            record = RunRecord.from_json(
                self._storage.read(f"{target}/{RECORD_FILE}").decode("utf-8")
            )
            files = [asdict(file) | {"path": f"{target}/{file.path}"} for file in record.files]
            code = record.code or code_of_versions(record.versions)
            if difference(self._storage, files) is None and not differences(code, self._code):
                return record
        except FileNotFoundError:
            if self._storage.folder is None:
                return None  # none, or an upload that was cut short, which the next one goes over
        except (NotADirectoryError, ValueError):
            pass  # not ours
        set_aside(self._storage, run_id)
        return None

    def _output_fault(self, error: BaseException) -> str | None:
        """Return why the output can't be written, where that is what made an attempt fail."""
        link: BaseException | None = error
        while link is not None:
            if isinstance(link, OutputError):
                return link.reason
            link = link.__cause__ or link.__context__
        # What an error says of a disk may mean another, or come from a log: only the disk knows.
        # And Blender reports a full one in words of its own, or not at all.
        return None if self._storage.folder is None else write_fault(self._scratch)


def _checked_code(settings: WorkerSettings) -> Code:
    """Return the code of this machine for the plugins and prototypes that the driver named."""
    own = code_of(named_in(settings.code), settings.plugins, settings.prototype_dirs)
    found = [
        f"{name} {own.get(name, 'is missing')} instead of {version}"
        for name, version in settings.code.items()
        if own.get(name) != version
    ]
    if found:
        raise OtherCodeError(
            f"the machine {socket.gethostname()} has other code than the driver's: "
            f"{', '.join(found)}; images of both would be mixed"
        )
    return own


def thread_environment(resources: Resources) -> dict[str, str]:
    """Return the environment that holds numerical libraries to a worker's threads."""
    libraries = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")
    return {f"{library}_NUM_THREADS": str(resources.threads) for library in libraries}


def _scratch_folder(output: Path | None) -> Path:
    if output is None:
        return lasting_scratch_folder()
    scratch = output / ATTEMPTS
    scratch.mkdir(parents=True, exist_ok=True)
    return scratch
