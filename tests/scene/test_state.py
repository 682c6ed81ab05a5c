"""The saved state, opened by another Blender."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import StageFactory, ellipsoid, scattered, specimen

OTHER_BLENDER = """
import json, sys
from scene.machine.libraries import load_libraries
load_libraries()
import bpy
"""
INSPECT = (
    OTHER_BLENDER
    + """
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
scene = bpy.context.scene
beads = [made for made in scene.objects if "particle_id" in made]
spheres = {
    point.value: [*cloud.attributes["position"].data[index].vector]
    for cloud in bpy.data.pointclouds
    for index, point in enumerate(cloud.attributes["particle_id"].data)
}
json.dump({
    "clouds": len(bpy.data.pointclouds),
    "ids": sorted([*spheres, *(made["particle_id"] for made in beads)]),
    "first": spheres.get(1) or [*bpy.data.objects["Bead.00000"].location],
    "meshes": len({made.data.name for made in beads}),
    "materials": sorted({s.material.name for made in scene.objects for s in made.material_slots}),
    "camera": scene.camera.data.type,
    "engine": scene.render.engine,
    "focus": scene.camera.data.dof.focus_distance,
    "strength": bpy.data.materials["Illumination"].node_tree.nodes["Emission"]
        .inputs["Strength"].default_value,
    "threshold": scene.cycles.adaptive_threshold,
    "denoised": scene.cycles.use_denoising,
    "transform": scene.view_settings.view_transform,
}, open(sys.argv[2], "w"))
"""
)


@pytest.mark.parametrize("fidelity", ["fast", "reference"])
def test_the_state_opens_as_rendered_and_is_small(
    new_stage: StageFactory, tmp_path: Path, fidelity: str
) -> None:
    stage = new_stage(max_samples=1, fidelity=fidelity)
    beads = [*scattered(600), ellipsoid(601, (3.0, 2.0, 5.0), 4.0, 5.0, 6.0)]
    features = {"defocus": 0.25, "illumination_strength": 1.5, "noise_threshold": 0.0625}
    stage.sync(specimen(*beads, patch_seed=3.0))  # as before a step sets the features
    stage.sync(specimen(*beads, **features))
    stage.frame(frozenset(range(1, 601))).real()
    stage.frame(frozenset({7, 601}), frozenset({8})).real()
    path = tmp_path / "state.blend"
    stage.save(path)
    assert path.stat().st_size < 1_000_000

    result = tmp_path / "seen.json"
    subprocess.run([sys.executable, "-c", INSPECT, str(path), str(result)], check=True, timeout=60)
    seen = json.loads(result.read_text())
    assert seen["ids"] == list(range(1, 602))
    assert seen["meshes"] == 1
    assert seen["clouds"] == (fidelity == "fast")
    assert seen["first"] == pytest.approx(beads[0].features["location"], abs=1e-4)
    below = ["IlluminationBelow"] if fidelity == "fast" else []
    others = ["sem_patchy_silicone", "sem_polystyrene"]
    assert seen["materials"] == ["Illumination", *below, *others]
    assert seen["threshold"] == 0.0625
    assert seen["denoised"] == (fidelity == "fast")
    assert seen["strength"] == 1.5
    assert (seen["camera"], seen["engine"], seen["transform"]) == ("ORTHO", "CYCLES", "Raw")
    assert abs(seen["focus"] - 0.75 * 51.2) < 1e-4


def test_the_state_names_no_folder_of_this_machine(new_stage: StageFactory, tmp_path: Path) -> None:
    stage = new_stage()
    stage.sync(specimen(*scattered(3)))
    stage.save(tmp_path / "state.blend")
    plain = tmp_path / "plain.blend"
    resave = (
        f"{OTHER_BLENDER}\n"
        "bpy.ops.wm.open_mainfile(filepath=sys.argv[1], load_ui=True)\n"
        "bpy.ops.wm.save_as_mainfile(filepath=sys.argv[2], compress=False, copy=True)\n"
    )
    subprocess.run(
        [sys.executable, "-c", resave, str(tmp_path / "state.blend"), str(plain)],
        check=True,
        timeout=60,
    )
    content = plain.read_bytes().replace(str(plain).encode(), b"")
    assert str(tmp_path).encode() not in content
    assert str(Path.home()).encode() + b"\0" not in content
