from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import orchestrator.execution.progress
from orchestrator.cli.app import COST, HELP, app
from orchestrator.cli.command_group import with_default_command
from orchestrator.common import commands
from orchestrator.common.words import duration
from orchestrator.dataset.results import Attempt, AttemptOutcome
from orchestrator.dataset.storage.locking import OutputLockedError, exclusive
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.execution.pace import Pace
from orchestrator.execution.scheduler import Counts
from orchestrator.execution.summary import Commands, FailedRun, Summary
from orchestrator.execution.time_left import TimeLeft
from orchestrator.export import FORMATS
from orchestrator.plan.run import Run
from scene.execution.record import RunRecord


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    document = {
        "recipe": "spheres_sem",
        "overrides": [
            "blueprints.particles.Bead.number=1,2",
            "initial_runtime_state.seed=range(3)",
        ],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        app([str(text) for text in arguments], prog_name="test")
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["a.yaml"], ["run", "a.yaml"]),
        (["--dry-run", "a.yaml"], ["run", "--dry-run", "a.yaml"]),
        (["run", "a.yaml"], ["run", "a.yaml"]),
        (["status", "out"], ["status", "out"]),
        (["compact", "out"], ["compact", "out"]),
        (["prune", "out"], ["prune", "out"]),
        (["report", "out"], ["report", "out"]),
        (["export", "coco", "out"], ["export", "coco", "out"]),
        (["show", "out", "3"], ["show", "out", "3"]),
        (["--help"], ["--help"]),
        (["--version"], ["--version"]),
        (["--show-completion", "bash"], ["--show-completion", "bash"]),
        (["--show-completion=bash"], ["--show-completion=bash"]),
        ([], []),
    ],
)
def test_run_is_the_default_command(given: list[str], meant: list[str]) -> None:
    group: Any = typer.main.get_command(app)
    context = group.make_context("test", [], resilient_parsing=True)
    assert with_default_command(given, group.commands, group._own(context)) == meant


