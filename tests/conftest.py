from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


@pytest.fixture(scope="session")
def probe_plugins() -> Path:
    """Folder of the plugin package ``probe`` with cheap and faulty steps."""
    return TESTS / "plugins"


@pytest.fixture(scope="session")
def cheap_recipe() -> Path:
    """A recipe of two beads whose only steps of rendering are those of ``probe``."""
    return TESTS / "recipes" / "cheap.yaml"


RAY_HEAD = """
import sys
from ray.cluster_utils import Cluster

cluster = Cluster(
    initialize_head=True,
    head_node_args={
        "num_cpus": 2,
        "num_gpus": 0,
        "object_store_memory": 80 * 2**20,
        "include_dashboard": False,
    },
)
print("ADDRESS", cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """Address of a Ray cluster of two CPUs that all tests share.

    It has a process of its own: shutting down a Ray that a test embeds would otherwise take it
    along.
    """
    with subprocess.Popen(
        [sys.executable, "-c", RAY_HEAD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as head:
        assert head.stdout is not None
        lines = (line.split() for line in head.stdout)
        yield next(words[1] for words in lines if words[:1] == ["ADDRESS"])
        head.communicate(timeout=60)


@pytest.fixture(autouse=True)
def _same_environment() -> Iterator[None]:
    """Put the environment back: Ray, MLflow and Blender leave variables for their children."""
    before = dict(os.environ)
    yield
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)
