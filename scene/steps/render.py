"""Rendering steps: what is written, under which name."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, final, override

from pydantic import AfterValidator, BeforeValidator

from scene.language.element import CheckContext, Members
from scene.language.fields import Bool, FileNamePart, Identifier, RelativeFolder, Text
from scene.steps.base import RenderingStep
from scene.steps.context import StepContext
from scene.steps.feature_files import save_features

_DEFAULT_INTEREST = "AllParticles"
_DEFAULT_OVERLAPPING = "Empty"
_STATE = "state"


def _state_name(value: object) -> object:
    return _STATE if value is None else value


def _no_set(value: object) -> object:
    return _DEFAULT_OVERLAPPING if value is None else value


def _png(value: str) -> str:
    if value.lower().removeprefix(".") != "png":
        raise ValueError(
            f"images are PNG files, which keep every value as it is, so this can only be 'png', "
            f"got {value!r}"
        )
    return "png"


def _mode_name(value: object) -> object:
    """Return the name of a built-in mode in small letters; those of plugins are classes' names."""
    return value if not isinstance(value, str) or value.startswith("$") else value.lower()


@final
class SaveState(RenderingStep):
    """Save the scene as a compressed Blender file, as `real` renders it, and time and seed."""

    name: Annotated[Identifier, BeforeValidator(_state_name)] = _STATE

    @override
    def files(self, context: CheckContext) -> Iterable[str]:
        return f"{self.name}.blend", f"{self.name}.yaml"

    def execute(self, context: StepContext) -> None:
        """Write the files."""
        context.save_scene(Path(f"{self.name}.blend"))


class _RenderParticles(RenderingStep):
    """Common to the steps that render particles in a mode.

    Parameters
    ----------
    rendering_mode
        The mode's name.
    set_name_of_interest
        The particles to render.
    output_file_name_prefix
        What file names begin with.
    subfolder
        Of the run's folder, that the files go to.
    do_save_features
        Whether to write all features of particles and technique to CSV files in the run's folder.
    do_save_state
        Whether to save the scene, named like the mode's images.
    image_file_extension
        PNG alone is possible.
    """

    rendering_mode: Annotated[Text, BeforeValidator(_mode_name)]
    set_name_of_interest: Text = _DEFAULT_INTEREST
    output_file_name_prefix: FileNamePart = ""
    subfolder: RelativeFolder = ""
    do_save_features: Bool = False
    do_save_state: Bool = False
    image_file_extension: Annotated[Text, AfterValidator(_png)] = "png"

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
        paths = [*self._paths(outputs, self._suffix("*")).values()]
        if self.do_save_state:
            paths += [self._state_path().with_suffix(ending) for ending in (".blend", ".yaml")]
        return [path.as_posix() for path in paths]

    def execute(self, context: StepContext) -> None:
        """Render and write the images, and what else is asked for."""
        if self.do_save_features:
            save_features(context)
        if self.do_save_state:
            context.save_scene(self._state_path(), *self._shown(context))
        self._render(context)

    @abstractmethod
    def _render(self, context: StepContext) -> None:
        """Render and write the images."""

    def _shown(self, context: StepContext) -> tuple[frozenset[int], frozenset[int]]:
        """Return the ids of the particles of interest, and of those that overlap them."""
        return context.particle_ids(self.set_name_of_interest), frozenset()

    def _state_path(self) -> Path:
        mode = self.rendering_mode.rpartition(".")[2]
        name = f"{self.output_file_name_prefix}{mode}{self._sets_suffix()}"
        return Path(self.subfolder) / f"{name}.blend"

    def _sets_suffix(self) -> str:
        """Return what stands behind a name for the sets that are not the usual ones."""
        named = self.set_name_of_interest != _DEFAULT_INTEREST
        return f"_{self.set_name_of_interest}" if named else ""

    @abstractmethod
    def _suffix(self, particle_id: str) -> str:
        """Return what stands behind an image's name: the sets or the particle, where named."""

    def _paths(self, outputs: Mapping[str, str], suffix: str) -> dict[str, Path]:
        folder, prefix = Path(self.subfolder), self.output_file_name_prefix
        return {
            name: folder / f"{prefix}{name}{suffix}.{ending}" for name, ending in outputs.items()
        }


@final
class RenderParticlesTogether(_RenderParticles):
    """Render one image of a set of particles.

    Particles of `set_name_overlapping` are there too: black occluders in the geometry modes, unseen
    by the camera but still lighting and shading in `real`. All other particles are absent.
    """

    set_name_overlapping: Annotated[Text, BeforeValidator(_no_set)] = _DEFAULT_OVERLAPPING

    @override
    def _suffix(self, particle_id: str) -> str:
        return self._sets_suffix()

    @override
    def _sets_suffix(self) -> str:
        over = self.set_name_overlapping
        under = f"_under_{over}" if over != _DEFAULT_OVERLAPPING else ""
        return f"{super()._sets_suffix()}{under}"

    @override
    def _shown(self, context: StepContext) -> tuple[frozenset[int], frozenset[int]]:
        interest = context.particle_ids(self.set_name_of_interest)
        return interest, context.particle_ids(self.set_name_overlapping) - interest

    def image_of_all(self, name: str) -> str | None:
        """Return the file of an image of all particles; None if it shows others or no such."""
        named = (self.rendering_mode, self.set_name_of_interest, self.set_name_overlapping)
        if named != (name, _DEFAULT_INTEREST, _DEFAULT_OVERLAPPING):
            return None
        return self._paths({name: "png"}, "")[name].as_posix()

    @override
    def _render(self, context: StepContext) -> None:
        mode = context.mode(self.rendering_mode)
        images = mode.images(context.frame(*self._shown(context)))
        paths = self._paths(mode.outputs, self._suffix(""))
        context.write_images(images, paths, pixel_size_nm=context.pixel_size_nm())


@final
class RenderParticlesIndividually(_RenderParticles):
    """Render one image for each particle of a set, alone in the scene.

    File names end with the particle's id, ``real_00017.png``.
    """

    def _suffix(self, particle_id: str) -> str:
        return f"{self._sets_suffix()}_{particle_id}"

    @override
    def _render(self, context: StepContext) -> None:
        mode, pixel_size_nm = context.mode(self.rendering_mode), context.pixel_size_nm()
        for particle_id in sorted(context.particle_ids(self.set_name_of_interest)):
            images = mode.images(context.frame(frozenset({particle_id})))
            paths = self._paths(mode.outputs, self._suffix(f"{particle_id:05d}"))
            context.write_images(images, paths, particle_id, pixel_size_nm)
