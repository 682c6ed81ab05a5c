"""What the settings of all effects of a microscope have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from scene.specimen.features import FeatureSpec, FeatureValue, numbers


class Settings:
    """Settings of an effect, as a frozen dataclass whose defaults leave the image as it is."""

    __slots__ = ()

    FEATURES: ClassVar[tuple[FeatureSpec, ...]]
    """Features of a technique that has the effect; they set the fields of the same names."""

    @classmethod
    def of(cls, features: Mapping[str, FeatureValue]) -> Self:
        """Return what a technique's features set."""
        return cls(**numbers(features, cls.FEATURES))
