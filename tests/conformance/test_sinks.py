"""What every registered sink must do, with real MLflow on SQLite and real Parquet."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure, RunResult, RunStatus
from orchestrator.dataset.schema import Columns, Origin
from orchestrator.dataset.sink import Sink, SinkContext
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import Storage
from orchestrator.dataset.writer import ManifestSink
from orchestrator.plan.run import Run
from orchestrator.plan.sweep import Execution, Sweep, Tracking
from orchestrator.tracking.mlflow import MlflowSink
from orchestrator.tracking.sinks import SINKS
from scene.execution.record import RunRecord
from scene.imaging.files import FileRecord

# MLflow's libraries warn about each other; that is no fault of ours.
pytestmark = pytest.mark.filterwarnings("ignore")

NOTE = "mlflow.note.content"
NUMBER = "blueprints.particles.Bead.number"

START = datetime(2025, 1, 1, tzinfo=UTC)
HASH = "f" * 16
DOCUMENT = f"name: demo\nruns: 9\nrecipe_hash: {HASH}\n"


def write_report(folder: Path) -> None:
    (folder / "report.html").write_text("<p>a report</p>")


def make_sweep(output: Path, tracking_uri: str, name: str = "demo") -> Sweep:
    return Sweep(
        name=name,
        source=Path("sweeps/demo.yaml"),
        recipe=Path("recipes/beads.yaml"),
        recipe_dirs=(),
        plugins=(),
        overrides=(),
        output=str(output),
        limit=None,
        retry_failed=False,
        execution=Execution(),
        tracking=Tracking(uri=tracking_uri, experiment="conformance"),
    )


def make_result(index: int, status: RunStatus = RunStatus.SUCCEEDED) -> RunResult:
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
    )
    succeeded = status is RunStatus.SUCCEEDED
    outcome = AttemptOutcome(
        attempt=Attempt(run, 1),
        worker="worker",
        node="node",
        device="CPU",
        started_at=START,
        finished_at=START + timedelta(seconds=2 if succeeded else 3),
        record=record if succeeded else None,
        failure=None if succeeded else Failure("StepError", "no luck", "log"),
    )
    return RunResult(run, status, 1, outcome)


@dataclasses.dataclass
class Bench:
    """One sink over one output, together with the manifest that feeds it."""

    name: str
    sweep: Sweep
    storage: Storage

    def start(self) -> tuple[Sink, ManifestSink]:
        self.storage.write_file("sweep.yaml", DOCUMENT.encode())
        origin = Origin(self.sweep.name, "beads", HASH)
        context = SinkContext(self.sweep, DOCUMENT, self.storage, origin, write_report)
        manifest = ManifestSink(
            self.storage, origin, Columns(timings=("Relax",)), context.mlflow_run_ids
        )
        sink = manifest if self.name == "manifest" else SINKS[self.name](context)
        assert sink is not None
        manifest.open()
        if sink is not manifest:
            sink.open()
        return sink, manifest

    def session(self, *results: RunResult) -> None:
        """Record results as the driver does: to the manifest, and to the sink under test."""
        sink, manifest = self.start()
        for result in results:
            manifest.record(result)
            if sink is not manifest:
                sink.record(result)
        sink.flush()
        sink.close()
        manifest.close()

    def recorded(self) -> dict[str, str]:
        """Return status by run id as this sink's readers find it; a run found twice fails."""
        found = list(READERS[self.name](self))
        assert len({run_id for run_id, _ in found}) == len(found)
        return dict(found)


def read_manifest(bench: Bench) -> Iterator[tuple[str, str]]:
    assert bench.storage.folder is not None
    folder = bench.storage.folder / "manifest"
    if folder.exists():
        for row in pq.read_table(folder).to_pylist():
            yield row["run_id"], row["status"]


def children(bench: Bench) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(bench.sweep.tracking_uri)
    experiment = client.get_experiment_by_name("conformance")
    if experiment is None:
        return []
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    parents = [
        run
        for run in runs
        if run.data.tags.get("blendsweep.output") == bench.storage.public_uri
        and "mlflow.parentRunId" not in run.data.tags
    ]
    assert len(parents) <= 1
    return [
        r
        for r in runs
        if parents and r.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id
    ]


