"""The tutorial's scene in a warm Blender, for benchmarks that look inside one run."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scene.blender.session import Session
from scene.execution.context import step_context
from scene.execution.stopwatch import Stopwatch
from scene.imaging.size import rendered_size
from scene.machine.resources import Resources
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe
from scene.steps.context import StepContext

RECIPE = Path("recipes/spheres_sem.yaml")
NUMBER = "blueprints.particles.Bead.number"
PERCENTAGE = "render.resolution_percentage"
RELAX = 5
"""Index of RelaxCollisions among the feature generation steps."""


RESOURCES = Resources(cpus=os.process_cpu_count() or 1)
"""All cores of this machine."""


@cache
def session() -> Session:
    """Return this process's Blender, with all cores."""
    return Session(RESOURCES)


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


def generated(*overrides: str) -> StepContext:
    """Return the context of a run after its feature generation steps, its scene built."""
    made = recipe(*overrides)
    context = step_context(made, session(), Path("outputs/bench"), Stopwatch())
    with session().captured():
        for step in made.synth_chain.feature_generation_steps:
            step.execute(context)
        context.sync_scene()
    return context


def rendered() -> NDArray[np.float32]:
    """Return one channel of the technique's own render, without the steps that follow it."""
    import bpy

    from scene.blender.render import render_passes

    render = bpy.context.scene.render
    resolution = render.resolution_x, render.resolution_y
    size = rendered_size(resolution, render.resolution_percentage)
    return render_passes(bpy.context.scene, size)["Combined"][..., 0]


def all_ids(context: StepContext) -> frozenset[int]:
    """Return the ids of all particles."""
    return context.particle_ids("AllParticles")
