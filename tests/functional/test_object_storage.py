"""Sweeps whose output is an S3 bucket, on a real S3 server on loopback."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.blender

LOG, SLEEP = (f"synth_chain.rendering_steps.{index}" for index in (1, 2))
SECRET = "vErYsEcReTkEy0123456789"
"""The key of the fixture `bucket`."""

type Bucket = Any
type Orchestrate = Callable[..., Any]
type Spawn = Callable[..., subprocess.Popen[str]]
type CheapSweep = Callable[..., Path]


def audit(bucket: Bucket, prefix: str, count: int) -> list[dict[str, Any]]:
    """Check that every run is there once and whole."""
    objects = bucket.objects(prefix)
    table = pq.read_table(f"bucket/{prefix}/manifest", filesystem=bucket.files)
    rows: list[dict[str, Any]] = sorted(table.to_pylist(), key=lambda row: row["index"])
    assert [row["index"] for row in rows] == list(range(count))
    assert {row["status"] for row in rows} == {"succeeded"}
    for row in rows:
        for file in row["files"]:
            assert hashlib.sha256(objects[file["path"]]).hexdigest() == file["sha256"]
        assert f"runs/{row['run_id']}/record.json" in objects
    folders = {name.split("/")[1] for name in objects if name.startswith("runs/")}
    assert folders == {row["run_id"] for row in rows}
    particles = pq.read_table(f"bucket/{prefix}/particles", filesystem=bucket.files)
    assert set(particles["run_id"].to_pylist()) == folders
    assert not [name for name, data in objects.items() if not data], "an empty object"
    return rows


def images(row: dict[str, Any]) -> dict[str, str]:
    """Return the checksums of a run's images; Blender writes other bytes into each scene."""
    return {file["path"]: file["sha256"] for file in row["files"] if file["width"] is not None}


