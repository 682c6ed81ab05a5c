from __future__ import annotations

import dataclasses
import errno
import json
import logging
import math
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.dataset import writer as manifest_module
from orchestrator.dataset.compaction import compact
from orchestrator.dataset.parts import PartTable
from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure, RunResult, RunStatus
from orchestrator.dataset.rows import Origin, content_of
from orchestrator.dataset.schema import TIME, Columns, manifest_schema, particles_schema
from orchestrator.dataset.storage.local import LocalStorage
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import Storage
from orchestrator.dataset.writer import ManifestSink
from orchestrator.plan.run import Run
from scene.errors import ConfigurationError
from scene.execution.record import RunRecord
from scene.imaging.files import FileRecord
from scene.specimen.columns import AGGLOMERATE_COLUMNS, RESERVED_COLUMNS, RESERVED_TIMES
from scene.specimen.features import FeatureSpec

START = datetime(2025, 1, 1, tzinfo=UTC)
COLUMNS = Columns(
    overrides={"render.max_samples": (1, 2)},
    technique_features=(FeatureSpec("defocus", 0.0, "share"),),
    particle_features=(
        FeatureSpec("dimensions", (1.0, 1.0, 1.0), "length", components=3),
        FeatureSpec("subdivisions", 1, "levels", integer=True),
    ),
    sampled_particle_features=("dimensions", "subdivisions"),
    variabilities=("Size.geometric_mean",),
    timings=("Relax",),
)


def make_record(index: int, sizes: list[float]) -> RunRecord:
    count = len(sizes)
    return RunRecord(
        seed=index,
        features={"defocus": 0.5, "gamma": 1.0},
        particle_features=("dimensions", "subdivisions"),
        particles={
            "particle_id": list(range(1, count + 1)),
            "blueprint": ["Bead"] * count,
            "category_color": ["#0000ff"] * count,
            "dimensions_x": sizes,
            "dimensions_y": sizes,
            "dimensions_z": sizes,
            "subdivisions": [2] * count,
            "visible_pixels": [10] * count,
            "bbox_x": [None] * count,
            "touches_border": [False] * count,
            "equivalent_diameter_nm": [1000.0 * size for size in sizes],
        },
        visible_particles=count,
        coverage=0.25,
        files=(
            FileRecord("real", "real.png", "ab", 10, 4, 5),
            FileRecord("state", "s.blend", "c", 1),
        ),
        timings={"reset": 0.1, "build": 0.2, "Relax": 3.0, "record": 0.05},
        device="CPU",
        versions={"blendsweep": "1", "bpy": "5", "python": "3"},
        rendering={"fidelity": "fast", "samples": 4, "denoiser": None, "noise_k": 2.1},
        specimen=f"{index:032x}",
        technique_features=("defocus",),
        pixel_size_nm=100.0,
        quality={"snr": 12.5, "contrast": None, "noise": 0.01},
        variabilities={"Size.geometric_mean": 4 + index},
    )


def make_result(
    index: int,
    *,
    failed: bool = False,
    sizes: list[float] | None = None,
    values: dict[str, Any] | None = None,
) -> RunResult:
    values = {"render.max_samples": index} if values is None else values
    run = Run(
        index=index,
        run_id=f"{index:016x}",
        recipe={"initial_runtime_state": {"seed": index}},
        overrides=tuple((key, str(value)) for key, value in values.items()),
        values=values,
    )
    outcome = AttemptOutcome(
        attempt=Attempt(run, 1),
        worker="worker-0",
        node="node",
        device="CPU",
        started_at=START,
        finished_at=START + timedelta(seconds=4),
        record=None if failed else make_record(index, [5.0, 7.0] if sizes is None else sizes),
        failure=Failure("StepError", "no luck") if failed else None,
        publish_seconds=0.5,
    )
    return RunResult(run, RunStatus.FAILED if failed else RunStatus.SUCCEEDED, 1, outcome)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(str(tmp_path / "out"))


def make_sink(storage: Storage, columns: Columns = COLUMNS) -> ManifestSink:
    sink = ManifestSink(storage, Origin("demo", "beads", "0123456789abcdef"), columns)
    sink.open()
    return sink


