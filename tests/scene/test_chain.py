"""Whole recipes, executed by a real Blender."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
import yaml
from PIL import Image

from scene.errors import StepError
from scene.execution.record import RunRecord
from scene.imaging.files import RECORD_FILE
from scene.imaging.modes import category_color
from scene.imaging.quality import quality
from scene.prototypes.library.stl import stl_triangles
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry

from .conftest import particles_in

if TYPE_CHECKING:
    from scene.blender.session import Session

ROOT = Path(__file__).parents[2]
STEPS = "synth_chain.feature_generation_steps"
RENDER = "synth_chain.rendering_steps"
SMALL = (
    "blueprints.particles.Bead.number=30",
    "render.resolution_percentage=8",
    "render.max_samples=4",
    f"{STEPS}.5.num_frames=20",
)

type Execute = Callable[..., RunRecord]


@pytest.fixture(scope="module")
def execute(session: Session) -> Execute:
    """Execute the tutorial's recipe, small, with further overrides, into a new folder."""
    from scene.execution import chain

    composition = Composition(ROOT / "recipes" / "spheres_sem.yaml")

    def run(output: Path, *overrides: str, plugins: Path | None = None) -> RunRecord:
        registry = Registry([plugins] if plugins else [])
        resolved = composition.resolve([*SMALL, *overrides])
        output.mkdir()
        with session.captured():
            return chain.execute(parse(resolved, "r.yaml", registry), session, output)

    return run


def test_a_run_has_as_many_particles_as_it_drew(execute: Execute, tmp_path: Path) -> None:
    number = "{_target_: $builtins.UniformDistributionInt, low: 2, high: 6}"
    for seed in (0, 1):
        overrides = (
            f"blueprints.particles.Bead.number={number}",
            f"initial_runtime_state.seed={seed}",
        )
        record = execute(
            tmp_path / str(seed), *overrides, f"{RENDER}=[]", f"{STEPS}.5.num_frames=5"
        )
        drawn = record.variabilities["blueprints.particles.Bead.number"]
        assert 2 <= drawn <= 6
        assert len(record.particles["particle_id"]) == drawn


def checksums(record: RunRecord) -> dict[str, str]:
    return {file.path: file.sha256 for file in record.files}


