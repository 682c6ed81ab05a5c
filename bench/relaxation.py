"""Ways to bring beads to rest: the CPU time of each, and the pile that it leaves.

Settings of Blender are tried on the recipe's own relaxation, other engines on the same beads. An
engine that is not installed is left out: ``uv run --with rapier3d --with panda3d`` brings two.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from bench import engines
from bench.measure import Row, paired, publish
from bench.scenes import NUMBER, RELAX, all_ids, generated, recipe, session
from scene.specimen.relaxation import RelaxationSettings
from scene.specimen.specimen import MeasurementVolume
from scene.steps.context import StepContext
from scene.steps.relax import RelaxCollisions

SEED = "initial_runtime_state.seed"
FIRST = "frame by frame"
CONTACT = 0.02
"""Fraction of the mean radius up to which a gap counts as a contact."""

type Points = NDArray[np.float64]
type Tweak = Callable[[Any], None]
type Engine = Callable[[Points, Points, MeasurementVolume, float], Points]


@dataclass(frozen=True, slots=True)
class Beads:
    """Beads before their relaxation, in a scene of their own, as often as asked for."""

    number: int
    seed: int
    gravity: float
    ends: dict[str, Points] = field(default_factory=dict)

    def context(self) -> StepContext:
        """Return a run that has come as far as the relaxation."""
        without = f"~synth_chain.feature_generation_steps.{RELAX}"
        return generated(f"{NUMBER}={self.number}", f"{SEED}={self.seed}", without)

    def by_blender(
        self, name: str, settings: dict[str, Any], tweak: Tweak, *, merged: bool
    ) -> float:
        """Relax with Blender and other settings; return the CPU seconds."""
        from scene.blender import physics

        step = recipe().synth_chain.feature_generation_steps[RELAX]
        assert isinstance(step, RelaxCollisions)
        gravity = {"gravity": (0.0, 0.0, self.gravity)}
        changed: RelaxationSettings = step.model_copy(update=gravity | settings)
        context, plain = self.context(), physics.rigid_body_world
        merging = physics.merged_frames if merged else lambda _: 1

        @contextmanager
        def tweaked(*given: Any) -> Iterator[Any]:
            with plain(*given) as world:
                tweak(world)
                yield world

        patches = {"rigid_body_world": tweaked, "merged_frames": merging}
        with session().captured(), mock.patch.multiple(physics, **patches):
            begun = time.process_time()
            context.relax(all_ids(context), changed)
            spent = time.process_time() - begun
        self.ends[name] = centres(context)
        return spent

    def by_engine(self, name: str, engine: Engine) -> float:
        """Let an engine do it; return the CPU seconds."""
        context = self.context()
        given = centres(context), radii(context), context.volume, self.gravity
        begun = time.process_time()
        self.ends[name] = engine(*given)
        return time.process_time() - begun


def centres(context: StepContext) -> Points:
    """Return the beads' centres, (N, 3)."""
    return np.array([particle.features["location"] for particle in context.specimen.particles])


def radii(context: StepContext) -> Points:
    """Return the beads' radii, (N,)."""
    found = np.array([particle.features["dimensions"] for particle in context.specimen.particles])
    return found[:, 0] / 2


def pile(ends: Points, sizes: Points, volume: MeasurementVolume) -> str:
    """Return what a pile is like, in words."""
    gaps = np.linalg.norm(ends[:, None] - ends, axis=-1) - sizes[:, None] - sizes
    np.fill_diagonal(gaps, np.inf)
    unit = sizes.mean()
    inside = sum(volume.holds(tuple(place)) for place in ends.tolist())
    contacts = (gaps < CONTACT * unit).sum(axis=1).mean()
    return (
        f"deepest overlap {max(0, -gaps.min() / unit):.2%} of a radius, mean height "
        f"{ends[:, 2].mean():.2f}, {contacts:.2f} contacts a bead, {seen(ends, sizes)} seen from "
        f"above, {inside} in the volume"
    )


