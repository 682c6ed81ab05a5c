"""Execute one recipe: walk its steps and record what they did."""

from __future__ import annotations

import importlib.metadata
import logging
import platform
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scene.errors import StepError
from scene.execution.context import step_context
from scene.execution.record import RunRecord
from scene.execution.specimens import SpecimenStore, generate
from scene.execution.stopwatch import Stopwatch
from scene.imaging.files import RECIPE_FILE, RECORD_FILE
from scene.imaging.modes import category_color
from scene.imaging.visibility import occluded_fractions, visibility
from scene.imaging.writing import write_preview
from scene.language.plugin_code import blamed
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import POSE

if TYPE_CHECKING:
    from scene.blender.session import Session
    from scene.recipe.schema import Recipe
    from scene.steps.base import Step
    from scene.steps.context import StepContext

_PYTHON = {"python": platform.python_version()}

logger = logging.getLogger(__name__)


def execute(
    recipe: Recipe, session: Session, output: Path, specimens: SpecimenStore | None = None
) -> RunRecord:
    """Execute a recipe and write all its files; ``preview.jpg`` among them is not recorded.

    Parameters
    ----------
    recipe
        What to make.
    session
        A warm Blender; it is reset when a step first needs the scene.
    output
        The run's folder, which exists and is empty.
    specimens
        Where the run looks for its specimen, and stores it if it is not there; None to make it
        without. The files are the same.

    Returns
    -------
    RunRecord
        The same as in the file ``record.json``.

    Raises
    ------
    StepError
        If a step raises; it names the step.
    """
    stopwatch = Stopwatch()
    context = step_context(recipe, session, output, stopwatch)
    chain = recipe.synth_chain

    def executed(place: str, steps: Sequence[Step], index: int) -> None:
        step = steps[index]
        with stopwatch.measure(step.label):
            _execute_step(step, f"synth_chain.{place}.{index} ({step.label})", context)

    generation = partial(executed, "feature_generation_steps", chain.feature_generation_steps)
    specimen = generate(recipe, context, generation, specimens, stopwatch)
    for index in range(len(chain.rendering_steps)):
        executed("rendering_steps", chain.rendering_steps, index)
    recipe.write(output / RECIPE_FILE)
    context.record_file("recipe", Path(RECIPE_FILE))
    with stopwatch.measure("record"):
        particles = _particle_table(recipe, context)
        coverage = _add_visibility(particles, context) if _shows(recipe, context) else None
    visible = particles.get("visible_pixels")
    record = RunRecord(
        seed=recipe.initial_runtime_state.seed,
        features={k: v for t in context.specimen.techniques for k, v in t.features.items()},
        particle_features=recipe.sampled_particle_features(),
        particles=particles,
        visible_particles=None if visible is None else sum(pixels > 0 for pixels in visible),
        coverage=coverage,
        files=tuple(sorted(context.files, key=lambda file: file.path)),
        timings=dict(stopwatch.seconds),
        device=session.device,
        versions={"blendsweep": _own_version(), "bpy": session.bpy_version} | _PYTHON,
        code=dict(recipe.code()),
        specimen=specimen,
        rendering=_rendering(recipe, context),
    )
    write_preview(output, record.files)
    record.write(output / RECORD_FILE)
    return record


def _execute_step(step: Step, name: str, context: StepContext) -> None:
    logger.info("%s", step.label)
    try:
        step.execute(context)
    except Exception as error:
        raise StepError(name, type(error).__name__, f"{error}{blamed(error)}") from error


def _shows(recipe: Recipe, context: StepContext) -> bool:
    """Return whether anything was rendered, and can be."""
    return bool(recipe.synth_chain.rendering_steps and context.specimen.techniques)


def _rendering(recipe: Recipe, context: StepContext) -> dict[str, str | int | float | None]:
    return dict(context.rendering()) if _shows(recipe, context) else {}


def _add_visibility(table: dict[str, list[Any]], context: StepContext) -> float:
    """Add what can be seen of each particle to the table; return the coverage."""
    everything = frozenset(particle.id for particle in context.specimen.particles)
    frame = context.frame(everything)
    instance = frame.buffers.instance
    table |= visibility(instance, len(everything))
    fractions = occluded_fractions(instance, frame.footprints(), len(everything))
    # The old name stays for one release.
    table["occluded_fraction"] = table["occluded_share"] = fractions
    return float((instance > 0).mean())


@cache
def _own_version() -> str:
    return importlib.metadata.version("blendsweep")


def _particle_table(recipe: Recipe, context: StepContext) -> dict[str, list[Any]]:
    particles = context.specimen.particles
    table: dict[str, list[Any]] = {
        "particle_id": [particle.id for particle in particles],
        "blueprint": [particle.blueprint for particle in particles],
        "category_color": ["#{:02x}{:02x}{:02x}".format(*category_color(p.id)) for p in particles],
    }
    for spec in recipe.all_particle_features().values():
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
