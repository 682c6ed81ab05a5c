"""What a step of the synth chain works on and with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, final

from scene.imaging.files import FileRecord
from scene.imaging.frame import Frame, Output, RenderingMode
from scene.imaging.png import FASTEST
from scene.imaging.writing import write_image
from scene.language.element import Members
from scene.language.yaml_files import write_mapping
from scene.prototypes.geometry import GeometryPrototype
from scene.prototypes.image_settings import png_level
from scene.shapes.mesh import TriangleMesh
from scene.specimen.blueprints import Blueprints
from scene.specimen.distributions import FeatureDistribution
from scene.specimen.features import FeatureSpec
from scene.specimen.owners import Owner
from scene.specimen.relaxation import RelaxationSettings
from scene.specimen.sets import ObjectSet
from scene.specimen.specimen import MeasurementTechnique, MeasurementVolume, Particle, Specimen
from scene.specimen.streams import Streams

type Features = Mapping[str, FeatureSpec]

_NO_IDS: frozenset[int] = frozenset()


class Scene(Protocol):
    """Blender's scene, as it stands."""

    def relax(
        self,
        specimen: Specimen,
        particle_ids: frozenset[int],
        settings: RelaxationSettings,
        saved: Path | None = None,
    ) -> None:
        """Let particles fall and push each other apart; write their new poses to the specimen.

        `saved` is where to save the scene with its rigid bodies and their cache; None to leave it.
        """

    def surfaces(
        self, specimen: Specimen, particle_ids: frozenset[int]
    ) -> Mapping[int, TriangleMesh]:
        """Return the surfaces of particles in world space, by id, as they are rendered."""

    def frame(self, interest: frozenset[int], overlapping: frozenset[int]) -> Frame:
        """Return the view of some particles."""

    def rendering(self) -> Mapping[str, str | int | float | None]:
        """Return how `real` is rendered, as plain values."""

    def pixel_size_nm(self) -> float | None:
        """Return the side of a pixel on the specimen in nm; None for a perspective."""

    def save(self, path: Path) -> None:
        """Save the scene as a Blender file."""

    def save_view(self, path: Path, interest: frozenset[int], overlapping: frozenset[int]) -> None:
        """Save the scene as a Blender file in which others than some particles are hidden."""


