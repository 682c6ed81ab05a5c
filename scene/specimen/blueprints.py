"""Blueprints: what particles and the measurement technique are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, Self, final

from pydantic import (
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)

from scene.language.fields import Identifier, Int, StrictModel, Text
from scene.language.messages import shown
from scene.specimen.distributions import Distribution
from scene.specimen.distributions.parameters import one_number
from scene.specimen.features import FeatureKind, FeatureSpec
from scene.specimen.specimen import LARGEST_PARTICLE_ID

VACUUM = "vacuum"
"""The material of what is not there."""

DEFAULT_MATERIAL = "default"
"""The material of particles whose blueprint names none."""


@final
class CustomFeature(StrictModel):
    """A feature that a recipe adds, and that Blendsweep alone keeps.

    Its kind is that of its first value, the ``_value`` in a recipe: a number, a vector, a colour,
    true or false, or text.
    """

    name: Text
    value: Annotated[Any, Field(alias="_value")] = None
    blender_link: Text | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.value is None) == (self.blender_link is None):
            raise ValueError("a custom feature has either a _value or a blender_link")
        if self.blender_link is not None and not self.blender_link.startswith("bpy.data."):
            raise ValueError(
                f"its blender_link {shown(self.blender_link)} has to start with 'bpy.data.'"
            )
        if self.value is not None:
            _ = self.spec
        return self

    @property
    def spec(self) -> FeatureSpec:
        """What values it takes, if it has a first one.

        Raises
        ------
        ValueError
            If there can't be such a feature.
        """
        value = tuple(self.value) if isinstance(self.value, list) else self.value
        kind: FeatureKind = "number"
        if isinstance(value, bool | str):
            kind = "boolean" if isinstance(value, bool) else "string"
        elif not isinstance(value, int | float | tuple) or value == ():
            message = "is a number, a list of numbers, true or false, or text"
            raise ValueError(f"the _value of a custom feature {message}, got {shown(value)}")
        number = len(value) if isinstance(value, tuple) else 1
        spec = FeatureSpec(self.name, value, "set by the recipe", number, kind=kind)
        return replace(spec, default=spec.checked(value))


@final
class MeasurementTechniqueBlueprint(StrictModel):
    """A microscope, and the materials of its substrate and its measurement volume.

    The substrate is left out if its material is None or `vacuum`. The volume is never seen.
    """

    measurement_technique_prototype_name: Text
    background_material_prototype_name: Text | None = VACUUM
    measurement_volume_material_prototype_name: Text | None = VACUUM
    custom_features: tuple[CustomFeature, ...] = ()


_FIXED = TypeAdapter[int](Annotated[Int, Field(ge=1, le=LARGEST_PARTICLE_ID)])


def _number(value: object, info: ValidationInfo) -> int | Distribution:
    if not isinstance(value, Mapping | Distribution):
        return _FIXED.validate_python(value)
    drawn = Distribution.model_validate(value, context=info.context)
    ends = [one_number(end) for end in drawn.extremes()]
    if not ends:
        raise ValueError(
            "can't be drawn from a distribution whose extremes are not known; take "
            "$builtins.UniformDistributionInt, or another one with ends"
        )
    if not 1 <= min(ends) <= max(ends) <= LARGEST_PARTICLE_ID:
        raise ValueError(
            f"must be in 1 to {LARGEST_PARTICLE_ID}, and {min(ends):g} to {max(ends):g} may be "
            "drawn"
        )
    return drawn


@final
class ParticleBlueprint(StrictModel):
    """A kind of particle, and how many of it `InvokeBlueprints` makes.

    The number may be drawn once for each specimen; it is rounded.
    """

    geometry_prototype_name: Text
    material_prototype_name: Text = DEFAULT_MATERIAL
    parent: Literal["MeasurementVolume"] = "MeasurementVolume"
    number: Annotated[int | Distribution, PlainValidator(_number)]
    custom_features: tuple[CustomFeature, ...] = ()

    @property
    def most(self) -> int:
        """The largest number that may be drawn."""
        if isinstance(self.number, int):
            return self.number
        return round(max(map(one_number, self.number.extremes())))


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
        total = sum(blueprint.most for blueprint in value.values())
        if total > LARGEST_PARTICLE_ID:
            raise ValueError(f"at most {LARGEST_PARTICLE_ID} particles in all, got {total}")
        return value
