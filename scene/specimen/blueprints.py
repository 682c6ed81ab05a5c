"""Blueprints: what particles and the measurement technique are made from."""

from __future__ import annotations

from typing import Annotated, Literal, final

from pydantic import Field, field_validator

from scene.language.fields import Identifier, Int, StrictModel, Text
from scene.specimen.specimen import LARGEST_PARTICLE_ID

VACUUM = "vacuum"
"""The material of what is not there."""

DEFAULT_MATERIAL = "default"
"""The material of particles whose blueprint names none."""


@final
class MeasurementTechniqueBlueprint(StrictModel):
    """A microscope, and the materials of its substrate and its measurement volume.

    The substrate is left out if its material is None or `vacuum`. The volume is never seen.
    """

    measurement_technique_prototype_name: Text
    background_material_prototype_name: Text | None = VACUUM
    measurement_volume_material_prototype_name: Text | None = VACUUM


@final
class ParticleBlueprint(StrictModel):
    """A kind of particle, and how many of it `InvokeBlueprints` makes."""

    geometry_prototype_name: Text
    material_prototype_name: Text = DEFAULT_MATERIAL
    parent: Literal["MeasurementVolume"] = "MeasurementVolume"
    number: Annotated[Int, Field(ge=1, le=LARGEST_PARTICLE_ID)]


@final
class Blueprints(StrictModel):
    """What a specimen is made of: exactly one measurement technique, and particles."""

    measurement_techniques: Annotated[
        dict[Identifier, MeasurementTechniqueBlueprint], Field(min_length=1, max_length=1)
    ]
    particles: dict[Identifier, ParticleBlueprint] = Field(default_factory=dict)

    @field_validator("particles")
    @classmethod
    def _ids_fit(cls, value: dict[str, ParticleBlueprint]) -> dict[str, ParticleBlueprint]:
        total = sum(blueprint.number for blueprint in value.values())
        if total > LARGEST_PARTICLE_ID:
            raise ValueError(f"at most {LARGEST_PARTICLE_ID} particles in all, got {total}")
        return value
