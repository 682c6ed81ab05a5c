"""Blendsweep as `pip install` brings it: a wheel in an environment of its own, an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from scene.machine.libraries import LOADING_ORDER

ROOT = Path(__file__).parents[2]

type Blendsweep = Callable[..., subprocess.CompletedProcess[str]]


def run(*command: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"VIRTUAL_ENV", "PYTHONPATH"} and not name.startswith("UV_")
    }
    return subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd=cwd,
        env=environment,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv = os.environ.get("UV") or shutil.which("uv")
    assert uv is not None, "the tests are run by uv"
    done = run(uv, "build", "--wheel", "--out-dir", folder, ROOT)
    assert done.returncode == 0, done.stderr
    (file,) = folder.glob("blendsweep-*.whl")
    return file


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the scripts of an environment with the wheel, beside this one's other packages."""
    folder = tmp_path_factory.mktemp("environment")
    uv = os.environ.get("UV") or shutil.which("uv")
    for command in (
        ["venv", "--quiet", "--python", sys.executable, folder],
        ["pip", "install", "--quiet", "--no-deps", "--python", folder, wheel],
    ):
        done = run(uv, *command)
        assert done.returncode == 0, done.stderr
    (packages,) = folder.glob("lib/python*/site-packages")
    # Only a folder on the path: the .pth files in it, Blendsweep's own among them, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


@pytest.fixture
def blendsweep(environment: Path, tmp_path: Path) -> Blendsweep:
    """Run the console script in an empty folder."""
    return lambda *arguments: run(environment / "blendsweep", *arguments, cwd=tmp_path)


def test_the_wheel_holds_all_that_is_needed_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {
        "orchestrator",
        "scene",
        "blendsweep",
    }
    for name in (
        *(f"scene/machine/system_libraries/{library}" for library in LOADING_ORDER),
        "scene/machine/system_libraries/copyright/libx11-6",
        "scene/recipes/spheres_sem.yaml",
        "scene/recipes/BaseRecipe.yaml",
        "orchestrator/sweeps/quickstart.yaml",
        "orchestrator/sweeps/sem.yaml",
        *(f"{package}/py.typed" for package in ("blendsweep", "orchestrator", "scene")),
        "blendsweep/testing/cheap.yaml",
        "blendsweep/testing/plugins/probe/__init__.py",
    ):
        assert name in names
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["quickstart", "sem"])
def test_a_shipped_sweep_has_the_same_runs_as_in_a_clone(
    name: str, blendsweep: Blendsweep, tmp_path: Path
) -> None:
    options = ("--dry-run", "--output", str(tmp_path / "nothing-recorded"))
    done = blendsweep(name, *options)
    assert done.returncode == 0, done.stderr
    in_clone = run(sys.executable, "-m", "orchestrator", f"sweeps/{name}.yaml", *options, cwd=ROOT)
    ids = [line.split()[1] for line in done.stdout.splitlines()[:-1]]
    assert len(ids) > 3
    assert ids == [line.split()[1] for line in in_clone.stdout.splitlines()[:-1]]
    assert list(tmp_path.iterdir()) == []


SMALL: Sequence[str] = (
    "render.resolution_percentage=5",
    "render.max_samples=4",
    "synth_chain.feature_generation_steps.5.num_frames=5",
    "blueprints.particles.Bead.number=3",
)


@pytest.mark.blender
def test_the_quickstart_renders_in_an_empty_folder(blendsweep: Blendsweep, tmp_path: Path) -> None:
    options = ("--limit", "1", "--executor", "inline", "--no-mlflow", "--json")
    done = blendsweep("quickstart", *SMALL, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["succeeded"] == 1
    (image,) = tmp_path.glob("outputs/quickstart/runs/*/real.png")
    assert image.stat().st_size > 0
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]


@pytest.mark.blender
def test_the_library_runs_the_quickstart_in_an_empty_folder(
    environment: Path, tmp_path: Path
) -> None:
    code = (
        "import sys, blendsweep as bs\n"
        "options = {'limit': 1, 'executor': 'inline', 'mlflow': False}\n"
        "result = bs.run('quickstart', sys.argv[1:], **options)\n"
        "(run,) = result.data.runs(status='succeeded')\n"
        "print(bs.__file__, run.image('real').shape)\n"
    )
    done = run(environment / "python", "-c", code, *SMALL, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    file, shape = done.stdout.split(maxsplit=1)
    assert Path(file).is_relative_to(environment.parent)
    assert shape.strip() == "(48, 48)"
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]


def test_a_sweep_of_ones_own_finds_the_shipped_recipe(
    blendsweep: Blendsweep, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text("recipe: spheres_sem\n")
    done = blendsweep("mine.yaml", "--dry-run")
    assert done.returncode == 0, done.stderr
    (tmp_path / "mine.yaml").write_text("recipe: sphere_sem\n")
    done = blendsweep("mine.yaml", "--dry-run")
    assert done.returncode == 2
    assert "unknown recipe 'sphere_sem'; did you mean 'spheres_sem'?" in done.stderr


@pytest.mark.blender
def test_one_run_alone_of_a_shipped_recipe(environment: Path, tmp_path: Path) -> None:
    arguments = ("-m", "scene", "spheres_sem", "--output", "out", *SMALL)
    done = run(environment / "python", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "real.png").is_file()
