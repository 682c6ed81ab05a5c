"""`show`: which runs are meant, where the picture goes, and what is said of runs without images."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from orchestrator.cli.app import app
from orchestrator.dataset.dataset import DataSet
from orchestrator.dataset.recorded_run import RecordedRun
from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure, RunResult, RunStatus
from orchestrator.dataset.rows import Origin
from orchestrator.dataset.run_files import RunFilesError
from orchestrator.dataset.schema import Columns
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.writer import ManifestSink
from orchestrator.plan.run import Run
from orchestrator.report.contact_sheet import row_of
from orchestrator.report.show.show import show
from scene.errors import ConfigurationError
from scene.execution.record import RunRecord
from scene.imaging.files import FileRecord
from scene.imaging.writing import write_image

START = datetime(2025, 1, 1, tzinfo=UTC)
HASH = "0123456789abcdef"
SEED = "initial_runtime_state.seed"

IDS = np.zeros((30, 40), np.uint16)
IDS[5:20, 5:20], IDS[10:25, 22:35] = 1, 400
GRAY = np.full(IDS.shape, 90, np.uint8)
BOTH: Mapping[str, NDArray[Any]] = {"real": GRAY, "instances": IDS}


def write_run(folder: Path, images: Mapping[str, NDArray[Any]]) -> RunRecord:
    folder.mkdir(parents=True)
    files = []
    for name, array in images.items():
        path = folder / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        write_image(path, array)
        mode = next(mode for mode in ("real", "instances", "stylized") if mode in name)
        height, width = array.shape[:2]
        size = path.stat().st_size
        files.append(FileRecord(mode, f"{name}.png", "0" * 64, size, width, height))
    record = RunRecord(
        seed=0,
        features={},
        particle_features=(),
        particles={"particle_id": [1], "blueprint": ["Bead"], "category_color": ["#ff0000"]},
        visible_particles=2,
        coverage=0.5,
        files=tuple(files),
        timings={"reset": 1.0},
        device="CPU",
        versions={"blendsweep": "0", "bpy": "5", "python": "3"},
    )
    record.write(folder / "record.json")
    return record


def run_id(index: int) -> str:
    return f"{(index + 1) * 0x9E3779B97F4A7C15 % 2**64:016x}"


def data_set(
    folder: Path, images: Mapping[str, NDArray[Any]] = BOTH, runs: int = 3, failed: int = 0
) -> Path:
    """Write a data set of runs, the last of which failed."""
    storage = open_storage(str(folder))
    sink = ManifestSink(storage, Origin("beads", "beads", HASH), Columns())
    sink.open()
    for index in range(runs):
        run = Run(
            index=index,
            run_id=run_id(index),
            recipe={"initial_runtime_state": {"seed": index}},
            overrides=((SEED, str(index)),),
            values={SEED: index},
        )
        failure = Failure("StepError", "it broke\nbadly") if index >= runs - failed else None
        record = None if failure else write_run(folder / "runs" / run.run_id, images)
        outcome = AttemptOutcome(
            *(Attempt(run, 1), "worker", "node", "CPU", START, START + timedelta(seconds=1)),
            record=record,
            failure=failure,
        )
        status = RunStatus.FAILED if failure else RunStatus.SUCCEEDED
        sink.record(RunResult(run, status, 1, outcome))
    sink.close()
    document = {
        "name": "beads", "runs": runs, "recipe_hash": HASH, "overrides": [], "limit": None,
    }  # fmt: skip
    storage.write_file("sweep.yaml", yaml.safe_dump(document).encode())
    return folder


def size_of(path: str) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


@pytest.mark.parametrize("named", ["1", run_id(1), run_id(1)[:6]])
def test_a_run_is_named_by_index_id_or_the_start_of_it(named: str, tmp_path: Path) -> None:
    output = data_set(tmp_path / "out")
    shown = show(str(output), named)
    assert shown.path == f"{output}/show/{run_id(1)}.png"
    width, height = size_of(shown.path)
    assert (width % 40, height % 30, width // 40) == (0, 0, height // 30)
    assert shown.notes == [f"run {run_id(1)}: 2 visible particles"]


def test_a_data_set_gets_a_sheet_of_its_runs_with_captions(tmp_path: Path) -> None:
    output = data_set(tmp_path / "out", runs=12)
    shown = show(str(output))
    assert shown.path == f"{output}/show/contact_sheet.png"
    assert shown.notes == ["9 of 12 runs; --runs shows more"]
    larger = show(str(output), runs=100, to=str(tmp_path / "all.jpg"))
    assert larger.notes == []
    assert size_of(larger.path) > size_of(shown.path)
    one = show(str(output), runs=1, to=str(tmp_path / "one.webp"))
    assert size_of(one.path) < size_of(shown.path)


def test_a_runs_folder_is_enough(tmp_path: Path) -> None:
    output = data_set(tmp_path / "out")
    inside = show(f"{output}/runs/{run_id(0)}/")
    assert inside.path == f"{output}/show/{run_id(0)}.png"
    alone = tmp_path / "alone"
    write_run(alone, BOTH)
    assert show(str(alone)).path == f"{alone}/show.png"
    with pytest.raises(ConfigurationError, match="leave out 3"):
        show(str(alone), "3")


def test_nothing_is_written_but_the_picture(tmp_path: Path) -> None:
    output = data_set(tmp_path / "out")
    before = {path for path in tmp_path.rglob("*") if "show" not in path.parts}
    show(str(output), "0", to=str(tmp_path / "here" / "it.png"))
    after = set(tmp_path.rglob("*"))
    assert after - before == {tmp_path / "here", tmp_path / "here" / "it.png"}


@pytest.mark.parametrize(
    ("images", "options", "told"),
    [
        ({"instances": IDS}, {}, "unknown image 'real' in run"),
        ({"real": GRAY}, {}, "has no instances.png"),
        (BOTH, {"image": "stylised"}, "unknown image 'stylised'"),
        (BOTH, {"scale": 16, "to": "x.tiff"}, "x.tiff names no picture"),
        (BOTH, {"to": "/proc/none/x.png"}, "x.png: the picture can't be written: .*; --to names"),
    ],
)
@pytest.mark.parametrize("run", ["0", None])
def test_what_cannot_be_shown_is_a_sentence(
    run: str | None,
    images: Mapping[str, NDArray[Any]],
    options: dict[str, Any],
    told: str,
    tmp_path: Path,
) -> None:
    output = data_set(tmp_path / "out", images)
    with pytest.raises(ConfigurationError, match=told) as error:
        show(str(output), run, **options)
    assert "\n" not in str(error.value)
    assert not (output / "show").exists()


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ("2", f"run {run_id(2)} failed, .*StepError: it broke.*failures/{run_id(2)}.log"),
        ("7", "there is no run '7' on record"),
        ("real.png", "there is no run 'real.png' on record"),
        ("-1", "there is no run '-1' on record"),
    ],
)
def test_failed_and_unknown_runs_are_told(run: str, told: str, tmp_path: Path) -> None:
    output = data_set(tmp_path / "out", failed=1)
    with pytest.raises(ConfigurationError, match=told) as error:
        show(str(output), run)
    assert "\n" not in str(error.value)


def test_the_folder_that_a_failed_run_would_have_is_told_too(tmp_path: Path) -> None:
    output = data_set(tmp_path / "out", failed=1)
    with pytest.raises(ConfigurationError, match="failed, so that it has no images"):
        show(f"{output}/runs/{run_id(2)}")


def test_a_data_set_without_runs_to_show_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="none has succeeded"):
        show(str(data_set(tmp_path / "out", failed=3)))
    with pytest.raises(ConfigurationError, match="neither the output of a sweep nor the folder"):
        show(str(tmp_path))
    with pytest.raises(ConfigurationError, match="neither the output of a sweep nor the folder"):
        show(str(tmp_path / "nothing"))


def test_damaged_files_are_told_and_a_sheet_goes_on_without_them(tmp_path: Path) -> None:
    output = data_set(tmp_path / "out", runs=4)
    runs = [output / "runs" / run_id(n) for n in range(4)]
    (runs[0] / "real.png").write_bytes(b"no image")
    (runs[1] / "instances.png").unlink()
    write_image(runs[2] / "instances.png", IDS[:9])
    for n, told in enumerate(["can't be read as an image", "is missing", "its instances 40 x 9"]):
        with pytest.raises(RunFilesError, match=told):
            show(str(output), str(n))
    shown = show(str(output))
    assert sum(note.startswith("left out: ") for note in shown.notes) == 3
    (runs[3] / "real.png").unlink()
    with pytest.raises(RunFilesError):
        show(str(output))


def test_instances_are_those_of_the_same_view(tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    top = {"top/a_real_Beads": GRAY, "top/a_instances_Beads": IDS, "instances": IDS[:, ::-1]}
    write_run(alone, top)
    view = show(str(alone), to=str(tmp_path / "view.png"))
    named = show(str(alone), image="top/a_real_Beads", to=str(tmp_path / "named.png"))
    assert Path(view.path).read_bytes() == Path(named.path).read_bytes()
    plain = tmp_path / "plain"
    write_run(plain, BOTH)
    same = show(str(plain), to=str(tmp_path / "same.png"))
    assert Path(view.path).read_bytes() == Path(same.path).read_bytes()


def test_16_bits_are_shown_as_the_8_that_they_came_from(tmp_path: Path) -> None:
    """In pictures of one run and of several, in notebooks, in the report's sheet."""
    gray = np.random.default_rng(1).integers(0, 200, IDS.shape, dtype=np.uint8)
    sixteen = gray.astype(np.uint16) * 257
    pictures = []
    for name, real in {"eight": gray, "sixteen": sixteen}.items():
        output = data_set(tmp_path / name, {"real": real, "instances": IDS}, runs=1)
        write_run(tmp_path / f"{name}_alone", {"real": real})
        run = DataSet(open_storage(str(output)))[0]
        alone = RecordedRun.from_folder(str(tmp_path / f"{name}_alone"))
        tile = row_of(run, (), ("real",)).tiles[0].image
        assert tile is not None
        pictures.append(
            (
                run.picture().pixels.tobytes(),
                run.picture(side=20).pixels.tobytes(),
                run._repr_png_(),
                alone._repr_png_(),
                tile.tobytes(),
                Path(show(str(output)).path).read_bytes(),
            )
        )
        assert (run.image() == real).all()
    assert None not in pictures[0]
    assert pictures[0] == pictures[1]


