"""The state that the steps of one run share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, final

from scene.imaging.files import FileRecord
from scene.imaging.frame import Frame, Image, RenderingMode
from scene.imaging.writing import write_image
from scene.language.element import Members
from scene.recipe.schema import Recipe
from scene.specimen.blueprints import Blueprints
from scene.specimen.distributions import FeatureDistribution
from scene.specimen.relaxation import RelaxationSettings
from scene.specimen.sets import ObjectSet
from scene.specimen.specimen import MeasurementVolume, Particle, Specimen
from scene.specimen.streams import Streams
from scene.steps.base import Features, StepContext

if TYPE_CHECKING:
    from scene.blender.stage import Stage


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


@final
@dataclass(slots=True)
class RuntimeState(StepContext):
    """What one run works on: the context of its steps.

    Parameters
    ----------
    recipe
        The recipe that is executed.
    output
        The run's folder.
    streams
        Source of all randomness.
    new_stage
        Empties Blender's scene and returns its stage.
    specimen
        Particles and measurement technique as they are now.
    stopwatch
        Where the time goes.
    files
        Everything written so far.
    """

    recipe: Recipe
    output: Path
    streams: Streams
    new_stage: Callable[[], Stage]
    specimen: Specimen = field(default_factory=Specimen)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    files: list[FileRecord] = field(default_factory=list)
    _stage: Stage | None = None

    @property
    def blueprints(self) -> Blueprints:
        """The recipe's blueprints."""
        return self.recipe.blueprints

    @property
    def volume(self) -> MeasurementVolume:
        """The measurement volume, in scene units."""
        return self.recipe.volume

    def technique_features(self) -> Features:
        """Return the features of the measurement technique and its background material."""
        return self.recipe.technique_features()

    def particle_features(self, blueprint: str) -> Features:
        """Return the features of the particles made from one blueprint."""
        return self.recipe.particle_features(blueprint)

    def distribution(self, name: str) -> FeatureDistribution:
        """Return an entry of ``process_conditions.feature_variabilities``."""
        return self.recipe.process_conditions.feature_variabilities[name]

    def object_set(self, name: str) -> ObjectSet:
        """Return a built-in set, or one of the recipe's own."""
        found = self.recipe.names.sets[name]
        assert found is not None
        return found

    def mode(self, name: str) -> RenderingMode:
        """Return a rendering mode."""
        return self.recipe.names.registry.mode(name)

    def particles(self, set_name: str) -> list[Particle]:
        """Return the particles of a set, by id; empty for a set that holds no particles."""
        chosen = self.object_set(set_name)
        if chosen.members is not Members.PARTICLES:
            return []
        return [particle for particle in self.specimen.particles if chosen.contains(particle)]

    def particle_ids(self, set_name: str) -> frozenset[int]:
        """Return the ids of the particles of a set."""
        return frozenset(particle.id for particle in self.particles(set_name))

    def synced_stage(self) -> Stage:
        """Return Blender's scene, brought up to the specimen.

        The first call empties what an earlier run left there; a run that never calls it does
        without Blender.
        """
        if self._stage is None:
            with self.stopwatch.measure("reset"):
                self._stage = self.new_stage()
        with self.stopwatch.measure("build"):
            self._stage.sync(self.specimen)
        return self._stage

    def sync_scene(self) -> None:
        """Bring Blender's scene up to the specimen."""
        self.synced_stage()

    def relax(self, particle_ids: frozenset[int], settings: RelaxationSettings) -> None:
        """Let particles fall and push each other apart; their new poses go to the specimen."""
        self.synced_stage().relax(self.specimen, particle_ids, settings)

    def frame(self, interest: frozenset[int], overlapping: frozenset[int] = frozenset()) -> Frame:
        """Return the view of some particles."""
        return self.synced_stage().frame(interest, overlapping)

    def save_scene(self, path: Path) -> None:
        """Write the scene as a Blender file, `path` below the run's folder, and record the file."""
        self.synced_stage().save(self.output / path)
        self.record_file("state", path)

    def write_images(
        self,
        images: Mapping[str, Image],
        paths: Mapping[str, Path],
        particle_id: int | None = None,
    ) -> None:
        """Write images below the run's folder and record them."""
        for name, image in images.items():
            target = self.output / paths[name]
            target.parent.mkdir(parents=True, exist_ok=True)
            write_image(target, image)
            height, width = image.shape[:2]
            self.record_file(name, paths[name], (width, height), particle_id)

    def record_file(
        self,
        mode: str,
        path: Path,
        size: tuple[int, int] | None = None,
        particle_id: int | None = None,
    ) -> None:
        """Record a file that a step wrote."""
        self.files.append(FileRecord.of(self.output, path, mode, size, particle_id))
