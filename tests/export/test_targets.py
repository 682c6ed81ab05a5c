"""Places that can't be read or written, and options that make no sense: a sentence, exit code 2."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.export import FORMATS
from orchestrator.export.exporting import export_output
from orchestrator.report.report import write_report

pytestmark = pytest.mark.blender

NOBODY = 65534

type As = Callable[[], AbstractContextManager[None]]


def told(*arguments: object) -> str:
    """Run a command that is refused and return its one sentence."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def to(name: str, folder: Path) -> str:
    return str(folder / "all.json" if name == "coco" else folder)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can reach and write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


@pytest.fixture(scope="module")
def nobody(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> As:
    """Become a user whose permissions count, unlike root's."""
    # Nobody may be kept from the Python that root runs: what is imported late, is imported now.
    for name in FORMATS:
        export_output(name, str(rendered), to(name, tmp_path_factory.mktemp(name)))
    write_report(str(rendered), str(tmp_path_factory.mktemp("report")))

    @contextmanager
    def become() -> Iterator[None]:
        if os.geteuid():
            yield
            return
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    return become


@pytest.fixture
def sealed(rendered: Path, place: Path) -> Iterator[Path]:
    """A data set that can be read and not written."""
    shutil.copytree(rendered, place / "sealed")
    everything = [place / "sealed", *(place / "sealed").rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield place / "sealed"
    for path in everything:
        path.chmod(0o755)


def exported(folder: Path) -> dict[Path, bytes]:
    found = {path.relative_to(folder): data for path, data in content(folder).items()}
    return {path: data for path, data in found.items() if path.name != ".lock"}


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", FORMATS)
def test_a_data_set_that_is_read_only_is_exported(
    name: str, sealed: Path, place: Path, nobody: As
) -> None:
    before = content(sealed)
    with nobody():
        done = export_output(name, str(sealed), to(name, place / "to"))
    assert done.written.new == {"train": 4}
    assert content(sealed) == before


def test_a_report_on_a_read_only_data_set_goes_elsewhere(
    sealed: Path, place: Path, nobody: As
) -> None:
    with nobody():
        line = told("report", sealed)
        assert line.endswith(
            f"--to: {sealed}/report can't be written: Permission denied; "
            "give another folder with --to"
        )
        done = CliRunner().invoke(app, ["report", str(sealed), "--to", str(place / "report")])
    assert (done.exit_code, done.stdout) == (0, f"{place}/report/report.html\n")


@pytest.mark.parametrize("name", FORMATS)
def test_a_target_that_can_not_be_written_is_told(
    name: str, sealed: Path, rendered: Path, place: Path, nobody: As
) -> None:
    shutil.copytree(rendered, place / "source")
    with nobody():
        line = told("export", name, place / "source", "--to", to(name, sealed / "to"))
    assert " can't be written: Permission denied; " in line
    assert "--to: " in line


def test_a_data_set_that_can_not_be_read_is_told(rendered: Path, place: Path, nobody: As) -> None:
    shutil.copytree(rendered, place / "source")
    (place / "source" / "manifest" / "part-00000.parquet").chmod(0)
    if os.geteuid():
        (place / "source" / "manifest").chmod(0)
    with nobody():
        for command in (["export", "hf"], ["report"]):
            line = told(*command, place / "source", "--to", place / "to")
            assert line == f"error: {place}/source: can't be read: Permission denied"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("room", [0, 1, 3, 8])
def test_a_disk_that_fills_up_is_named_and_the_same_command_goes_on(
    name: str, room: int, rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, sync = [room], os.fsync

    def filling(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    arguments = ["export", name, rendered, "--to", to(name, tmp_path / "to")]
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", filling)
        done = CliRunner().invoke(app, list(map(str, arguments)))
    if left[0] < 0:
        assert done.exit_code == 2
        assert "can't be written: No space left on device; " in done.stderr
        assert done.stderr.count("\n") == 1
    assert not list(tmp_path.rglob(".partial-*"))
    assert CliRunner().invoke(app, list(map(str, arguments))).exit_code == 0
    export_output(name, str(rendered), to(name, tmp_path / "whole"))
    assert exported(tmp_path / "to") == exported(tmp_path / "whole")


@pytest.mark.parametrize("name", FORMATS)
def test_something_of_another_kind_in_the_way_is_told(
    name: str, rendered: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    line = told("export", name, rendered, "--to", to(name, tmp_path / "file" / "x"))
    assert "there is a file where a folder is needed" in line or "is a file; give a folder" in line
    if name != "coco":
        assert "is a file; give a folder" in told(
            "export", name, rendered, "--to", tmp_path / "file"
        )
    else:
        (tmp_path / "x.json").mkdir()
        assert "is a folder; give a file in it" in told(
            "export", name, rendered, "--to", tmp_path / "x.json"
        )
        (tmp_path / "both" / "train.json").mkdir(parents=True)
        assert "there is a folder where a file is needed" in told(
            "export", name, rendered, "--to", tmp_path / "both", "--split", "train=1"
        )
    long = tmp_path / ("n" * 300)
    line = told("export", name, rendered, "--to", to(name, long))
    assert "holds a name of more than 255 bytes" in line
    assert (tmp_path / "file").read_text() == "mine"


def test_a_report_has_its_folder_or_a_sentence(rendered: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for place in ("file", "file/x"):
        line = told("report", rendered, "--to", tmp_path / place)
        assert "there is a file where a folder is needed; give another folder" in line


@pytest.mark.parametrize(
    "target",
    ["{link}", "{link}/runs/x.json", "{output}/../{name}", "{output}/particles/../runs/x.json"],
)
def test_the_data_set_itself_is_no_target_by_any_name(
    target: str, output: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(output)
    before = content(output)
    place = target.format(link=tmp_path / "link", output=output, name=output.name)
    assert "is the data set itself" in told("export", "coco", output, "--to", place)
    assert content(output) == before


@pytest.mark.parametrize("text", ["inf", "-inf", "nan", "0", "-1", "1e400", "1e-9", "1e300"])
@pytest.mark.parametrize("name", ["webdataset", "hf"])
def test_a_size_of_shards_that_is_none_is_told(
    name: str, text: str, rendered: Path, tmp_path: Path
) -> None:
    line = told("export", name, rendered, "--to", tmp_path / "to", f"--shard-mb={text}")
    assert "--shard-mb: must be from 0.001 to 1,000,000, got " in line
    assert not (tmp_path / "to").exists()


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "share",
    ["1e999999999", "1e-999999999", "inf", "nan", "1_0", "9" * 5000, "1/" + "9" * 5000, chr(0x661)],
)
def test_a_share_that_is_none_is_told_at_once(share: str, rendered: Path, tmp_path: Path) -> None:
    line = told("export", "yolo", rendered, "--to", tmp_path / "to", "--split", f"train={share}")
    assert "is not name=fraction, for instance train=0.8" in line
    assert len(line) < 300


@pytest.mark.parametrize(
    ("name", "split", "sentence"),
    [
        ("coco", "Train=0.5,train=0.5", "'train' and 'Train' differ in capitals alone"),
        ("yolo", "names=0.5,train=0.5", "'names' means something else in yolo"),
        ("yolo", "train=0.5,Path=0.5", "'Path' means something else in yolo"),
        ("hf", "all=1", "'all' means something else in hf"),
    ],
)
def test_a_name_that_a_format_has_for_something_else_is_told(
    name: str, split: str, sentence: str, rendered: Path, tmp_path: Path
) -> None:
    target = tmp_path / "to"
    assert sentence in told("export", name, rendered, "--to", target, "--split", split)
    assert not target.exists()


@pytest.mark.parametrize("damage", ["[]", "{", "{}", '{"layout": 1, "full": 2, "run_ids": 3}'])
def test_damaged_notes_of_an_export_lose_nothing(
    damage: str, rendered: Path, tmp_path: Path
) -> None:
    target = tmp_path / "to"
    export_output("webdataset", str(rendered), str(target))
    before = content(target)
    (note,) = (target / ".blendsweep" / "shards").iterdir()
    note.write_text(damage)
    assert export_output("webdataset", str(rendered), str(target)).written.new == {"train": 4}
    assert content(target) == before
    (target / ".blendsweep" / "export.json").write_text(damage)
    line = told("export", "webdataset", rendered, "--to", target)
    assert "holds something that is not an export" in line or "holds an export with" in line
