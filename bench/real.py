"""The cost of `real`: beside a bare Cycles render, beside the published settings, and why."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.measure import Row, at_least, at_most, paired, publish, seconds, shown
from bench.scenes import NUMBER, PERCENTAGE, all_ids, generated, rendered, session
from scene.prototypes.materials.sem_polystyrene import FAST_ALBEDO

BEADS = 600


def scene_of(fidelity: str, percentage: int, *overrides: str):  # noqa: ANN201
    """Return the state of a run whose scene is ready for `real`."""
    return generated(
        f"{NUMBER}={BEADS}",
        f"{PERCENTAGE}={percentage}",
        f"render.fidelity={fidelity}",
        *overrides,
    )


def own(fidelity: str, percentage: int) -> Callable[[], float]:
    """Return a function that times the project's own render, files and all."""

    def measure() -> float:
        state = scene_of(fidelity, percentage)
        frame = state.frame(all_ids(state))
        with session().captured():
            return seconds(frame.real)

    return measure


def bare(percentage: int) -> Callable[[], float]:
    """Return a function that times Blender's operator on the same scene, writing a PNG."""

    def measure() -> float:
        import bpy

        scene_of("fast", percentage)
        bpy.context.scene.render.filepath = str(Path("/dev/shm/blendsweep-bench.png"))
        with session().captured():
            return seconds(lambda: bpy.ops.render.render(write_still=True))

    return measure


def render_noise(seeds: int) -> tuple[float, float, float]:
    """Render the scene as it stands with several seeds.

    Returns
    -------
    seconds : float
        Median of a render.
    mean : float
        Mean brightness, 1 is white.
    noise : float
        Standard deviation of a pixel over the seeds, root mean square over pixels.
    """
    import bpy

    scene = bpy.context.scene
    images, spent = [], []
    with session().captured():
        for seed in range(seeds):
            scene.cycles.seed = seed
            spent.append(seconds(lambda: images.append(rendered())))
    stack = np.stack(images)
    noise = float(np.sqrt(stack.var(axis=0, ddof=1).mean()))
    return float(np.median(spent)), float(stack.mean()), noise


def variants(percentage: int, seeds: int) -> list[Row]:
    """Change one setting after the other, from the published ones to the shipped ones."""
    steps: list[tuple[str, Callable[[], None]]] = [
        ("as published (reference)", lambda: None),
        ("+ matt beads", _matt_beads),
        ("+ no light tree", lambda: _cycles("use_light_tree", value=False)),
        ("+ matt substrate", _matt_substrate),
    ]
    aside: list[tuple[str, Callable[[], None]]] = [
        ("beads: random walk without anisotropy", lambda: _scattering("RANDOM_WALK_SKIN")),
        ("beads: plain random walk", lambda: _scattering("RANDOM_WALK")),
        ("beads: Burley's profile", lambda: _scattering("BURLEY")),
    ]
    later: list[tuple[str, Callable[[], None]]] = [
        ("light by world instead of a wall", _world_light),
        ("light tree", lambda: _cycles("use_light_tree", value=True)),
        ("2 diffuse bounces", lambda: _cycles("diffuse_bounces", value=2)),
        ("no caustics", lambda: _cycles("caustics_reflective", value=False)),
        ("tabulated Sobol pattern", lambda: _cycles("sampling_pattern", value="TABULATED_SOBOL")),
        ("spatial splits in the BVH", lambda: _cycles("debug_use_spatial_splits", value=True)),
        ("Cycles' own least samples", lambda: _cycles("adaptive_min_samples", value=0)),
    ]
    rows: list[Row] = []
    baseline: tuple[float, float, float] | None = None

    def add(name: str, figures: tuple[float, float, float]) -> None:
        nonlocal baseline
        baseline = baseline or figures
        spent, mean, noise = figures
        equal = spent * (noise / mean) ** 2 / (baseline[0] * (baseline[2] / baseline[1]) ** 2)
        rows.append(
            Row(
                name,
                f"{spent:.2f} s; brightness {mean / baseline[1]:.3f}, noise "
                f"{noise / baseline[2]:.3f} of the published; time at equal noise {equal:.3f}",
            )
        )

    scene_of("reference", percentage)
    for name, change in steps:
        change()
        add(name, render_noise(seeds))
    scene_of("fast", percentage)
    add("+ threshold and least samples matched (fast)", render_noise(seeds))
    for name, change in aside:
        scene_of("reference", percentage)
        change()
        add(f"reference, {name}", render_noise(seeds))
    for name, change in later:
        scene_of("fast", percentage)
        change()
        add(f"fast, {name}", render_noise(seeds))
    return rows


