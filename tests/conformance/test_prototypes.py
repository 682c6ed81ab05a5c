"""Every built-in prototype, on the suites that plugins' prototypes are tested by."""

from __future__ import annotations

import pkgutil
from typing import ClassVar

import pytest

from blendsweep.testing import prototypes
from scene.microscopy.imaging_chain import IMAGING_FEATURES
from scene.prototypes import geometries, materials, measurement_techniques
from scene.specimen.features import FeatureSpec

FOLDERS = {
    prototypes.GeometryConformance: geometries,
    prototypes.MaterialConformance: materials,
    prototypes.MeasurementTechniqueConformance: measurement_techniques,
}

pytestmark = pytest.mark.blender


class TestSphere(prototypes.GeometryConformance):
    prototype = "sphere"


class TestDefaultGeometry(prototypes.GeometryConformance):
    prototype = "default"


class TestEllipsoid(prototypes.GeometryConformance):
    prototype = "ellipsoid"


class TestPotato(prototypes.GeometryConformance):
    prototype = "potato"


class TestWormTwisted(prototypes.GeometryConformance):
    prototype = "worm_twisted"
    changed = {"resolution": 1.0}  # noqa: RUF012


class TestRod(prototypes.GeometryConformance):
    prototype = "rod"


class TestCuboid(prototypes.GeometryConformance):
    prototype = "cuboid"


class TestPolyhedron(prototypes.GeometryConformance):
    prototype = "polyhedron"


class TestSuperellipsoid(prototypes.GeometryConformance):
    prototype = "superellipsoid"


class TestRoughSphere(prototypes.GeometryConformance):
    prototype = "rough_sphere"


class TestSatelliteSphere(prototypes.GeometryConformance):
    prototype = "satellite_sphere"


class TestMetaBallSphere(prototypes.GeometryConformance):
    prototype = "meta_ball_sphere"
    unseen = frozenset({"resolution"})
    changed: ClassVar = {"render_resolution": 0.05}
    beside: ClassVar = {"dimensions": (3.5, 3.5, 3.5)}


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


class TestPlain(prototypes.MaterialConformance):
    prototype = "plain"


class TestDefaultMaterial(prototypes.MaterialConformance):
    prototype = "default"


class TestVacuum(prototypes.MaterialConformance):
    prototype = "vacuum"


class TestAggregatedTexture(prototypes.MaterialConformance):
    prototype = "aggregated_texture"


class TestBandNoise(prototypes.MaterialConformance):
    prototype = "band_noise"
    on_substrate = True


class TestTemAmorphous(prototypes.MaterialConformance):
    prototype = "tem_amorphous"
    technique = "transmission_electron_microscope"
    background = None


# What the features of the imaging chain, which all microscopes have, need to show.
RENDER = {"resolution": [256, 64], "max_samples": 2, "data_bar": "overlay"}
LARGEST = {"scene_unit_nm": 1e6}
BESIDE = {
    "probe_diameter": 200.0, "convergence_angle": 20.0, "astigmatism": 100.0,
    "drift": 300.0, "vibration": 200.0, "flagging": 300.0, "beam_current": 20.0,
    "line_noise": 0.02, "video_bandwidth": 0.4, "automatic_contrast": 1,
}  # fmt: skip
CHANGED = {
    "focus_height": 5000.0, "drift": 3000.0, "drift_walk": 500.0, "vibration": 500.0,
    "flagging": 600.0, "astigmatism_angle": 1.0, "drift_direction": 1.0,
    "vibration_direction": 1.0, "automatic_contrast": 0,
}  # fmt: skip


class TestScanningElectronMicroscope(prototypes.MeasurementTechniqueConformance):
    prototype = "scanning_electron_microscope"
    render, largest, beside, changed = RENDER, LARGEST, BESIDE, CHANGED
    material = "sem_metal_powder"
    background = "sem_carbon_tape"


class TestSecondaryElectronMicroscope(prototypes.MeasurementTechniqueConformance):
    prototype = "secondary_electron_microscope"
    render, largest, beside = RENDER, LARGEST, BESIDE
    changed = {**CHANGED, "noise_threshold": 1.0}  # noqa: RUF012


class TestTransmissionElectronMicroscope(prototypes.MeasurementTechniqueConformance):
    prototype = "transmission_electron_microscope"
    render = RENDER
    largest = LARGEST
    beside = {**BESIDE, "film_thickness": 500.0, "film_grain_size": 500.0}  # noqa: RUF012
    changed = {**CHANGED, "noise_threshold": 1.0, "film_grain_size": 900.0}  # noqa: RUF012
    at_reference = frozenset({"noise_threshold"})
    material = "tem_amorphous"
    background = None


class TestDefaultTechnique(prototypes.MeasurementTechniqueConformance):
    prototype = "default"
    background = None


class TestSemAggregate(prototypes.MeasurementTechniqueConformance):
    prototype = "sem_aggregate"
    render, beside = RENDER, BESIDE
    changed = {"noise_threshold": 1.0}  # noqa: RUF012

    @classmethod
    def specs(cls) -> tuple[FeatureSpec, ...]:
        """Of the imaging chain, whose features are tested above, one stands for all."""
        others = {spec.name for spec in IMAGING_FEATURES} - {"gamma"}
        return tuple(spec for spec in super().specs() if spec.name not in others)


def test_every_built_in_prototype_is_tested_here() -> None:
    suites = [suite for name, suite in globals().items() if name.startswith("Test")]
    for kind, folder in FOLDERS.items():
        tested = {suite.prototype for suite in suites if issubclass(suite, kind)}
        assert tested == {module.name for module in pkgutil.iter_modules(folder.__path__)}
