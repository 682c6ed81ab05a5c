"""What a step of the synth chain is, and what it may do."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from scene.imaging.frame import Frame, Image, RenderingMode
from scene.language.element import CheckContext, Configurable, Members
from scene.specimen.blueprints import Blueprints
from scene.specimen.distributions import FeatureDistribution
from scene.specimen.features import FeatureSpec
from scene.specimen.relaxation import RelaxationSettings
from scene.specimen.sets import ObjectSet
from scene.specimen.specimen import MeasurementVolume, Particle, Specimen
from scene.specimen.streams import Streams

type Features = Mapping[str, FeatureSpec]


class StepContext(Protocol):
    """What a step works on and with while a recipe is executed.

    Attributes
    ----------
    specimen
        Particles and measurement technique as they are now.
    streams
        Source of all randomness.
    output
        The run's folder.
    """

    specimen: Specimen
    streams: Streams
    output: Path

    @property
    def blueprints(self) -> Blueprints:
        """The recipe's blueprints."""

    @property
    def volume(self) -> MeasurementVolume:
        """The measurement volume, in scene units."""

    def technique_features(self) -> Features:
        """Return the features of the measurement technique and its background material."""

    def particle_features(self, blueprint: str) -> Features:
        """Return the features of the particles made from one blueprint."""

    def distribution(self, name: str) -> FeatureDistribution:
        """Return an entry of ``process_conditions.feature_variabilities``."""

    def object_set(self, name: str) -> ObjectSet:
        """Return a built-in set, or one of the recipe's own."""

    def mode(self, name: str) -> RenderingMode:
        """Return a rendering mode."""

    def particles(self, set_name: str) -> list[Particle]:
        """Return the particles of a set, by id; empty for a set that holds no particles."""

    def particle_ids(self, set_name: str) -> frozenset[int]:
        """Return the ids of the particles of a set."""

    def sync_scene(self) -> None:
        """Bring Blender's scene up to the specimen, for a step that works on it with bpy.

        The first call of a run empties what an earlier run left there. `relax`, `frame` and
        `save_scene` do so themselves.
        """

    def relax(self, particle_ids: frozenset[int], settings: RelaxationSettings) -> None:
        """Let particles fall and push each other apart; their new poses go to the specimen."""

    def frame(self, interest: frozenset[int], overlapping: frozenset[int] = frozenset()) -> Frame:
        """Return the view of some particles; see :class:`~scene.imaging.frame.Frame`."""

    def save_scene(self, path: Path) -> None:
        """Write the scene as a Blender file, `path` below the run's folder, and record the file."""

    def write_images(
        self,
        images: Mapping[str, Image],
        paths: Mapping[str, Path],
        particle_id: int | None = None,
    ) -> None:
        """Write images below the run's folder and record them.

        Parameters
        ----------
        images
            One array for each name.
        paths
            Where each goes, relative to the run's folder.
        particle_id
            The particle that they show alone in the scene; None for images of a set.
        """

    def record_file(
        self,
        mode: str,
        path: Path,
        size: tuple[int, int] | None = None,
        particle_id: int | None = None,
    ) -> None:
        """Record a file that the step wrote; see :class:`~scene.imaging.files.FileRecord`."""


class Step(Configurable):
    """One element of the synth chain; its fields are its parameters in YAML."""

    @property
    def label(self) -> str:
        """Name under which the step's time is recorded (``time.<label>``)."""
        return type(self).__name__

    def needs(self, context: CheckContext) -> Iterable[Members]:
        """Return which objects the step works on, and so has to come after; by default none."""
        del context
        return ()

    @abstractmethod
    def execute(self, context: StepContext) -> None:
        """Do the step's work."""


class FeatureGenerationStep(Step):
    """A step that makes objects or changes their features."""

    _called = "feature generation step"

    def makes(self, context: CheckContext) -> Mapping[Members, int] | None:
        """Return how many objects of which kind the step makes; None if only running it tells."""
        del context
        return None

    def changes(self, context: CheckContext) -> Iterable[str]:
        """Return the names of the features that the step changes; by default none."""
        del context
        return ()


class RenderingStep(Step):
    """A step that writes files."""

    _called = "rendering step"

    def files(self, context: CheckContext) -> Iterable[str]:
        """Return the files that the step writes, relative to the run's folder.

        A pattern with ``*`` where a particle's id goes.
        """
        del context
        return ()
