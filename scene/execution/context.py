"""The context of a run's steps, made from its recipe."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scene.execution.stopwatch import Stopwatch
from scene.prototypes.geometry import GeometryPrototype
from scene.recipe.schema import Recipe, RenderSettings
from scene.recipe.settings_in_force import settings_in_force
from scene.recipe.varying import drawn_variabilities
from scene.specimen.specimen import Specimen
from scene.specimen.streams import Streams
from scene.steps.context import StepContext

if TYPE_CHECKING:
    from scene.blender.session import Session
    from scene.blender.stage import Stage


def step_context(
    recipe: Recipe, session: Session, output: Path, stopwatch: Stopwatch
) -> StepContext:
    """Return the context of the first step.

    Parameters
    ----------
    recipe
        What is executed.
    session
        A warm Blender. It is reset when a step first needs the scene, so that a run whose steps
        never do leaves it alone.
    output
        The run's folder.
    stopwatch
        Where the time goes.

    Raises
    ------
    VariabilityError
        If nothing can be drawn with the parameters that are drawn for a variability.
    """
    start = recipe.initial_runtime_state
    streams = Streams(start.seed)
    look_streams = streams if start.root_of_look == start.seed else Streams(start.root_of_look)
    drawn = drawn_variabilities(recipe)
    stage: Stage | None = None
    settings = recipe.render

    def synced(specimen: Specimen) -> Stage:
        nonlocal stage, settings
        wanted = _settings(recipe, specimen)
        if stage is None or settings != wanted:
            settings = wanted
            with stopwatch.measure("reset"):
                from scene.blender.stage import Stage  # the driver loads no Blender

                session.reset()
                stage = Stage(session, recipe.names.registry, settings, look_streams)
        with stopwatch.measure("build"):
            stage.sync(specimen)
        return stage

    return StepContext(
        output=output,
        streams=streams,
        look_streams=look_streams,
        volume_of=lambda specimen: recipe.volume_at(_settings(recipe, specimen).resolution),
        blueprints=recipe.blueprints,
        numbers=drawn.numbers,
        distributions=drawn.distributions,
        drawn_parameters=drawn.parameters,
        runtime_state={"time": start.time, "seed": start.seed},
        sets=recipe.all_sets,
        technique_features=recipe.technique_features,
        particle_features=recipe.particle_features,
        geometry=partial(recipe.names.registry.prototype, GeometryPrototype),
        mode=recipe.names.registry.mode,
        synced_scene=synced,
    )


def _settings(recipe: Recipe, specimen: Specimen) -> RenderSettings:
    """Return the render settings as the specimen's technique has them now."""
    features = next((made.features for made in specimen.techniques), {})
    return settings_in_force(recipe.render, features)
