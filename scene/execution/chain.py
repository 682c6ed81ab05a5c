"""Execute one recipe: walk its steps and put on record what they did."""

from __future__ import annotations

import importlib.metadata
import logging
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scene.errors import StepError
from scene.execution.record import RunRecord
from scene.execution.state import RuntimeState
from scene.imaging.files import RECIPE_FILE, RECORD_FILE
from scene.imaging.modes import category_color
from scene.imaging.visibility import occluded_fractions, visibility
from scene.imaging.writing import write_preview
from scene.language.plugin_code import blamed
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import POSE
from scene.specimen.streams import Streams

if TYPE_CHECKING:
    from scene.blender.session import Session
    from scene.blender.stage import Stage
    from scene.recipe.schema import Recipe
    from scene.steps.base import Step

_PYTHON = {"python": platform.python_version()}

logger = logging.getLogger(__name__)


def execute(recipe: Recipe, session: Session, output: Path) -> RunRecord:
    """Execute a recipe and write all its files, and ``preview.jpg``, which is not on record.

    Parameters
    ----------
    recipe
        What to make.
    session
        A warm Blender; it is reset when a step first asks for the stage.
    output
        The run's folder, which exists and is empty.

    Returns
    -------
    RunRecord
        The same as in the file ``record.json``.

    Raises
    ------
    StepError
        If a step raises; it names the step.
    """
    state = initial_state(recipe, session, output)
    chain = recipe.synth_chain
    for place, steps in (
        ("feature_generation_steps", chain.feature_generation_steps),
        ("rendering_steps", chain.rendering_steps),
    ):
        for index, step in enumerate(steps):
            _execute_step(step, f"synth_chain.{place}.{index} ({step.label})", state)
    recipe.write(output / RECIPE_FILE)
    state.record_file("recipe", Path(RECIPE_FILE))
    record = _record(state, session)
    write_preview(output, record.files)
    record.write(output / RECORD_FILE)
    return record


def initial_state(recipe: Recipe, session: Session, output: Path) -> RuntimeState:
    """Return the state before the first step; the parameters are those of `execute`."""
    streams = Streams(recipe.initial_runtime_state.seed)

    def new_stage() -> Stage:
        from scene.blender.stage import Stage  # the driver imports this module without Blender

        session.reset()
        registry, seed = recipe.names.registry, streams.integer("cycles")
        return Stage(session, registry, recipe.render, seed)

    return RuntimeState(recipe, output, streams, new_stage)


def _execute_step(step: Step, name: str, state: RuntimeState) -> None:
    logger.info("%s", step.label)
    try:
        with state.stopwatch.measure(step.label):
            step.execute(state)
    except Exception as error:
        raise StepError(name, type(error).__name__, f"{error}{blamed(error)}") from error


def _record(state: RuntimeState, session: Session) -> RunRecord:
    with state.stopwatch.measure("record"):
        particles = _particle_table(state)
        visible = coverage = None
        if state.recipe.synth_chain.rendering_steps and state.specimen.techniques:
            everything = frozenset(particle.id for particle in state.specimen.particles)
            frame = state.frame(everything)
            instance = frame.buffers.instance
            particles |= visibility(instance, len(everything))
            fractions = occluded_fractions(instance, frame.footprints(), len(everything))
            # The old name stays for one release.
            particles["occluded_fraction"] = particles["occluded_share"] = fractions
            visible = sum(pixels > 0 for pixels in particles["visible_pixels"])
            coverage = float((instance > 0).mean())
    return RunRecord(
        seed=state.recipe.initial_runtime_state.seed,
        features={k: v for t in state.specimen.techniques for k, v in t.features.items()},
        particle_features=state.recipe.sampled_particle_features(),
        particles=particles,
        visible_particles=visible,
        coverage=coverage,
        files=tuple(sorted(state.files, key=lambda file: file.path)),
        timings=dict(state.stopwatch.seconds),
        device=session.device,
        versions={"blendsweep": _own_version(), "bpy": session.bpy_version} | _PYTHON,
        code=dict(state.recipe.code()),
    )


@cache
def _own_version() -> str:
    return importlib.metadata.version("blendsweep")


def _particle_table(state: RuntimeState) -> dict[str, list[Any]]:
    particles = state.specimen.particles
    table: dict[str, list[Any]] = {
        "particle_id": [particle.id for particle in particles],
        "blueprint": [particle.blueprint for particle in particles],
        "category_color": ["#{:02x}{:02x}{:02x}".format(*category_color(p.id)) for p in particles],
    }
    for spec in state.recipe.all_particle_features().values():
        for component, column in enumerate(spec.columns):
            table[column] = [_component(p.features, spec.name, component) for p in particles]
    for name in POSE:
        for component, axis in enumerate("xyz"):
            # What nothing has moved lies where it was put.
            table[f"initial_{name}_{axis}"] = [
                _component(p.features | p.initial_pose, name, component) for p in particles
            ]
    return table


def _component(
    features: Mapping[str, FeatureValue], name: str, component: int
) -> FeatureValue | None:
    value = features.get(name)
    return value[component] if isinstance(value, tuple) else value
