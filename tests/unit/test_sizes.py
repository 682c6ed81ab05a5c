"""Sizes of particles in physical units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scene.execution.sizes import equivalent_diameters_nm
from scene.prototypes.geometries.sphere import Sphere
from scene.prototypes.geometry import GeometryPrototype
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import Particle


class Shape(GeometryPrototype):
    features: ClassVar = (FeatureSpec("filled", 1.0, "fraction"),)

    def build(self, features: Mapping[str, FeatureValue]) -> Any:
        raise NotImplementedError

    def volume_fraction(self, features: Mapping[str, FeatureValue]) -> Any:
        assert features.keys() == {"filled"}
        return None if features["filled"] == 0 else features["filled"]


class Plain(GeometryPrototype):
    features: ClassVar = ()

    def build(self, features: Mapping[str, FeatureValue]) -> Any:
        raise NotImplementedError


GEOMETRIES = {"sphere": Sphere(), "shape": Shape(), "plain": Plain()}
lengths = st.floats(1e-3, 1e5)


def diameter(
    geometry: str, dimensions: tuple[float, ...], unit: float = 1000.0, **features: Any
) -> float | None:
    own = {"dimensions": dimensions, "subdivisions": 1, "filled": 1.0, **features}
    particle = Particle(1, "Bead", 0, geometry, "plain", own)
    (found,) = equivalent_diameters_nm([particle], GEOMETRIES, unit)
    return found


@given(side=lengths, unit=st.floats(1e-3, 1e9))
def test_a_spheres_own_diameter_is_its_equivalent_one(side: float, unit: float) -> None:
    assert diameter("sphere", (side,) * 3, unit) == pytest.approx(side * unit)


@given(sides=st.tuples(lengths, lengths, lengths), filled=st.floats(1e-6, 1))
def test_the_sphere_has_the_particles_volume(
    sides: tuple[float, float, float], filled: float
) -> None:
    found = diameter("shape", sides, 1.0, filled=filled)
    assert found is not None
    assert math.pi / 6 * found**3 == pytest.approx(filled * math.prod(sides))
    ellipsoid = diameter("sphere", sides, 1.0)
    assert ellipsoid == pytest.approx(math.prod(sides) ** (1 / 3))


def test_a_geometry_need_not_know_its_volume() -> None:
    assert diameter("plain", (1.0, 1.0, 1.0)) is None
    assert diameter("shape", (1.0, 1.0, 1.0), filled=0) is None


@pytest.mark.parametrize("given", [-0.1, 1.01, math.nan, math.inf, "half"])
def test_a_geometry_that_gives_no_fraction_is_named(given: Any) -> None:
    with pytest.raises(ValueError, match="volume_fraction must give a number in"):
        diameter("shape", (1.0, 1.0, 1.0), filled=given)
