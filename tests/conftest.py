from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import pytest
import yaml
from filelock import FileLock
from pyarrow.fs import FileSelector, S3FileSystem

from scene.errors import MissingLibraryError
from scene.machine.libraries import load_libraries
from tests.warm import CommandLine, Warm

TESTING = Path(__file__).parents[1] / "blendsweep" / "testing"
CHEAP_STEPS = "synth_chain.rendering_steps"


def pytest_configure(config: pytest.Config) -> None:
    """Stop at once, with one sentence, where Blender can't be loaded."""
    if hasattr(config, "workerinput"):
        return  # pytest-xdist's workers: whoever started them has checked
    try:
        load_libraries()
    except MissingLibraryError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give pytest-xdist the files that wait longest first; short ones fill the end."""
    if not hasattr(config, "workerinput"):
        return
    ranks: dict[Path, int] = {}
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        rank = 0 if "ray" in marks else 1 if "blender" in marks else 2
        ranks[item.path] = min(rank, ranks.get(item.path, 2))
    items.sort(key=lambda item: ranks[item.path])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a browser where there is none; where CI is set, that is a failure."""
    if item.get_closest_marker("browser") is None:
        return
    from bench.mlflow_ui import NoBrowserError, chromium

    try:
        chromium()
    except NoBrowserError as error:
        if os.environ.get("CI", "").lower() in {"", "0", "false"}:
            pytest.skip(str(error))
        pytest.fail(f"{error}; only where CI is not set may these tests be skipped", pytrace=False)


@pytest.fixture(scope="session")
def probe_plugins() -> Path:
    """Folder of the plugin package ``probe`` with cheap and faulty steps."""
    return TESTING / "plugins"


@pytest.fixture(scope="session")
def cheap_recipe() -> Path:
    """A recipe of two beads whose only steps of rendering are those of ``probe``."""
    return TESTING / "cheap.yaml"


@pytest.fixture(scope="session")
def prototype_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a library of prototypes, written by Blender in a process of its own, once."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent  # that of all workers
    folder = shared / "prototype_library"
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            unfinished = folder.with_suffix(".partial")
            command = [sys.executable, "-m", "tests.prototype_library", str(unfinished)]
            subprocess.run(command, check=True, capture_output=True, cwd=TESTING.parents[1])
            unfinished.rename(folder)
    return folder


RAY_CLUSTER = """
import json
import sys
from ray.cluster_utils import Cluster

store = {"object_store_memory": 80 * 2**20}
head, *others = json.loads(sys.argv[1])
cluster = Cluster(initialize_head=True, head_node_args=head | store | {"include_dashboard": False})
nodes = [cluster.head_node, *(cluster.add_node(**node, **store) for node in others)]
cluster.wait_for_nodes()
print("ADDRESS", cluster.address, flush=True)
for line in sys.stdin:
    cluster.remove_node(nodes[int(line)], allow_graceful=False)
cluster.shutdown()
"""


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A Ray cluster of several nodes on this machine."""

    address: str
    process: subprocess.Popen[str]

    def kill_node(self, index: int) -> None:
        """Kill a node's processes; the head is node 0."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{index}\n")
        self.process.stdin.flush()


@contextmanager
def started_cluster(*nodes: dict[str, object]) -> Iterator[RayCluster]:
    """Start a cluster in a process of its own.

    Shutting down a Ray that a test embeds would otherwise take it along. Ray gives a node 30
    seconds to start, which a busy machine may not manage at the first try.
    """
    with tempfile.TemporaryFile("w+") as errors:
        cluster = _cluster(nodes, errors) or _cluster(nodes, errors)
        if cluster is None:
            errors.seek(0)
            raise RuntimeError(f"no Ray cluster came up: {errors.read()[-2000:]}")
        with cluster.process:
            yield cluster
            cluster.process.communicate(timeout=60)


