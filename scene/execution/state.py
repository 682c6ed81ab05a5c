"""The state that the steps of one run share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scene.imaging.frame import Frame, Image
from scene.imaging.writing import write_image
from scene.recipe.names import Members
from scene.specimen.specimen import Particle, Specimen
from scene.specimen.streams import Streams

if TYPE_CHECKING:
    from scene.blender.stage import Stage
    from scene.recipe.registry import Registry
    from scene.recipe.schema import Recipe


class Stopwatch:
    """Seconds by label; time measured inside another measurement counts for the inner one alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner = 0.0

    @contextmanager
    def measure(self, label: str) -> Iterator[None]:
        """Add the time of the block to `label`."""
        outer, self._inner = self._inner, 0.0
        start = time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - start
            self.seconds[label] = self.seconds.get(label, 0.0) + elapsed - self._inner
            self._inner = outer + elapsed


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file in the run's folder; see :class:`~scene.execution.record.FileRecord`.

    Parameters
    ----------
    mode, path
        Its kind and place.
    size
        (width, height) in pixels of an image.
    particle_id
        The particle that an image shows alone.
    """

    mode: str
    path: Path
    size: tuple[int, int] | None = None
    particle_id: int | None = None


@dataclass(slots=True)
class RuntimeState:
    """What one run works on.

    Parameters
    ----------
    recipe
        The recipe that is executed.
    registry
        Where names in it are found.
    specimen
        Particles and measurement technique as they are now.
    streams
        Source of all randomness.
    output
        The run's folder.
    stopwatch
        Where the time goes.
    new_stage
        Empties Blender's scene and returns its stage; steps use `stage`.
    files
        Everything written so far.
    """

    recipe: Recipe
    registry: Registry
    output: Path
    streams: Streams
    new_stage: Callable[[], Stage]
    specimen: Specimen = field(default_factory=Specimen)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    files: list[WrittenFile] = field(default_factory=list)
    _stage: Stage | None = None

    @property
    def stage(self) -> Stage:
        """Blender's scene, brought up to the specimen.

        The first to ask empties what an earlier run left there; a run that never asks does
        without Blender.
        """
        if self._stage is None:
            with self.stopwatch.measure("reset"):
                self._stage = self.new_stage()
        with self.stopwatch.measure("build"):
            self._stage.sync(self.specimen)
        return self._stage

    def particles(self, set_name: str) -> list[Particle]:
        """Return the particles of a set, by id."""
        chosen = self.recipe.all_sets[set_name]
        return [particle for particle in self.specimen.particles if chosen.contains(particle)]

    def particle_ids(self, set_name: str) -> frozenset[int]:
        """Return the ids of a set's particles; empty for a set that holds no particles."""
        if self.recipe.all_sets[set_name].members is not Members.PARTICLES:
            return frozenset()
        return frozenset(particle.id for particle in self.particles(set_name))

    def frame(self, interest: frozenset[int], overlapping: frozenset[int] = frozenset()) -> Frame:
        """Return the view of some particles; see :class:`~scene.imaging.frame.Frame`."""
        return self.stage.frame(interest, overlapping)

    def write_images(
        self,
        images: Mapping[str, Image],
        paths: Mapping[str, Path],
        particle_id: int | None = None,
    ) -> None:
        """Write images below the run's folder and put them on record.

        Parameters
        ----------
        images
            One array for each name.
        paths
            Where each goes, relative to the run's folder.
        particle_id
            The particle that they show alone in the scene; None for images of a set.
        """
        for name, image in images.items():
            target = self.output / paths[name]
            target.parent.mkdir(parents=True, exist_ok=True)
            write_image(target, image)
            height, width = image.shape[:2]
            self.files.append(WrittenFile(name, paths[name], (width, height), particle_id))
