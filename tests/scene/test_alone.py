"""``python -m scene``: one run without Ray, as a person calls it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECIPE = str(ROOT / "recipes" / "spheres_sem.yaml")
TINY = (
    "blueprints.particles.Bead.number=3",
    "render.resolution_percentage=5",
    "render.max_samples=2",
    "synth_chain.feature_generation_steps.5.num_frames=2",
)


def alone(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scene", *(str(argument) for argument in arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_one_run_fills_its_folder_and_tells_where_the_time_went(tmp_path: Path) -> None:
    done = alone(RECIPE, "--output", tmp_path / "out", *TINY, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "real.png").is_file()
    assert (tmp_path / "out" / "record.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert "RenderParticlesTogether.real" in done.stderr, "progress goes to the terminal"
    last = done.stdout.splitlines()[-1]
    assert last.startswith("3 particles, ")
    assert "Saved" not in done.stdout + done.stderr, "Blender's chatter is captured"


def test_wrong_input_is_a_sentence_each_and_leaves_nothing(tmp_path: Path) -> None:
    wrong = ("blueprints.particles.Beed.number=3", "render.max_samples=many")
    done = alone(RECIPE, "--output", tmp_path / "out", *wrong, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, "overrides that hit nothing come before the schema"
    assert "did you mean 'Bead'?" in done.stderr
    done = alone(RECIPE, "--output", tmp_path / "out", wrong[1], cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("expected a whole number, got 'many'")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    done = alone(RECIPE, "--output", out, *TINY, cwd=tmp_path)
    assert done.returncode == 2
    assert f"{out} exists and is not empty" in done.stderr
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_step_that_fails_leaves_nothing_half_done(tmp_path: Path) -> None:
    package = tmp_path / "plugins" / "draws"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from scene.variabilities import Variability\n"
        "class Draw(Variability):\n"
        "    def sample(self, rng, volume):\n"
        "        return None\n"
    )
    place = "process_conditions.feature_variabilities.InitialParticleLocation.variability"
    draw = f"{place}._target_=$plugins.draws.Draw"
    arguments = ["--output", tmp_path / "out", "--plugins", tmp_path / "plugins", *TINY[:3], draw]
    done = alone(RECIPE, *arguments, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "synth_chain.feature_generation_steps.4 (TriggerFeatureUpdate): " in done.stderr
    assert f"plugin class Draw in {package / '__init__.py'}: location takes 3" in done.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "plugins"]


def test_what_can_never_be_rendered_is_told_at_the_start(tmp_path: Path) -> None:
    steps = "synth_chain.feature_generation_steps=[]"
    done = alone(RECIPE, "--output", tmp_path / "out", *TINY[:3], steps, cwd=tmp_path)
    assert done.returncode == 2
    told = "synth_chain.rendering_steps.1: there are no measurement techniques to render with"
    assert told in done.stderr
    assert list(tmp_path.iterdir()) == []
