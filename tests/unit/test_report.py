"""Reports on data sets that the sink wrote without Blender: empty, failed, wide, long."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from orchestrator.common.names import short_keys, step_name
from orchestrator.dataset.dataset import DataSet
from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure, RunResult, RunStatus
from orchestrator.dataset.rows import Origin
from orchestrator.dataset.schema import Columns
from orchestrator.dataset.storage.locking import exclusive
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import Storage
from orchestrator.dataset.writer import ManifestSink
from orchestrator.plan.run import Run
from orchestrator.report import sample as report_sample
from orchestrator.report.report import build_report, write_report
from orchestrator.report.swept_values import RANGES, grouped, most_telling, spread_runs
from scene.errors import ConfigurationError
from scene.execution.record import RunRecord

START = datetime(2025, 1, 1, tzinfo=UTC)
HASH = "0123456789abcdef"
NUMBER, SEED = "blueprints.particles.Bead.number", "initial_runtime_state.seed"


def result(index: int, *, features: int = 2, error: str | None = None) -> RunResult:
    number, seed = 100 * (1 + index % 3), index // 3
    run = Run(
        index=index,
        run_id=f"{(index * 0x9E3779B97F4A7C15) % 2**64:016x}",
        recipe={"initial_runtime_state": {"seed": seed}},
        overrides=((NUMBER, str(number)), (SEED, str(seed))),
        values={NUMBER: number, SEED: seed},
    )
    sizes = [5.0 + index % 7, 6.0, 7.5]
    record = RunRecord(
        seed=seed,
        features={f"feature_{n}": float(n * index % 11) for n in range(features)},
        particle_features=("dimensions",),
        particles={
            "particle_id": [1, 2, 3],
            "blueprint": ["Bead"] * 3,
            "category_color": ["#ff0000"] * 3,
            **{f"dimensions_{axis}": sizes for axis in "xyz"},
        },
        visible_particles=3,
        coverage=number / 1000 + 0.001 * seed,
        files=(),
        timings={"RenderParticlesTogether.categorical": 0.1 * number, "RelaxCollisions": 1.0},
        device="CPU",
        versions={"blendsweep": "0", "bpy": "5", "python": "3"},
    )
    failure = None if error is None else Failure("StepError", error)
    outcome = AttemptOutcome(
        *(Attempt(run, 1), "worker", "node", "CPU", START, START + timedelta(seconds=number)),
        record=None if failure else record,
        failure=failure,
    )
    return RunResult(run, RunStatus.FAILED if failure else RunStatus.SUCCEEDED, 1, outcome)


def measured(index: int, **changed: object) -> RunResult:
    """Return a run with a scale and a quality."""
    made = result(index)
    assert made.outcome.record is not None
    sizes = [5000.0 + index, 6000.0, 7500.0]
    record = dataclasses.replace(
        made.outcome.record,
        particles=made.outcome.record.particles | {"equivalent_diameter_nm": sizes},
        pixel_size_nm=100.0,
        quality={"snr": 4.0 + index, "noise": 0.02, "contrast": None, "saturated": 0.0},
    )
    record = dataclasses.replace(record, **changed)  # type: ignore[arg-type]
    return dataclasses.replace(made, outcome=dataclasses.replace(made.outcome, record=record))


def data_set(folder: Path, results: Iterable[RunResult], runs: int = 9) -> Storage:
    storage = open_storage(str(folder))
    sink = ManifestSink(storage, Origin("beads & <co>", "beads", HASH), Columns())
    sink.open()
    for each in results:
        sink.record(each)
    sink.close()
    document = {
        "name": "beads & <co>", "runs": runs, "recipe_hash": HASH, "overrides": [], "limit": None,
    }  # fmt: skip
    storage.write_file("sweep.yaml", yaml.safe_dump(document).encode())
    return storage


def page(storage: Storage, runs: int = 9) -> str:
    """Return the page's text without tags; whatever it holds must stand in it alone."""
    return text_of(build_report(DataSet(storage), runs)["report.html"])


def text_of(content: bytes) -> str:
    html = content.decode()
    assert not re.search(r'(?:src|href)="(?!data:|#)', html)
    body = re.sub(r"(?s)<style.*?</style>|<svg.*?</svg>|<[^>]+>", " ", html)
    return re.sub(r"\s+", " ", body)


def test_an_empty_data_set_has_a_report(tmp_path: Path) -> None:
    text = page(data_set(tmp_path, []))
    assert "beads &amp; &lt;co&gt;" in text
    assert "0 runs succeeded 0 failed 9 left of 9" in text
    assert "No run has succeeded yet." in text
    assert "The sweep is running" not in text