@final
@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step works on and with while a recipe is executed.

    Parameters
    ----------
    output
        The run's folder.
    streams
        Source of all randomness that decides what particles are and where; its root is the seed.
    look_streams
        Source of all other randomness: of the technique, its background and its noise. Its root is
        ``look_seed``; without one it is `streams` itself.
    volume_of
        Returns the measurement volume, in scene units, of a specimen's technique as it is now.
    blueprints, distributions, sets
        The recipe's; the distributions are the entries of ``feature_variabilities``, with all
        parameters drawn, and the built-in sets are among the sets.
    numbers
        Particle blueprint to the number of particles that are made from it in this run.
    technique_features
        Features of the measurement technique and its background material.
    particle_features
        Blueprint name to the features of the particles made from it.
    geometry
        Returns a geometry prototype by its name.
    mode
        Returns a rendering mode by its name.
    synced_scene
        Returns Blender's scene, brought up to a specimen.
    drawn_parameters
        What was drawn once for this run, to number: parameters of distributions,
        ``<name>.<path>``, and numbers of particles, ``blueprints.particles.<name>.number``.
    runtime_state
        ``time`` and ``seed`` of the run.
    specimen
        Particles and measurement technique as they are now.
    files
        Every file written so far.
    """

    output: Path
    streams: Streams
    look_streams: Streams
    volume_of: Callable[[Specimen], MeasurementVolume]
    blueprints: Blueprints
    numbers: Mapping[str, int]
    distributions: Mapping[str, FeatureDistribution]
    sets: Mapping[str, ObjectSet]
    technique_features: Features
    particle_features: Mapping[str, Features]
    geometry: Callable[[str], GeometryPrototype]
    mode: Callable[[str], RenderingMode]
    synced_scene: Callable[[Specimen], Scene]
    drawn_parameters: Mapping[str, float] = field(default_factory=dict)
    runtime_state: Mapping[str, float] = field(default_factory=dict)
    specimen: Specimen = field(default_factory=Specimen)
    files: list[FileRecord] = field(default_factory=list)

    @property
    def volume(self) -> MeasurementVolume:
        """The measurement volume, in scene units, as it is now."""
        return self.volume_of(self.specimen)

    def particles(self, set_name: str) -> list[Particle]:
        """Return the particles that a set holds now, by id."""
        chosen = self.sets[set_name]
        if Members.PARTICLES not in chosen.members:
            return []
        features = self.particle_features
        return [
            particle
            for particle in self.specimen.particles
            if chosen.contains(
                Owner(Members.PARTICLES, particle, features.get(particle.blueprint, {}))
            )
        ]

    def techniques(self, set_name: str) -> list[MeasurementTechnique]:
        """Return the measurement technique if a set holds it now, else nothing."""
        chosen = self.sets[set_name]
        return [
            technique
            for technique in self.specimen.techniques
            if chosen.contains(Owner(Members.TECHNIQUES, technique, self.technique_features))
        ]

    def blueprints_in(self, set_name: str, kind: Members) -> list[str]:
        """Return the names of the blueprints of a kind that a set holds, in the recipe's order."""
        features = (
            self.particle_features
            if kind is Members.PARTICLE_BLUEPRINTS
            else dict.fromkeys(self.blueprints.measurement_techniques, self.technique_features)
        )
        chosen = self.sets[set_name]
        return [
            name
            for name, specs in features.items()
            if chosen.contains(Owner.of_blueprint(kind, name, specs))
        ]

    def particle_ids(self, set_name: str) -> frozenset[int]:
        """Return the ids of the particles of a set."""
        return frozenset(particle.id for particle in self.particles(set_name))

    def sync_scene(self) -> None:
        """Bring Blender's scene up to the specimen, for a step that works on it with bpy.

        The first call of a run empties what an earlier run left there; a run that never calls it
        does without Blender. `relax`, `frame` and `save_scene` do the same.
        """
        self.synced_scene(self.specimen)

    def relax(self, particle_ids: frozenset[int], settings: RelaxationSettings) -> None:
        """Let particles fall and push each other apart; their new poses go to the specimen."""
        self.synced_scene(self.specimen).relax(self.specimen, particle_ids, settings)

    def dry_run(
        self, particle_ids: frozenset[int], settings: RelaxationSettings, path: Path
    ) -> None:
        """Relax particles, and save the scene with its rigid bodies and their cache.

        `path` is below the run's folder.
        """
        self.synced_scene(self.specimen).relax(
            self.specimen, particle_ids, settings, self.output / path
        )

    def surfaces(self, particle_ids: frozenset[int]) -> Mapping[int, TriangleMesh]:
        """Return the surfaces of particles as they are rendered, each as if it were alone.

        In world space, so in scene units, by id in ascending order; spheres as the meshes that
        simulations take for them.
        """
        return self.synced_scene(self.specimen).surfaces(self.specimen, particle_ids)

    def frame(self, interest: frozenset[int], overlapping: frozenset[int] = frozenset()) -> Frame:
        """Return the view of some particles; see :class:`~scene.imaging.frame.Frame`.

        Parameters
        ----------
        interest
            Ids of the particles to show.
        overlapping
            Ids of those that are present without being shown.
        """
        return self.synced_scene(self.specimen).frame(interest, overlapping)

    def rendering(self) -> Mapping[str, str | int | float | None]:
        """Return how `real` is rendered, as plain values; needs a measurement technique."""
        return self.synced_scene(self.specimen).rendering()

    def pixel_size_nm(self) -> float | None:
        """Return the side of a pixel on the specimen in nm; needs a measurement technique.

        None if the technique's camera has a perspective, in which pixels have no one size.
        """
        return self.synced_scene(self.specimen).pixel_size_nm()

    def save_scene(
        self,
        path: Path,
        interest: frozenset[int] | None = None,
        overlapping: frozenset[int] = _NO_IDS,
    ) -> None:
        """Save the scene as a Blender file, and the runtime state beside it; record both.

        Parameters
        ----------
        path
            Of the Blender file, below the run's folder; that of the state ends with ``.yaml``.
        interest, overlapping
            Ids of the particles that are seen, and of those that are there without being seen, as
            `real` renders them; by default all particles are seen.
        """
        scene, target = self.synced_scene(self.specimen), self.output / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if interest is None:
            scene.save(target)
        else:
            scene.save_view(target, interest, overlapping)
        self.record_file("state", path)
        state = path.with_suffix(".yaml")
        self.write_file("runtime_state", state, write_mapping(self.runtime_state).encode())

    def write_file(
        self, mode: str, path: Path, content: bytes, particle_id: int | None = None
    ) -> None:
        """Write a file that is not an image, `path` below the run's folder, and record it."""
        target = self.output / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        self.record_file(mode, path, particle_id=particle_id)

    def write_images(
        self,
        images: Mapping[str, Output],
        paths: Mapping[str, Path],
        particle_id: int | None = None,
        pixel_size_nm: float | None = None,
    ) -> None:
        """Write images below the run's folder and record them.

        Parameters
        ----------
        images
            One array for each name, or the content of a file that is not an image.
        paths
            Where each goes, relative to the run's folder.
        particle_id
            The particle that they show alone in the scene; None for images of a set.
        pixel_size_nm
            Side of their pixels on the specimen in nm, for the files' tags; None for images that
            have no such size.
        """
        level = next((png_level(made.features) for made in self.specimen.techniques), FASTEST)
        for name, image in images.items():
            if isinstance(image, bytes):
                self.write_file(name, paths[name], image, particle_id)
                continue
            target = self.output / paths[name]
            target.parent.mkdir(parents=True, exist_ok=True)
            write_image(target, image, pixel_size_nm, level)
            height, width = image.shape[:2]
            self.record_file(name, paths[name], (width, height), particle_id)

    def record_file(
        self,
        mode: str,
        path: Path,
        size: tuple[int, int] | None = None,
        particle_id: int | None = None,
    ) -> None:
        """Record a file that a step wrote; see :meth:`scene.imaging.files.FileRecord.of`."""
        self.files.append(FileRecord.of(self.output, path, mode, size, particle_id))
