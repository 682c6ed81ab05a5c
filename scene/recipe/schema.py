"""The recipe: schema of a resolved recipe, with every error of it reported at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, final

from pydantic import Field, PrivateAttr, field_validator, model_validator

from scene.imaging.size import rendered_size
from scene.language.fields import FileNamePart, Identifier, Int, Real, StrictModel, Text
from scene.language.yaml_files import write_mapping
from scene.prototypes.base import (
    PARTICLE_FEATURES,
    Fidelity,
    GeometryPrototype,
    MaterialPrototype,
    MeasurementTechniquePrototype,
)
from scene.recipe.code import Code, code_of
from scene.recipe.plugins import described
from scene.recipe.registry import Registry
from scene.specimen.distributions import FeatureDistribution
from scene.specimen.features import FeatureSpec
from scene.specimen.sets import BUILTIN_SETS, ObjectSet
from scene.specimen.specimen import LARGEST_PARTICLE_ID, MeasurementVolume
from scene.steps.base import FeatureGenerationStep, RenderingStep

LARGEST_SEED = 2**63 - 1


@final
class InitialRuntimeState(StrictModel):
    """Where a run starts.

    `seed` is the root of every random stream of the run; `time` is kept for the record.
    """

    time: Real = 0.0
    seed: Annotated[Int, Field(ge=0, le=LARGEST_SEED)] = 0


@final
class MeasurementTechniqueBlueprint(StrictModel):
    """A microscope, and the material of its substrate (None for no substrate)."""

    measurement_technique_prototype_name: Text
    background_material_prototype_name: Text | None = None


@final
class ParticleBlueprint(StrictModel):
    """A kind of particle, and how many of it `InvokeBlueprints` makes."""

    geometry_prototype_name: Text
    material_prototype_name: Text
    parent: Literal["MeasurementVolume"] = "MeasurementVolume"
    number: Annotated[Int, Field(ge=1, le=LARGEST_PARTICLE_ID)]


@final
class Blueprints(StrictModel):
    """What a specimen is made of: exactly one measurement technique, and particles."""

    measurement_techniques: Annotated[
        dict[Identifier, MeasurementTechniqueBlueprint], Field(min_length=1, max_length=1)
    ]
    particles: dict[Identifier, ParticleBlueprint]

    @field_validator("particles")
    @classmethod
    def _ids_fit(cls, value: dict[str, ParticleBlueprint]) -> dict[str, ParticleBlueprint]:
        total = sum(blueprint.number for blueprint in value.values())
        if total > LARGEST_PARTICLE_ID:
            raise ValueError(f"at most {LARGEST_PARTICLE_ID} particles in all, got {total}")
        return value


@final
class ProcessConditions(StrictModel):
    """What feature values are drawn from."""

    feature_variabilities: dict[Identifier, FeatureDistribution] = Field(default_factory=dict)


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
        (width, height) in pixels at 100 %; the scene's size follows from the larger of both.
    resolution_percentage
        Share of `resolution` that is rendered; the scene stays the same.
    max_samples
        Most samples a pixel of `real` gets, whatever the noise threshold.
    fidelity
        ``fast``, or ``reference`` for materials and integrator settings exactly as published; both
        give the same look.
    """

    resolution: tuple[
        Annotated[Int, Field(ge=16, le=16384)], Annotated[Int, Field(ge=16, le=16384)]
    ] = (960, 960)
    resolution_percentage: Annotated[Int, Field(ge=1, le=100)] = 100
    max_samples: Annotated[Int, Field(ge=1, le=1_000_000)] = 4096
    fidelity: Fidelity = "fast"

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

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the images in pixels."""
        return rendered_size(self.resolution, self.resolution_percentage)


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
    _registry: Registry = PrivateAttr(default_factory=Registry)

    def bound(self, document: Mapping[str, Any], registry: Registry) -> Self:
        """Remember the plain form of the recipe and where its names were found."""
        self._document = dict(document)
        self._registry = registry
        return self

    def write(self, path: Path) -> None:
        """Write the resolved recipe as YAML that runs again by itself."""
        path.write_text(write_mapping(self._document), encoding="utf-8")

    def code(self) -> Code:
        """Return the code that executes this recipe."""
        return code_of(self._document, self._registry.folders)

    @property
    def all_sets(self) -> Mapping[str, ObjectSet]:
        """Built-in sets and the recipe's own, by name."""
        return {**BUILTIN_SETS, **self.sets}

    @property
    def volume(self) -> MeasurementVolume:
        """The measurement volume, in scene units."""
        (blueprint,) = self.blueprints.measurement_techniques.values()
        technique = self._registry.prototype(
            MeasurementTechniquePrototype, blueprint.measurement_technique_prototype_name
        )
        volume: object = technique.volume(self.render.resolution)
        if not isinstance(volume, MeasurementVolume):
            raise TypeError(
                f"{described(type(technique))}: volume must give a MeasurementVolume, "
                f"got {volume!r:.60}"
            )
        return volume

    def technique_features(self) -> tuple[FeatureSpec, ...]:
        """Return the features of the measurement technique and its background material."""
        (blueprint,) = self.blueprints.measurement_techniques.values()
        return technique_features(
            self._registry,
            blueprint.measurement_technique_prototype_name,
            blueprint.background_material_prototype_name,
        )

    def particle_features(self, blueprint_name: str) -> tuple[FeatureSpec, ...]:
        """Return the features of the particles made from one blueprint."""
        blueprint = self.blueprints.particles[blueprint_name]
        return particle_features(
            self._registry, blueprint.geometry_prototype_name, blueprint.material_prototype_name
        )

    def all_particle_features(self) -> tuple[FeatureSpec, ...]:
        """Return the features of all particles, each name once.

        Those that every particle has are among them where a recipe makes none, too.
        """
        specs = (
            spec for name in self.blueprints.particles for spec in self.particle_features(name)
        )
        return tuple({spec.name: spec for spec in (*PARTICLE_FEATURES, *specs)}.values())

    def sampled_particle_features(self) -> tuple[str, ...]:
        """Return the names of particle features that a step changes, sorted."""
        names = {spec.name for spec in self.all_particle_features()}
        changed = {
            feature
            for step in self.synth_chain.feature_generation_steps
            for feature in step.changes(self)
        }
        return tuple(sorted(names & changed))

    def timing_labels(self) -> tuple[str, ...]:
        """Return the labels of all steps, each once, in the order of the chain."""
        chain = self.synth_chain
        steps = (*chain.feature_generation_steps, *chain.rendering_steps)
        return tuple(dict.fromkeys(step.label for step in steps))


def technique_features(
    registry: Registry, prototype: str, background_material: str | None
) -> tuple[FeatureSpec, ...]:
    """Return the features of a measurement technique on a substrate.

    Raises
    ------
    ValueError
        If a prototype does not exist.
    """
    own = registry.prototype(MeasurementTechniquePrototype, prototype).features
    if background_material is None:
        return own
    return own + registry.prototype(MaterialPrototype, background_material).features


def particle_features(registry: Registry, geometry: str, material: str) -> tuple[FeatureSpec, ...]:
    """Return the features of a particle.

    Raises
    ------
    ValueError
        If a prototype does not exist.
    """
    return (
        *PARTICLE_FEATURES,
        *registry.prototype(GeometryPrototype, geometry).features,
        *registry.prototype(MaterialPrototype, material).features,
    )