def test_a_running_sweep_is_told_of(tmp_path: Path) -> None:
    storage = data_set(tmp_path, [])
    with exclusive(storage):
        assert "The sweep is running (" in page(storage)


def test_shared_specimens_are_told_of(tmp_path: Path) -> None:
    storage = data_set(tmp_path, map(result, range(3)))
    assert "several looks" not in page(storage)
    described = {"sweep": "looks", "recipe_hash": HASH, "runs": 3, "sharing": 3, "specimens": 1}
    ids = pa.table({"run_id": [result(index).run.run_id for index in range(3)]})
    plan = ids.replace_schema_metadata({"blendsweep": json.dumps(described)})
    pq.write_table(plan, tmp_path / "plan.parquet")
    assert "3 runs show 1 specimen, each with several looks." in page(storage)


def test_scale_sizes_and_quality_are_shown(tmp_path: Path) -> None:
    files = build_report(DataSet(data_set(tmp_path, map(measured, range(5)))))
    text = text_of(files["report.html"])
    assert "A pixel is 100 nm wide." in text
    assert (
        "in the median, signal-to-noise ratio 6, noise (fraction of the range) 0.02, "
        "saturated pixels (fraction) 0." in text
    )
    html = files["report.html"].decode()
    assert "particle size (scene units), equivalent diameter (µm)" in html
    assert 'aria-label="Histograms of signal-to-noise ratio"' in html
    assert "quality.png" in files


def test_sizes_are_shown_however_many_features_were_drawn(tmp_path: Path) -> None:
    features = [{f"a{name}": float(index) for name in range(30)} for index in range(5)]
    runs = (measured(index, features=drawn) for index, drawn in enumerate(features))
    html = build_report(DataSet(data_set(tmp_path, runs)))["report.html"].decode()
    assert "Histograms of particle size (scene units), equivalent diameter (µm), a0" in html


def test_features_that_are_no_numbers_are_drawn_as_bars(tmp_path: Path) -> None:
    def run(index: int) -> RunResult:
        made = measured(
            index, features={"hide": index % 2 == 0, "text": "always", "defocus": 0.5 * index}
        )
        record = made.outcome.record
        assert record is not None
        kinds = [f"origin {n + index}" for n in range(3)]
        record = dataclasses.replace(
            record,
            particle_features=("dimensions", "kind"),
            particles=record.particles | {"kind": kinds},
        )
        return dataclasses.replace(made, outcome=dataclasses.replace(made.outcome, record=record))

    files = build_report(DataSet(data_set(tmp_path, map(run, range(9)))))
    html = files["report.html"].decode()
    (label,) = re.findall(r'aria-label="(Histograms of particle size[^"]*)"', html)
    assert {"hide", "defocus", "kind"} <= set(label.removeprefix("Histograms of ").split(", "))
    assert "text always" in text_of(files["report.html"])


def test_what_differs_from_run_to_run_is_shown_as_a_range(tmp_path: Path) -> None:
    sizes = (80.0, 2500.0, None)
    runs = (measured(n, pixel_size_nm=size, quality={"snr": 3.0}) for n, size in enumerate(sizes))
    text = page(data_set(tmp_path, runs))
    assert "Pixels are 80 nm to 2.5 µm wide." in text
    assert "in the median, signal-to-noise ratio 3." in text


def test_failures_alone_are_told_by_cause_with_their_logs(tmp_path: Path) -> None:
    errors = ["no <luck>", "no <luck>", "other"]
    results = [result(index, error=error) for index, error in enumerate(errors)]
    text = page(data_set(tmp_path, results))
    assert "0 runs succeeded 3 failed 6 left of 9" in text
    assert "2 &times; StepError : no &lt;luck&gt;" in text
    assert "1 &times; StepError : other" in text
    for each in results:
        assert f"{tmp_path}/failures/{each.run.run_id}.log" in text
    assert f"--output {tmp_path} --retry-failed" in text
    assert [*build_report(DataSet.open(tmp_path))] == ["report.html"]


@pytest.mark.parametrize(("count", "features"), [(1, 2), (2, 0), (9, 300)])
def test_few_runs_and_many_features_have_a_report(
    count: int, features: int, tmp_path: Path
) -> None:
    results = [result(index, features=features) for index in range(count)]
    storage = data_set(tmp_path, results)
    text = page(storage)
    assert f"{count} run{'s' * (count > 1)} succeeded" in text
    assert "The runs have no images." in text
    assert ("more are not shown" in text) == (features == 300)


