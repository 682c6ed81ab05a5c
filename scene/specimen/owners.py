"""Owners of features, as sets and criteria see them: particles, the technique, and blueprints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from scene.language.element import Members
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import MeasurementTechnique, Particle
from scene.specimen.values import initial, read


@final
@dataclass(frozen=True, slots=True)
class Blueprint:
    """A blueprint as a member of a set.

    Parameters
    ----------
    blueprint
        Its name.
    features
        Feature name to the value that objects made from it begin with.
    """

    blueprint: str
    features: Mapping[str, FeatureValue]


@final
@dataclass(slots=True)  # one for each particle at each use of a set; frozen ones take longer
class Owner:
    """An object or a blueprint, and what is known of its features.

    Parameters
    ----------
    kind
        What it is: one of `Members`.
    item
        The object itself.
    specs
        Feature name to the feature's declaration.
    """

    kind: Members
    item: Particle | MeasurementTechnique | Blueprint
    specs: Mapping[str, FeatureSpec]

    @classmethod
    def of_blueprint(cls, kind: Members, name: str, specs: Mapping[str, FeatureSpec]) -> Owner:
        """Return a blueprint as an owner: its features have their defaults."""
        return cls(kind, Blueprint(name, initial(specs.values())), specs)

    @property
    def blueprint(self) -> str:
        """Name of the blueprint that it was made from, or is."""
        return self.item.blueprint

    @property
    def is_root(self) -> bool:
        """Whether it is a particle without a parent."""
        return isinstance(self.item, Particle) and self.item.parent is None

    def feature(self, name: str) -> FeatureValue | None:
        """Return the present value of a feature; None if it has no such feature."""
        spec = self.specs.get(name)
        return None if spec is None else read(self.item.features, spec)