def record(storage: Storage, *results: RunResult, columns: Columns = COLUMNS) -> None:
    sink = make_sink(storage, columns)
    for result in results:
        sink.record(result)
    sink.close()


def rows(storage: Storage, table: str = "manifest") -> list[dict[str, Any]]:
    assert storage.folder is not None
    return pq.read_table(storage.folder / table).to_pylist()


def test_a_row_has_every_column_of_the_contract(storage: Storage) -> None:
    record(storage, make_result(3))
    (row,) = rows(storage)
    assert row == {
        "run_id": "0000000000000003",
        "sweep": "demo",
        "recipe": "beads",
        "recipe_hash": "0123456789abcdef",
        "index": 3,
        "status": "succeeded",
        "error_type": None,
        "error_message": None,
        "attempts": 1,
        "worker": "worker-0",
        "node": "node",
        "device": "CPU",
        "seed": 3,
        "specimen": f"{3:032x}",
        "overrides": [{"key": "render.max_samples", "value": "3"}],
        "override.render.max_samples": 3,
        "feature.defocus": 0.5,
        "feature.dimensions.mean": 6.0,
        "feature.dimensions.std": 1.0,
        "feature.dimensions.min": 5.0,
        "feature.dimensions.max": 7.0,
        "feature.dimensions.count": 2,
        **{
            f"feature.dimensions_{axis}.{key}": value
            for axis in "xyz"
            for key, value in (
                ("mean", 6.0),
                ("std", 1.0),
                ("min", 5.0),
                ("max", 7.0),
                ("count", 2),
            )
        },
        "feature.subdivisions.mean": 2.0,
        "feature.subdivisions.std": 0.0,
        "feature.subdivisions.min": 2.0,
        "feature.subdivisions.max": 2.0,
        "feature.subdivisions.count": 2,
        "files": [
            {
                "mode": "real",
                "path": "runs/0000000000000003/real.png",
                "sha256": "ab",
                "bytes": 10,
                "width": 4,
                "height": 5,
                "particle_id": None,
            },
            {
                "mode": "state",
                "path": "runs/0000000000000003/s.blend",
                "sha256": "c",
                "bytes": 1,
                "width": None,
                "height": None,
                "particle_id": None,
            },
        ],
        "agglomerates": None,
        "visible_particles": 2,
        "coverage": 0.25,
        "pixel_size_nm": 100.0,
        "quality.snr": 12.5,
        "quality.contrast": None,
        "quality.noise": 0.01,
        "quality.sharpness": None,
        "quality.saturated": None,
        "variability.Size.geometric_mean": 7.0,
        "time.reset": 0.1,
        "time.specimen": None,
        "time.build": 0.2,
        "time.Relax": 3.0,
        "time.record": 0.05,
        "time.publish": 0.5,
        "time.total": 4.0,
        "started_at": START,
        "finished_at": START + timedelta(seconds=4),
        "versions": {"blendsweep": "1", "bpy": "5", "python": "3"},
        "rendering": ('{"fidelity": "fast", "samples": 4, "denoiser": null, "noise_k": 2.1}'),
        "code_hash": None,
        "code": None,
        "mlflow_run_id": None,
    }
    particle = rows(storage, "particles")[1]
    assert particle["run_id"] == row["run_id"]
    assert (particle["particle_id"], particle["dimensions_z"]) == (2, 7.0)
    assert (particle["subdivisions"], particle["bbox_x"], particle["bbox_width"]) == (2, None, None)


def test_the_types_are_those_of_the_contract(storage: Storage) -> None:
    record(storage, make_result(3))
    schema = pq.read_schema(storage.folder / "manifest" / "part-00000.parquet")  # type: ignore[operator]
    assert schema.field("index").type == pa.int64()
    assert schema.field("attempts").type == pa.int32()
    assert schema.field("override.render.max_samples").type == pa.int64()
    assert schema.field("visible_particles").type == pa.int32()
    assert schema.field("started_at").type == pa.timestamp("us", tz="UTC")
    assert not any(pa.types.is_map(column.type) for column in schema)


