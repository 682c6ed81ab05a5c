"""Exports of a real sweep, loaded with the libraries that they are made for."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from orchestrator.dataset.run_files import RunFilesError
from orchestrator.dataset.storage.locking import exclusive
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.export import FORMATS
from orchestrator.export.counter import RunCounter
from orchestrator.export.exporting import export_output
from orchestrator.report.report import write_report
from scene.errors import ConfigurationError

pytestmark = [
    pytest.mark.blender,
    # numpy's, about the arrays that pycocotools decodes into
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

HALVES = "train=0.5,val=0.5"  # seed 0 goes to the first, seed 1 to the second

type Bucket = Any
type Filled = Callable[..., NDArray[np.bool_]]
type Orchestrate = Callable[..., Any]
type Render = Callable[[Path, int], None]


def manifest(output: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(output / "manifest").to_pylist()
    return sorted(rows, key=lambda row: row["index"])


def instances_of(output: Path, run_id: str) -> NDArray[np.uint16]:
    return np.asarray(Image.open(output / "runs" / run_id / "instances.png"))


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def to(name: str, folder: Path) -> str:
    return str(folder / "all.json" if name == "coco" else folder)


def test_coco(rendered: Path, tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    done = export_output("coco", str(rendered), str(tmp_path / "all.json"))
    assert done.as_json()["splits"] == {"train": {"runs": 4, "new": 4, "seeds": 2}}
    coco = COCO(tmp_path / "all.json")
    assert coco.dataset["info"]["sweep"] == "small"
    assert coco.dataset["info"]["versions"]["bpy"]
    assert coco.dataset["licenses"] == []
    assert [entry["name"] for entry in coco.loadCats(coco.getCatIds())] == ["Bead"]
    for row, image in zip(manifest(rendered), coco.dataset["images"], strict=True):
        assert image["file_name"] == f"runs/{row['run_id']}/real.png"
        assert (image["width"], image["height"]) == (64, 48)
        told = image["blendsweep"]
        assert (told["run_id"], told["index"], told["seed"]) == (
            row["run_id"], row["index"], row["seed"],
        )  # fmt: skip
        assert told["specimen"] == row["specimen"]
        assert len(row["specimen"]) == 32
        number = row["override.blueprints.particles.Bead.number"]
        assert told["values"]["blueprints.particles.Bead.number"] == number
        assert told["features"]["defocus"] == row["feature.defocus"]
        shown = np.zeros((48, 64), np.uint16)
        for annotation in coco.loadAnns(coco.getAnnIds(image["id"])):
            pixels = coco.annToMask(annotation).astype(bool)
            assert annotation["area"] == pixels.sum() > 0
            assert annotation["touches_border"] in (True, False)
            assert (annotation["iscrowd"], annotation["category_id"]) == (0, 1)
            assert annotation["run_id"] == image["run_id"] == row["run_id"]
            shown[pixels] = annotation["particle_id"]
        assert (shown == instances_of(rendered, row["run_id"])).all()


OCCLUSION = ("occluded_fraction", "occluded_share")


def with_occlusion(output: Path) -> None:
    """Add the columns to the particles table, or fill them anew."""
    for part in (output / "particles").iterdir():
        table = pq.read_table(part)
        fractions = pa.array([None, *(n / len(table) for n in range(1, len(table)))], pa.float64())
        for name in OCCLUSION:
            if name in table.schema.names:
                table = table.drop_columns(name)
            table = table.append_column(name, fractions)
        pq.write_table(table, part)


def test_coco_states_the_licence_that_is_given(rendered: Path, tmp_path: Path) -> None:
    file, address = tmp_path / "all.json", "https://creativecommons.org/licenses/by/4.0/"
    export_output("coco", str(rendered), str(file), license_name=address)
    content = json.loads(file.read_text())
    assert content["licenses"] == [{"id": 1, "name": address, "url": address}]
    assert {image["license"] for image in content["images"]} == {1}


def test_coco_keeps_what_is_known_of_occlusion(output: Path, tmp_path: Path) -> None:
    with_occlusion(output)
    export_output("coco", str(output), str(tmp_path / "all.json"))
    annotations = json.loads((tmp_path / "all.json").read_text())["annotations"]
    for name in OCCLUSION:
        assert sum(name in entry for entry in annotations) >= len(annotations) - 1
        assert all(0 < entry.get(name, 0.5) < 1 for entry in annotations)


def test_hf_shards_are_made_anew_where_columns_change(output: Path, tmp_path: Path) -> None:
    for part in (output / "particles").iterdir():
        table = pq.read_table(part)
        names = [name for name in table.schema.names if name not in OCCLUSION]
        pq.write_table(table.select(names), part)
    export_output("hf", str(output), str(tmp_path / "hf"), shard_mb=0.001)
    assert len(list(tmp_path.glob("hf/data/*"))) == 4
    with_occlusion(output)
    done = export_output("hf", str(output), str(tmp_path / "hf"))
    assert done.written.new == {"train": 4}
    (shard,) = tmp_path.glob("hf/data/*")
    (entry, *_) = pq.read_table(shard)["particles"].to_pylist()
    assert entry[1]["occluded_fraction"] == entry[1]["occluded_share"] > 0


def test_coco_by_split_leaves_no_seed_in_two(rendered: Path, tmp_path: Path) -> None:
    done = export_output("coco", str(rendered), str(tmp_path / "coco"), split=HALVES)
    assert done.written.files == ["train.json", "val.json"]
    found = {
        name: {i["blendsweep"]["seed"] for i in json.loads(path.read_text())["images"]}
        for name in ("train", "val")
        if (path := tmp_path / "coco" / f"{name}.json")
    }
    assert found == {"train": {0}, "val": {1}}
    both = [json.loads((tmp_path / "coco" / name).read_text()) for name in done.written.files]
    for table in ("images", "annotations"):
        numbers = [entry["id"] for content in both for entry in content[table]]
        assert numbers == [*range(1, len(numbers) + 1)], "numbers go on from file to file"


def test_yolo(rendered: Path, tmp_path: Path, filled: Filled) -> None:
    export_output("yolo", str(rendered), str(tmp_path), split=HALVES)
    described = yaml.safe_load((tmp_path / "data.yaml").read_text())
    assert described == {
        "train": "images/train",
        "val": "images/val",
        "names": {0: "Bead"},
        "pixel_size_nm": 1000.0,
    }
    for row in manifest(rendered):
        split, run_id = ("train", "val")[row["seed"]], row["run_id"]
        image = tmp_path / "images" / split / f"{run_id}.png"
        assert image.read_bytes() == (rendered / "runs" / run_id / "real.png").read_bytes()
        labels = (tmp_path / "labels" / split / f"{run_id}.txt").read_text().splitlines()
        instances = instances_of(rendered, run_id)
        ids = [number for number in np.unique(instances) if number]
        for number, line in zip(ids, labels, strict=True):
            kind, *values = line.split()
            points = np.array(values, float).reshape(-1, 2)
            assert kind == "0"
            assert points.min() >= 0
            assert points.max() <= 1
            # Corners are a multiple of 0.025 off the pixels'; two decimals are a little less exact.
            outline = np.round(points * (64, 48) * 40) / 40
            assert (filled(outline, (48, 64)) == (instances == number)).all()


# the library leaves that to the garbage collector
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_webdataset(rendered: Path, tmp_path: Path) -> None:
    import webdataset

    done = export_output("webdataset", str(rendered), str(tmp_path), shard_mb=0.08)
    (pattern,) = done.written.files
    assert pattern != "train-{000000..000000}.tar"
    # As docs/exports.md has it: "pil" alone would make 8 bits of the ids.
    ids = webdataset.handle_extension(
        "instances.png", lambda data: np.asarray(Image.open(io.BytesIO(data)))
    )
    dataset = webdataset.WebDataset(str(tmp_path / pattern), shardshuffle=False)
    samples = list(dataset.decode(ids, "pil"))
    rows = manifest(rendered)
    assert [sample["__key__"] for sample in samples] == [row["run_id"] for row in rows]
    for row, sample in zip(rows, samples, strict=True):
        members = {"image.png", "instances.png", "categorical.png", "depth_map.png", "depth.tiff"}
        assert sample.keys() >= members | {"json"}
        assert (sample["instances.png"] == instances_of(rendered, row["run_id"])).all()
        assert sample["image.png"].size == (64, 48)
        assert sample["json"]["features"]["defocus"] == row["feature.defocus"]
        assert sample["json"]["specimen"] == row["specimen"]
        number = row["override.blueprints.particles.Bead.number"]
        assert [p["particle_id"] for p in sample["json"]["particles"]] == [*range(1, number + 1)]
    for shard in tmp_path.glob("*.tar"):
        assert shard.stat().st_size < 0.08e6 + 10240 * 2
        with tarfile.open(shard) as tar:
            assert {(member.mtime, member.uid, member.uname) for member in tar} == {(0, 0, "")}
    del dataset
    gc.collect()


def test_hf(rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    import datasets

    datasets.disable_progress_bars()
    target = tmp_path / "hf"
    export_output("hf", str(rendered), str(target), split=HALVES, shard_mb=0.001)
    assert len(list(target.glob("data/*.parquet"))) == 4
    loaded = datasets.load_dataset(str(target), cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == {"train", "val"}
    rows = {row["run_id"]: row for row in manifest(rendered)}
    for split in loaded.values():
        assert isinstance(split.features["image"], datasets.Image)
        assert isinstance(split.features["depth"], datasets.Image)
        for entry in split:
            row = rows.pop(entry["run_id"])
            assert (np.asarray(entry["instances"]) == instances_of(rendered, row["run_id"])).all()
            assert entry["image"].size == (64, 48)
            key = "override.blueprints.particles.Bead.number"
            assert len(entry["particles"]) == entry[key] == row[key]
            assert entry["feature.defocus"] == row["feature.defocus"]
            assert entry["specimen"] == row["specimen"]
    assert not rows
    files = {"train": str(target / "data" / "train-*.parquet")}
    alone = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "other"))
    assert isinstance(alone["train"].features["instances"], datasets.Image)


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_that_is_cut_short_goes_on_to_the_same_bytes(
    name: str, rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_output(name, str(rendered), to(name, tmp_path / "whole"), shard_mb=0.02)
    advance, counted = RunCounter.advance, []

    def interrupted(counter: RunCounter) -> None:
        counted.append(1)
        if len(counted) == 3:
            raise KeyboardInterrupt
        advance(counter)

    monkeypatch.setattr(RunCounter, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_output(name, str(rendered), to(name, tmp_path / "cut"), shard_mb=0.02)
    monkeypatch.setattr(RunCounter, "advance", advance)
    whole, cut = content(tmp_path / "whole"), content(tmp_path / "cut")
    kept = {path for path in cut if not path.startswith(".")}
    assert {path: cut[path] for path in kept} == {path: whole[path] for path in kept}
    assert not [path for path in cut if ".partial-" in path]
    times = {path: (tmp_path / "cut" / path).stat().st_mtime_ns for path in kept}
    done = export_output(name, str(rendered), to(name, tmp_path / "cut"), shard_mb=0.02)
    assert content(tmp_path / "cut") == whole
    if name != "coco":
        assert done.as_json()["splits"]["train"]["new"] < 4
        for path, time in times.items():
            assert (tmp_path / "cut" / path).stat().st_mtime_ns == time, f"{path} was made anew"


def test_the_order_of_recording_changes_nothing(
    rendered: Path, output: Path, tmp_path: Path
) -> None:
    for table in ("manifest", "particles"):
        (part,) = (output / table).iterdir()
        rows = pq.read_table(part)
        ids = list(reversed(rows["run_id"].unique().to_pylist()))
        for number, chosen in enumerate((ids[:1], ids[1:])):
            picked = [rows.filter(pa.compute.equal(rows["run_id"], name)) for name in chosen]
            pq.write_table(pa.concat_tables(picked), part.with_name(f"part-{number:05d}.parquet"))
    for name in FORMATS:
        for source, target in ((rendered, "one"), (output, "other")):
            export_output(name, str(source), to(name, tmp_path / name / target), shard_mb=0.04)
        assert content(tmp_path / name / "one") == content(tmp_path / name / "other")


def test_a_grown_sweep_adds_to_its_exports(output: Path, tmp_path: Path, render: Render) -> None:
    before: dict[str, Any] = {}
    # One shard of WebDataset is full and one is not, Hugging Face's one shard is not.
    for name in FORMATS:
        export_output(name, str(output), to(name, tmp_path / name), shard_mb=0.06)
        before[name] = content(tmp_path / name)
    render(output, 3)
    for name in FORMATS:
        done = export_output(name, str(output), to(name, tmp_path / name), shard_mb=0.06)
        told = done.as_json()["splits"]["train"]
        assert (told["runs"], told["new"]) == (6, 6 if name == "coco" else 2)
    old, new = (
        json.loads(text["all.json"]) for text in (before["coco"], content(tmp_path / "coco"))
    )
    numbers = {"id": None, "image_id": None}
    for table, key in (("images", "run_id"), ("annotations", "particle_id")):
        entries = {(entry["run_id"], entry[key]): entry | numbers for entry in new[table]}
        assert len(entries) == len(new[table]) > len(old[table])
        assert all(entries[entry["run_id"], entry[key]] == entry | numbers for entry in old[table])
        assert [entry["id"] for entry in new[table]] == [*range(1, len(new[table]) + 1)]
    for path in ("yolo", "webdataset"):
        after = content(tmp_path / path)
        stays = [
            name for name in before[path] if name.startswith(("images", "labels", "train-000000"))
        ]
        assert stays
        assert all(after[name] == before[path][name] for name in stays)
    table = pq.read_table(tmp_path / "hf" / "data", columns=["run_id"])
    assert len(set(table["run_id"].to_pylist())) == len(table) == 6


def ask_for(output: Path, count: int) -> None:
    """Leave the first runs of the plan alone."""
    path = output / "plan.parquet"
    described, plan = pq.read_metadata(path).metadata, pq.read_table(path)
    with pq.ParquetWriter(path, plan.schema) as file:
        file.write_table(plan.slice(0, count))
        told = {key.decode(): value.decode() for key, value in described.items()}
        file.add_key_value_metadata({k: v for k, v in told.items() if k != "ARROW:schema"})


def test_runs_of_other_sweeps_are_left_out_unless_wanted(output: Path, tmp_path: Path) -> None:
    ask_for(output, 2)
    folder = str(tmp_path / "yolo")
    assert export_output("yolo", str(output), folder, all_runs=True).written.new == {"train": 4}
    asked = export_output("coco", str(output), str(tmp_path / "x.json"))
    assert asked.written.new == {"train": 2}
    with pytest.raises(ConfigurationError, match="holds 2 runs that the last sweep does not ask"):
        export_output("yolo", str(output), folder)
    ask_for(output, 0)
    told = "holds no succeeded run of the sweep small yet; --all-runs takes the 4 succeeded runs"
    with pytest.raises(ConfigurationError, match=told):
        export_output("coco", str(output), str(tmp_path / "x.json"))


def test_failed_runs_are_left_out(output: Path, tmp_path: Path) -> None:
    (part,) = (output / "manifest").iterdir()
    rows = pq.read_table(part)
    failed = [
        row | ({"status": "failed", "files": None} if row["index"] == 1 else {})
        for row in rows.to_pylist()
    ]
    pq.write_table(pa.Table.from_pylist(failed, rows.schema), part)
    export_output("coco", str(output), str(tmp_path / "x.json"))
    images = json.loads((tmp_path / "x.json").read_text())["images"]
    assert [image["blendsweep"]["index"] for image in images] == [0, 2, 3]


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_image_is_named_and_nothing_is_half_done(
    name: str, output: Path, tmp_path: Path
) -> None:
    run_id = manifest(output)[2]["run_id"]
    path = output / "runs" / run_id / "instances.png"
    path.write_bytes(path.read_bytes()[:-40])
    where = rf"run {run_id}: .*/{run_id}/instances.png has another"
    with pytest.raises(RunFilesError, match=where):
        export_output(name, str(output), to(name, tmp_path / "x"), shard_mb=0.001)
    found = content(tmp_path / "x")
    assert not [name for name in found if ".partial-" in name or run_id in name]
    assert "all.json" not in found


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"image": "reel"}, "unknown image 'reel' in .*; did you mean 'real'\\?.*depth_map"),
        ({"split": "a=0.5"}, "sum to 1"),
        ({"to": "{output}"}, "is the data set itself"),
        ({"to": "{output}/runs/x.json"}, "is the data set itself"),
        ({"to": "{tmp}/x"}, "does not end in .json"),
        ({"to": "{tmp}"}, "is a folder; give a file in it"),
        ({"to": "{tmp}/x.json", "split": "a=1"}, "with --split, give a folder"),
        ({"name": "hf", "to": "{tmp}"}, "holds something that is not an export \\(out\\)"),
    ],
)
def test_what_can_not_be_had_is_told_before_anything_is_written(
    options: dict[str, str], told: str, output: Path, tmp_path: Path
) -> None:
    filled = {key: text.format(output=output, tmp=tmp_path) for key, text in options.items()}
    name, target = filled.pop("name", "coco"), filled.pop("to", str(tmp_path / "x.json"))
    with pytest.raises(ConfigurationError, match=told):
        export_output(name, str(output), target, **filled)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_export_keeps_its_options(rendered: Path, tmp_path: Path) -> None:
    export_output("hf", str(rendered), str(tmp_path / "hf"), split=HALVES)
    with pytest.raises(ConfigurationError, match=r"holds an export with split train=1/2,val=1/2"):
        export_output("hf", str(rendered), str(tmp_path / "hf"))
    with pytest.raises(ConfigurationError, match="holds an export with format hf, not yolo"):
        export_output("yolo", str(rendered), str(tmp_path / "hf"), split=HALVES)


def test_a_target_has_one_export_and_no_litter_of_dead_ones(rendered: Path, tmp_path: Path) -> None:
    dead = [".partial-4194304-x.json", ".partial-4194304-train-000000.tar"]
    others = [f".partial-{os.getppid()}-x.json", ".partial-4194304-other.json"]
    tars = tmp_path / "tars"
    export_output("webdataset", str(rendered), str(tars))
    for folder, names in ((tmp_path, [dead[0], *others]), (tars, [dead[1]])):
        for name in names:
            (folder / name).write_bytes(b"half")
    export_output("coco", str(rendered), str(tmp_path / "x.json"))
    export_output("webdataset", str(rendered), str(tars))
    left = {path.name for path in tmp_path.rglob(".partial-*")}
    assert left == set(others)
    with (
        exclusive(open_storage(str(tars))),
        pytest.raises(ConfigurationError, match=r"another export, process .* work"),
    ):
        export_output("webdataset", str(rendered), str(tars))


def test_another_mode_can_be_the_image(rendered: Path, tmp_path: Path) -> None:
    export_output("coco", str(rendered), str(tmp_path / "x.json"), image="depth_map")
    images = json.loads((tmp_path / "x.json").read_text())["images"]
    assert {Path(image["file_name"]).name for image in images} == {"depth_map.png"}


def test_from_and_to_a_bucket(
    bucket: Bucket,
    rendered: Path,
    tmp_path: Path,
    orchestrate: Orchestrate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for path, data in content(rendered).items():
        with bucket.files.open_output_stream(f"bucket/small/{path}") as stream:
            stream.write(data)
    there, place = "s3://bucket/small", "s3://bucket/exports"
    arguments = ["export", "coco", there, "--to", f"{place}/all.json", "--json"]
    done = orchestrate(*arguments, **bucket.environment)
    assert (done.code, done.json["splits"]["train"]["new"]) == (0, 4), done.err
    for key, value in bucket.environment.items():
        monkeypatch.setenv(key, value)
    for new in (4, 0):
        tars = export_output("webdataset", there, f"{place}/tars")
        assert tars.written.new == {"train": new}
    for name in ("coco", "webdataset", "yolo", "hf"):
        if name not in ("coco", "webdataset"):
            export_output(name, there, f"{place}/{name}")
        export_output(name, str(rendered), to(name, tmp_path / name))
    found = bucket.objects("exports")
    for name in ("yolo", "hf"):
        own = {path: data for path, data in found.items() if path.startswith(f"{name}/")}
        assert own == {f"{name}/{path}": data for path, data in content(tmp_path / name).items()}
        found = {path: data for path, data in found.items() if path not in own}
    assert found.pop("all.json") == (tmp_path / "coco" / "all.json").read_bytes()
    assert found == {
        f"tars/{path}": data for path, data in content(tmp_path / "webdataset").items()
    }
    assert write_report(there) == "s3://bucket/small/report/report.html"
    page = bucket.objects("small/report")["report.html"].decode()
    assert page.count("data:image/") >= 4 * 3


MEMORY = """
import json, resource, sys
from orchestrator.export.exporting import export_output

