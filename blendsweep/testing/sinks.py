"""What every sink must do, as tests for pytest.

A package that offers a sink subclasses `SinkConformance` in one of its test modules::

    from blendsweep.testing.sinks import SinkConformance

    class TestNotebook(SinkConformance):
        def make(self, context):
            return notebook.make(context)

        def recorded(self, context):
            for page in notebook.pages(context.sweep.name):
                yield page.run_id, page.status
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import final

import pytest

from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure, RunResult, RunStatus
from orchestrator.dataset.rows import Origin
from orchestrator.dataset.schema import Columns
from orchestrator.dataset.sink import Sink, SinkContext
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.writer import ManifestSink
from orchestrator.plan.run import Run
from orchestrator.plan.settings import Settings, Tracking
from orchestrator.plan.sweep import Sweep
from scene.execution.record import RunRecord
from scene.imaging.files import FileRecord

NUMBER = "blueprints.particles.Bead.number"
"""The key that is swept here."""

_START = datetime(2025, 1, 1, tzinfo=UTC)
_HASH = "f" * 16
_DOCUMENT = f"name: demo\nruns: 9\nrecipe_hash: {_HASH}\n"


def sink_context(output: Path, tracking: Tracking | None = None) -> SinkContext:
    """Return what a sink of a small sweep is made from; its data set is begun."""
    sweep = Sweep(
        name="demo",
        source="sweeps/demo.yaml",
        recipe=Path("recipes/beads.yaml"),
        recipe_dirs=(),
        plugins=(),
        prototype_dirs=(),
        overrides=(),
        output=str(output),
        settings=Settings(tracking=tracking or Tracking(enabled=False)),
    )
    storage = open_storage(sweep.output)
    storage.write_file("sweep.yaml", _DOCUMENT.encode())
    origin = Origin(sweep.name, sweep.recipe_name, _HASH)
    return SinkContext(sweep, _DOCUMENT, storage, origin, _write_report, (NUMBER,))


def sink_result(index: int, status: RunStatus = RunStatus.SUCCEEDED) -> RunResult:
    """Return the result of the run with this index, of two particles if it succeeded."""
    run = Run(
        index=index,
        run_id=f"{index:016x}",
        recipe={"initial_runtime_state": {"seed": index}},
        overrides=((NUMBER, str(index)), ("odd@key+", "x")),
        values={NUMBER: index, "odd@key+": "x"},
    )
    record = RunRecord(
        seed=index,
        features={"defocus": 0.25},
        particle_features=("dimensions",),
        particles={
            "particle_id": [1, 2],
            "blueprint": ["Bead", "Bead"],
            "category_color": ["#ff0000", "#00ff00"],
            **{f"dimensions_{axis}": [5.0, 7.0] for axis in "xyz"},
        },
        visible_particles=2,
        coverage=0.5,
        files=(FileRecord("real", "real.png", "0" * 64, 10, 4, 4),),
        timings={"reset": 0.1, "build": 0.2},
        device="CPU",
        versions={"blendsweep": "0", "bpy": "5", "python": "3"},
        rendering={"fidelity": "fast", "samples": 4, "noise_k": 2.1},
    )
    succeeded = status is RunStatus.SUCCEEDED
    outcome = AttemptOutcome(
        attempt=Attempt(run, 1),
        worker="worker",
        node="node",
        device="CPU",
        started_at=_START,
        finished_at=_START + timedelta(seconds=2 if succeeded else 3),
        record=record if succeeded else None,
        failure=None if succeeded else Failure("StepError", "no luck", "log"),
    )
    return RunResult(run, status, 1, outcome)


@final
@dataclass(frozen=True, slots=True)
class SinkBench:
    """One sink over one data set, with the record that it follows.

    Parameters
    ----------
    context
        What the sink is made from, anew for each session.
    make
        Makes it; None for the record alone.
    read
        Gives run id and status of all that is recorded, as the sink's readers find it.
    """

    context: SinkContext
    make: Callable[[SinkContext], Sink | None]
    read: Callable[[SinkContext], Iterable[tuple[str, str]]]

    def start(self, stack: ExitStack) -> list[Sink]:
        """Open the record and the sink, the last one, as a sweep does; the stack closes both."""
        context = replace(self.context, mlflow_run_ids={})
        columns = Columns(timings=("Relax",))
        record = ManifestSink(context.storage, context.origin, columns, context.mlflow_run_ids)
        made = self.make(context)
        sinks = [made] if isinstance(made, ManifestSink) else [record, *([made] if made else ())]
        for sink in sinks:
            stack.callback(sink.close)
            sink.open()
        return sinks

    def session(self, *results: RunResult) -> None:
        """Record results as a sweep does."""
        with ExitStack() as stack:
            sinks = self.start(stack)
            for result in results:
                for sink in sinks:
                    sink.record(result)
            for sink in sinks:
                sink.flush()

    def recorded(self) -> dict[str, str]:
        """Return status by run id; a run that is there twice fails."""
        found = list(self.read(self.context))
        assert len({run_id for run_id, _ in found}) == len(found), "a run is recorded twice"
        return dict(found)


class SinkConformance:
    """Tests of one sink. Subclasses may override the fixture `context`, too."""

    def make(self, context: SinkContext) -> Sink | None:
        """Return the sink, as the entry point does."""
        raise NotImplementedError(f"{type(self).__name__} does not define make(context)")

    def recorded(self, context: SinkContext) -> Iterable[tuple[str, str]]:
        """Yield run id and status (``succeeded``, ``failed``) of all that is recorded."""
        raise NotImplementedError(f"{type(self).__name__} does not define recorded(context)")

    @pytest.fixture
    def context(self, tmp_path: Path) -> SinkContext:
        """Return what the sink is made from."""
        return sink_context(tmp_path / "output")

    @pytest.fixture
    def bench(self, context: SinkContext) -> SinkBench:
        """Return the sink over a data set of its own."""
        return SinkBench(context, self.make, self.recorded)

    def test_results_are_recorded_once(self, bench: SinkBench) -> None:
        bench.session(sink_result(1), sink_result(2, RunStatus.FAILED))
        assert bench.recorded() == {f"{1:016x}": "succeeded", f"{2:016x}": "failed"}

    def test_reopening_keeps_what_was_recorded_and_adds_to_it(self, bench: SinkBench) -> None:
        bench.session(sink_result(1))
        bench.session(sink_result(2))
        assert bench.recorded().keys() == {f"{1:016x}", f"{2:016x}"}

    def test_a_run_that_comes_again_takes_the_place_of_its_older_result(
        self, bench: SinkBench
    ) -> None:
        bench.session(sink_result(1, RunStatus.FAILED), sink_result(2))
        bench.session(sink_result(1))
        assert bench.recorded() == {f"{1:016x}": "succeeded", f"{2:016x}": "succeeded"}

    def test_flush_and_close_can_be_repeated(self, bench: SinkBench) -> None:
        with ExitStack() as stack:
            sinks = bench.start(stack)
            for sink in sinks:
                sink.record(sink_result(1))
            for _ in range(2):
                sinks[-1].flush()
            for _ in range(2):
                sinks[-1].close()
        assert len(bench.recorded()) == 1

    def test_a_sink_that_was_never_opened_can_be_closed(self, bench: SinkBench) -> None:
        sink = bench.make(bench.context)
        assert sink is not None
        sink.close()

    def test_an_empty_session_leaves_nothing_recorded(self, bench: SinkBench) -> None:
        bench.session()
        assert bench.recorded() == {}


def _write_report(folder: Path) -> None:
    (folder / "report.html").write_text("<p>a report</p>")