def test_a_report_samples_what_is_many_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_sample, "MOST_RUNS", 40)
    storage = data_set(tmp_path, map(result, range(120)), runs=120)
    first, second = (report_sample.read_sample(DataSet(storage)).rows for _ in range(2))
    assert first.equals(second)
    assert len(first) == 40
    ids = sorted(pq.read_table(tmp_path / "manifest")["run_id"].to_pylist())
    assert sorted(first["run_id"].to_pylist()) == ids[:40]
    text = page(storage)
    assert "120 runs succeeded" in text
    assert "figures show 40 of 120 succeeded runs" in text
    assert "number explains 9" in text


def test_a_value_that_never_comes_twice_is_shown_and_explains_nothing(tmp_path: Path) -> None:
    text = page(data_set(tmp_path, map(result, range(3))))
    assert "Coverage A box holds" in text
    assert "explains" not in text
    assert not re.search("pixel is|Pixels are|Image quality|diameter", text)  # as of old


def test_runs_of_other_recipes_are_told_apart(tmp_path: Path) -> None:
    storage = data_set(tmp_path, [result(0)])
    sink = ManifestSink(storage, Origin("other", "other", "f" * 16), Columns())
    sink.open()
    other = result(1)
    sink.record(dataclasses.replace(other, run=dataclasses.replace(other.run, run_id="e" * 16)))
    sink.close()
    text = page(storage)
    assert "1 run succeeded" in text
    assert "also holds 1 run of other recipes" in text


def test_what_is_no_data_set_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no sweep\.yaml"):
        write_report(str(tmp_path))
    assert [*tmp_path.iterdir()] == []


def test_a_report_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    data_set(tmp_path / "out", map(result, range(9)))
    assert write_report(str(tmp_path / "out")) == f"{tmp_path}/out/report/report.html"
    names = {path.name for path in (tmp_path / "out" / "report").iterdir()}
    assert names >= {"report.html", "coverage.png", "features.png", "times.png"}
    data_set(tmp_path / "none", [])
    written = write_report(str(tmp_path / "none"), str(tmp_path / "to"))
    assert written == f"{tmp_path}/to/report.html"
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["report.html"]


def test_the_corners_and_the_middle_of_a_product_are_chosen() -> None:
    numbers = [n for n in (100, 200, 300) for _ in range(3)]
    kinds = ["a", "b", "c"] * 3
    chosen = spread_runs([numbers, kinds], 5)
    assert [(numbers[n], kinds[n]) for n in chosen] == [
        (100, "a"), (100, "c"), (200, "b"), (300, "a"), (300, "c"),
    ]  # fmt: skip
    assert spread_runs([numbers, kinds], 100) == list(range(9))
    assert spread_runs([[1], ["x"]], 5) == [0]
    assert spread_runs([], 5) == spread_runs([[]], 5) == []


def test_the_key_that_explains_most_is_found() -> None:
    rng = np.random.default_rng(0)
    number = [100, 200, 300] * 20
    seed = [index // 3 for index in range(60)]
    measured = np.array(number) / 1000 + 0.01 * rng.standard_normal(60)
    measured[7] = np.nan
    found = most_telling({"seed": seed, "number": number, "unique": list(range(60))}, measured)
    assert found is not None
    assert found[0] == "number"
    assert found[1] > 0.95
    assert most_telling({"unique": list(range(60))}, measured) is None
    assert most_telling({"number": number}, np.full(60, np.nan)) is None


def test_numbers_of_many_values_are_grouped_by_range() -> None:
    values, ranges = grouped([*range(100, 0, -1), 50])
    assert ranges
    assert len(set(values)) == RANGES
    assert all(low <= value for low, value in zip(values, [*range(100, 0, -1), 50], strict=True))
    assert (min(values), values[0] > 90) == (1, True)
    assert grouped([3, 1, 2]) == ([3, 1, 2], False)
    names = [f"kind-{n}" for n in range(99)]
    assert grouped(names) == (names, False)


def test_short_names_tell_keys_apart() -> None:
    keys = [NUMBER, "blueprints.particles.Dust.number", SEED, "steps.5.gravity.2", "steps.6.mass"]
    assert list(short_keys(keys).values()) == [
        "Bead.number", "Dust.number", "seed", "gravity.2", "mass",
    ]  # fmt: skip
    assert list(short_keys(["a.5.x", "b.5.x", "x"]).values()) == ["a.5.x", "b.5.x", "x"]
    names = [step_name(label) for label in ("RenderParticlesTogether.real", "SaveState", "publish")]
    assert names == ["real", "save state", "publish"]