def array(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def test_the_tutorials_recipe_writes_what_is_promised(execute: Execute, tmp_path: Path) -> None:
    out = tmp_path / "run"
    record = execute(out)
    assert {p.name for p in out.iterdir()} == {
        "real.png",
        "categorical.png",
        "instances.png",
        "depth_map.png",
        "depth.tiff",
        "normal_map.png",
        "stylized.png",
        "stylized_xray.png",
        "state.blend",
        "state.yaml",
        "recipe.yaml",
        "record.json",
        "preview.jpg",
    }
    for file in record.files:
        content = (out / file.path).read_bytes()
        assert file.sha256 == hashlib.sha256(content).hexdigest()
        assert file.bytes == len(content)
    shapes = {"real.png": (76, 76), "categorical.png": (76, 76, 3), "normal_map.png": (76, 76, 3)}
    for name, shape in shapes.items():
        image = array(out / name)
        assert image.dtype == np.uint8
        assert image.shape == shape
        assert image.std() > 5, f"{name} shows nothing"
    assert RunRecord.from_json((out / RECORD_FILE).read_text()) == record
    assert record.pixel_size_nm == pytest.approx(96.0 / 76 * 1000)
    for name in shapes:
        with Image.open(out / name) as image:
            assert float(image.info["pixel_size_nm"]) == record.pixel_size_nm
    sizes = [1000 * side for side in record.particles["dimensions_x"]]
    assert record.particles["equivalent_diameter_nm"] == pytest.approx(sizes)
    measured = quality(array(out / "real.png"), array(out / "instances.png"))
    assert record.quality == asdict(measured)
    assert None not in record.quality.values()
    assert set(record.timings) >= {
        "reset",
        "build",
        "InvokeBlueprints",
        "RelaxCollisions",
        "SaveState",
        "RenderParticlesTogether.real",
    }


def test_settled_spheres_are_rendered_where_they_lie(execute: Execute, tmp_path: Path) -> None:
    of_relaxation = ("collision_shape", "use_gravity", "gravity", "num_frames")
    record = execute(
        tmp_path / "run",
        f"{STEPS}.5._target_=$builtins.SettleSpheres",
        *(f"~{STEPS}.5.{parameter}" for parameter in of_relaxation),
        "blueprints.particles.Bead.number=150",
        f"{RENDER}=[{{_target_: $builtins.RenderParticlesTogether, rendering_mode: depth_map}}]",
    )
    table = {name: np.array(values) for name, values in record.particles.items()}
    places = np.stack([table[f"location_{axis}"] for axis in "xyz"], axis=1)
    gaps = np.linalg.norm(places[:, None] - places, axis=-1)
    np.fill_diagonal(gaps, np.inf)
    radii = table["dimensions_x"] / 2
    assert (gaps >= radii[:, None] + radii - 0.003 * radii.max()).all()
    assert (table["initial_location_z"] > places[:, 2] - 1e-4).mean() > 0.9
    assert np.median(places[:, 2] - radii) < 1e-3
    assert (table["visible_pixels"] > 0).sum() > 80
    assert "SettleSpheres" in record.timings


def test_all_ground_truth_agrees_with_the_particles_table(execute: Execute, tmp_path: Path) -> None:
    out = tmp_path / "run"
    record = execute(out)
    ids = array(out / "instances.png")
    assert ids.dtype == np.uint16
    table = record.particles
    assert table["particle_id"] == list(range(1, 31))
    seen = {key: n for key, n in zip(*np.unique(ids, return_counts=True), strict=True) if key}
    assert {i: n for i, n in enumerate(table["visible_pixels"], 1) if n} == seen
    assert record.visible_particles == len(seen)
    assert record.coverage == pytest.approx((ids > 0).mean())
    colors = array(out / "categorical.png")
    for particle_id in seen:
        color = category_color(int(particle_id))
        assert (colors[ids == particle_id] == color).all()
        assert table["category_color"][particle_id - 1] == "#{:02x}{:02x}{:02x}".format(*color)
    assert (colors[ids == 0] == 0).all()
    depth = tifffile.imread(out / "depth.tiff")
    assert depth.dtype == np.float32
    assert (np.isinf(depth) == (ids == 0)).all()
    assert ((array(out / "depth_map.png") == 255) == (ids == 0)).all()
    assert ((array(out / "normal_map.png") == 0).all(axis=-1) == (ids == 0)).all()
    for particle_id in seen:
        size = table["dimensions_z"][particle_id - 1]
        top = 51.2 - table["location_z"][particle_id - 1] - size / 2
        nearest = depth[ids == particle_id].min()
        assert top - 1e-3 <= nearest <= top + size / 2


@pytest.mark.parametrize("fidelity", ["fast", "reference"])
def test_recorded_features_are_those_of_the_scene(
    execute: Execute, tmp_path: Path, fidelity: str
) -> None:
    import bpy

    record = execute(tmp_path / "run", f"~{RENDER}.1", f"render.fidelity={fidelity}")
    scene = bpy.context.scene
    focus = (1 - record.features["defocus"]) * 51.2
    assert scene.camera.data.dof.focus_distance == pytest.approx(focus)
    threshold = record.features["noise_threshold"]
    strength = record.features["illumination_strength"]
    assert scene.cycles.adaptive_threshold == pytest.approx(threshold)
    assert scene.cycles.use_adaptive_sampling == (fidelity == "reference")
    rendering = record.rendering
    assert rendering["fidelity"] == fidelity
    assert rendering["samples"] == scene.cycles.samples
    if fidelity == "fast":
        assert rendering["noise_k"] == pytest.approx(0.9 + 16 * threshold)
    else:
        assert rendering["adaptive_threshold"] == pytest.approx(threshold, rel=1e-4)
    light = bpy.data.materials["Illumination"].node_tree.nodes["Emission"]
    assert light.inputs["Strength"].default_value == pytest.approx(strength)
    beads = particles_in(scene)
    assert len(beads) == 30
    for index, particle_id in enumerate(record.particles["particle_id"]):
        location = [record.particles[f"location_{axis}"][index] for axis in "xyz"]
        size = [record.particles[f"dimensions_{axis}"][index] for axis in "xyz"]
        assert beads[particle_id][0] == pytest.approx(location, abs=1e-4)
        assert beads[particle_id][1] == pytest.approx(size, rel=1e-2)


def test_a_run_whose_steps_do_without_blender_leaves_it_alone(
    execute: Execute, tmp_path: Path
) -> None:
    import bpy

    bpy.data.objects.new("Witness", None)
    record = execute(tmp_path / "without", f"{RENDER}=[]", f"~{STEPS}.5")
    assert "Witness" in bpy.data.objects
    assert not {"reset", "build"} & record.timings.keys()
    record = execute(tmp_path / "with", f"{RENDER}=[]")
    assert "Witness" not in bpy.data.objects
    assert {"reset", "build"} <= record.timings.keys()


def test_features_of_all_kinds_are_on_record(execute: Execute, tmp_path: Path) -> None:
    technique, bead = "measurement_techniques.SEM", "particles.Bead"
    variabilities = "++process_conditions.feature_variabilities"
    record = execute(
        tmp_path / "run",
        f"{RENDER}=[]",
        f"~{STEPS}.5",
        f"++blueprints.{technique}.custom_features="
        "[{name: operator, _value: Ann}, {name: hidden, _value: false}]",
        f"++blueprints.{bead}.custom_features=[{{name: batch, _value: none}}]",
        "++blueprints.particles.Bean="
        "{geometry_prototype_name: ellipsoid, material_prototype_name: plain, number: 2}",
        f"{variabilities}.Batch={{feature_name: batch, variability: "
        "{_target_: $builtins.Choice, values: [a, b]}}",
        f"{STEPS}.3.feature_variability_name=Batch",
    )
    assert (record.features["operator"], record.features["hidden"]) == ("Ann", False)
    table = record.particles
    assert set(table["batch"][:-2]) == {"a", "b"}
    assert table["batch"][-2:] == [None, None]
    assert table["color_a"] == [None] * 30 + [1.0, 1.0]
    assert table["height"][-2:] == [1.0, 1.0]  # counted from the dimensions that are drawn
    assert "location_z" in table
    assert "blueprint_name" not in table
    assert RunRecord.from_json((tmp_path / "run" / RECORD_FILE).read_text()) == record


def test_the_same_run_gives_the_same_bytes(execute: Execute, tmp_path: Path) -> None:
    first = execute(tmp_path / "first")
    execute(tmp_path / "other", "initial_runtime_state.seed=1")
    again = execute(tmp_path / "again")
    images = {k: v for k, v in checksums(first).items() if k != "state.blend"}
    assert {k: v for k, v in checksums(again).items() if k != "state.blend"} == images
    assert again.particles == first.particles
    assert again.features == first.features


def test_a_runs_recipe_runs_again_by_itself(
    execute: Execute, session: Session, tmp_path: Path
) -> None:
    from scene.execution import chain

    record = execute(tmp_path / "first")
    resolved = Composition(tmp_path / "first" / "recipe.yaml").resolve()
    (tmp_path / "again").mkdir()
    with session.captured():
        again = chain.execute(
            parse(resolved, "recipe.yaml", Registry()), session, tmp_path / "again"
        )
    expected = {k: v for k, v in checksums(record).items() if k != "state.blend"}
    assert {k: v for k, v in checksums(again).items() if k != "state.blend"} == expected


def test_fewer_beads_are_the_first_of_more(execute: Execute, tmp_path: Path) -> None:
    drawn = (f"~{STEPS}.5", f"{RENDER}=[]")
    few = execute(tmp_path / "few", *drawn).particles
    many = execute(
        tmp_path / "many", *drawn, "blueprints.particles.Bead.number=90", f"~{STEPS}.3"
    ).particles
    for column in ("dimensions_x", "location_x", "location_y", "location_z", "category_color"):
        assert many[column][:30] == few[column]
    assert len(set(many["dimensions_x"])) == 90


def test_sets_tell_what_is_seen_and_what_hides(execute: Execute, tmp_path: Path) -> None:
    second = (
        "+blueprints.particles.Dust={geometry_prototype_name: sphere,"
        " material_prototype_name: sem_polystyrene, number: 25}"
    )
    sets = (
        "++sets={Beads: {_target_: $builtins.ParticlesOfBlueprint, blueprint_name: Bead},"
        " Dust: {_target_: $builtins.ParticlesOfBlueprint, blueprint_name: Dust}}"
    )
    together = "_target_: $builtins.RenderParticlesTogether, rendering_mode: categorical"
    steps = (
        f"{RENDER}=["
        f"{{{together}}},"
        f"{{{together}, set_name_of_interest: Beads}},"
        f"{{{together}, set_name_of_interest: Beads, set_name_overlapping: Dust,"
        " subfolder: under},"
        f"{{{together}, set_name_of_interest: Dust, output_file_name_prefix: small_}}"
        "]"
    )
    out = tmp_path / "run"
    record = execute(out, second, sets, steps)
    assert record.particles["blueprint"] == ["Bead"] * 30 + ["Dust"] * 25
    everything = array(out / "instances.png")
    alone = array(out / "instances_Beads.png")
    under = array(out / "under" / "instances_Beads_under_Dust.png")
    dust = array(out / "small_instances_Dust.png")
    assert set(np.unique(alone)) <= set(range(31))
    assert (under == np.where(everything <= 30, everything, 0)).all()
    assert (alone > 0).sum() > (under > 0).sum()
    assert set(np.unique(dust)) <= {0, *range(31, 56)}


def test_particles_are_rendered_one_by_one(execute: Execute, tmp_path: Path) -> None:
    individually = (
        f"{RENDER}=[{{_target_: $builtins.RenderParticlesIndividually,"
        " rendering_mode: depth_map, subfolder: single}]"
    )
    out = tmp_path / "run"
    record = execute(out, individually, "blueprints.particles.Bead.number=3")
    alone = {file.path: file.particle_id for file in record.files if file.width}
    assert alone == {f"single/{n}_0000{i}.{e}": i for i in (1, 2, 3) for n, e in IMAGES}
    assert RunRecord.from_json((out / RECORD_FILE).read_text()) == record
    names = {p.name for p in (out / "single").iterdir()}
    assert names == {f"{n}_0000{i}.{e}" for i in (1, 2, 3) for n, e in IMAGES}


IMAGES = (("depth_map", "png"), ("depth", "tiff"))


def test_a_step_that_raises_is_named(execute: Execute, tmp_path: Path) -> None:
    package = tmp_path / "plugins" / "breaking"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from scene.steps.base import RenderingStep\n"
        "class Break(RenderingStep):\n"
        "    def execute(self, state):\n"
        "        raise OSError('no space left')\n"
    )
    with pytest.raises(StepError) as caught:
        execute(
            tmp_path / "run",
            f"{RENDER}.0={{_target_: $plugins.breaking.Break}}",
            plugins=tmp_path / "plugins",
        )
    where = f"(plugin {package / '__init__.py'}, line 4)"
    expected = f"synth_chain.rendering_steps.0 (Break): OSError: no space left {where}"
    assert str(caught.value) == expected