def _cycles(name: str, *, value: object) -> None:
    import bpy

    setattr(bpy.context.scene.cycles, name, value)


def _principled(material: str):  # noqa: ANN202
    import bpy

    tree = bpy.data.materials[material].node_tree
    return tree, next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")


def _scattering(method: str) -> None:
    _, surface = _principled("sem_polystyrene")
    surface.subsurface_method = method
    surface.inputs["Subsurface Anisotropy"].default_value = 0.0


def _matt_beads() -> None:
    tree, surface = _principled("sem_polystyrene")
    matt = tree.nodes.new("ShaderNodeBsdfDiffuse")
    matt.inputs["Color"].default_value = (FAST_ALBEDO,) * 3 + (1.0,)
    tree.links.new(matt.outputs["BSDF"], surface.outputs["BSDF"].links[0].to_socket)


def _matt_substrate() -> None:
    tree, surface = _principled("sem_patchy_silicone")
    matt = tree.nodes.new("ShaderNodeBsdfDiffuse")
    for own_name, name in (("Color", "Base Color"), ("Normal", "Normal")):
        tree.links.new(surface.inputs[name].links[0].from_socket, matt.inputs[own_name])
    tree.links.new(matt.outputs["BSDF"], surface.outputs["BSDF"].links[0].to_socket)


def _world_light() -> None:
    """Light the scene by a band of the sky in place of the wall, as seen from the origin."""
    import bpy

    from scene.prototypes.measurement_techniques.secondary_electron_microscope import (
        CYLINDER_FRACTION,
        CYLINDER_TILT,
        ILLUMINATION,
    )

    scene = bpy.context.scene
    emission = bpy.data.materials[ILLUMINATION].node_tree.nodes["Emission"]
    strength = emission.inputs["Strength"].default_value
    scene.objects[ILLUMINATION].hide_render = True
    tree = scene.world.node_tree
    add, link = tree.nodes.new, tree.links.new
    ray = add("ShaderNodeTexCoord")
    turn = add("ShaderNodeVectorRotate")
    turn.rotation_type = "Y_AXIS"
    turn.inputs["Angle"].default_value = -CYLINDER_TILT
    height = add("ShaderNodeSeparateXYZ")
    size = add("ShaderNodeMath")
    size.operation = "ABSOLUTE"
    inside = add("ShaderNodeMath")
    inside.operation = "LESS_THAN"
    half_angle = math.atan(0.5 * CYLINDER_FRACTION / CYLINDER_FRACTION)
    inside.inputs[1].default_value = math.sin(half_angle)
    background, output = add("ShaderNodeBackground"), add("ShaderNodeOutputWorld")
    scaled = add("ShaderNodeMath")
    scaled.operation = "MULTIPLY"
    scaled.inputs[1].default_value = strength
    link(ray.outputs["Generated"], turn.inputs["Vector"])
    link(turn.outputs["Vector"], height.inputs["Vector"])
    link(height.outputs["Z"], size.inputs[0])
    link(size.outputs["Value"], inside.inputs[0])
    link(inside.outputs["Value"], scaled.inputs[0])
    link(scaled.outputs["Value"], background.inputs["Strength"])
    link(background.outputs["Background"], output.inputs["Surface"])
    scene.world.cycles_visibility.camera = False


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--percentage", type=int, default=25, help="of 960 x 960")
    parser.add_argument("--variants-percentage", type=int, default=15)
    asked = parser.parse_args()
    found = paired(
        asked.rounds,
        fast=own("fast", asked.percentage),
        bare=bare(asked.percentage),
        reference=own("reference", asked.percentage),
    )
    rows = [
        shown(f"real, fast, {asked.percentage} %", found["fast"]),
        shown("bare Cycles render of the same scene", found["bare"]),
        at_most("real over bare", found["fast"].over(found["bare"]), 1.02, ""),
        shown("real, reference", found["reference"]),
        at_least("reference over fast", found["reference"].over(found["fast"]), 3.0, "x"),
        *variants(asked.variants_percentage, 3),
    ]
    publish("real", f"the lifelike image, {BEADS} beads, at the recipe's threshold", rows)


if __name__ == "__main__":
    main()