def _cluster(nodes: Sequence[dict[str, object]], errors: IO[str]) -> RayCluster | None:
    process = subprocess.Popen(
        [sys.executable, "-c", RAY_CLUSTER, json.dumps(nodes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    assert process.stdout is not None
    for words in map(str.split, process.stdout):
        if words[:1] == ["ADDRESS"]:
            return RayCluster(words[1], process)
    process.communicate()
    return None


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """Address of a Ray cluster of two CPUs that all tests share."""
    with started_cluster({"num_cpus": 2, "num_gpus": 0}) as cluster:
        yield cluster.address


@pytest.fixture
def ray_cluster() -> Callable[..., AbstractContextManager[RayCluster]]:
    """Start a cluster of a test's own, head first: ``with ray_cluster({"num_cpus": 0}, ...)``."""
    return started_cluster


@pytest.fixture(autouse=True)
def _same_environment() -> Iterator[None]:
    """Put the environment back: Ray, MLflow and Blender leave variables for their children."""
    before = dict(os.environ)
    yield
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)


@dataclass(frozen=True, slots=True)
class Done:
    """A command line that has ended."""

    code: int
    out: str
    err: str

    @classmethod
    def of(cls, process: CommandLine, timeout: float = 200) -> Self:
        """Wait for its end."""
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
        return cls(process.wait(), out, err)

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found


ORCHESTRATOR = ("-m", "orchestrator")


def command(*arguments: object) -> list[str]:
    return [sys.executable, *ORCHESTRATOR, *map(str, arguments)]


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """What starts command lines at once, as many as a test likes."""
    made = Warm()
    yield made
    made.close()


@pytest.fixture(scope="session")
def orchestrate(warm: Warm) -> Callable[..., Done]:
    """Run the command line to its end."""

    def run(*arguments: object, timeout: float = 200, **environment: str) -> Done:
        process = warm.start(*ORCHESTRATOR, *arguments, environment=os.environ | environment)
        return Done.of(process, timeout)

    return run


@pytest.fixture
def spawn(warm: Warm) -> Iterator[Callable[..., CommandLine]]:
    """Start the command line; killed at the end if it still runs."""
    running: list[CommandLine] = []

    def start(*arguments: object, **environment: str) -> CommandLine:
        running.append(warm.start(*ORCHESTRATOR, *arguments, environment=os.environ | environment))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def tiny_sweep(tmp_path: Path) -> Path:
    """Four runs of the tutorial's recipe with a few beads on 48 x 48 pixels."""
    return write_sweep(
        tmp_path / "tiny.yaml",
        "spheres_sem",
        [
            "render.resolution=[48,48]",
            "render.max_samples=4",
            "synth_chain.feature_generation_steps.5.num_frames=5",
            "blueprints.particles.Bead.number=3,5",
            "initial_runtime_state.seed=range(2)",
        ],
    )


@pytest.fixture
def cheap_sweep(tmp_path: Path, cheap_recipe: Path, probe_plugins: Path) -> Callable[..., Path]:
    """Write a sweep of runs without images of note; its steps are those of ``probe``."""

    def write(count: int = 3, *overrides: str) -> Path:
        values = f"{CHEAP_STEPS}.3.value=range({count})"
        return write_sweep(
            tmp_path / "cheap.yaml", str(cheap_recipe), [*overrides, values], str(probe_plugins)
        )

    return write


def write_sweep(path: Path, recipe: str, overrides: Sequence[str], *plugins: str) -> Path:
    document = {
        "name": path.stem,
        "recipe": recipe,
        "overrides": list(overrides),
        "plugins": list(plugins),
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


S3_SECRET = "vErYsEcReTkEy0123456789"

LINE = """
import asyncio, sys

async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()

async def connect(reader, writer):
    there = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
    await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer), return_exceptions=True)

async def main():
    server = await asyncio.start_server(connect, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()

asyncio.run(main())
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


class Bucket:
    """An S3 server that keeps its objects in memory, behind a line that can be cut."""

    def __init__(self) -> None:
        self._server_port, self._port = _free_port(), _free_port()
        self._server = self._spawn(
            "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._server_port)
        )
        self._line: subprocess.Popen[bytes] | None = None
        self.connect()
        self.environment = {
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": S3_SECRET,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.files = S3FileSystem(
            access_key="somebody",
            secret_key=S3_SECRET,
            endpoint_override=f"127.0.0.1:{self._server_port}",
            scheme="http",
            allow_bucket_creation=True,
        )
        deadline = time.monotonic() + 60
        while True:
            with suppress(OSError):
                self.files.create_dir("bucket")
                return
            assert time.monotonic() < deadline, "the S3 server never came up"
            time.sleep(0.2)

    @staticmethod
    def _spawn(*arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def connect(self) -> None:
        self._line = self._spawn("-c", LINE, str(self._port), str(self._server_port))

    def cut(self) -> None:
        assert self._line is not None
        self._line.kill()
        self._line.wait()

    def close(self) -> None:
        self.cut()
        self._server.kill()
        self._server.wait()

    def objects(self, prefix: str) -> dict[str, bytes]:
        found = self.files.get_file_info(FileSelector(f"bucket/{prefix}", recursive=True))
        return {
            info.path.removeprefix(f"bucket/{prefix}/"): self.files.open_input_stream(
                info.path
            ).read()
            for info in found
            if info.is_file
        }


@pytest.fixture(scope="session")
def bucket() -> Iterator[Bucket]:
    """An S3 bucket named ``bucket``, on a real server on loopback."""
    made = Bucket()
    yield made
    made.close()


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Return a port of this machine that nobody listens on."""
    return _free_port