def seen(ends: Points, sizes: Points, pixels: int = 480) -> int:
    """Return how many beads are seen from straight above."""
    step = 120 / pixels
    axis = (np.arange(pixels) + 0.5) * step - 60
    heights = np.zeros((pixels, pixels))
    ids = np.full((pixels, pixels), -1)
    for number, ((x, y, z), size) in enumerate(zip(ends.tolist(), sizes.tolist(), strict=True)):
        columns = slice(*np.searchsorted(axis, (x - size, x + size)))
        rows = slice(*np.searchsorted(axis, (y - size, y + size)))
        square = size**2 - (axis[rows, None] - y) ** 2 - (axis[columns] - x) ** 2
        top = np.where(square > 0, z + np.sqrt(np.maximum(square, 0)), -np.inf)
        higher = top > heights[rows, columns]
        heights[rows, columns][higher] = top[higher]
        ids[rows, columns][higher] = number
    return np.unique(ids[ids >= 0]).size


def nothing(world: Any) -> None:
    """Leave all as it is."""


def split_impulse(world: Any) -> None:
    """Push bodies apart without giving them speed."""
    world.use_split_impulse = True


def of_bodies(kind: str, **values: object) -> Tweak:
    """Return what sets properties of the beads' bodies, ``ACTIVE``, or the walls', ``PASSIVE``."""

    def tweak(world: Any) -> None:
        bodies = [member.rigid_body for member in world.collection.objects]
        for body in bodies:
            for name, value in values.items():
                if body.type == kind:
                    setattr(body, name, value)

    return tweak


EARLY = {"deactivate_linear_velocity": 2.0, "deactivate_angular_velocity": 2.0}
BY_BLENDER: dict[str, tuple[dict[str, Any], Tweak]] = {
    "frame by frame": ({}, nothing),
    "frames merged (shipped)": ({}, nothing),
    "bodies never sleep": ({}, of_bodies("ACTIVE", use_deactivation=False)),
    "bodies sleep at 4 times the speed": ({}, of_bodies("ACTIVE", **EARLY)),
    "no margin around beads": ({}, of_bodies("ACTIVE", use_margin=False)),
    "no margin around walls": ({}, of_bodies("PASSIVE", use_margin=True, collision_margin=0.0)),
    "split impulse": ({}, split_impulse),
    "5 substeps instead of 10": ({"substeps_per_frame": 5}, nothing),
    "2 substeps instead of 10": ({"substeps_per_frame": 2}, nothing),
    "5 solver iterations instead of 10": ({"solver_iterations": 5}, nothing),
    "1 solver iteration instead of 10": ({"solver_iterations": 1}, nothing),
    "125 frames instead of 250": ({"num_frames": 125}, nothing),
    "no friction": ({"friction": 0.0}, nothing),
}


def ways(beads: Beads) -> dict[str, Callable[[], float]]:
    """Return every way, name to what does it and returns its CPU seconds."""
    found = {
        name: partial(beads.by_blender, name, settings, tweak, merged=name != FIRST)
        for name, (settings, tweak) in BY_BLENDER.items()
    }
    others: dict[str, Engine] = {"SettleSpheres": engines.settle}
    if find_spec("rapier3d"):
        others["Rapier, the same steps"] = engines.rapier
        others["Rapier, steps four times as long"] = partial(engines.rapier, coarser=4)
    if find_spec("panda3d"):
        others["Panda3D's Bullet, the same steps"] = engines.bullet
    return found | {name: partial(beads.by_engine, name, how) for name, how in others.items()}


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--beads", type=int, default=600)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--gravity", type=float, default=-100.0)
    parser.add_argument("--only", nargs="*", help="words in the names of the ways to try")
    asked = parser.parse_args()
    beads = Beads(asked.beads, asked.seed, asked.gravity)
    chosen = {
        name: way
        for name, way in ways(beads).items()
        if not asked.only or name == FIRST or any(word in name for word in asked.only)
    }
    found = paired(asked.rounds, **chosen)
    sizes, volume = radii(beads.context()), recipe().volume
    rows = []
    for name, stats in found.items():
        same = (beads.ends[name] == beads.ends[FIRST]).all()
        pile_left = pile(beads.ends[name], sizes, volume)
        result = "same to the bit" if same else "another pile"
        ratio = stats.over(found[FIRST]).text("")
        rows.append(Row(name, f"{stats.text()}, x {ratio}, {result}, {pile_left}"))
    note = f"CPU seconds, ratios to {FIRST}; contacts: gaps below {CONTACT:.0%} of the mean radius."
    publish("relaxation", f"{asked.beads} beads, gravity {asked.gravity:g}", rows, [note])


if __name__ == "__main__":
    main()