def test_everything_works_on_a_bucket_as_on_a_folder(
    bucket: Bucket,
    orchestrate: Orchestrate,
    tiny_sweep: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uri = "s3://bucket/all/here"
    arguments = [tiny_sweep, "--output", uri, "--executor", "inline", "--no-mlflow"]
    done = orchestrate(*arguments, "--json", **bucket.environment)
    assert done.code == 0, done.out + done.err
    rows = audit(bucket, "all/here", 4)
    assert {"real", "depth", "instances"} <= {file["mode"] for file in rows[0]["files"]}

    again = orchestrate(*arguments, "--json", **bucket.environment)
    assert (again.code, again.json["executed"]) == (0, 0), again.err
    told = orchestrate("status", uri, "--json", **bucket.environment)
    assert (told.json["succeeded"], told.json["left"]) == (4, 0), told.err
    assert orchestrate("compact", uri, **bucket.environment).code == 0
    assert orchestrate("verify", uri, **bucket.environment).code == 0

    with monkeypatch.context() as elsewhere:
        elsewhere.chdir(tmp_path)
        shown = orchestrate("show", uri, "1", **bucket.environment)
    assert shown.out == f"{tmp_path}/here-{rows[1]['run_id']}.png\n", shown.err
    kept = orchestrate("show", uri, "--to", "s3://bucket/shown/all.png", **bucket.environment)
    assert kept.out == "s3://bucket/shown/all.png\n", kept.err
    for picture in (Path(shown.out.strip()).read_bytes(), bucket.objects("shown")["all.png"]):
        assert picture.startswith(b"\x89PNG")

    broken = f"bucket/all/here/runs/{rows[1]['run_id']}/real.png"
    with bucket.files.open_output_stream(broken) as stream:
        stream.write(b"broken")
    found = orchestrate("verify", uri, "--json", **bucket.environment)
    assert list(found.json["damaged"]) == [rows[1]["run_id"]], found.err
    mended = orchestrate(*arguments, "--json", **bucket.environment)
    assert (mended.code, mended.json["executed"]) == (0, 1), mended.err
    assert images(audit(bucket, "all/here", 4)[1]) == images(rows[1])


@pytest.mark.parametrize("option", ["--output ", "--output="])
def test_no_credentials_are_written_anywhere(
    option: str, bucket: Bucket, orchestrate: Orchestrate, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    endpoint = bucket.environment["AWS_ENDPOINT_URL"].removeprefix("http://")
    uri = f"s3://somebody:{SECRET}@bucket/secret?scheme=http&endpoint_override={endpoint}"
    tracking = f"sqlite:///{tmp_path}/mlflow.db"
    sweep = cheap_sweep(2, "synth_chain.rendering_steps.0.kind=none,raise")
    arguments = [*f"{option}{uri}".split(), "--executor", "inline", "--tracking-uri", tracking]
    done = orchestrate(sweep, *arguments, "--max-attempts", "1", "--retry-failed", "--json")
    assert done.code == 1, done.out + done.err
    assert SECRET not in done.out + done.err
    shown = f"s3://***@bucket/secret?scheme=http&endpoint_override={endpoint}"
    assert shown in done.out  # in the command that takes failed runs again
    objects = bucket.objects("secret")
    assert len(objects) > 10
    assert [name for name, data in objects.items() if SECRET.encode() in data] == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


@pytest.mark.ray
def test_a_store_that_is_away_for_a_while_costs_time_and_nothing_else(
    bucket: Bucket, spawn: Spawn, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    sweep = cheap_sweep(12, f"{LOG}.file={log}", f"{SLEEP}.seconds=0.3")
    process = spawn(
        sweep, "--output", "s3://bucket/away", "--no-mlflow", "--workers", "1", **bucket.environment
    )
    while not log.exists() or len(log.read_text().splitlines()) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    bucket.cut()
    time.sleep(8)
    bucket.connect()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert {row["attempts"] for row in audit(bucket, "away", 12)} == {1}
    assert len(log.read_text().splitlines()) == 12


def test_a_driver_keeps_others_away_and_once_killed_resumes(
    bucket: Bucket, spawn: Spawn, orchestrate: Orchestrate, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    log, until = tmp_path / "log", tmp_path / "until"
    seconds = ",".join(map(str, (0.0, 0.001, *range(600, 604))))  # the third run waits
    sweep = cheap_sweep(
        1, f"{LOG}.file={log}", f"{SLEEP}.seconds={seconds}", f"+{SLEEP}.until={until}"
    )
    arguments = [sweep, "--output", "s3://bucket/killed", "--no-mlflow", "--executor", "inline"]
    process = spawn(*arguments, **bucket.environment)
    while not log.exists() or len(log.read_text().splitlines()) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    second = orchestrate(*arguments, **bucket.environment)
    assert second.code == 2, second.out + second.err
    assert f"s3://bucket/killed is in use by process {process.pid} on " in second.err
    told = orchestrate("status", "s3://bucket/killed", "--json", **bucket.environment)
    assert told.json["driver"].startswith(f"process {process.pid} on ")
    process.kill()
    process.communicate()
    until.touch()
    last = orchestrate(sweep, "--dry-run").out.splitlines()[-2].split()[1]
    # What an upload that was cut short leaves: some files and no record.
    with bucket.files.open_output_stream(f"bucket/killed/runs/{last}/stripes.png") as stream:
        stream.write(b"half")
    done = orchestrate(*arguments, **bucket.environment)
    assert done.code == 0, done.out + done.err
    audit(bucket, "killed", 6)


@pytest.mark.slow
def test_a_driver_that_lost_its_lease_stops_and_writes_nothing_more(
    bucket: Bucket, spawn: Spawn, orchestrate: Orchestrate, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    sweep = cheap_sweep(200, f"{LOG}.file={log}", f"{SLEEP}.seconds=0.3")
    arguments = [sweep, "--output", "s3://bucket/lost", "--no-mlflow", "--executor", "inline"]
    process = spawn(*arguments, **bucket.environment)
    while not log.exists() or len(log.read_text().splitlines()) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    other = {"process": 1, "machine": "elsewhere", "token": "t", "until": time.time() + 3600}
    with bucket.files.open_output_stream("bucket/lost/.lock") as stream:
        stream.write(json.dumps(other).encode())
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    lost = "this sweep lost its hold on s3://bucket/lost: process 1 on elsewhere has it now"
    assert lost in err
    left = bucket.objects("lost")
    assert json.loads(left[".lock"]) == other
    told = orchestrate("status", "s3://bucket/lost", "--json", **bucket.environment)
    assert told.json["driver"] == "process 1 on elsewhere", told.err
    assert bucket.objects("lost") == left
    bucket.files.delete_file("bucket/lost/.lock")
    done = orchestrate(*arguments, "--limit", "20", **bucket.environment)
    assert done.code == 0, done.out + done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--output=s3://somebody:{}@/x"],
        ["--output", "s3://somebody:{}@bucket/x y?secret_key={}"],
        ["--output", "s4://somebody:{}@bucket/x", "--debug"],
        ["--outptu=s3://somebody:{}@bucket/x"],
        ["--tracking-uri", "htps://me:{}@host"],
        ["--address=ray://me:{}@host:1", "--limit", "x"],
        ["https://me:{}@host"],
    ],
)
def test_no_mistake_shows_a_credential(
    arguments: list[str], orchestrate: Orchestrate, cheap_sweep: CheapSweep
) -> None:
    given = [argument.replace("{}", SECRET) for argument in arguments]
    done = orchestrate(cheap_sweep(1), *given, AWS_SECRET_ACCESS_KEY=SECRET)
    assert done.code == 2, done.out + done.err
    assert SECRET not in done.out + done.err


def test_a_store_that_is_not_there_is_told_of_at_once(
    orchestrate: Orchestrate, cheap_sweep: CheapSweep, free_port: Callable[[], int]
) -> None:
    environment = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    environment |= {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": SECRET}
    start = time.monotonic()
    done = orchestrate(
        cheap_sweep(1), "--output", "s3://bucket/x", "--executor", "inline", **environment
    )
    assert time.monotonic() - start < 60
    assert done.code == 2, done.out + done.err
    assert "output: s3://bucket/x can't be written: " in done.err
    assert SECRET not in done.err