def parent_of(bench: Bench) -> Any:
    from mlflow import MlflowClient

    parent = children(bench)[0].data.tags["mlflow.parentRunId"]
    return MlflowClient(bench.sweep.tracking_uri).get_run(parent)


def read_mlflow(bench: Bench) -> Iterator[tuple[str, str]]:
    for run in children(bench):
        status = run.data.tags["blendsweep.status"]
        assert run.info.status == {"succeeded": "FINISHED", "failed": "FAILED"}[status]
        yield run.data.tags["blendsweep.run_id"], status


READERS: dict[str, Callable[[Bench], Iterator[tuple[str, str]]]] = {
    "manifest": read_manifest,
    "mlflow": read_mlflow,
}


@pytest.fixture(scope="session")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('tracking')}/mlflow.db"


@pytest.fixture(params=["manifest", *SINKS])
def bench(request: pytest.FixtureRequest, tmp_path: Path, tracking_uri: str) -> Bench:
    output = tmp_path / "output"
    return Bench(request.param, make_sweep(output, tracking_uri), open_storage(str(output)))


def test_every_sink_has_a_reader_here() -> None:
    assert READERS.keys() == {"manifest", *SINKS}


def test_results_are_recorded_once(bench: Bench) -> None:
    bench.session(make_result(1), make_result(2, RunStatus.FAILED))
    assert bench.recorded() == {"0" * 15 + "1": "succeeded", "0" * 15 + "2": "failed"}


def test_reopening_keeps_what_was_recorded_and_adds_to_it(bench: Bench) -> None:
    bench.session(make_result(1))
    bench.session(make_result(2))
    assert len(bench.recorded()) == 2


def test_a_run_that_comes_again_takes_the_place_of_its_older_result(bench: Bench) -> None:
    bench.session(make_result(1, RunStatus.FAILED), make_result(2))
    bench.session(make_result(1))
    assert bench.recorded() == {"0" * 15 + "1": "succeeded", "0" * 15 + "2": "succeeded"}


def test_flush_and_close_can_be_repeated(bench: Bench) -> None:
    sink, manifest = bench.start()
    sink.record(make_result(1))
    for _ in range(2):
        sink.flush()
    for _ in range(2):
        sink.close()
    manifest.close()
    assert len(bench.recorded()) == 1


def test_an_empty_session_leaves_nothing_recorded(bench: Bench) -> None:
    bench.session()
    assert bench.recorded() == {}