def test_a_failed_run_has_its_cause_and_no_particles(storage: Storage) -> None:
    record(storage, make_result(3, failed=True))
    (row,) = rows(storage)
    assert (row["status"], row["error_type"], row["error_message"]) == (
        "failed",
        "StepError",
        "no luck",
    )
    assert row["seed"] == 3
    assert row["files"] is None
    assert rows(storage, "particles") == []


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sweep=st.lists(st.dictionaries(st.sampled_from("pq"), scalars), min_size=1, max_size=4),
    sessions=st.integers(1, 3),
)
def test_whatever_values_are_swept_they_come_back(
    tmp_path_factory: pytest.TempPathFactory, sweep: list[dict[str, Any]], sessions: int
) -> None:
    storage = open_storage(str(tmp_path_factory.mktemp("out")))
    for session in range(sessions):
        chosen = [(i, values) for i, values in enumerate(sweep) if i % sessions == session]
        record(storage, *(make_result(i, values=v) for i, v in chosen), columns=Columns())
    found = {row["index"]: row for row in rows(storage)}
    assert found.keys() == set(range(len(sweep)))
    for index, values in enumerate(sweep):
        for key, value in values.items():
            back = found[index][f"override.{key}"]
            if isinstance(back, str) and not isinstance(value, str):
                assert str(value).lower() == back.lower() or float(back) == float(value)
            elif isinstance(back, float) and isinstance(value, int):
                assert back == float(value)
            else:
                assert back == value


def columns_as_readers_see_them(storage: Storage, table: str) -> list[list[str]]:
    """Return the columns of a table, once for each reader of Parquet folders."""
    assert storage.folder is not None
    folder = storage.folder / table
    pattern = f"{folder}/*.parquet"
    return [
        list(pd.read_parquet(folder).columns),
        ds.dataset(folder, format="parquet").schema.names,
        duckdb.sql(f"SELECT * FROM read_parquet('{pattern}')").columns,
        pl.scan_parquet(pattern).collect().columns,
    ]


@pytest.mark.parametrize("results", [[], [make_result(1, failed=True)], [make_result(1, sizes=[])]])
def test_both_tables_have_their_columns_from_the_start(
    storage: Storage, results: list[RunResult]
) -> None:
    record(storage, *results)
    for table, schema in (
        ("manifest", manifest_schema(COLUMNS)),
        ("particles", particles_schema(COLUMNS)),
    ):
        for names in columns_as_readers_see_them(storage, table):
            assert names == schema.names
        assert storage.list(table) == ["part-00000.parquet"]
        stored = pq.read_schema(storage.folder / table / "part-00000.parquet")
        assert stored.remove_metadata() == schema
    before = rows(storage), rows(storage, "particles")
    assert compact(storage) == {"manifest": 1, "particles": 1}
    record(storage)
    assert (rows(storage), rows(storage, "particles")) == before
    record(storage, make_result(2))
    assert storage.list("particles") == ["part-00000.parquet"], "no file is left without rows"
    assert [row["run_id"][-1] for row in rows(storage, "particles")] == ["2", "2"]
    assert len(rows(storage)) == len(results) + 1


def test_files_of_an_older_version_get_the_fields_they_lack(storage: Storage) -> None:
    record(storage, make_result(1))
    path = storage.folder / "manifest" / "part-00000.parquet"
    table = pq.read_table(path)
    old = [[{k: v for k, v in f.items() if k != "particle_id"} for f in files]
           for files in table["files"].to_pylist()]  # fmt: skip
    position = table.schema.get_field_index("files")
    pq.write_table(table.set_column(position, "files", pa.array(old)), path)
    record(storage, make_result(2))
    assert storage.list("manifest") == ["part-00000.parquet"]
    assert [{f["particle_id"] for f in row["files"]} for row in rows(storage)] == [{None}, {None}]


def test_a_full_part_is_left_alone_and_the_next_begins(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_module, "RUNS_PER_PART", 4)
    monkeypatch.setattr(manifest_module, "PARTICLES_PER_PART", 6)
    sink = make_sink(storage)
    for index in range(10):
        sink.record(make_result(index))
        sink.flush()
    sink.close()
    assert storage.list("manifest") == [f"part-{n:05d}.parquet" for n in range(3)]
    assert [row["index"] for row in rows(storage)] == list(range(10))
    assert len(storage.list("particles")) == 4
    assert len(rows(storage, "particles")) == 20


