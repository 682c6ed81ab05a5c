"""Rendering steps: what is written, under which name."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, final, override

from pydantic import BeforeValidator

from scene.language.element import CheckContext, Members
from scene.language.fields import FileNamePart, Identifier, RelativeFolder, Text
from scene.steps.base import RenderingStep
from scene.steps.context import StepContext

_DEFAULT_INTEREST = "AllParticles"
_DEFAULT_OVERLAPPING = "Empty"
_STATE = "state"


def _state_name(value: object) -> object:
    return _STATE if value is None else value


def _no_set(value: object) -> object:
    return _DEFAULT_OVERLAPPING if value is None else value


def _mode_name(value: object) -> object:
    """Return the name of a built-in mode in small letters; those of plugins are classes' names."""
    return value if not isinstance(value, str) or value.startswith("$") else value.lower()


@final
class SaveState(RenderingStep):
    """Save the scene as a compressed Blender file, as `real` renders it."""

    name: Annotated[Identifier, BeforeValidator(_state_name)] = _STATE

    @override
    def files(self, context: CheckContext) -> Iterable[str]:
        return (f"{self.name}.blend",)

    def execute(self, context: StepContext) -> None:
        """Write the file."""
        context.save_scene(Path(f"{self.name}.blend"))


class _RenderParticles(RenderingStep):
    """Common to the steps that render particles in a mode."""

    rendering_mode: Annotated[Text, BeforeValidator(_mode_name)]
    set_name_of_interest: Text = _DEFAULT_INTEREST
    output_file_name_prefix: FileNamePart = ""
    subfolder: RelativeFolder = ""

    @property
    def label(self) -> str:
        """Step and mode."""
        return f"{type(self).__name__}.{self.rendering_mode.rpartition('.')[2]}"

    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        """Check that mode and sets exist."""
        try:
            context.image_files(self.rendering_mode)
        except ValueError as error:
            yield "rendering_mode", str(error)
        for key in ("set_name_of_interest", "set_name_overlapping"):
            if (set_name := getattr(self, key, None)) is None:
                continue
            problem = context.set_problem(set_name, Members.PARTICLES, Members.NOTHING)
            if problem:
                yield key, problem

    @override
    def needs(self, context: CheckContext) -> Iterable[Members]:
        return (Members.TECHNIQUES,)

    def files(self, context: CheckContext) -> Iterable[str]:
        """Return the mode's files."""
        try:
            outputs = context.image_files(self.rendering_mode)
        except ValueError:
            return ()
        return [path.as_posix() for path in self._paths(outputs, self._suffix("*")).values()]

    @abstractmethod
    def _suffix(self, particle_id: str) -> str:
        """Return what stands behind an image's name: the sets or the particle, where named."""

    def _paths(self, outputs: Mapping[str, str], suffix: str) -> dict[str, Path]:
        folder, prefix = Path(self.subfolder), self.output_file_name_prefix
        return {
            name: folder / f"{prefix}{name}{suffix}.{ending}" for name, ending in outputs.items()
        }

    def _set_suffix(self) -> str:
        named = self.set_name_of_interest != _DEFAULT_INTEREST
        return f"_{self.set_name_of_interest}" if named else ""


@final
class RenderParticlesTogether(_RenderParticles):
    """Render one image of a set of particles.

    Particles of `set_name_overlapping` are there too: black occluders in the geometry modes, unseen
    by the camera but still lighting and shading in `real`. All other particles are absent.
    """

    set_name_overlapping: Annotated[Text, BeforeValidator(_no_set)] = _DEFAULT_OVERLAPPING

    @override
    def _suffix(self, particle_id: str) -> str:
        over = self.set_name_overlapping
        return self._set_suffix() + (f"_under_{over}" if over != _DEFAULT_OVERLAPPING else "")

    def image_of_all(self, name: str) -> str | None:
        """Return the file of an image of all particles; None if it shows others or no such."""
        named = (self.rendering_mode, self.set_name_of_interest, self.set_name_overlapping)
        if named != (name, _DEFAULT_INTEREST, _DEFAULT_OVERLAPPING):
            return None
        return self._paths({name: "png"}, "")[name].as_posix()

    def execute(self, context: StepContext) -> None:
        """Render and write the images."""
        interest = context.particle_ids(self.set_name_of_interest)
        overlapping = context.particle_ids(self.set_name_overlapping) - interest
        mode = context.mode(self.rendering_mode)
        images = mode.images(context.frame(interest, overlapping))
        paths = self._paths(mode.outputs, self._suffix(""))
        context.write_images(images, paths, pixel_size_nm=context.pixel_size_nm())


@final
class RenderParticlesIndividually(_RenderParticles):
    """Render one image for each particle of a set, alone in the scene.

    File names end with the particle's id, ``real_00017.png``.
    """

    def _suffix(self, particle_id: str) -> str:
        return f"{self._set_suffix()}_{particle_id}"

    def execute(self, context: StepContext) -> None:
        """Render and write the images."""
        mode, pixel_size_nm = context.mode(self.rendering_mode), context.pixel_size_nm()
        for particle_id in sorted(context.particle_ids(self.set_name_of_interest)):
            images = mode.images(context.frame(frozenset({particle_id})))
            paths = self._paths(mode.outputs, self._suffix(f"{particle_id:05d}"))
            context.write_images(images, paths, particle_id, pixel_size_nm)