def test_of_several_images_of_a_mode_one_has_to_be_named(tmp_path: Path) -> None:
    write_run(tmp_path / "alone", {"real_00001": GRAY, "real_00002": GRAY, "instances": IDS})
    with pytest.raises(ConfigurationError, match=r"unknown image 'real' .*real_00001"):
        show(str(tmp_path / "alone"))


def test_the_command_prints_the_path_alone_on_stdout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = data_set(tmp_path / "out")
    with pytest.raises(SystemExit) as ended:
        app(["show", str(output), "0", "--layers", "outlines, ids"])
    assert not ended.value.code
    captured = capsys.readouterr()
    assert captured.out == f"{output}/show/{run_id(0)}.png\n"
    assert "2 visible particles" in captured.err
    for layers, told in (("outline", "did you mean 'outlines'?"), (",", "nothing to draw")):
        with pytest.raises(SystemExit) as ended:
            app(["show", str(output), "0", "--layers", layers])
        assert ended.value.code == 2
        assert told in capsys.readouterr().err


def test_where_the_data_set_cannot_be_written_to_another_file_is_asked_for(tmp_path: Path) -> None:
    output = data_set(tmp_path / "out")
    (output / "show").write_text("in the way")
    with pytest.raises(ConfigurationError, match=r"can't be written: .*; --to names"):
        show(str(output), "0")