def test_the_version_tells_of_everything_that_makes_images(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = call(capsys, "--version")
    assert code == 0
    assert re.fullmatch(
        r"blendsweep \d\S+ \(bpy \d\S+, ray \d\S+, mlflow \d\S+, python \d\S+\)\n", out
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["statsu", "out"], "unknown command 'statsu'; did you mean 'status'?"),
        (["Verify", "out"], "unknown command 'Verify'; did you mean 'verify'?"),
        (["exprot", "coco", "out"], "unknown command 'exprot'; did you mean 'export'?"),
        (["{out}"], "out is the output of a sweep, not a sweep file; did you mean: "),
        (["{out}/", "a=1"], "out/ is the output of a sweep, not a sweep file; did you mean: "),
    ],
)
def test_what_is_no_sweep_is_told_with_the_command_that_was_meant(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sweep.yaml").write_text("name: old")
    code, out, err = call(capsys, *(word.format(out=tmp_path / "out") for word in words))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err
    assert "{out}" not in words[0] or f" status {tmp_path}/out" in err


@pytest.mark.parametrize(
    "words", [[], ["run"], ["show"], ["prune"], ["export"], ["export", "coco"]]
)
def test_help_is_short_lines_under_either_option(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, long, _ = call(capsys, *words, "--help")
    assert (code, call(capsys, *words, "-h")) == (0, (0, long, ""))
    assert "..." not in long.partition("Commands:")[2], "a summary is cut off"


def test_examples_fit_a_terminal_of_80_columns() -> None:
    lines = HELP.replace(commands.program(), "uv run python -m orchestrator").splitlines()
    assert not [line for line in lines if line.startswith("  ") and len(line) > 78]


def test_completion_knows_commands_and_a_sweeps_options(monkeypatch: pytest.MonkeyPatch) -> None:
    def completed(*words: str) -> list[str]:
        monkeypatch.setenv("_BLENDSWEEP_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", " ".join(["blendsweep", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        done = subprocess.run(
            [sys.executable, "-m", "orchestrator"], capture_output=True, text=True, check=False
        )
        return done.stdout.split()

    assert completed("s") == ["status", "show"]
    assert completed("sweeps/sem.yaml", "--li") == ["--limit"]
    assert completed("export", "w") == ["webdataset"]


def test_help_teaches_what_a_sweep_costs(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "--help")
    assert code == 0
    assert " ".join(COST.split()) in " ".join(out.split())
    assert "render.resolution_percentage=25" in out
    assert "--limit" in out


def test_every_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "run", "--help")
    assert code == 0
    options = (
        "dry-run output limit executor address workers cpus-per-worker gpus-per-worker "
        "shared-output timeout max-attempts retry-failed plugins tracking-uri experiment "
        "no-mlflow json debug"
    )
    assert [name for name in options.split() if f"--{name} " not in out] == []


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_command_that_explains_itself(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(capsys, "export", name, "--help")
    assert code == 0
    options = "to split image all-runs json debug"
    assert [option for option in options.split() if f"--{option} " not in out] == []
    assert "Runs of one seed" in out
    _, overview, _ = call(capsys, "export", "--help")
    assert f"{commands.program()} export {name} outputs/sem --to " in overview


def test_a_dry_run_says_what_reusing_specimens_saves(
    capsys: pytest.CaptureFixture[str], sweep: Path, tmp_path: Path
) -> None:
    looks = "initial_runtime_state.look_seed=range(20)"
    arguments = [sweep, looks, "--dry-run", "--json", "--output", tmp_path / "out"]
    _, out, _ = call(capsys, *arguments)
    assert "120 runs to execute share 6 specimens: 114 relaxations saved" in out.splitlines()
    saved = {"runs": 120, "specimens": 6, "stored": 0, "relaxations_saved": 114}
    assert json.loads(out.splitlines()[-1])["recorded"]["specimens"] == saved
    _, out, _ = call(capsys, *arguments, "--limit", "45")
    assert "45 runs to execute share 3 specimens: 42 relaxations saved" in out.splitlines()
    _, out, _ = call(capsys, *arguments, "--no-reuse")
    assert json.loads(out.splitlines()[-1])["recorded"]["specimens"] is None
    assert "specimens:" not in out


def test_a_dry_run_prints_index_id_and_swept_values(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(capsys, sweep, "--dry-run", "--output", tmp_path / "out")
    *lines, total = out.splitlines()
    assert (code, total) == (0, "6 runs")
    for index, line in enumerate(lines):
        assert re.fullmatch(
            rf"{index}  [0-9a-f]{{16}}  blueprints.particles.Bead.number={1 + index // 3} "
            rf"initial_runtime_state.seed={index % 3}",
            line,
        )
    assert not (tmp_path / "out").exists()


def test_overrides_and_limit_of_the_command_line_win(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["initial_runtime_state.seed=7,8", "--limit", "3", "--dry-run", "--json"]
    code, out, _ = call(capsys, sweep, *arguments)
    assert code == 0
    assert json.loads(out.splitlines()[-1])["runs"] == 3
    assert "seed=7" in out.splitlines()[0]


def test_errors_are_sentences_on_stderr(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, sweep, "blueprints.particles.Beed.number=3", "--dry-run")
    assert (code, out) == (2, "")
    assert "did you mean" in err
    assert "Traceback" not in err
    code, _, err = call(capsys, sweep, "blueprints.particles.Beed.number=3", "--dry-run", "--debug")
    assert code == 2
    assert "Traceback" in err


@pytest.mark.parametrize("arguments", [["--limit", "x"], ["--no-such-option"], ["--workers", "0"]])
def test_wrong_usage_exits_with_2(
    arguments: list[str], sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = call(capsys, sweep, "--dry-run", *arguments)
    assert code == 2
    assert arguments[0] in err


@pytest.mark.parametrize("command", ["status", "compact", "report", "export coco --to x.json"])
def test_what_is_no_data_set_is_an_error(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = call(capsys, *command.split(), tmp_path)
    assert code == 2
    assert "no sweep.yaml" in err


PAGE = "#/experiments/1/runs/abc"


def summary(
    counts: Counts,
    *,
    complete: bool = True,
    tracking_uri: str | None = "sqlite:////data/out/mlflow.db",
    page: str | None = PAGE,
) -> Summary:
    failure = FailedRun("f" * 16, "StepError", "it broke\nat length", "failures/f.log")
    return Summary(
        sweep="small",
        output="/data/out",
        counts=counts,
        failures=(failure,) if counts.failed else (),
        complete=complete,
        seconds=200.0,
        tracking_uri=tracking_uri,
        commands=Commands(
            "python -m orchestrator small.yaml", "python -m orchestrator small.yaml --retry-failed"
        ),
        tracking_page=page,
    )


@pytest.mark.parametrize(
    ("counts", "complete", "code"),
    [
        (Counts(3, done=3), True, 0),
        (Counts(3, done=1, skipped=2), True, 0),
        (Counts(3, done=2, failed=1), True, 1),
        (Counts(3, done=2, failed_before=1), True, 1),
        (Counts(3, done=1), False, 130),
    ],
)
def test_the_exit_code_tells_how_it_ended(counts: Counts, complete: bool, code: int) -> None:
    assert summary(counts, complete=complete).exit_code == code


def test_the_summary_tells_where_everything_is() -> None:
    text = "\n".join(summary(Counts(4, done=2, failed=1), complete=False).lines())
    assert "small: 2 runs done in 3 min, 1 failed, 1 left" in text
    shown = commands.tool("mlflow", "ui", "--backend-store-uri", "sqlite:////data/out/mlflow.db")
    assert f"MLflow:  {shown}\n" in text
    assert f"{'f' * 16}: StepError: it broke\n" in text
    assert "/data/out/failures/f.log" in text
    assert "python -m orchestrator small.yaml" in text


def test_the_summary_offers_labels_and_the_report_with_its_place() -> None:
    text = "\n".join(summary(Counts(4, done=4)).lines())
    assert f"labels:  {commands.program('show', '/data/out')}\n" in text
    assert f"report:  {commands.program('report', '/data/out')}\n" in text
    assert "makes /data/out/report/report.html" in text
    nothing = "\n".join(summary(Counts(4, failed=4)).lines())
    assert "report" not in nothing


@pytest.mark.parametrize(
    ("uri", "page", "told"),
    [
        ("http://host:5000", PAGE, f"MLflow:  http://host:5000/{PAGE}\n"),
        ("https://me:secret@host/sub/", PAGE, f"MLflow:  https://host/sub/{PAGE}\n"),
        ("http://host:5000", None, "MLflow:  http://host:5000/\n"),
        ("sqlite:////d/m.db", PAGE, f"m.db\n         then http://127.0.0.1:5000/{PAGE}\n"),
        ("sqlite:////d/m.db", None, "m.db\n"),
        (None, None, ""),
    ],
)
def test_the_summary_leads_to_the_sweeps_page_in_mlflow(
    uri: str | None, page: str | None, told: str
) -> None:
    text = "".join(
        f"{line}\n" for line in summary(Counts(1, done=1), tracking_uri=uri, page=page).lines()
    )
    assert told in text
    assert ("MLflow" in text) == (uri is not None)
    assert ("127.0.0.1" in text) == ("127.0.0.1" in told)
    assert "secret" not in text


def test_durations_are_told_in_fitting_units() -> None:
    assert [duration(s) for s in (0.4, 42.4, 200, 7500)] == ["0 s", "42 s", "3 min", "2 h 5 min"]


def outcome(timings: dict[str, float], publish_seconds: float = 0.0) -> AttemptOutcome:
    record = RunRecord(0, {}, (), {}, None, None, (), timings, "CPU", {})
    attempt = Attempt(Run(0, "0" * 16, {}, (), {}), 1)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    return AttemptOutcome(
        *(attempt, "worker", "node", "CPU", start, start),
        record=record,
        publish_seconds=publish_seconds,
    )


def test_the_pace_starts_with_the_first_run() -> None:
    left = TimeLeft((), 10)
    pace = Pace(left)
    for now, counts in ((0.0, Counts(10)), (100.0, Counts(10, in_flight=2))):
        pace.see(now, counts, 2)
        assert pace.text(now, counts, 2) == ""
    for index in range(4):
        left.add(index, 30.0, succeeded=True)
    counts = Counts(10, done=4, in_flight=2)
    pace.see(160.0, counts, 2)
    assert pace.text(160.0, counts, 2) == "4.0 runs/min, 75 s left"


def test_the_times_of_steps_are_shown_as_far_as_there_is_room() -> None:
    pace = Pace()
    timings = {"RenderParticlesTogether.real": 8.0, "RelaxCollisions": 1.0, "reset": 0.001}
    pace.add(outcome(timings, publish_seconds=1.0))
    assert pace.steps(80) == "real 80 %, relax collisions 10 %, publish 10 %"
    assert pace.steps(40) == "real 80 %, relax collisions 10 %"
    assert pace.steps(5) == ""
    assert Pace().steps(80) == ""


def test_plain_progress_is_lines_at_a_bounded_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    now = [0.0]
    monkeypatch.setattr(orchestrator.execution.progress, "_own_stdout", lambda: stream)
    monkeypatch.setattr(orchestrator.execution.progress.time, "monotonic", lambda: now[0])
    progress = orchestrator.execution.progress.PlainProgress()
    for second in range(31):
        now[0] = float(second)
        progress.outcome(outcome({"RenderParticlesTogether.stylized_xray": 1.0, "Relax": 0.2}))
        progress.update(Counts(100, done=second, in_flight=2), 2)
    progress.update(Counts(100, done=99, failed=1), 2)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[1].startswith("10/100 runs done, 0 failed, 2 in flight, 2 workers, 60.0 runs/min")
    assert lines[1].endswith("; stylized_xray 83 %, relax 17 %")
    assert max(map(len, lines)) < 120
    assert lines[-1].startswith("100/100 runs done, 1 failed")


def test_an_output_has_one_driver(tmp_path: Path) -> None:
    output = open_storage(str(tmp_path))
    refused = pytest.raises(OutputLockedError, match=r"in use by process \d+ on ")
    with exclusive(output), refused, exclusive(output):
        pass
    with exclusive(output):
        pass
