"""Every built-in prototype, on the suites that plugins' prototypes are tested by."""

from __future__ import annotations

import pkgutil

import pytest

from blendsweep.testing import prototypes
from scene.prototypes import geometries, materials, measurement_techniques

pytestmark = pytest.mark.blender


class TestSphere(prototypes.GeometryConformance):
    prototype = "sphere"


class TestSemPolystyrene(prototypes.MaterialConformance):
    prototype = "sem_polystyrene"


class TestSemPatchySilicone(prototypes.MaterialConformance):
    prototype = "sem_patchy_silicone"
    on_substrate = True


class TestSemMetalPowder(prototypes.MaterialConformance):
    prototype = "sem_metal_powder"
    technique = "scanning_electron_microscope"


class TestSemCarbonTape(prototypes.MaterialConformance):
    prototype = "sem_carbon_tape"
    technique = "scanning_electron_microscope"
    on_substrate = True


class TestScanningElectronMicroscope(prototypes.MeasurementTechniqueConformance):
    prototype = "scanning_electron_microscope"
    material = "sem_metal_powder"
    background = "sem_carbon_tape"


class TestSecondaryElectronMicroscope(prototypes.MeasurementTechniqueConformance):
    prototype = "secondary_electron_microscope"
    render = {"resolution": [96, 96], "max_samples": 64}  # noqa: RUF012
    changed = {"noise_threshold": 1.0}  # noqa: RUF012


def test_every_built_in_prototype_is_tested_here() -> None:
    tested = {suite.prototype for name, suite in globals().items() if name.startswith("Test")}
    folders = (geometries, materials, measurement_techniques)
    built_in = {
        module.name for folder in folders for module in pkgutil.iter_modules(folder.__path__)
    }
    assert tested == built_in
