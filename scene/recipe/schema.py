"""The recipe: the schema of a resolved recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self, final

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from scene.imaging.bar_rows import BarRows, DataBarPlace
from scene.imaging.size import rendered_size
from scene.language.element import Members
from scene.language.fields import FileNamePart, Identifier, Int, Real, StrictModel
from scene.language.messages import shown
from scene.language.yaml_files import write_mapping
from scene.microscopy.chain import BitDepth
from scene.prototypes.base import Fidelity
from scene.prototypes.geometry import FusedGeometry, GeometryPrototype
from scene.prototypes.particle_features import PARTICLE_FEATURES
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.recipe.code import Code, code_of
from scene.recipe.names import Features, RecipeNames
from scene.specimen.blueprints import Blueprints
from scene.specimen.criteria import Criterion
from scene.specimen.criteria_sets import CriteriaSet
from scene.specimen.distributions import FeatureDistribution
from scene.specimen.sets import ObjectSet
from scene.specimen.specimen import MeasurementVolume
from scene.specimen.values import changed_by
from scene.steps.base import FeatureGenerationStep, RenderingStep

LARGEST_SEED = 2**63 - 1
SHORTEST_SCENE_UNIT, LONGEST_SCENE_UNIT = 1e-3, 1e9

type Seed = Annotated[Int, Field(ge=0, le=LARGEST_SEED)]


def _scene_unit(value: object) -> float:
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if SHORTEST_SCENE_UNIT <= number <= LONGEST_SCENE_UNIT:
        return float(number)
    raise ValueError(
        f"the length of a scene unit is a number of nm in [{SHORTEST_SCENE_UNIT:g}, "
        f"{LONGEST_SCENE_UNIT:g}], got {shown(value)}"
    )


@final
class InitialRuntimeState(StrictModel):
    """Where a run starts.

    `seed` is the root of every random stream that decides what particles are and where,
    `look_seed` of all others; where it is None, they have the root `seed`, too. `time` has no
    effect and is kept.
    """

    time: Real = 0.0
    seed: Seed = 0
    look_seed: Seed | None = None

    @property
    def root_of_look(self) -> int:
        """Root of the random streams of everything but the particles."""
        return self.seed if self.look_seed is None else self.look_seed


@final
class ProcessConditions(StrictModel):
    """What feature values are drawn from, and sets of objects by what their features are."""

    feature_variabilities: dict[Identifier, FeatureDistribution] = Field(default_factory=dict)
    feature_criteria: dict[Identifier, Criterion] = Field(default_factory=dict)
    sets: dict[Identifier, CriteriaSet] = Field(default_factory=dict)


@final
class SynthChain(StrictModel):
    """The steps, in the order in which they are executed."""

    feature_generation_steps: tuple[FeatureGenerationStep, ...] = ()
    rendering_steps: tuple[RenderingStep, ...] = ()


@final
class RenderSettings(StrictModel):
    """Size and effort of the images.

    Parameters
    ----------
    resolution
        (width, height) in pixels at 100 %; the scene's size follows from the larger of both. In a
        recipe, null is the measurement technique's own, as it is for `max_samples`.
    resolution_percentage
        Percentage of `resolution` that is rendered; the scene stays the same.
    max_samples
        Most samples a pixel of `real` gets, whatever the noise threshold.
    fidelity
        ``fast``, or ``reference`` for materials and integrator settings exactly as published; both
        give the same look.
    scene_unit_nm
        Length of a scene unit on the specimen in nm.
    bit_depth
        Bits of a pixel of `real`: 8, or 16, where white is 65,535.
    data_bar
        Where the data bar is: ``none``, ``overlay`` for over the lowest rows of the image, or
        ``below`` for in further rows.
    """

    resolution: tuple[
        Annotated[Int, Field(ge=16, le=16384)], Annotated[Int, Field(ge=16, le=16384)]
    ] = (960, 960)
    resolution_percentage: Annotated[Int, Field(ge=1, le=100)] = 100
    max_samples: Annotated[Int, Field(ge=1, le=1_000_000)] = 4096
    fidelity: Fidelity = "fast"
    scene_unit_nm: Annotated[float, BeforeValidator(_scene_unit)] = 1000.0
    bit_depth: BitDepth = 8
    data_bar: DataBarPlace = "none"

    @model_validator(mode="after")
    def _has_pixels(self) -> Self:
        if min(self.size) == 0:
            width, height = self.resolution
            fewest = math.ceil(100 / min(width, height))
            raise ValueError(
                f"{self.resolution_percentage} % of {width} x {height} pixels is less than one "
                f"pixel; resolution_percentage has to be at least {fewest}"
            )
        return self

    @model_validator(mode="after")
    def _has_room_for_its_data_bar(self) -> Self:
        width, height = self.size
        rows = self.bar_rows.bar
        if rows >= height:
            raise ValueError(
                f"the data bar of an image {width} pixels wide has {rows} rows, so its height has "
                f"to be at least {rows + 1} pixels, got {height}"
            )
        return self

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the images in pixels, without rows of their own for a data bar."""
        return rendered_size(self.resolution, self.resolution_percentage)

    @property
    def bar_rows(self) -> BarRows:
        """Which rows of the images show the specimen, and which a data bar."""
        return BarRows.of(self.size, self.data_bar)