target, *sources = sys.argv[1:]
growth = {}
for name in ("coco", "webdataset", "hf"):
    peaks = []
    for source in sources:
        to = f"{target}/{name}-{len(peaks)}"
        export_output(name, source, to + ".json" if name == "coco" else to, all_runs=True)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
    growth[name] = peaks[1] - peaks[0]
print(json.dumps(growth))
"""


def multiplied(rendered: Path, output: Path, count: int, image: bytes) -> Path:
    """Make a data set of `count` runs that all show the same."""
    shutil.copytree(rendered, output, ignore=shutil.ignore_patterns("runs"))
    row = manifest(rendered)[-1]
    files = output / "runs" / "same"
    shutil.copytree(rendered / "runs" / row["run_id"], files)
    (files / "real.png").write_bytes(image)
    for file in row["files"]:
        file["path"] = f"runs/same/{Path(file['path']).name}"
        if file["mode"] == "real":
            file["sha256"] = hashlib.sha256(image).hexdigest()
    particles = pq.read_table(rendered / "particles")
    particles = particles.filter(pa.compute.equal(particles["run_id"], row["run_id"]))
    ids = [hashlib.sha256(str(number).encode()).hexdigest()[:16] for number in range(count)]
    rows = [row | {"run_id": run_id, "index": n} for n, run_id in enumerate(ids)]
    schema = pq.read_schema(next((rendered / "manifest").iterdir()))
    for table in ("manifest", "particles"):
        for part in (output / table).iterdir():
            part.unlink()
    for start in range(0, count, 100):
        name = f"part-{start // 100:05d}.parquet"
        chosen = ids[start : start + 100]
        pq.write_table(
            pa.Table.from_pylist(rows[start : start + 100], schema), output / "manifest" / name
        )
        copies = [particles.set_column(0, "run_id", pa.array([i] * len(particles))) for i in chosen]
        pq.write_table(pa.concat_tables(copies), output / "particles" / name)
    return output


@pytest.mark.slow
def test_memory_does_not_grow_with_runs(rendered: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (512, 512), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    small, large = (
        multiplied(rendered, tmp_path / str(count), count, buffer.getvalue())
        for count in (150, 500)
    )
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, tmp_path, small, large],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    # The 350 runs more hold 92 MB of images and 10 MB of features and particles.
    assert max(json.loads(done.stdout).values()) < 45, done.stdout
