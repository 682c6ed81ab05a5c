"""The cost of feature generation, against Bullet stepped frame by frame."""

from __future__ import annotations

import argparse

from bench.measure import at_most, paired, publish, seconds, shown
from bench.scenes import NUMBER, RELAX, generated, recipe, session
from scene.specimen.relaxation import RelaxationSettings
from scene.steps.relax import RelaxCollisions

BEADS = 600


def relaxation_settings() -> RelaxationSettings:
    """Return the recipe's relaxation."""
    step = recipe().synth_chain.feature_generation_steps[RELAX]
    assert isinstance(step, RelaxCollisions)
    return step


def feature_generation() -> float:
    """Return the seconds of all steps, from emptying the scene to its build."""
    return seconds(lambda: generated(f"{NUMBER}={BEADS}"))


def without_relaxation() -> float:
    """Return the same without the relaxation."""
    return seconds(
        lambda: generated(f"{NUMBER}={BEADS}", f"~synth_chain.feature_generation_steps.{RELAX}")
    )


def bare_stepping() -> float:
    """Return the seconds that Blender takes to step the same bodies through all frames."""
    import bpy

    from scene.blender import physics

    without = f"~synth_chain.feature_generation_steps.{RELAX}"
    generated(f"{NUMBER}={BEADS}", without, "render.fidelity=reference")  # beads that are objects
    scene = bpy.context.scene
    settings = relaxation_settings()
    bodies = [made for made in scene.objects if "particle_id" in made]
    container = scene.objects["MeasurementVolume"]
    scene.gravity = settings.gravity
    with (
        session().captured(),
        physics.rigid_body_world(scene, bodies, container, settings) as world,
    ):
        world.substeps_per_frame = settings.substeps_per_frame
        world.point_cache.frame_end = settings.num_frames + 1
        return seconds(
            lambda: [scene.frame_set(frame) for frame in range(1, settings.num_frames + 2)]
        )


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    found = paired(rounds, all=feature_generation, without=without_relaxation, bare=bare_stepping)
    rows = [
        shown("Bullet stepped bare, 250 frames", found["bare"]),
        at_most("feature generation", found["all"], 5.5),
        at_most("feature generation over bare Bullet", found["all"].over(found["bare"]), 1.25, ""),
        at_most("feature generation without the relaxation", found["without"], 0.5),
    ]
    publish("features", f"feature generation, {BEADS} beads", rows)


if __name__ == "__main__":
    main()
