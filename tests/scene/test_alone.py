"""``python -m scene``: one run without Ray, as a person calls it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from scene.execution.alone import PREVIEW_SAMPLES, _reduced
from scene.execution.record import RunRecord
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from tests.conftest import Done
from tests.warm import Warm

ROOT = Path(__file__).parents[2]
RECIPE = str(ROOT / "recipes" / "spheres_sem.yaml")
TINY = (
    "blueprints.particles.Bead.number=3",
    "render.resolution_percentage=5",
    "render.max_samples=2",
    "synth_chain.feature_generation_steps.5.num_frames=2",
)


type Alone = Callable[..., Done]


@pytest.fixture
def alone(warm: Warm) -> Alone:
    def run(*arguments: object, cwd: Path) -> Done:
        return Done.of(warm.start("-m", "scene", *arguments, folder=cwd))

    return run


def test_one_run_fills_its_folder_and_tells_where_the_time_went(
    alone: Alone, tmp_path: Path
) -> None:
    done = alone(RECIPE, "--output", tmp_path / "out", *TINY, cwd=tmp_path)
    assert done.code == 0, done.err
    assert (tmp_path / "out" / "real.png").is_file()
    assert (tmp_path / "out" / "record.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert "RenderParticlesTogether.real" in done.err, "progress goes to the terminal"
    last = done.out.splitlines()[-1]
    assert last.startswith("3 particles, ")
    assert last.endswith(f"all images in {tmp_path / 'out' / 'preview.jpg'}")
    record = RunRecord.from_json((tmp_path / "out" / "record.json").read_text())
    drawn = dict(re.findall(r"^(\w+): (.*)\n    from \w+: \w+\(", done.out, re.MULTILINE))
    assert {"dimensions", "location", "defocus", "patch_seed"} <= drawn.keys()
    assert float(drawn["defocus"]) == pytest.approx(record.features["defocus"], rel=1e-3)
    sizes = record.particles["dimensions_x"]
    assert drawn["dimensions"].startswith(f"{min(sizes):.4g} to {max(sizes):.4g}, mean ")
    assert f"x {min(record.particles['initial_location_x']):.4g} to " in drawn["location"]
    assert "Saved" not in done.out + done.err, "Blender's chatter is captured"


@pytest.mark.usefixtures("session")  # imports Blender so that the search path stays as it is
def test_a_dry_run_leaves_its_bodies_and_their_motion(alone: Alone, tmp_path: Path) -> None:
    import bpy

    dry = "+synth_chain.feature_generation_steps.5.dry_run=true"
    done = alone(RECIPE, "--output", tmp_path / "out", *TINY, dry, cwd=tmp_path)
    assert (done.code, done.err.splitlines()[-1]) == (1, "dry run")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["dry_run.blend"]
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out" / "dry_run.blend"))
    scene = bpy.context.scene
    bodies = [made for made in scene.rigidbody_world.collection.objects if made.rigid_body]
    assert sorted(made.rigid_body.type for made in bodies) == ["ACTIVE"] * 3 + ["PASSIVE"]
    assert scene.rigidbody_world.point_cache.frame_end == 3
    heights = []
    for frame in (1, 3):
        scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        heights.append(bodies[0].evaluated_get(graph).matrix_world.translation.z)
    assert heights[1] < heights[0]


def test_colours_are_blenders_own(warm: Warm, tmp_path: Path) -> None:
    images = []
    for number, colours in enumerate([{}, {"OCIO": "ocio://cg-config-latest"}]):
        arguments = (RECIPE, "--output", tmp_path / str(number), *TINY)
        done = Done.of(
            warm.start("-m", "scene", *arguments, environment=os.environ | colours, folder=tmp_path)
        )
        assert done.code == 0, done.err
        assert "OCIO" not in done.out + done.err
        images.append((tmp_path / str(number) / "real.png").read_bytes())
    assert images[0] == images[1]


def test_the_preview_is_the_one_that_a_sweeps_run_has(
    alone: Alone, orchestrate: Callable[..., Done], tmp_path: Path
) -> None:
    sweep = tmp_path / "one.yaml"
    sweep.write_text(yaml.safe_dump({"recipe": "spheres_sem", "overrides": [*TINY]}))
    assert alone(RECIPE, "--output", tmp_path / "out", *TINY, cwd=tmp_path).code == 0
    arguments = [sweep, "--output", tmp_path / "swept", "--executor", "inline", "--no-mlflow"]
    assert orchestrate(*arguments).code == 0
    (swept,) = (tmp_path / "swept" / "runs").glob("*/preview.jpg")
    assert (tmp_path / "out" / "preview.jpg").read_bytes() == swept.read_bytes()


def test_a_quick_preview_is_one_small_file_that_is_replaced(alone: Alone, tmp_path: Path) -> None:
    cheap = [text for text in TINY if not text.startswith("render")]
    file = tmp_path / "look.jpg"
    for number in (3, 5):
        more = (*cheap[1:], f"blueprints.particles.Bead.number={number}", "render.max_samples=1")
        done = alone(RECIPE, "--preview", file, *more, cwd=tmp_path)
        assert done.code == 0, done.err
        assert done.out.endswith(f"; {file}\n")
        with Image.open(file) as image:
            assert image.width > 1500, "all modes side by side"
    assert f"{number} particles" in done.out
    assert [path.name for path in tmp_path.iterdir()] == ["look.jpg"]


def test_what_a_preview_reduces_is_up_to_the_overrides() -> None:
    document = Composition(Path(RECIPE)).resolve([])
    recipe = parse(document, RECIPE, Registry([]))
    assert _reduced(document, recipe, [])["render"] == document["render"] | {
        "resolution_percentage": 25,
        "max_samples": PREVIEW_SAMPLES,
    }
    asked = ["render.max_samples=99", "+render.resolution_percentage=50"]
    assert _reduced(document, recipe, asked) == document


def test_a_preview_too_small_for_a_data_bar_has_none() -> None:
    """The recipe's own images have one."""
    for width, place in ((960, "below"), (300, "none")):
        given = ["render.data_bar=below", f"render.resolution=[{width},960]"]
        document = Composition(Path(RECIPE)).resolve(given)
        render = _reduced(document, parse(document, RECIPE, Registry([])), [])["render"]
        assert render["data_bar"] == place
        assert render["resolution_percentage"] == 25


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "give either --output DIR or --preview FILE.jpg"),
        (["--output", "out", "--preview", "a.jpg"], "give either"),
        (["--preview", "a.png"], "a.png names no JPEG"),
        (["--preview", "none/a.jpg"], "there is no folder"),
    ],
)
def test_where_to_is_checked_before_anything_starts(
    options: list[str], told: str, alone: Alone, tmp_path: Path
) -> None:
    done = alone(RECIPE, *options, *TINY, cwd=tmp_path)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert told in done.err
    assert list(tmp_path.iterdir()) == []


