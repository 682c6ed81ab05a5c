"""Execute one recipe: walk its steps and record what they did."""

from __future__ import annotations

import importlib.metadata
import logging
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from scene.errors import DryRunError, StepError
from scene.execution.agglomerates import agglomerate_columns, membership
from scene.execution.context import step_context
from scene.execution.record import RunRecord
from scene.execution.sizes import equivalent_diameters_nm
from scene.execution.specimens import SpecimenStore, generate
from scene.execution.stopwatch import Stopwatch
from scene.imaging.files import RECIPE_FILE, RECORD_FILE
from scene.imaging.modes import category_color
from scene.imaging.png import read_png
from scene.imaging.quality import Quality, quality
from scene.imaging.visibility import occluded_fractions, visibility
from scene.imaging.writing import write_preview
from scene.language.plugin_code import blamed
from scene.microscopy.color import luminance
from scene.prototypes.geometry import GeometryPrototype
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import POSE
from scene.steps.render import RenderParticlesTogether

if TYPE_CHECKING:
    from scene.blender.session import Session
    from scene.imaging.frame import Frame
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
    DryRunError
        If the recipe asks for a dry run.
    VariabilityError
        If nothing can be drawn with the parameters that are drawn for a variability.
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
        shown = context.frame(_everything(context)) if _shows(recipe, context) else None
        coverage = None if shown is None else _add_visibility(particles, shown)
        measured = None if shown is None else _quality(recipe, output, shown)
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
        rendering={} if shown is None else dict(context.rendering()),
        technique_features=recipe.sampled_technique_features(),
        pixel_size_nm=None if shown is None else context.pixel_size_nm(),
        quality={} if measured is None else asdict(measured),
        variabilities=dict(context.drawn_parameters),
    )
    write_preview(output, record.files)
    record.write(output / RECORD_FILE)
    return record


def _execute_step(step: Step, name: str, context: StepContext) -> None:
    logger.info("%s", step.label)
    try:
        step.execute(context)
    except DryRunError:
        raise
    except Exception as error:
        raise StepError(name, type(error).__name__, f"{error}{blamed(error)}") from error


def _shows(recipe: Recipe, context: StepContext) -> bool:
    """Return whether anything was rendered, and can be."""
    return bool(recipe.synth_chain.rendering_steps and context.specimen.techniques)


def _everything(context: StepContext) -> frozenset[int]:
    return frozenset(particle.id for particle in context.specimen.particles)


def _add_visibility(table: dict[str, list[Any]], frame: Frame) -> float:
    """Add what can be seen of each particle to the table; return the coverage."""
    instance, number = _specimen(frame, frame.buffers.instance), len(table["particle_id"])
    table |= visibility(instance, number)
    fractions = occluded_fractions(instance, frame.footprints(), number)
    # The old name stays for one release.
    table["occluded_fraction"] = table["occluded_share"] = fractions
    return float((instance > 0).mean())


def _quality(recipe: Recipe, output: Path, frame: Frame) -> Quality | None:
    """Return the quality of the image `real` of all particles; None if there is none."""
    steps = recipe.synth_chain.rendering_steps
    images = (
        step.image_of_all("real") for step in steps if isinstance(step, RenderParticlesTogether)
    )
    name = next(filter(None, images), None)
    if name is None:
        return None
    real = luminance(read_png((output / name).read_bytes()))
    return quality(*(_specimen(frame, image) for image in (real, frame.buffers.instance)))


def _specimen(frame: Frame, image: NDArray[Any]) -> NDArray[Any]:
    """Return the part of an image that shows the specimen and no data bar."""
    return image[: frame.specimen_rows]


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
    table |= membership(particles)
    for spec in recipe.all_particle_features().values():
        for component, column in enumerate(spec.columns):
            table[column] = [_component(p.features, spec.name, component) for p in particles]
    registry = recipe.names.registry
    names = {particle.geometry for particle in particles}
    geometries = {name: registry.prototype(GeometryPrototype, name) for name in names}
    unit = recipe.render.scene_unit_nm
    table["equivalent_diameter_nm"] = equivalent_diameters_nm(particles, geometries, unit)
    if recipe.joins_particles:
        table |= agglomerate_columns(particles, geometries)
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
