"""`DataSet`: the one reader of a data set, for a sweep's own commands and for users."""

from __future__ import annotations

import dataclasses
import io
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from orchestrator.dataset.compaction import compacted
from orchestrator.dataset.dataset import DataSet, UnknownRunError
from orchestrator.dataset.integrity import verify
from orchestrator.dataset.recorded_run import RecordedRun
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.rows import Origin
from orchestrator.dataset.run_files import RunFilesError
from orchestrator.dataset.schema import Columns
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import Storage
from orchestrator.dataset.tables import DamagedPartError
from orchestrator.dataset.writer import ManifestSink
from scene.errors import ConfigurationError
from scene.execution.record import RunRecord
from scene.imaging.files import RECORD_FILE
from tests.unit.test_report import HASH, result

OLD = Path(__file__).parents[1] / "old_data" / "0.2.0" / "data"
FIRST, SECOND, FAILED = "7ae1c75976d605ed", "97c1a9f857feb494", "6f7113c5f6df743d"


@pytest.fixture
def old() -> DataSet:
    """Two runs with images and one that failed."""
    return DataSet.open(OLD)


def record(storage: Storage, *indices: int, recipe_hash: str = HASH) -> None:
    sink = ManifestSink(storage, Origin("beads", "beads", recipe_hash), Columns())
    sink.open()
    for index in indices:
        each = result(index, error="it broke" if index % 5 == 4 else None)
        if recipe_hash != HASH:
            renamed = dataclasses.replace(each.run, run_id=f"{index + 1:016x}")
            each = dataclasses.replace(each, run=renamed)
        sink.record(each)
    sink.close()


@pytest.fixture
def made(tmp_path: Path) -> DataSet:
    """Twelve of twenty runs; every fifth failed, none has images."""
    storage = open_storage(str(tmp_path / "out"))
    document = {"name": "beads", "runs": 20, "recipe_hash": HASH}
    storage.write_file("sweep.yaml", yaml.safe_dump(document).encode())
    record(storage, *reversed(range(12)))
    return DataSet(storage)


def test_runs_come_in_the_order_of_the_sweep(old: DataSet, made: DataSet) -> None:
    assert len(old) == 3
    assert [run.run_id for run in old] == [FIRST, SECOND, FAILED]
    assert [run.run_id for run in old.runs("succeeded")] == [FIRST, SECOND]
    assert [run.run_id for run in old.runs(status="failed")] == [FAILED]
    assert [run.index for run in made] == [*range(12)]
    assert old.manifest(["index"])["index"].to_pylist() == [0, 1, 2]
    assert made.manifest()["index"].to_pylist() == [*range(12)]


def test_a_run_says_what_the_tables_hold(old: DataSet) -> None:
    run = old[1]
    row = next(r for r in pq.read_table(OLD / "manifest").to_pylist() if r["run_id"] == SECOND)
    assert (run.run_id, run.index, run.seed, run.status) == (SECOND, 1, 2, RunStatus.SUCCEEDED)
    assert run.row == row
    assert run.values["initial_runtime_state.seed"] == 2
    assert run.features["defocus"] == row["feature.defocus"]
    assert run.features["dimensions.count"] == 8
    assert run.error is None
    assert run.log() == ""
    particles = pq.read_table(OLD / "particles").to_pylist()
    assert run.particles.to_pylist() == [row for row in particles if row["run_id"] == SECOND]
    assert old.particles().num_rows == 16
    assert old.particles(["visible_pixels"]).schema.names == ["visible_pixels"]


def test_one_layer_in_place_of_a_list_is_not_read_letter_by_letter(old: DataSet) -> None:
    with pytest.raises(ConfigurationError, match=r"layers: expected a list, got 'outlines'"):
        old[FIRST].picture("outlines")


def test_a_run_gives_its_images_as_arrays(old: DataSet) -> None:
    run = old[SECOND]
    with Image.open(OLD / "runs" / SECOND / "real.png") as image:
        assert np.array_equal(run.image("real"), np.asarray(image))
    assert run.image("categorical").shape == (20, 24, 3)
    assert run.image("real.png").dtype == np.uint8
    assert run.instances.dtype == np.uint16
    visible = {row["particle_id"] for row in run.particles.to_pylist() if row["visible_pixels"]}
    assert {*np.unique(run.instances).tolist()} - {0} == visible
    assert run.depth.dtype == np.float32
    assert np.array_equal(np.isfinite(run.depth), run.instances > 0)
    assert run.path("depth") == OLD.resolve() / "runs" / SECOND / "depth.tiff"
    assert run.read("real") == run.path("real").read_bytes()
    assert run.recipe()["initial_runtime_state"]["seed"] == 2


