"""What every registered sink must do, with real MLflow on SQLite and real Parquet."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, override

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blendsweep.testing.sinks import (
    NUMBER,
    SinkBench,
    SinkConformance,
    sink_context,
    sink_result,
)
from orchestrator.dataset.results import RunResult, RunStatus
from orchestrator.dataset.schema import Columns
from orchestrator.dataset.sink import Sink, SinkContext
from orchestrator.dataset.writer import ManifestSink
from orchestrator.plan.settings import Tracking
from orchestrator.tracking.mlflow import MlflowSink
from orchestrator.tracking.sinks import SINKS

# MLflow's libraries warn about each other; that is no fault of ours.
pytestmark = pytest.mark.filterwarnings("ignore")

NOTE = "mlflow.note.content"


def test_every_sink_is_tested_here() -> None:
    assert SINKS.keys() == {"mlflow"}


class TestManifest(SinkConformance):
    @override
    def make(self, context: SinkContext) -> Sink:
        return ManifestSink(context.storage, context.origin, Columns(timings=("Relax",)))

    @override
    def recorded(self, context: SinkContext) -> Iterable[tuple[str, str]]:
        return [(row["run_id"], row["status"]) for row in manifest(context)]


def manifest(context: SinkContext) -> list[dict[str, Any]]:
    assert context.storage.folder is not None
    rows: list[dict[str, Any]] = pq.read_table(context.storage.folder / "manifest").to_pylist()
    return rows


class Pages(Sink):
    """A sink as another package may have it: a JSON file for each run."""

    def __init__(self, context: SinkContext) -> None:
        self._folder = pages_of(context)

    @override
    def open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)

    @override
    def record(self, result: RunResult) -> None:
        page = {"status": result.status, "seconds": result.outcome.publish_seconds}
        (self._folder / f"{result.run.run_id}.json").write_text(json.dumps(page))

    @override
    def flush(self) -> None: ...

    @override
    def close(self) -> None: ...


def pages_of(context: SinkContext) -> Path:
    return Path(context.sweep.output).parent / "pages"


class TestPages(SinkConformance):
    @override
    def make(self, context: SinkContext) -> Sink:
        return Pages(context)

    @override
    def recorded(self, context: SinkContext) -> Iterable[tuple[str, str]]:
        for path in pages_of(context).glob("*.json"):
            yield path.stem, json.loads(path.read_text())["status"]


def children(context: SinkContext) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(context.sweep.tracking_uri)
    experiment = client.get_experiment_by_name("conformance")
    if experiment is None:
        return []
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    parents = [
        run
        for run in runs
        if run.data.tags.get("blendsweep.output") == context.storage.public_uri
        and "mlflow.parentRunId" not in run.data.tags
    ]
    assert len(parents) <= 1
    return [
        r
        for r in runs
        if parents and r.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id
    ]


def parent_of(context: SinkContext) -> Any:
    from mlflow import MlflowClient

    parent = children(context)[0].data.tags["mlflow.parentRunId"]
    return MlflowClient(context.sweep.tracking_uri).get_run(parent)


@pytest.fixture(scope="session")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('tracking')}/mlflow.db"


def mlflow_context(output: Path, uri: str) -> SinkContext:
    return sink_context(output, Tracking(uri=uri, experiment="conformance"))


class TestMlflow(SinkConformance):
    @override
    def make(self, context: SinkContext) -> Sink | None:
        return SINKS["mlflow"](context)

    @override
    def recorded(self, context: SinkContext) -> Iterator[tuple[str, str]]:
        for run in children(context):
            status = run.data.tags["blendsweep.status"]
            assert run.info.status == {"succeeded": "FINISHED", "failed": "FAILED"}[status]
            yield run.data.tags["blendsweep.run_id"], status

    @pytest.fixture
    @override
    def context(self, tmp_path: Path, tracking_uri: str) -> SinkContext:
        return mlflow_context(tmp_path / "output", tracking_uri)

    def test_a_child_holds_values_features_timings_and_its_preview(self, bench: SinkBench) -> None:
        bench.context.storage.write_file(f"runs/{1:016x}/preview.jpg", b"jpeg")
        bench.session(sink_result(1))
        (child,) = children(bench.context)
        assert child.data.params == {
            "seed": "1",
            "Bead.number": "1",
            "odd_key_": "x",
        }
        metrics = child.data.metrics
        assert metrics["defocus"] == 0.25
        assert metrics["dimensions/mean"] == 6.0
        assert metrics["time/total"] == 2.0
        assert metrics["coverage"] == 0.5
        from mlflow import MlflowClient

        client = MlflowClient(bench.context.sweep.tracking_uri)
        assert [file.path for file in client.list_artifacts(child.info.run_id)] == ["preview.jpg"]

    def test_the_parent_tells_which_key_a_param_sets(self, bench: SinkBench) -> None:
        bench.session(sink_result(1))
        assert (
            parent_of(bench.context).data.tags.items()
            >= {
                "blendsweep.param.Bead.number": NUMBER,
                "blendsweep.param.odd_key_": "odd@key+",
            }.items()
        )

    def test_a_name_that_is_given_stays_whatever_is_swept_later(self, bench: SinkBench) -> None:
        bench.session(sink_result(1))
        other = "other.Bead.number"
        later = sink_result(2)
        run = dataclasses.replace(later.run, values={NUMBER: 2, other: 7})
        attempt = dataclasses.replace(later.outcome.attempt, run=run)
        outcome = dataclasses.replace(later.outcome, attempt=attempt)
        bench.session(dataclasses.replace(later, run=run, outcome=outcome))
        params = {
            child.data.tags["blendsweep.run_id"]: child.data.params
            for child in children(bench.context)
        }
        assert params[f"{1:016x}"]["Bead.number"] == "1"
        assert params[f"{2:016x}"] == {"seed": "2", "Bead.number": "2", other: "7"}

    def test_a_description_tells_what_became_of_a_run(self, bench: SinkBench) -> None:
        bench.session(sink_result(1, RunStatus.FAILED))
        (child,) = children(bench.context)
        assert "**Failed** with StepError" in child.data.tags[NOTE]
        assert child.data.tags["blendsweep.error_message"] == "no luck"
        bench.session(sink_result(1))
        (child,) = children(bench.context)
        assert not [tag for tag in child.data.tags if "error" in tag]
        again = f"python -m scene {bench.context.storage.public_uri}/runs/{1:016x}/recipe.yaml"
        assert f"{again} --output DIR" in child.data.tags[NOTE]
        assert f"| `{NUMBER}` | `1` |" in child.data.tags[NOTE]
        assert "one child run" in parent_of(bench.context).data.tags[NOTE]

    def test_a_look_at_the_manifest_before_a_result_is_on_disk_does_not_have_the_last_word(
        self, bench: SinkBench
    ) -> None:
        bench.session(sink_result(1, RunStatus.FAILED))
        with ExitStack() as stack:
            record, sink = bench.start(stack)
            assert isinstance(sink, MlflowSink)
            sink.record(sink_result(1))
            deadline = time.monotonic() + 60
            while (sink._queue or sink._behind or not sink._target) and time.monotonic() < deadline:
                time.sleep(0.01)
            record.record(sink_result(1))
            record.flush()
        (child,) = children(bench.context)
        assert child.info.status == "FINISHED"
        assert not [tag for tag in child.data.tags if "error" in tag]

    def test_the_manifest_names_a_child_that_was_there_before_the_row(
        self, bench: SinkBench
    ) -> None:
        bench.session(sink_result(1, RunStatus.FAILED))
        with ExitStack() as stack:
            record, sink = bench.start(stack)
            assert isinstance(sink, MlflowSink)
            deadline = time.monotonic() + 60
            while not sink._target and time.monotonic() < deadline:
                time.sleep(0.01)
            for index in (1, 2):
                record.record(sink_result(index))
            record.flush()
        known = {row["run_id"]: row["mlflow_run_id"] for row in manifest(bench.context)}
        of_run = {child.data.tags["blendsweep.run_id"]: child for child in children(bench.context)}
        assert known == {f"{1:016x}": of_run[f"{1:016x}"].info.run_id, f"{2:016x}": None}

    def test_what_was_missed_is_logged_by_the_next_start(self, bench: SinkBench) -> None:
        without = dataclasses.replace(bench, make=lambda _: None)
        without.session(*(sink_result(index) for index in range(5)))
        assert bench.recorded() == {}
        bench.session()
        assert len(bench.recorded()) == 5
        without.session(sink_result(1, RunStatus.FAILED))
        bench.session()
        assert bench.recorded()[f"{1:016x}"] == "failed"
        assert len(bench.recorded()) == 5

    def test_a_child_that_a_crash_left_half_logged_is_completed(self, bench: SinkBench) -> None:
        from mlflow import MlflowClient

        dataclasses.replace(bench, make=lambda _: None).session(sink_result(1))
        bench.session(sink_result(2))
        parent = parent_of(bench.context)
        client = MlflowClient(bench.context.sweep.tracking_uri)
        client.delete_run(
            next(c for c in children(bench.context) if c.data.params["seed"] == "1").info.run_id
        )
        tags = {"mlflow.parentRunId": parent.info.run_id, "blendsweep.run_id": f"{1:016x}"}
        client.create_run(parent.info.experiment_id, tags=tags)
        bench.session()
        assert bench.recorded() == {f"{index:016x}": "succeeded" for index in (1, 2)}
        assert {child.data.params["seed"] for child in children(bench.context)} == {"1", "2"}

    def test_an_old_data_set_whose_rows_name_their_children_is_not_logged_again(
        self, bench: SinkBench
    ) -> None:
        bench.session(sink_result(1), sink_result(2))
        ends = {c.info.run_id: c.info.end_time for c in children(bench.context)}
        assert bench.context.storage.folder is not None
        path = bench.context.storage.folder / "manifest" / "part-00000.parquet"
        table = pq.read_table(path)
        named = {c.data.tags["blendsweep.run_id"]: c.info.run_id for c in children(bench.context)}
        column = pa.array([named[run_id] for run_id in table["run_id"].to_pylist()])
        position = table.schema.get_field_index("mlflow_run_id")
        pq.write_table(table.set_column(position, "mlflow_run_id", column), path)
        bench.session(sink_result(3))
        assert len(bench.recorded()) == 3
        assert (
            ends.items()
            <= {c.info.run_id: c.info.end_time for c in children(bench.context)}.items()
        )
        kept = pq.read_table(bench.context.storage.folder / "manifest").to_pylist()
        assert {row["mlflow_run_id"] for row in kept} >= set(named.values())

    def test_more_children_than_a_page_of_the_search_are_all_found(
        self, bench: SinkBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("orchestrator.tracking.mlflow_runs._PAGE", 2)
        bench.session(*(sink_result(index) for index in range(5)))
        bench.session()
        assert len(bench.recorded()) == 5

    def test_a_database_that_was_deleted_is_filled_again(self, tmp_path: Path) -> None:
        context = mlflow_context(tmp_path / "output", f"sqlite:///{tmp_path}/own.db")
        bench = SinkBench(context, self.make, self.recorded)
        bench.session(sink_result(1))
        for file in tmp_path.glob("own.db*"):
            file.unlink()
        bench.session(sink_result(2))
        assert len(bench.recorded()) == 2

    def test_a_server_that_is_away_delays_only_mlflow(
        self, bench: SinkBench, tmp_path: Path
    ) -> None:
        away = mlflow_context(tmp_path / "output", "http://127.0.0.1:9")
        hasty = SinkBench(away, lambda context: MlflowSink(context, 1.0), self.recorded)
        hasty.session(sink_result(1))
        assert [row["run_id"] for row in manifest(away)] == [f"{1:016x}"]
        bench.session()
        assert len(bench.recorded()) == 1

    def test_the_parent_ends_with_counts_the_sweep_file_and_the_report(
        self, bench: SinkBench
    ) -> None:
        from mlflow import MlflowClient

        sink = MlflowSink(bench.context)
        sink._started = datetime(2025, 1, 1, tzinfo=UTC)
        started = dataclasses.replace(bench, make=lambda _: sink)
        started.session(sink_result(1), sink_result(2, RunStatus.FAILED))
        client = MlflowClient(bench.context.sweep.tracking_uri)
        (child, _) = children(bench.context)
        parent = client.get_run(child.data.tags["mlflow.parentRunId"])
        assert parent.info.run_name == "demo"
        assert parent.info.status == "FINISHED"
        assert parent.info.start_time == sink._started.timestamp() * 1000
        assert parent.data.metrics == {"runs_succeeded": 1.0, "runs_failed": 1.0}
        files = [file.path for file in client.list_artifacts(parent.info.run_id)]
        assert files == ["report", "sweep.yaml"]
        assert [entry.dataset.name for entry in parent.inputs.dataset_inputs] == ["demo manifest"]

    def test_an_experiment_in_the_trash_is_restored_and_that_is_told(
        self, bench: SinkBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench.session(sink_result(1))
        client, experiment = self.trash(bench)
        bench.session(sink_result(2))
        assert len(bench.recorded()) == 2
        assert client.get_experiment(experiment).lifecycle_stage == "active"
        told = [record for record in caplog.records if "was in the trash" in record.message]
        assert len(told) == 1

    def test_a_report_that_can_not_be_made_is_no_fault_of_the_sweep(
        self, bench: SinkBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(folder: Path) -> None:
            raise ValueError(f"nothing to put into {folder.name!r:.1}")

        context = dataclasses.replace(bench.context, write_report=fail)
        dataclasses.replace(bench, context=context).session(sink_result(1))
        assert "MLflow has no report: ValueError: nothing" in caplog.text
        assert parent_of(context).info.status == "FINISHED"

    def test_an_experiment_that_is_deleted_meanwhile_loses_no_run(self, bench: SinkBench) -> None:
        with ExitStack() as stack:
            record, sink = bench.start(stack)
            for index in (1, 2):
                record.record(sink_result(index))
                record.flush()
                sink.record(sink_result(index))
                deadline = time.monotonic() + 60
                while len(children(bench.context)) < index and time.monotonic() < deadline:
                    time.sleep(0.1)
                if index == 1:
                    self.trash(bench)
        assert len(bench.recorded()) == 2

    @staticmethod
    def trash(bench: SinkBench) -> tuple[Any, str]:
        from mlflow import MlflowClient

        client = MlflowClient(bench.context.sweep.tracking_uri)
        experiment = client.get_experiment_by_name("conformance").experiment_id
        client.delete_experiment(experiment)
        return client, experiment

    def test_artifacts_that_can_not_be_written_are_told_of_once_and_all_else_is_logged(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        output = tmp_path / "output"
        context = mlflow_context(output, f"sqlite:///{tmp_path}/own.db")
        bench = SinkBench(context, self.make, self.recorded)
        # The file stands where the folder of artifacts would be.
        (tmp_path / "mlartifacts").write_text("")
        for index in (1, 2):
            bench.context.storage.write_file(f"runs/{index:016x}/preview.jpg", b"jpeg")
        bench.session(sink_result(1), sink_result(2))
        assert len(bench.recorded()) == 2
        told = [record for record in caplog.records if "goes without pictures" in record.message]
        assert len(told) == 1
        assert str(output) in told[0].message