def test_records_are_plain_data(execute: Execute, tmp_path: Path) -> None:
    record = execute(tmp_path / "run", f"{RENDER}=[]")
    assert record.visible_particles is None
    assert record.coverage is None
    text = (tmp_path / "run" / RECORD_FILE).read_text()
    assert "NaN" not in text
    assert json.loads(text)["seed"] == 42


def test_everything_that_a_rendering_step_can_write(execute: Execute, tmp_path: Path) -> None:
    together = "_target_: $builtins.RenderParticlesTogether, rendering_mode"
    alone = "_target_: $builtins.RenderParticlesIndividually, rendering_mode"
    extra = "do_save_features: true, image_file_extension: PNG"
    out = tmp_path / "run"
    record = execute(
        out,
        "blueprints.particles.Bead.number=3",
        "+process_conditions.feature_criteria={High: {_target_: $builtins.IsGreaterThan, "
        "feature_name: subdivisions, comparand: 9, default_return_value: false}}",
        "+process_conditions.sets={Nobody: {criterion: $High}}",
        f"{RENDER}=[{{{together}: STL, {extra}}}, {{{alone}: stl, subfolder: each}},"
        f"{{{together}: categorical, {extra}, do_save_state: true, output_file_name_prefix: all_}},"
        f"{{{together}: real, set_name_of_interest: Nobody, do_save_state: true}},"
        f"{{{alone}: real, set_name_of_interest: Nobody}}]",
    )
    files = {file.path: file for file in record.files}
    assert set(files) == {
        "particles.stl",
        *(f"each/particles_{n:05d}.stl" for n in (1, 2, 3)),
        "particle_features.csv",
        "measurement_technique_features.csv",
        *(f"all_categorical.{ending}" for ending in ("png", "blend", "yaml")),
        "all_instances.png",
        *(f"real_Nobody.{ending}" for ending in ("png", "blend", "yaml")),
        "recipe.yaml",
    }
    assert (files["particles.stl"].width, files["particles.stl"].mode) == (None, "particles")
    assert files["each/particles_00002.stl"].particle_id == 2
    assert yaml.safe_load((out / "real_Nobody.yaml").read_text()) == {"time": 0.0, "seed": 42}

    whole = stl_triangles((out / "particles.stl").read_bytes())
    parts = [stl_triangles((out / f"each/particles_{n:05d}.stl").read_bytes()) for n in (1, 2, 3)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    for index, corners in enumerate(parts):
        a, b, c = np.moveaxis(corners, 1, 0)
        volume = np.einsum("ij,ij->", a, np.cross(b, c)) / 6
        diameter = record.particles["dimensions_x"][index]
        assert volume == pytest.approx(np.pi / 6 * diameter**3, rel=0.01)

    with (out / "particle_features.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["particle_id"] for row in rows] == ["1", "2", "3"]
    assert {row["blueprint_name"] for row in rows} == {"Bead"}
    for index, row in enumerate(rows):
        place = tuple(record.particles[f"location_{axis}"][index] for axis in "xyz")
        assert row["location"] == f"({place[0]!r}, {place[1]!r}, {place[2]!r})"
        assert row["category_color"] == record.particles["category_color"][index]
    text = (out / "measurement_technique_features.csv").read_text()
    technique = dict(csv.reader(text.splitlines()))
    assert technique["blueprint_name"] == "SEM"
    assert float(technique["defocus"]) == record.features["defocus"]

    import bpy

    bpy.ops.wm.open_mainfile(filepath=str(out / "real_Nobody.blend"))
    hidden = [made.hide_render for made in bpy.data.objects if made.type == "POINTCLOUD"]
    assert hidden == [True]
