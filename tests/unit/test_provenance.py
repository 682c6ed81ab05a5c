"""Which code made a data set: told by its rows, held against what goes on with it."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from orchestrator.dataset.provenance import codes_of, mixture, settled
from orchestrator.dataset.reader import Reader
from orchestrator.dataset.rows import Origin
from orchestrator.dataset.schema import Columns
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import Storage
from orchestrator.dataset.writer import ManifestSink
from scene.errors import ConfigurationError
from scene.execution.record import RunRecord
from scene.recipe import code as code_module
from scene.recipe.code import code_hash, code_of, differences
from tests.unit.test_manifest import make_result

A = {"blendsweep": "1.0", "bpy": "5.2.3", "numpy": "2.5", "scene": "aa", "plugins.probe": "11"}
B = A | {"bpy": "5.3.0", "plugins.probe": "22"}


def add(
    storage: Storage,
    index: int,
    code: Mapping[str, str],
    *,
    versions: Mapping[str, str] | None = None,
    failed: bool = False,
) -> None:
    result = make_result(index, failed=failed)
    if not failed:
        kept = result.outcome.record
        assert kept is not None
        made = dataclasses.replace(kept, code=dict(code), versions=dict(versions or kept.versions))
        outcome = dataclasses.replace(result.outcome, record=made)
        result = dataclasses.replace(result, outcome=outcome)
    sink = ManifestSink(storage, Origin("demo", "beads", "f" * 16, code), Columns())
    sink.open()
    sink.record(result)
    sink.close()


def describe(storage: Storage, code: Mapping[str, str], accepted: list[str] | None = None) -> None:
    document = {"name": "demo", "runs": 9, "recipe_hash": "f" * 16, "code": dict(code)}
    content = document | {"accepted_code": accepted or []}
    storage.write_file("sweep.yaml", yaml.safe_dump(content).encode())


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = open_storage(str(tmp_path / "out"))
    describe(storage, A)
    return storage


def test_rows_name_their_code(storage: Storage) -> None:
    add(storage, 0, A)
    add(storage, 1, B, failed=True)
    assert storage.folder is not None
    first, second = pq.read_table(storage.folder / "manifest").to_pylist()
    assert first["code_hash"] == code_hash(A)
    assert {part["component"]: part["version"] for part in first["code"]} == A
    assert second["code_hash"] == code_hash(B)
    assert codes_of(Reader(storage))[0].as_json() == {
        "code_hash": code_hash(A),
        "runs": 1,
        "code": A,
    }


def test_the_same_code_goes_on(storage: Storage) -> None:
    assert settled(storage, B, accept=False) == []  # nothing is made yet
    add(storage, 0, A)
    assert settled(storage, A, accept=False) == []
    with_plugin = A | {"plugins.more": "33"}  # which the runs so far did not use
    assert settled(storage, with_plugin, accept=False) == []


def test_other_code_is_refused_in_one_sentence_that_says_what_differs(storage: Storage) -> None:
    add(storage, 0, A)
    with pytest.raises(ConfigurationError) as caught:
        settled(storage, B, accept=False)
    assert str(caught.value) == (
        f"{storage.uri}: was made by other code: bpy 5.2.3 (now 5.3.0), plugins.probe 11 (now 22); "
        "--accept-versions goes on, and every row says which code made it; another --output begins "
        "a data set of its own"
    )


def test_what_was_accepted_once_is_not_asked_again_until_it_changes(storage: Storage) -> None:
    add(storage, 0, A)
    accepted = settled(storage, B, accept=True)
    assert accepted == [code_hash(A)]
    describe(storage, B, accepted)
    add(storage, 1, B)
    assert settled(storage, B, accept=False) == accepted
    with pytest.raises(ConfigurationError, match=r"bpy 5.3.0 \(now 5.2.3\)"):
        settled(storage, A, accept=False)
    assert settled(storage, A, accept=True) == [code_hash(B)]
    with pytest.raises(ConfigurationError, match=r"scene aa \(now bb\)"):
        settled(storage, B | {"scene": "bb"}, accept=False)


def test_rows_of_before_there_was_a_code_are_told_by_their_versions(storage: Storage) -> None:
    old = {"name": "demo", "runs": 9, "recipe_hash": "f" * 16}
    versions = {"blendsweep": "1.0", "bpy": "5.2.3 LTS", "python": "3.13.0"}
    storage.write_file("sweep.yaml", yaml.safe_dump(old | {"versions": versions}).encode())
    add(storage, 0, {}, versions=versions)
    add(storage, 1, {}, versions=versions)
    assert codes_of(Reader(storage))[0].runs == 2
    assert settled(storage, A, accept=False) == []
    with pytest.raises(ConfigurationError, match=r"code: bpy 5.2.3 \(now 5.3.0\);"):
        settled(storage, B, accept=False)


def test_mixtures_are_told_and_plugins_that_others_do_not_use_are_none(storage: Storage) -> None:
    for index, code in enumerate((A, A, A | {"plugins.more": "33"}, B)):
        add(storage, index, code)
    made = codes_of(Reader(storage))
    assert sorted(one.runs for one in made) == [1, 1, 2]
    assert list(mixture(made)) == [
        "other code: 1 run was made by bpy 5.3.0, plugins.probe 22; 2 runs by bpy 5.2.3, "
        "plugins.probe 11"
    ]
    assert list(mixture(made[:1])) == []
    assert list(mixture(())) == []


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    for name in ("probe", "other"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "__init__.py").write_text("x = 1\n")
        (tmp_path / name / "sub" / "mesh.obj").write_text("v 0 0 0\n")
    return tmp_path


def code_with(folder: Path, recipe: object = "$plugins.probe.Step") -> dict[str, str]:
    code_module._plugin_hash.cache_clear()
    return dict(code_of({"steps": [{"_target_": recipe}]}, [folder]))


def test_every_file_of_the_plugins_that_a_recipe_names_counts(plugins: Path) -> None:
    before = code_with(plugins)
    assert before.keys() == {"blendsweep", "bpy", "numpy", "scene", "plugins.probe"}
    assert "unknown" not in before.values()

    (plugins / "probe" / "__pycache__").mkdir()
    (plugins / "probe" / "__pycache__" / "x.cpython-313.pyc").write_bytes(b"1")
    (plugins / "probe" / ".notes").write_text("1")
    (plugins / "other" / "__init__.py").write_text("x = 2\n")
    assert code_with(plugins) == before

    (plugins / "probe" / "sub" / "mesh.obj").write_text("v 0 0 1\n")
    changed = code_with(plugins)
    assert [name for name, _, _ in differences(before, changed)] == ["plugins.probe"]
    (plugins / "probe" / "sub" / "mesh.obj").rename(plugins / "probe" / "sub" / "renamed.obj")
    assert code_with(plugins) not in (before, changed)


def test_plugins_are_found_wherever_a_recipe_names_them(plugins: Path) -> None:
    assert "plugins.other" in code_with(plugins, ["a", {"b": "+x=$plugins.other.Shape,1"}])
    assert code_with(plugins, "$plugins.missing.Shape").keys() == code_with(plugins, "x").keys()


def test_links_and_what_is_no_file_neither_hang_nor_count(plugins: Path) -> None:
    before = code_with(plugins)
    package = plugins / "probe"
    (package / "back").symlink_to("..")
    (package / "again").symlink_to("../probe")
    (package / "nowhere.py").symlink_to("/nowhere/at/all")
    os.mkfifo(package / "pipe")
    alone = code_with(plugins)
    assert alone.keys() == before.keys()
    assert code_with(plugins) == alone
    (plugins / "shared").mkdir()
    (plugins / "shared" / "code.py").write_text("a = 1")
    (package / "back").unlink()
    (package / "linked").symlink_to("../shared")
    linked = code_with(plugins)
    (plugins / "shared" / "code.py").write_text("a = 2")
    assert code_with(plugins) != linked


def test_a_file_that_can_not_be_read_is_one_sentence(
    plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(
        ConfigurationError, match=r"can't be read, so it is not known .*: Permission denied"
    ):
        code_with(plugins)


def test_an_installed_plugin_counts_by_its_files(
    plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = plugins / "own-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[blendsweep.plugins]\nshapes = other.sub.deep\n")
    monkeypatch.syspath_prepend(plugins)
    before = code_with(Path("/nowhere"), "$plugins.shapes.Cube")
    assert "plugins.shapes" in before
    (plugins / "other" / "sub" / "mesh.obj").write_text("v 9 9 9\n")
    assert code_with(Path("/nowhere"), "$plugins.shapes.Cube") != before


def test_an_edited_source_of_the_scene_is_other_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chain.py").write_text("x = 1\n")
    monkeypatch.setattr(code_module, "__file__", str(tmp_path / "code.py"))
    hashes = set()
    for text in ("x = 1\n", "x = 2\n"):
        (tmp_path / "chain.py").write_text(text)
        code_module._base.cache_clear()
        hashes.add(code_of({})["scene"])
    code_module._base.cache_clear()
    assert len(hashes) == 2


def test_records_of_old_have_no_code() -> None:
    kept = make_result(0).outcome.record
    assert kept is not None
    text = dataclasses.asdict(kept)
    del text["code"]
    assert RunRecord.from_json(json.dumps(text)).code == {}
