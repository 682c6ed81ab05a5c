"""The microscope for aggregates: its volume and focus, and that both fidelities look alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from scene.specimen.features import FeatureValue
from scene.specimen.specimen import MeasurementTechnique, Specimen

from .conftest import StageFactory, bead

if TYPE_CHECKING:
    from scene.blender.stage import Stage


def shown(stage: Stage, **features: FeatureValue) -> Stage:
    """Show three beads round the volume's middle."""
    beads = [
        bead(number, (22.0 * number - 44, 0.0, 4.0 * number - 8), 20.0) for number in (1, 2, 3)
    ]
    technique = MeasurementTechnique("T", "sem_aggregate", "band_noise", dict(features))
    stage.sync(Specimen(beads, [technique]))
    return stage


def test_the_camera_is_a_volume_s_height_above_its_floor(new_stage: StageFactory) -> None:
    import bpy

    stage = shown(new_stage(), defocus=0.25)
    buffers = stage.frame(frozenset({2})).buffers
    assert buffers.depth.min() == pytest.approx(25.6 - 10, abs=0.1)
    scene = bpy.context.scene
    assert scene.camera.data.dof.focus_distance == pytest.approx(0.75 * 25.6)
    volume, substrate = scene.objects["MeasurementVolume"], scene.objects["Substrate"]
    heights = [(volume.matrix_world @ vertex.co).z for vertex in volume.data.vertices]
    assert (min(heights), max(heights)) == pytest.approx((-25.6, 25.6))
    assert substrate.matrix_world.translation.z == pytest.approx(-25.6)
    assert [*volume.dimensions] == pytest.approx([120.0, 120.0, 51.2])


@pytest.mark.parametrize("rotation", [0.5, 1.5])
def test_fast_looks_like_reference(new_stage: StageFactory, rotation: float) -> None:
    images: list[NDArray[np.float64]] = []
    for fidelity in ("fast", "reference"):
        stage = new_stage(fidelity=fidelity, max_samples=32)
        shown(stage, illumination_rotation=rotation, noise_coefficient=0.0, noise_threshold=0.0)
        real = stage.frame(frozenset({1, 2, 3})).real().astype(float)
        images.append(gaussian_filter(real, 2))
    fast, reference = images
    assert fast.mean() == pytest.approx(reference.mean(), rel=0.02)
    assert np.sqrt(np.mean((fast - reference) ** 2)) < 4


def test_the_illumination_stands_where_the_features_put_it(new_stage: StageFactory) -> None:
    means, sides = {}, {}
    for place, rotation in ((20.0, 0.0), (-90.0, 0.0), (20.0, 0.5), (20.0, -0.5)):
        stage = shown(
            new_stage(), illumination_location=place, illumination_rotation=rotation,
            noise_coefficient=0.0,
        )  # fmt: skip
        real = stage.frame(frozenset({1, 2, 3})).real().astype(float)
        means[place, rotation] = real.mean()
        sides[place, rotation] = real[:, :20].mean() - real[:, -20:].mean()
    assert means[20.0, 0.0] > 2 * means[-90.0, 0.0], "most of it lies below the substrate"
    assert abs(sides[20.0, 0.0]) < 4
    assert sides[20.0, 0.5] > 10 > -10 > sides[20.0, -0.5]
