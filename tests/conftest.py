from __future__ import annotations

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


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """Address of a Ray cluster of two CPUs that all tests share."""
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
    yield cluster.address
    cluster.shutdown()
