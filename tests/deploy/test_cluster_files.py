"""What is shipped for clusters, held against Ray's and the clouds' own checks."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).parents[2]
CLUSTERS = ["cluster.yaml", "deploy/cluster-gcp.yaml"]

type Document = dict[str, Any]


def read(name: str) -> Document:
    document: Document = yaml.safe_load((TOP / name).read_text(encoding="utf-8"))
    return document


@pytest.fixture
def prepare() -> Callable[[str], Document]:
    """Complete a cluster file as ``ray up`` does, and check it against Ray's schema."""

    def prepared(name: str) -> Document:
        from ray.autoscaler._private.util import prepare_config, validate_config

        config: Document = prepare_config(read(name))
        validate_config(config)
        return config

    return prepared


@pytest.mark.parametrize("name", CLUSTERS)
def test_ray_takes_the_cluster_file(name: str, prepare: Callable[[str], Document]) -> None:
    config = prepare(name)
    types = config["available_node_types"]
    assert types["head"]["resources"] == {"CPU": 0}
    assert types["head"]["max_workers"] == 0
    for kind in ("gpu_spot", "gpu_on_demand"):
        assert types[kind]["resources"] == {"CPU": 4, "GPU": 1}
        assert types[kind]["min_workers"] == 0
    assert config["idle_timeout_minutes"] > 0
    assert config["setup_commands"] == config["worker_setup_commands"] == []
    assert any("/var/cache/blendsweep" in text for text in config["docker"]["run_options"])


def test_a_cluster_file_with_a_typing_error_is_refused() -> None:
    from jsonschema import ValidationError
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = read("cluster.yaml")
    config["idle_timeout_minutes"] = "five"
    with pytest.raises(ValidationError):
        validate_config(prepare_config(config))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """AWS as moto plays it; Ray keeps the key pair that it makes in the home folder."""
    from moto import mock_aws

    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of botocore
@pytest.mark.usefixtures("aws")
def test_aws_starts_the_nodes_of_the_cluster_file(prepare: Callable[[str], Document]) -> None:
    import boto3
    from ray.autoscaler._private.aws.config import bootstrap_aws
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
    from ray.autoscaler.tags import TAG_RAY_NODE_KIND, TAG_RAY_USER_NODE_TYPE

    iam = boto3.client("iam")
    for profile in ("blendsweep-head", "blendsweep-worker"):
        iam.create_instance_profile(InstanceProfileName=profile)
    config = bootstrap_aws(prepare("cluster.yaml"))
    types = config["available_node_types"]
    assert types["gpu_spot"]["node_config"]["SubnetIds"]
    assert types["gpu_spot"]["node_config"]["SecurityGroupIds"]
    assert types["head"]["node_config"]["IamInstanceProfile"]["Name"] == "blendsweep-head"

    provider = AWSNodeProvider(config["provider"], config["cluster_name"])
    for kind in ("gpu_spot", "gpu_on_demand"):
        node_config = types[kind]["node_config"]
        node_config["ImageId"] = boto3.client("ec2").describe_images()["Images"][0]["ImageId"]
        tags = {TAG_RAY_NODE_KIND: "worker", TAG_RAY_USER_NODE_TYPE: kind}
        provider.create_node(node_config, tags, 1)
    instances = [
        instance
        for reservation in boto3.client("ec2").describe_instances()["Reservations"]
        for instance in reservation["Instances"]
    ]
    assert len(instances) == 2
    assert {instance["InstanceType"] for instance in instances} == {"g5.xlarge"}
    assert sorted(instance.get("InstanceLifecycle", "") for instance in instances) == ["", "spot"]


def test_the_ray_job_is_what_kuberay_expects() -> None:
    job = read("deploy/rayjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]
    cluster = spec["rayClusterSpec"]
    assert cluster["enableInTreeAutoscaling"] is True
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    groups = cluster["workerGroupSpecs"]
    assert len({group["groupName"] for group in groups}) == len(groups) == 2
    for group in groups:
        assert group["minReplicas"] == 0 < group["maxReplicas"]
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    images = {
        container["image"]
        for group in [cluster["headGroupSpec"], *groups]
        for container in group["template"]["spec"]["containers"]
    }
    assert images == {read("cluster.yaml")["docker"]["image"]}


def test_the_ray_version_is_the_locked_one() -> None:
    locked = re.search(r"^ray(?:\[\w+\])?==(\S+)", requirements(), re.MULTILINE)
    assert locked is not None
    assert read("deploy/rayjob.yaml")["spec"]["rayClusterSpec"]["rayVersion"] == locked[1]


def requirements() -> str:
    return (TOP / "deploy" / "requirements.txt").read_text(encoding="utf-8")


def test_the_commands_in_the_files_are_ours() -> None:
    entry = shlex.split(read("deploy/rayjob.yaml")["spec"]["entrypoint"])
    assert entry[:3] == ["python", "-m", "orchestrator"]
    assert (TOP / entry[3]).is_file()


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions as (name, arguments)."""
    text = (TOP / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines()]


def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    command = [linter, "--no-color", TOP / "deploy" / "Dockerfile"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_image_installs_packages_by_their_hashes() -> None:
    runs = " ".join(arguments for name, arguments in instructions() if name == "RUN")
    assert "--require-hashes" in runs


def test_the_image_copies_what_there_is_and_runs_without_root() -> None:
    found = instructions()
    for name, arguments in found:
        if name == "COPY":
            *sources, _ = arguments.split()
            assert all((TOP / source).exists() for source in sources), arguments
    names = [name for name, _ in found]
    assert names[0] == "FROM"
    assert ("USER", "1000") in found
    assert "RUN" not in names[names.index("USER") :]