def test_wrong_input_is_a_sentence_each_and_leaves_nothing(alone: Alone, tmp_path: Path) -> None:
    wrong = ("blueprints.particles.Beed.number=3", "render.max_samples=many")
    done = alone(RECIPE, "--output", tmp_path / "out", *wrong, cwd=tmp_path)
    assert done.code == 2
    assert done.err.count("\n") == 1, "overrides that hit nothing come before the schema"
    assert "did you mean 'Bead'?" in done.err
    done = alone(RECIPE, "--output", tmp_path / "out", wrong[1], cwd=tmp_path)
    assert done.code == 2
    assert done.err.strip().endswith("expected a whole number, got 'many'")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(alone: Alone, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    done = alone(RECIPE, "--output", out, *TINY, cwd=tmp_path)
    assert done.code == 2
    assert f"{out} exists and is not empty" in done.err
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_step_that_fails_leaves_nothing_half_done(alone: Alone, tmp_path: Path) -> None:
    package = tmp_path / "plugins" / "draws"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from scene.specimen.distributions import Distribution\n"
        "class Draw(Distribution):\n"
        "    def sample(self, rng, volume):\n"
        "        return None\n"
    )
    place = "process_conditions.feature_variabilities.InitialParticleLocation.variability"
    draw = f"{place}._target_=$plugins.draws.Draw"
    arguments = ["--output", tmp_path / "out", "--plugins", tmp_path / "plugins", *TINY[:3], draw]
    done = alone(RECIPE, *arguments, cwd=tmp_path)
    assert done.code == 1, done.err
    assert "synth_chain.feature_generation_steps.4 (TriggerFeatureUpdate): " in done.err
    assert f"plugin class Draw in {package / '__init__.py'}: location takes 3" in done.err
    assert list(tmp_path.iterdir()) == [tmp_path / "plugins"]


def test_what_can_never_be_rendered_is_told_at_the_start(alone: Alone, tmp_path: Path) -> None:
    steps = "synth_chain.feature_generation_steps=[]"
    done = alone(RECIPE, "--output", tmp_path / "out", *TINY[:3], steps, cwd=tmp_path)
    assert done.code == 2
    told = "synth_chain.rendering_steps.1: there are no measurement techniques to render with"
    assert told in done.err
    assert list(tmp_path.iterdir()) == []