def test_a_retried_run_replaces_its_row_and_particles_where_they_are(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_module, "RUNS_PER_PART", 2)
    record(storage, *(make_result(index, failed=index == 1) for index in range(5)))
    record(storage, make_result(1), make_result(0, sizes=[1.0]))
    assert sorted((row["index"], row["status"]) for row in rows(storage)) == [
        (index, "succeeded") for index in range(5)
    ]
    assert len(storage.list("manifest")) == 3
    particles = [
        row["dimensions_x"] for row in rows(storage, "particles") if row["run_id"][-1] == "0"
    ]
    assert particles == [1.0]


def test_statuses_survive_a_restart(storage: Storage) -> None:
    record(storage, make_result(0), make_result(1, failed=True))
    again = make_sink(storage)
    assert again.statuses() == {f"{0:016x}": RunStatus.SUCCEEDED, f"{1:016x}": RunStatus.FAILED}
    again.close()


def test_the_mlflow_runs_that_are_known_stand_in_the_rows_and_stay(storage: Storage) -> None:
    known = {f"{1:016x}": "m1"}
    sink = ManifestSink(storage, Origin("demo", "beads"), COLUMNS, known)
    sink.open()
    sink.record(make_result(0))
    sink.record(make_result(1))
    sink.close()
    record(storage, make_result(2))
    assert [row["mlflow_run_id"] for row in rows(storage)] == [None, "m1", None]


def test_particles_of_a_run_that_the_manifest_lacks_do_not_stay(storage: Storage) -> None:
    record(storage, make_result(0), make_result(1))
    storage.delete("manifest/part-00000.parquet")
    record(storage, make_result(0))
    assert [row["run_id"] for row in rows(storage, "particles")] == [f"{0:016x}"] * 2


def test_a_later_sweep_brings_new_columns(storage: Storage) -> None:
    record(storage, make_result(0))
    later = dataclasses.replace(
        COLUMNS, overrides={"render.max_samples": (0.5,), "a.b": ("x",)}, timings=("Other",)
    )
    record(storage, make_result(1, values={"render.max_samples": 0.5, "a.b": "x"}), columns=later)
    first, second = rows(storage)
    assert first.keys() == second.keys()
    assert (first["override.render.max_samples"], second["override.render.max_samples"]) == (
        0.0,
        0.5,
    )
    assert (first["override.a.b"], second["override.a.b"]) == (None, "x")
    record(storage, make_result(2, values={"render.max_samples": "many"}))
    assert [row["override.render.max_samples"] for row in rows(storage)] == ["0.0", "0.5", "many"]


def test_all_parts_have_the_same_columns_whatever_comes(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_module, "RUNS_PER_PART", 1)
    values = ({"a": 1}, {"a": 0.5}, {"a": "text", "b": 1})
    sink = make_sink(storage)
    for index, swept in enumerate(values):
        sink.record(make_result(index, values=swept))
        sink.flush()
    sink.close()
    assert storage.folder is not None
    parts = sorted((storage.folder / "manifest").iterdir())
    schemas = [pq.read_schema(part) for part in parts]
    assert len(schemas) == len(values)
    assert all(schema.equals(schemas[0]) for schema in schemas)
    assert [row["override.a"] for row in rows(storage)] == ["1.0", "0.5", "text"]


def test_damaged_and_foreign_files_are_named_and_set_aside(
    storage: Storage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_module, "RUNS_PER_PART", 1)
    record(storage, make_result(0), make_result(1))
    storage.write_file("manifest/part-00001.parquet", b"PAR1 no more")
    storage.write_file("manifest/notes.txt", b"hello")
    storage.write_file("manifest/.partial-1-part-00002.parquet", b"crash")
    assert storage.folder is not None
    pq.write_table(pa.table({"x": [1]}), storage.folder / "manifest" / "part-00007.parquet")
    with caplog.at_level(logging.WARNING):
        sink = make_sink(storage)
    assert sink.statuses().keys() == {f"{0:016x}"}
    sink.record(make_result(1))
    sink.close()
    assert storage.list("manifest") == [
        "_notes.txt.set-aside",
        "_part-00001.parquet.set-aside",
        "_part-00007.parquet.set-aside",
        "part-00000.parquet",
        "part-00001.parquet",
    ]
    assert storage.read("manifest/_notes.txt.set-aside") == b"hello"
    for text in (
        "part-00001.parquet is damaged",
        "notes.txt is not a part",
        "lacks the text column",
    ):
        assert text in caplog.text
    assert len(rows(storage)) == 2


