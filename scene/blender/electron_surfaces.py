"""How particles and ground answer an electron beam, for techniques that compute their image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import final

import numpy as np
from numpy.typing import NDArray

from scene.language.plugin_code import given
from scene.microscopy.electron_surface import ElectronSurface
from scene.prototypes.material import MaterialPrototype
from scene.recipe.registry import Registry
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import Particle
from scene.specimen.values import named, values

type _Key = tuple[str, tuple[FeatureValue, ...]]
"""A material's prototype, and the values of its features."""


@final
class ElectronSurfaces:
    """The surfaces of a specimen's particles.

    Parameters
    ----------
    registry
        Where prototypes are found.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._wearers: dict[_Key, list[int]] = {}

    def sync(self, particles: Iterable[Particle]) -> bool:
        """Take over what particles are made of; return whether that changed."""
        wearers: dict[_Key, list[int]] = defaultdict(list)
        for particle in particles:
            specs = self._registry.prototype(MaterialPrototype, particle.material).features
            own = values(particle.features, specs)
            wearers[particle.material, tuple(own.values())].append(particle.id)
        changed = wearers != self._wearers
        self._wearers = wearers
        return changed

    def of_particles(self) -> dict[ElectronSurface, NDArray[np.intp]]:
        """Return the surfaces of the particles, as last synced, with the ids of theirs."""
        ids: dict[ElectronSurface, list[int]] = {}
        for (name, own), wearers in self._wearers.items():
            specs = self._registry.prototype(MaterialPrototype, name).features
            ids.setdefault(self.of(name, named(specs, own)), []).extend(wearers)
        return {surface: np.array(own, dtype=np.intp) for surface, own in ids.items()}

    def of(self, name: str, features: Mapping[str, FeatureValue]) -> ElectronSurface:
        """Return the surface of a material with the given values of its features."""
        prototype = self._registry.prototype(MaterialPrototype, name)
        surface = prototype.electron_surface(values(features, prototype.features))
        return given(surface, ElectronSurface, type(prototype), "electron_surface")