def test_a_run_shows_itself_in_a_notebook(old: DataSet) -> None:
    picture = old[0]._repr_png_()
    assert picture is not None
    assert picture.startswith(b"\x89PNG")
    page = old[0]._repr_html_()
    assert "data:image/png" in page
    assert "7 visible particles" in page
    files = tuple(file for file in old[0].files if file.mode != "instances")
    unlabelled = dataclasses.replace(old[0], files=files)._repr_png_()
    assert unlabelled is not None
    with Image.open(io.BytesIO(unlabelled)) as shown:
        assert np.array_equal(np.asarray(shown), old[0].image("real"))
    failed = old[2]
    assert failed._repr_png_() is None
    assert "failed: StepError: " in failed._repr_html_()


def test_a_run_is_found_by_index_id_and_the_start_of_its_id(old: DataSet) -> None:
    for key in (1, "1", SECOND, SECOND[:4], np.int64(1)):
        assert old[key].run_id == SECOND
    for other in (7, "7", "ffff", "real", -1, 1.0, None, slice(2)):
        with pytest.raises(UnknownRunError, match="on record") as error:
            old[other]  # type: ignore[index]
        assert isinstance(error.value, LookupError)
        assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)


def test_a_run_goes_to_another_process_whole(old: DataSet, tmp_path: Path) -> None:
    folder = shutil.copytree(old[0].path(), tmp_path / "run")
    for run in (*old, RecordedRun.from_folder(folder)):
        again = pickle.loads(pickle.dumps(run))
        assert (again.run_id, again.values, again.files) == (run.run_id, run.values, run.files)
        assert again.particles.equals(run.particles)
    assert np.array_equal(again.instances, old[0].instances)
    with pytest.raises(ConfigurationError, match="can't be pickled; rendered with an output it"):
        pickle.dumps(RecordedRun.from_folder(folder, owner=object()))


def test_runs_of_the_last_sweep_go_before_others(made: DataSet) -> None:
    record(made.storage, 0, 3, recipe_hash="f" * 16)
    assert (len(made), len([*made.runs(all_runs=True)])) == (12, 14)
    assert len(made.manifest()) == 12
    assert len(made.manifest(all_runs=True)) == 14
    assert made.particles(["run_id"]).num_rows == 3 * 10, "two of the twelve failed"
    assert made.particles(["run_id"], all_runs=True).num_rows == 3 * 12
    assert made[3].row["recipe_hash"] == HASH
    assert made[f"{4:016x}"].row["recipe_hash"] == "f" * 16
    status = made.status()
    assert (status.succeeded, status.failed, status.left) == (10, 2, 8)
    assert len([*made.runs("succeeded")]) == status.succeeded
    assert len([*made.runs("failed")]) == status.failed


def test_before_the_first_run_is_recorded_its_tables_have_no_rows(tmp_path: Path) -> None:
    shutil.copy(OLD / "sweep.yaml", tmp_path)
    data = DataSet.open(tmp_path)
    assert (len(data), [*data], data.status().succeeded) == (0, [], 0)
    for table in (data.manifest(), data.particles()):
        assert table.num_rows == 0
        assert "run_id" in table.schema.names
    names = ["coverage", "feature.defocus"]
    assert data.manifest(names).schema.names == names
    assert data.particles(["bbox_x", "dimensions_x"]).num_rows == 0


def test_it_is_read_while_it_grows_and_is_compacted(made: DataSet) -> None:
    runs = made.runs()
    first = next(runs)
    record(made.storage, *range(12, 20))
    compacted(made)
    assert len([first, *runs]) == 12, "as many as there were at the start"
    assert first.particles.num_rows == 3
    assert len(made) == 20
    assert made[19].index == 19


def test_a_damaged_part_is_refused_by_name_and_counted_around(made: DataSet) -> None:
    part = Path(made.uri, "manifest", "part-00000.parquet")
    whole = part.read_bytes()
    part.with_name("part-00001.parquet").write_bytes(whole[:-9])
    for read in (lambda: [*made.runs()], made.manifest, lambda: len(made)):
        with pytest.raises(DamagedPartError, match=r"part-00001\.parquet: is damaged"):
            read()
    status = made.status()
    assert (status.succeeded, len(status.damaged)) == (10, 1)


