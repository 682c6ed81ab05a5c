"""The cost of feature generation, against Bullet stepped frame by frame."""

from __future__ import annotations

import argparse

import numpy as np

from bench.measure import Row, Stats, at_most, paired, publish, seconds, shown
from bench.scenes import NUMBER, RELAX, all_ids, generated, recipe, session
from scene.specimen.relaxation import RelaxationSettings
from scene.steps.relax import RelaxCollisions

BEADS = 600


def relaxation_settings(**changes: object) -> RelaxationSettings:
    """Return the recipe's relaxation, changed."""
    step = recipe().synth_chain.feature_generation_steps[RELAX]
    assert isinstance(step, RelaxCollisions)
    return step.model_copy(update=changes)


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


def relaxed_positions(settings: RelaxationSettings) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the beads' centres (N, 3) and radii (N,) after a relaxation, and its seconds."""
    state = generated(f"{NUMBER}={BEADS}", f"~synth_chain.feature_generation_steps.{RELAX}")
    with session().captured():
        spent = seconds(lambda: state.relax(all_ids(state), settings))
    particles = state.specimen.particles
    centres = np.array([particle.features["location"] for particle in particles])
    radii = np.array([particle.features["dimensions"][0] / 2 for particle in particles])
    return centres, radii, spent


def deepest_overlap(centres: np.ndarray, radii: np.ndarray) -> float:
    """Return how deep the worst pair of beads overlaps, as a share of the mean radius."""
    gap = np.linalg.norm(centres[:, None] - centres[None], axis=-1) - radii[:, None] - radii[None]
    np.fill_diagonal(gap, np.inf)
    return float(-gap.min() / radii.mean())


def relaxation_variants(rounds: int) -> list[Row]:
    """Compare ways to relax with stepping frame by frame."""
    from scene.blender import physics

    merging = physics.merged_frames
    variants = {
        "frame by frame": (relaxation_settings(), lambda _: 1),
        "frames merged (as shipped)": (relaxation_settings(), merging),
        "2 substeps instead of 10": (relaxation_settings(substeps_per_frame=2), merging),
        "5 solver iterations instead of 10": (relaxation_settings(solver_iterations=5), merging),
    }
    spent: dict[str, list[float]] = {name: [] for name in variants}
    ends: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    try:
        for _ in range(rounds):
            for name, (settings, merged) in variants.items():
                physics.merged_frames = merged
                centres, radii, took = relaxed_positions(settings)
                spent[name].append(took)
                ends[name] = centres, radii
    finally:
        physics.merged_frames = merging
    plain = Stats(tuple(spent["frame by frame"]))
    first = ends["frame by frame"][0]
    rows = []
    for name, (centres, radii) in ends.items():
        same = "same to the bit" if (centres == first).all() else "other result"
        stats = Stats(tuple(spent[name]))
        rows.append(
            Row(
                f"relaxation, {name}",
                f"{stats.text()}, {stats.over(plain).text('x')}, {same}, deepest overlap "
                f"{deepest_overlap(centres, radii):.1%} of a radius, mean height "
                f"{centres[:, 2].mean():.2f}",
            )
        )
    earlier = relaxed_positions(relaxation_settings(num_frames=240))[0]
    speed = np.linalg.norm(first - earlier, axis=1) / (10 / 24)
    rows.append(
        Row(
            "speed over the last 10 of 250 frames",
            f"median {np.median(speed):.2f}, 99th percentile {np.quantile(speed, 0.99):.2f}, "
            f"fastest {speed.max():.2f} units/s",
        )
    )
    return rows


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
        *relaxation_variants(rounds),
    ]
    publish("features", f"feature generation, {BEADS} beads", rows)


if __name__ == "__main__":
    main()
