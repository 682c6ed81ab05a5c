"""The tutorial's scene in a warm Blender, for benchmarks that look inside one run."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scene.blender.session import Session
from scene.execution.chain import initial_state
from scene.execution.state import RuntimeState
from scene.imaging.size import rendered_size
from scene.machine.resources import Resources
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe

RECIPE = Path("recipes/spheres_sem.yaml")
NUMBER = "blueprints.particles.Bead.number"
PERCENTAGE = "render.resolution_percentage"
RELAX = 5
"""Index of RelaxCollisions among the feature generation steps."""


RESERVATION = Resources(cpus=os.process_cpu_count() or 1)
"""All cores of this machine."""


@cache
def session() -> Session:
    """Return this process's Blender, with all cores."""
    return Session(RESERVATION)


@cache
def registry() -> Registry:
    """Return the built-in names."""
    return Registry()


def resolved(*overrides: str) -> dict[str, Any]:
    """Return the tutorial's recipe with overrides, as plain data."""
    return Composition(RECIPE).resolve(overrides)


def recipe(*overrides: str) -> Recipe:
    """Return the tutorial's recipe with overrides."""
    return parse(resolved(*overrides), str(RECIPE), registry())


def begun(*overrides: str) -> RuntimeState:
    """Return the state of a run before its first step."""
    return initial_state(recipe(*overrides), session(), Path("outputs/bench"))


def generated(*overrides: str) -> RuntimeState:
    """Return the state of a run after its feature generation steps, its scene built."""
    state = begun(*overrides)
    with session().captured():
        for step in state.recipe.synth_chain.feature_generation_steps:
            step.execute(state)
        state.sync_scene()
    return state


def rendered() -> NDArray[np.float32]:
    """Return one channel of the technique's own render, without the steps that follow it."""
    import bpy

    from scene.blender.render import render_passes

    render = bpy.context.scene.render
    resolution = render.resolution_x, render.resolution_y
    size = rendered_size(resolution, render.resolution_percentage)
    return render_passes(bpy.context.scene, size)["Combined"][..., 0]


def all_ids(state: RuntimeState) -> frozenset[int]:
    """Return the ids of all particles."""
    return state.particle_ids("AllParticles")