@final
class Recipe(StrictModel):
    """One image family, resolved for one run. Made by :func:`parse`."""

    name: FileNamePart = ""
    initial_runtime_state: InitialRuntimeState = InitialRuntimeState()
    blueprints: Blueprints
    process_conditions: ProcessConditions = ProcessConditions()
    sets: dict[Identifier, ObjectSet] = Field(default_factory=dict)
    synth_chain: SynthChain
    render: RenderSettings = RenderSettings()

    _document: dict[str, Any] = PrivateAttr(default_factory=dict)
    _names: RecipeNames = PrivateAttr()

    def bound(self, document: Mapping[str, Any], names: RecipeNames) -> Self:
        """Remember the plain form of the recipe and what its names stand for."""
        self._document = dict(document)
        self._names = names
        return self

    @property
    def names(self) -> RecipeNames:
        """What the recipe's names stand for."""
        return self._names

    @property
    def document(self) -> Mapping[str, Any]:
        """The recipe's plain form."""
        return self._document

    def write(self, path: Path) -> None:
        """Write the resolved recipe as YAML that can be run again on its own."""
        path.write_text(write_mapping(self._document), encoding="utf-8")

    def code(self) -> Code:
        """Return the code that executes this recipe."""
        registry = self._names.registry
        return code_of(self._document, registry.folders, registry.prototype_folders)

    @property
    def volume(self) -> MeasurementVolume:
        """The measurement volume, in scene units."""
        return _sound(self._names.volume)

    def volume_at(self, resolution: tuple[int, int]) -> MeasurementVolume:
        """Return the measurement volume for images of another width and height at 100 %."""
        if resolution == self.render.resolution:
            return self.volume
        (blueprint,) = self.blueprints.measurement_techniques.values()
        name = blueprint.measurement_technique_prototype_name
        registry = self._names.registry
        return registry.prototype(MeasurementTechniquePrototype, name).volume(resolution)

    @property
    def all_sets(self) -> Mapping[str, ObjectSet]:
        """Built-in sets and the recipe's own, by name."""
        return {name: _sound(found) for name, found in self._names.sets.items()}

    @property
    def technique_features(self) -> Features:
        """Features of the measurement technique and its background material."""
        (features,) = self._names.technique_blueprints.values()
        return _sound(features)

    @property
    def particle_features(self) -> Mapping[str, Features]:
        """Particle blueprint to the features of what is made from it."""
        blueprints = self._names.particle_blueprints
        return {name: _sound(features) for name, features in blueprints.items()}

    def all_particle_features(self) -> Features:
        """Return the features of all particles.

        Those that every particle has are among them even if the recipe makes none.
        """
        features = {spec.name: spec for spec in PARTICLE_FEATURES}
        for own in self.particle_features.values():
            features |= own
        return features

    def sampled_particle_features(self) -> tuple[str, ...]:
        """Return the names of particle features that a step changes, sorted."""
        steps = self.synth_chain.feature_generation_steps
        changed = (feature for step in steps for feature in step.changes(self._names))
        return tuple(sorted(changed_by(changed, self.all_particle_features())))

    def sampled_technique_features(self) -> tuple[str, ...]:
        """Return the names of the technique's features that a step changes, sorted."""
        steps = self.synth_chain.feature_generation_steps
        about_it = (step for step in steps if step.concerns(self._names) is not Members.PARTICLES)
        changed = (feature for step in about_it for feature in step.changes(self._names))
        return tuple(sorted(changed_by(changed, self.technique_features)))

    @property
    def joins_particles(self) -> bool:
        """Whether a step makes agglomerates, or particles grow together."""
        if any(step.joins_particles for step in self.synth_chain.feature_generation_steps):
            return True
        registry = self._names.registry
        names = {own.geometry_prototype_name for own in self.blueprints.particles.values()}
        geometries = (registry.prototype(GeometryPrototype, name) for name in names)
        return any(isinstance(geometry, FusedGeometry) for geometry in geometries)

    def timing_labels(self) -> tuple[str, ...]:
        """Return the labels of all steps, each once, in the order of the chain."""
        chain = self.synth_chain
        steps = (*chain.feature_generation_steps, *chain.rendering_steps)
        return tuple(dict.fromkeys(step.label for step in steps))


def _sound[T](found: T | None) -> T:
    """Return what no recipe is made without."""
    assert found is not None
    return found