def test_particles_that_got_lost_are_told(made: DataSet) -> None:
    assert verify(made).whole
    part = Path(made.uri, "particles", "part-00000.parquet")
    table = pq.read_table(part)
    lost = [made[index].run_id for index in (2, 5)]
    keep = [run_id not in lost for run_id in table["run_id"].to_pylist()]
    pq.write_table(table.filter(pa.array(keep)), part)
    found = verify(made)
    assert not found.whole
    assert found.lost == tuple(sorted(lost))
    assert found.as_json()["lost_particles"] == sorted(lost)
    assert any("2 runs have lost their rows in particles/" in line for line in found.lines())
    anew = DataSet.open(made.uri)
    with pytest.raises(RunFilesError, match=f"run {anew[2].run_id} has lost its rows in part"):
        _ = anew[2].particles
    assert anew[3].particles.num_rows == 3
    record(made.storage, 2, 5)
    assert verify(made).whole
    part.write_bytes(b"no table")
    found = verify(made)
    assert (found.lost, len(found.parts)) == ((), 1), "whose rows those were can't be known"


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda data: [*data.runs("done")], "unknown status 'done'.*failed, succeeded"),
        (lambda data: data.manifest(["index", "coverag"]), "'coverag' in .*mean 'coverage'"),
        (lambda data: data.particles(["bbox_x", "bbox"]), "'bbox' in the particles table"),
        (lambda data: data.manifest("coverage"), r"list of names; \['coverage'\] would be right"),
        (lambda data: data[0].image("reel"), "unknown image 'reel' in run .*'real'"),
        (lambda data: data[0].image("recipe.yaml"), "unknown image"),
        (lambda data: data[0].path("nothing"), "unknown file 'nothing'"),
        (lambda data: data[2].image("real"), f"failed, .*StepError.*failures/{FAILED}.log"),
        (lambda data: data[2].recipe(), f"run {FAILED} failed"),
        (lambda _: DataSet.open(OLD / "runs"), "is not the output of a sweep"),
        (lambda _: RecordedRun.from_folder(OLD), "is not the folder of a run"),
    ],
)
def test_what_is_not_there_is_a_sentence(
    ask: Callable[[DataSet], object], told: str, old: DataSet
) -> None:
    with pytest.raises(ConfigurationError, match=told) as error:
        ask(old)
    assert "\n" not in str(error.value)


def test_a_runs_folder_alone_is_a_run(old: DataSet) -> None:
    recorded = old[SECOND]
    alone = RecordedRun.from_folder(recorded.path())
    assert (alone.run_id, alone.index, alone.values) == (SECOND, None, {})
    assert alone.features == recorded.features
    assert alone.files == recorded.files
    assert np.array_equal(alone.instances, recorded.instances)
    ours = recorded.particles.drop(["run_id"])
    assert alone.particles.select(ours.schema.names).to_pylist() == ours.to_pylist()
    assert "data:image/png" in alone._repr_html_()


def test_how_real_was_made_is_known_from_the_table_and_from_the_folder(
    old: DataSet, tmp_path: Path
) -> None:
    assert old[0].rendering == {}, "an older version kept no record of it"
    folder = shutil.copytree(old[0].path(), tmp_path / "run")
    made = RunRecord.from_json((folder / RECORD_FILE).read_text())
    given = {"fidelity": "fast", "samples": 4, "noise_k": 2.1, "adaptive_threshold": None}
    dataclasses.replace(made, rendering=given).write(folder / RECORD_FILE)
    alone = RecordedRun.from_folder(folder)
    assert alone.rendering == given
    row = dict(old[0].row) | {"rendering": alone.row["rendering"]}
    assert dataclasses.replace(old[0], row=row).rendering == given


def test_damaged_files_are_errors_of_their_own(old: DataSet, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for file in old[0].path().iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    run = RecordedRun.from_folder(folder)
    (folder / "real.png").write_bytes(b"no image")
    with pytest.raises(RunFilesError, match=r"real\.png can't be read as an image: it begins"):
        run.image("real")
    with pytest.raises(RunFilesError, match="another checksum"):
        run.read("real")
    (folder / "instances.png").unlink()
    with pytest.raises(RunFilesError, match=r"instances\.png is missing"):
        _ = run.instances
    assert run._repr_png_() is None
    (folder / "record.json").write_text("{")
    with pytest.raises(RunFilesError, match=r"record\.json is damaged"):
        RecordedRun.from_folder(folder)
