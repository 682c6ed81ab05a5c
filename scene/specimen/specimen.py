"""The specimen: particles and the measurement technique with their features. No Blender here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from scene.specimen.enclosure import Triangles
from scene.specimen.features import FeatureValue

LARGEST_PARTICLE_ID = 2**16 - 1
"""``instances.png`` holds ids in 16 bits."""

DIMENSIONS = "dimensions"
"""The feature that holds a particle's size."""

BLUEPRINT_NAME = "blueprint_name"
"""The feature of every object that holds the name of its blueprint."""

POSE = ("location", "rotation")
"""The features that say where a particle is."""


@dataclass(frozen=True, slots=True)
class MeasurementVolume:
    """Axis-aligned box in which particles are placed, or a part of it.

    Parameters
    ----------
    lower, upper
        Opposite corners (x, y, z) in scene units.
    surface
        Triangles round the part, in coordinates that go from 0 to 1 along each side of the box;
        none for the whole box.
    """

    lower: tuple[float, float, float]
    upper: tuple[float, float, float]
    surface: Triangles = ()

    @property
    def sides(self) -> tuple[float, float, float]:
        """Lengths along x, y and z."""
        x, y, z = (high - low for low, high in zip(self.lower, self.upper, strict=True))
        return x, y, z

    def holds(self, point: FeatureValue) -> bool:
        """Return whether a point (x, y, z) lies in the box."""
        assert isinstance(point, tuple)
        limits = zip(self.lower, point, self.upper, strict=True)
        return all(low <= value <= high for low, value, high in limits)

    def misfit(self, dimensions: FeatureValue) -> str | None:
        """Return why a particle can't be in the box, or None if it can.

        One that is larger all round than the box at its widest has the camera inside it. One that
        is only wider than the box is narrow is pushed through its walls, and may well be seen.

        Parameters
        ----------
        dimensions
            The particle's bounding box (x, y, z) in scene units.
        """
        assert isinstance(dimensions, tuple)
        if min(dimensions) <= max(self.sides):
            return None
        return (
            f"a particle of {_by(dimensions)} scene units is larger all round than "
            f"the measurement volume of {_by(self.sides)}"
        )


@dataclass(slots=True)
class Particle:
    """One particle.

    Parameters
    ----------
    id
        1..N over all blueprints; the value in ``instances.png``.
    blueprint
        Name of the blueprint it was made from.
    index
        0.. within its blueprint; with the blueprint's name it keys the particle's random draws.
    geometry, material
        Names of the prototypes.
    features
        Feature name to value. After a relaxation, ``location`` and ``rotation`` are those in
        which it left the particle.
    initial_pose
        ``location`` and ``rotation`` from before the first relaxation; empty until then.
    parent
        Id of the particle at the root of the agglomerate that this one belongs to; None for a root
        and for a particle on its own.
    """

    id: int
    blueprint: str
    index: int
    geometry: str
    material: str
    features: dict[str, FeatureValue] = field(default_factory=dict)
    initial_pose: dict[str, FeatureValue] = field(default_factory=dict)
    parent: int | None = None

    @property
    def root(self) -> int:
        """Id of the root of its agglomerate; its own if it has no parent."""
        return self.id if self.parent is None else self.parent

    @property
    def label(self) -> str:
        """What a message calls it."""
        return f"particle {self.id} ({self.blueprint} {self.index})"

    def rest(self, pose: Mapping[str, FeatureValue]) -> None:
        """Take over the pose that a relaxation leaves the particle in, and keep the initial one."""
        if not self.initial_pose:
            own = self.features
            self.initial_pose = {name: own[name] for name in POSE if name in own}
        self.features |= pose


@dataclass(slots=True)
class MeasurementTechnique:
    """The measurement technique.

    Parameters
    ----------
    blueprint
        Name of the blueprint it was made from.
    prototype, background_material
        Names of the prototypes; `background_material` may be None for no substrate.
    features
        Feature name to value, those of both materials included.
    volume_material
        Name of the prototype of what fills the measurement volume; None for vacuum.
    """

    blueprint: str
    prototype: str
    background_material: str | None
    features: dict[str, FeatureValue] = field(default_factory=dict)
    volume_material: str | None = None


@dataclass(slots=True)
class Specimen:
    """All objects of one run, in the order in which they were made."""

    particles: list[Particle] = field(default_factory=list)
    techniques: list[MeasurementTechnique] = field(default_factory=list)

    def descendants(self) -> dict[int, list[Particle]]:
        """Return what hangs on the root of each agglomerate, by its id."""
        found: dict[int, list[Particle]] = {}
        for particle in self.particles:
            if particle.parent is not None:
                found.setdefault(particle.parent, []).append(particle)
        return found

    def agglomerates(self, ids: Collection[int]) -> list[list[Particle]]:
        """Return each root among some particles with all that hangs on it, given by their ids.

        A particle on its own is a root. Those that hang on another one come with that or not at
        all.
        """
        hanging = self.descendants()
        roots = (p for p in self.particles if p.id in ids and p.parent is None)
        return [[root, *hanging.get(root.id, ())] for root in roots]


def _by(lengths: tuple[float, ...]) -> str:
    return " x ".join(f"{length:g}" for length in lengths)
