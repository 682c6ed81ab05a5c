"""What the YAML file beside a prototype's file says."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, final

from pydantic import AfterValidator, Field, field_validator

from scene.language.fields import Identifier, StrictModel, Text
from scene.prototypes.library.links import parsed_link


def _link(text: str) -> str:
    parsed_link(text)
    return text


type BlenderLink = Annotated[Text, AfterValidator(_link)]


@final
class LinkedFeature(StrictModel):
    """A name in recipes for a place in the file."""

    name: Identifier
    blender_link: BlenderLink


class PrototypeSettings(StrictModel):
    """What all kinds of prototypes have."""

    features: tuple[LinkedFeature, ...] = ()

    @field_validator("features")
    @classmethod
    def _distinct(cls, value: tuple[LinkedFeature, ...]) -> tuple[LinkedFeature, ...]:
        counts = Counter(feature.name for feature in value)
        if twice := [name for name, count in counts.items() if count > 1]:
            raise ValueError(f"two features are called {twice[0]!r}; rename one")
        return value


@final
class GeometrySettings(PrototypeSettings):
    """A geometry's: the object that is its shape."""

    name_in_blend_file: Text = "GeometryPrototype"


@final
class MaterialSettings(PrototypeSettings):
    """A material's: its name in the file."""

    name_in_blend_file: Text = "MaterialPrototype"


@final
class TechniqueSettings(PrototypeSettings):
    """A measurement technique's: what its objects are for."""

    hideable_object_names: tuple[Text, ...] = Field(default=())
    background_object_name: Text | None = None
    measurement_volume_object_name: Text = "MeasurementVolume"