def test_rows_in_two_parts_after_a_crash_are_repaired(storage: Storage) -> None:
    record(storage, make_result(0), make_result(1))
    storage.write_file("manifest/part-00001.parquet", storage.read("manifest/part-00000.parquet"))
    record(storage)
    assert sorted(row["index"] for row in rows(storage)) == [0, 1]


def test_compaction_merges_small_parts(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(manifest_module, "RUNS_PER_PART", 1)
        record(storage, *(make_result(index) for index in range(5)))
    assert len(storage.list("manifest")) == 5
    assert compact(storage) == {"manifest": 1, "particles": 1}
    assert storage.list("manifest") == ["part-00000.parquet"]
    assert [row["index"] for row in rows(storage)] == list(range(5))
    assert len(rows(storage, "particles")) == 10


def test_readers_see_whole_tables_while_the_sweep_runs(storage: Storage) -> None:
    sink = make_sink(storage)
    sink.record(make_result(0))
    sink.flush()
    assert storage.folder is not None
    folder, done = storage.folder / "manifest", threading.Event()
    counts: list[int] = []
    errors: list[Exception] = []

    def read() -> None:
        try:
            while not done.is_set():
                frame = pd.read_parquet(folder)
                table = ds.dataset(folder).to_table()
                assert frame["run_id"].is_unique
                assert table.num_rows >= len(frame)
                counts.append(len(frame))
        except Exception as error:  # noqa: BLE001 (the test's own thread must see it)
            errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for index in range(1, 60):
        sink.record(make_result(index))
        sink.flush()
    done.set()
    reader.join()
    sink.close()
    assert not errors
    assert counts
    assert counts == sorted(counts)
    assert len(pd.read_parquet(folder)) == 60


def test_a_result_is_on_disk_at_once_after_idling(storage: Storage) -> None:
    sink = make_sink(storage)
    sink.record(make_result(0))
    deadline = time.monotonic() + 10
    while not rows(storage) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(rows(storage)) == 1
    sink.close()


def test_a_full_disk_is_told_and_nothing_is_lost(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = make_sink(storage)
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(PartTable, "_write", full)
        sink.record(make_result(0))
        with pytest.raises(OSError, match="No space"):
            sink.flush()
    sink.close()
    assert [row["index"] for row in rows(storage)] == [0]
    assert len(rows(storage, "particles")) == 2


def test_a_crash_between_the_tables_leaves_no_run_without_its_particles(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = make_sink(storage)
    written: list[str] = []
    write_file = LocalStorage.write_file

    def crash_after_one(self: Storage, relative: str, data: bytes) -> None:
        if written:
            raise OSError(errno.EIO, "crash")
        written.append(relative)
        write_file(self, relative, data)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "write_file", crash_after_one)
        sink.record(make_result(0))
        with pytest.raises(OSError, match="crash"):
            sink.flush()
    assert written == ["particles/part-00000.parquet"]
    sink.close()
    assert [row["index"] for row in rows(storage)] == [0]


def test_flushing_waits_for_what_is_being_written(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = make_sink(storage)
    begun, write_file = threading.Event(), LocalStorage.write_file

    def slowly(self: Storage, relative: str, data: bytes) -> None:
        begun.set()
        time.sleep(0.2)
        write_file(self, relative, data)

    monkeypatch.setattr(LocalStorage, "write_file", slowly)
    sink.record(make_result(0))
    assert begun.wait(10)  # on the sink's own thread
    sink.flush()
    assert [row["index"] for row in rows(storage)] == [0]
    sink.close()


def test_a_row_tells_how_often_the_run_was_tried(storage: Storage) -> None:
    record(storage, dataclasses.replace(make_result(0), attempts=3))
    assert [row["attempts"] for row in rows(storage)] == [3]


def test_only_features_that_a_step_sets_have_columns_but_old_records_show_all() -> None:
    made = make_record(0, [5.0])
    assert {name for name in content_of(made, "x") if "gamma" in name} == set()
    old = dataclasses.replace(made, technique_features=None)
    assert content_of(old, "x")["feature.gamma"] == 1.0
    absent = dataclasses.replace(made, technique_features=("defocus", "never_made"))
    assert content_of(absent, "x") == content_of(made, "x")


def test_records_of_before_there_were_sizes_and_qualities_are_read() -> None:
    made = make_record(0, [5.0])
    data = dataclasses.asdict(made)
    assert RunRecord.from_json(json.dumps(data)) == made
    for name in ("technique_features", "pixel_size_nm", "quality"):
        del data[name]
    old = RunRecord.from_json(json.dumps(data))
    assert (old.technique_features, old.pixel_size_nm, old.quality) == (None, None, {})
    row = content_of(old, "x")
    assert row["pixel_size_nm"] is None
    assert not any(name.startswith("quality.") for name in row)


VECTORS = Columns(
    particle_features=(
        FeatureSpec("dimensions", (1.0, 1.0, 1.0), "length", components=3),
        FeatureSpec("location", (0.0, 0.0, 0.0), "place", components=3),
    ),
    sampled_particle_features=("dimensions", "location"),
)


def test_vectors_have_statistics_for_each_axis(storage: Storage) -> None:
    result = make_result(0)
    kept = result.outcome.record
    assert kept is not None
    axes = {"x": [1.0, 3.0], "y": [10.0, 10.0], "z": [-5.0, 5.0]}
    particles = {
        "particle_id": [1, 2],
        **{f"location_{axis}": values for axis, values in axes.items()},
        **{f"dimensions_{axis}": values for axis, values in axes.items()},
    }
    made = dataclasses.replace(
        kept, particle_features=("dimensions", "location"), particles=particles
    )
    outcome = dataclasses.replace(result.outcome, record=made)
    record(storage, dataclasses.replace(result, outcome=outcome), columns=VECTORS)
    (row,) = rows(storage)
    for name in ("location", "dimensions"):
        assert [row[f"feature.{name}_{axis}.mean"] for axis in "xyz"] == [2.0, 10.0, 0.0]
        assert [row[f"feature.{name}_{axis}.std"] for axis in "xyz"] == [1.0, 0.0, 5.0]
        assert [row[f"feature.{name}_{axis}.count"] for axis in "xyz"] == [2, 2, 2]
    assert "feature.location.mean" not in row  # never one number for a place
    assert row["feature.dimensions.mean"] is None  # the components differ
    assert row["feature.dimensions_z.min"] == -5.0


KINDS = Columns(
    technique_features=(
        FeatureSpec("glass_hide", False, "", kind="boolean"),
        FeatureSpec("input_text", "", "", kind="string"),
        FeatureSpec("tint", (0.8, 0.8, 0.8, 1.0), "", 4),
    ),
    particle_features=(
        FeatureSpec("hollow", False, "", kind="boolean"),
        FeatureSpec("origin", "", "", kind="string"),
        FeatureSpec("color", (0.8, 0.8, 0.8, 1.0), "", 4),
        FeatureSpec("location_z", 0.0, "", alias_of=("location", 2)),
    ),
    sampled_particle_features=("color", "hollow", "origin"),
)


def of_kinds(index: int) -> RunResult:
    """Return a run with features of all kinds; one particle lacks some of them."""
    result = make_result(index, sizes=[5.0, 7.0])
    made = result.outcome.record
    assert made is not None
    made = dataclasses.replace(
        made,
        features={"glass_hide": True, "input_text": "Hello", "tint": (1.0, 0.5, 0.25, 1.0)},
        technique_features=("glass_hide", "input_text", "tint"),
        particle_features=("color", "hollow", "origin"),
        particles={
            "particle_id": [1, 2],
            "hollow": [True, None],
            "origin": ["here", "there"],
            **{f"color_{axis}": [0.5, 1.0] for axis in "rgba"},
        },
    )
    made = RunRecord.from_json(json.dumps(dataclasses.asdict(made)))
    return dataclasses.replace(result, outcome=dataclasses.replace(result.outcome, record=made))


def test_features_of_each_kind_have_columns_of_its_type(storage: Storage) -> None:
    record(storage, of_kinds(0), make_result(1, failed=True), columns=KINDS)
    first, failed = rows(storage)
    assert (first["feature.glass_hide"], first["feature.input_text"]) == (True, "Hello")
    assert [first[f"feature.tint_{axis}"] for axis in "rgba"] == [1.0, 0.5, 0.25, 1.0]
    assert (first["feature.hollow.count"], first["feature.origin.count"]) == (1, 2)
    assert first["feature.color_g.mean"] == 0.75
    assert "feature.color.mean" not in first  # never one number for a colour
    assert "feature.hollow.mean" not in first
    assert "feature.origin.min" not in first
    assert failed["feature.glass_hide"] is failed["feature.input_text"] is None
    particles = rows(storage, "particles")
    assert [row["hollow"] for row in particles] == [True, None]
    assert [row["origin"] for row in particles] == ["here", "there"]
    assert "location_z" not in particles[0]
    manifest, table = manifest_schema(KINDS), particles_schema(KINDS)
    assert storage.folder is not None
    for name, kind in (
        (f"feature.{f}", k) for f, k in (("glass_hide", "bool"), ("input_text", "string"))
    ):
        assert str(manifest.field(name).type) == kind
    assert str(table.field("hollow").type) == "bool"
    assert str(table.field("origin").type) == "string"


def test_a_feature_that_changes_its_kind_from_sweep_to_sweep_stays_readable(
    storage: Storage,
) -> None:
    record(storage, of_kinds(0), columns=KINDS)
    record(
        storage,
        make_result(1),
        columns=Columns(technique_features=(FeatureSpec("glass_hide", 0, ""),)),
    )
    assert [row["feature.glass_hide"] for row in rows(storage)] == ["true", None]


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        (Columns(particle_features=(FeatureSpec("blueprint", 0.0, "clash"),)), "blueprint"),
        (Columns(particle_features=(FeatureSpec("visible_pixels", 0.0, "c"),)), "visible_pixels"),
        (Columns(particle_features=(FeatureSpec("run_id", 0.0, "c"),)), "run_id"),
        (
            Columns(
                particle_features=(
                    FeatureSpec("offset", (0.0, 0.0, 0.0), "vector", components=3),
                    FeatureSpec("offset_x", 0.0, "number"),
                )
            ),
            "offset_x",
        ),
        (
            Columns(
                technique_features=(
                    FeatureSpec("tint", 0.0, "the technique's"),
                    FeatureSpec("tint", 0.0, "the background's"),
                )
            ),
            "feature.tint",
        ),
        (Columns(timings=("total",)), "time.total"),
    ],
)
def test_no_column_overwrites_another(storage: Storage, columns: Columns, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"would have two columns '{name}'"):
        ManifestSink(storage, Origin("demo", "beads"), columns)


def test_not_a_number_never_reaches_statistics(storage: Storage) -> None:
    record(storage, make_result(0, sizes=[]))
    (row,) = rows(storage)
    assert row["feature.dimensions.count"] == 0
    assert row["feature.dimensions.mean"] is None
    assert not any(isinstance(value, float) and math.isnan(value) for value in row.values())


def test_every_column_of_the_particles_table_is_reserved() -> None:
    """A feature of that name would take its place: whoever adds a column reserves it."""
    columns = Columns(joins_particles=True)
    assert set(particles_schema(columns).names) <= RESERVED_COLUMNS
    assert {*AGGLOMERATE_COLUMNS} <= set(particles_schema(columns).names)
    assert not {*AGGLOMERATE_COLUMNS} & set(particles_schema(Columns()).names)


def test_every_time_of_a_run_is_reserved() -> None:
    times = {name for name in manifest_schema(Columns()).names if name.startswith(TIME)}
    assert {name.removeprefix(TIME) for name in times} == RESERVED_TIMES
