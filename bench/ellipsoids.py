"""600 ellipsoids against 600 spheres: CPU time to relax them and to render all modes."""

from __future__ import annotations

import argparse
from functools import partial

from bench.measure import Row, at_most, cpu_seconds, paired, publish, shown
from bench.scenes import NUMBER, RELAX, all_ids, generated, recipe, session
from scene.specimen.values import initial
from scene.steps.context import StepContext
from scene.steps.relax import RelaxCollisions
from scene.steps.render import RenderParticlesTogether

FLAT = 0.5
"""Height of an ellipsoid over its width, which is a sphere's diameter."""

WAYS = {
    "spheres, SPHERE": ("sphere", "SPHERE"),
    "ellipsoids, CONVEX_HULL": ("ellipsoid", "CONVEX_HULL"),
    "ellipsoids, MESH": ("ellipsoid", "MESH"),
}
SPHERES = "spheres, SPHERE"
RATIO = 2.5


def unrelaxed(number: int, geometry: str) -> StepContext:
    """Return a run that has come as far as the relaxation, its particles of a geometry."""
    without = f"~synth_chain.feature_generation_steps.{RELAX}"
    context = generated(f"{NUMBER}={number}", without)
    for particle in context.specimen.particles:
        dimensions = particle.features["dimensions"]
        assert isinstance(dimensions, tuple)
        particle.geometry = geometry
        particle.features |= initial(context.geometry(geometry).features)
        size = dimensions[0]
        flat = FLAT if geometry == "ellipsoid" else 1.0
        particle.features["dimensions"] = size, size, size * flat
    return context


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--number", type=int, default=600)
    asked = parser.parse_args()
    made = recipe()
    step = made.synth_chain.feature_generation_steps[RELAX]
    assert isinstance(step, RelaxCollisions)
    modes = {
        rendering.rendering_mode
        for rendering in made.synth_chain.rendering_steps
        if isinstance(rendering, RenderParticlesTogether)
    }
    relaxed: dict[str, StepContext] = {}

    def relax(name: str) -> float:
        geometry, shape = WAYS[name]
        context = relaxed[name] = unrelaxed(asked.number, geometry)
        settings = step.model_copy(update={"collision_shape": shape})
        with session().captured():
            return cpu_seconds(lambda: context.relax(all_ids(context), settings))

    def render(name: str) -> float:
        context = relaxed[name]
        with session().captured():
            context.sync_scene()
            frame = context.frame(all_ids(context))
            return cpu_seconds(lambda: [context.mode(mode).images(frame) for mode in modes])

    found = paired(
        asked.rounds,
        **{
            f"{what.__name__} {name}": partial(what, name)
            for name in WAYS
            for what in (relax, render)
        },
    )
    whole = {name: found[f"relax {name}"].plus(found[f"render {name}"]) for name in WAYS}
    rows: list[Row] = []
    for name in WAYS:
        rows += [shown(f"{what} {name}", found[f"{what} {name}"]) for what in ("relax", "render")]
        if name != SPHERES:
            alone = found[f"relax {name}"].over(found[f"relax {SPHERES}"])
            rows.append(shown(f"relax {name}, over {SPHERES}", alone, ""))
            ratio = whole[name].over(whole[SPHERES])
            rows.append(at_most(f"relax and render {name}, over {SPHERES}", ratio, RATIO, ""))
    note = f"CPU seconds; ellipsoids are {FLAT:g} times as high as wide."
    publish("ellipsoids", f"{asked.number} particles at 960 x 960", rows, [note])


if __name__ == "__main__":
    main()