class TestMlflow:
    @pytest.fixture
    def bench(self, tmp_path: Path, tracking_uri: str) -> Bench:
        output = tmp_path / "output"
        return Bench("mlflow", make_sweep(output, tracking_uri), open_storage(str(output)))

    def test_a_child_holds_values_features_timings_and_its_preview(self, bench: Bench) -> None:
        bench.storage.write_file(f"runs/{1:016x}/preview.jpg", b"jpeg")
        bench.session(make_result(1))
        (child,) = children(bench)
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

        client = MlflowClient(bench.sweep.tracking_uri)
        assert [file.path for file in client.list_artifacts(child.info.run_id)] == ["preview.jpg"]

    def test_the_parent_tells_which_key_a_param_sets(self, bench: Bench) -> None:
        bench.session(make_result(1))
        assert (
            parent_of(bench).data.tags.items()
            >= {
                "blendsweep.param.Bead.number": NUMBER,
                "blendsweep.param.odd_key_": "odd@key+",
            }.items()
        )

    def test_a_name_that_is_given_stays_whatever_is_swept_later(self, bench: Bench) -> None:
        bench.session(make_result(1))
        other = "other.Bead.number"
        later = make_result(2)
        run = dataclasses.replace(later.run, values={NUMBER: 2, other: 7})
        attempt = dataclasses.replace(later.outcome.attempt, run=run)
        outcome = dataclasses.replace(later.outcome, attempt=attempt)
        bench.session(dataclasses.replace(later, run=run, outcome=outcome))
        params = {
            child.data.tags["blendsweep.run_id"]: child.data.params for child in children(bench)
        }
        assert params[f"{1:016x}"]["Bead.number"] == "1"
        assert params[f"{2:016x}"] == {"seed": "2", "Bead.number": "2", other: "7"}

    def test_a_description_tells_what_became_of_a_run(self, bench: Bench) -> None:
        bench.session(make_result(1, RunStatus.FAILED))
        (child,) = children(bench)
        assert "**Failed** with StepError" in child.data.tags[NOTE]
        assert child.data.tags["blendsweep.error_message"] == "no luck"
        bench.session(make_result(1))
        (child,) = children(bench)
        assert not [tag for tag in child.data.tags if "error" in tag]
        again = f"python -m scene {bench.storage.public_uri}/runs/{1:016x}/recipe.yaml"
        assert f"{again} --output DIR" in child.data.tags[NOTE]
        assert f"| `{NUMBER}` | `1` |" in child.data.tags[NOTE]
        assert "one child run" in parent_of(bench).data.tags[NOTE]

    def test_the_manifest_names_a_child_that_was_there_before_the_row(self, bench: Bench) -> None:
        bench.session(make_result(1, RunStatus.FAILED))
        sink, manifest = bench.start()
        deadline = time.monotonic() + 60
        while not sink._target and time.monotonic() < deadline:  # type: ignore[attr-defined]
            time.sleep(0.01)
        for index in (1, 2):
            manifest.record(make_result(index))
        manifest.flush()
        sink.close()
        manifest.close()
        assert bench.storage.folder is not None
        known = {
            row["run_id"]: row["mlflow_run_id"]
            for row in pq.read_table(bench.storage.folder / "manifest").to_pylist()
        }
        of_run = {child.data.tags["blendsweep.run_id"]: child for child in children(bench)}
        assert known == {f"{1:016x}": of_run[f"{1:016x}"].info.run_id, f"{2:016x}": None}

    def test_what_was_missed_is_logged_by_the_next_start(self, bench: Bench) -> None:
        without = Bench("manifest", bench.sweep, bench.storage)
        without.session(*(make_result(index) for index in range(5)))
        assert bench.recorded() == {}
        bench.session()
        assert len(bench.recorded()) == 5
        without.session(make_result(1, RunStatus.FAILED))
        bench.session()
        assert bench.recorded()[f"{1:016x}"] == "failed"
        assert len(bench.recorded()) == 5

    def test_a_child_that_a_crash_left_half_logged_is_completed(self, bench: Bench) -> None:
        from mlflow import MlflowClient

        Bench("manifest", bench.sweep, bench.storage).session(make_result(1))
        bench.session(make_result(2))
        parent = parent_of(bench)
        client = MlflowClient(bench.sweep.tracking_uri)
        client.delete_run(
            next(c for c in children(bench) if c.data.params["seed"] == "1").info.run_id
        )
        tags = {"mlflow.parentRunId": parent.info.run_id, "blendsweep.run_id": f"{1:016x}"}
        client.create_run(parent.info.experiment_id, tags=tags)
        bench.session()
        assert bench.recorded() == {f"{index:016x}": "succeeded" for index in (1, 2)}
        assert {child.data.params["seed"] for child in children(bench)} == {"1", "2"}

    def test_an_old_data_set_whose_rows_name_their_children_is_not_logged_again(
        self, bench: Bench
    ) -> None:
        bench.session(make_result(1), make_result(2))
        ends = {c.info.run_id: c.info.end_time for c in children(bench)}
        assert bench.storage.folder is not None
        path = bench.storage.folder / "manifest" / "part-00000.parquet"
        table = pq.read_table(path)
        named = {c.data.tags["blendsweep.run_id"]: c.info.run_id for c in children(bench)}
        column = pa.array([named[run_id] for run_id in table["run_id"].to_pylist()])
        position = table.schema.get_field_index("mlflow_run_id")
        pq.write_table(table.set_column(position, "mlflow_run_id", column), path)
        bench.session(make_result(3))
        assert len(bench.recorded()) == 3
        assert ends.items() <= {c.info.run_id: c.info.end_time for c in children(bench)}.items()
        kept = pq.read_table(bench.storage.folder / "manifest").to_pylist()
        assert {row["mlflow_run_id"] for row in kept} >= set(named.values())

    def test_more_children_than_a_page_of_the_search_are_all_found(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("orchestrator.tracking.mlflow._PAGE", 2)
        bench.session(*(make_result(index) for index in range(5)))
        bench.session()
        assert len(bench.recorded()) == 5

    def test_a_database_that_was_deleted_is_filled_again(self, tmp_path: Path) -> None:
        output, uri = tmp_path / "output", f"sqlite:///{tmp_path}/own.db"
        bench = Bench("mlflow", make_sweep(output, uri), open_storage(str(output)))
        bench.session(make_result(1))
        for file in tmp_path.glob("own.db*"):
            file.unlink()
        bench.session(make_result(2))
        assert len(bench.recorded()) == 2

    def test_a_server_that_is_away_delays_only_mlflow(self, bench: Bench, tmp_path: Path) -> None:
        away = make_sweep(tmp_path / "output", "http://127.0.0.1:9")
        sink, manifest = Bench("mlflow", away, bench.storage).start()
        assert isinstance(sink, MlflowSink)
        sink._close_timeout_s = 1.0
        manifest.record(make_result(1))
        sink.record(make_result(1))
        sink.close()
        manifest.close()
        assert len(list(read_manifest(bench))) == 1
        bench.session()
        assert len(bench.recorded()) == 1

    def test_the_parent_ends_with_counts_the_sweep_file_and_the_report(self, bench: Bench) -> None:
        from mlflow import MlflowClient

        bench.session(make_result(1), make_result(2, RunStatus.FAILED))
        client = MlflowClient(bench.sweep.tracking_uri)
        (child, _) = children(bench)
        parent = client.get_run(child.data.tags["mlflow.parentRunId"])
        assert parent.info.run_name == "demo"
        assert parent.info.status == "FINISHED"
        assert parent.data.metrics == {"runs_succeeded": 1.0, "runs_failed": 1.0}
        files = [file.path for file in client.list_artifacts(parent.info.run_id)]
        assert files == ["report", "sweep.yaml"]
        assert [entry.dataset.name for entry in parent.inputs.dataset_inputs] == ["demo manifest"]

    def test_an_experiment_in_the_trash_is_restored_and_that_is_told(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench.session(make_result(1))
        client, experiment = self.trash(bench)
        bench.session(make_result(2))
        assert len(bench.recorded()) == 2
        assert client.get_experiment(experiment).lifecycle_stage == "active"
        told = [record for record in caplog.records if "was in the trash" in record.message]
        assert len(told) == 1

    def test_a_report_that_can_not_be_made_is_no_fault_of_the_sweep(
        self, bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(folder: Path) -> None:
            raise ValueError(f"nothing to put into {folder.name!r:.1}")

        monkeypatch.setitem(globals(), "write_report", fail)
        bench.session(make_result(1))
        assert "MLflow has no report: ValueError: nothing" in caplog.text
        assert parent_of(bench).info.status == "FINISHED"

    def test_an_experiment_that_is_deleted_meanwhile_loses_no_run(self, bench: Bench) -> None:
        sink, manifest = bench.start()
        for index in (1, 2):
            manifest.record(make_result(index))
            manifest.flush()
            sink.record(make_result(index))
            deadline = time.monotonic() + 60
            while len(children(bench)) < index and time.monotonic() < deadline:
                time.sleep(0.1)
            if index == 1:
                self.trash(bench)
        sink.close()
        manifest.close()
        assert len(bench.recorded()) == 2

    @staticmethod
    def trash(bench: Bench) -> tuple[Any, str]:
        from mlflow import MlflowClient

        client = MlflowClient(bench.sweep.tracking_uri)
        experiment = client.get_experiment_by_name("conformance").experiment_id
        client.delete_experiment(experiment)
        return client, experiment

    def test_artifacts_that_can_not_be_written_are_told_of_once_and_all_else_is_logged(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        output, uri = tmp_path / "output", f"sqlite:///{tmp_path}/own.db"
        bench = Bench("mlflow", make_sweep(output, uri), open_storage(str(output)))
        # The file stands where the folder of artifacts would be.
        (tmp_path / "mlartifacts").write_text("")
        for index in (1, 2):
            bench.storage.write_file(f"runs/{index:016x}/preview.jpg", b"jpeg")
        bench.session(make_result(1), make_result(2))
        assert len(bench.recorded()) == 2
        told = [record for record in caplog.records if "goes without pictures" in record.message]
        assert len(told) == 1
        assert str(output) in told[0].message
