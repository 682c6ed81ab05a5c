"""The transmission microscope: what is computed is what Cycles shows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from scene.specimen.specimen import MeasurementTechnique, Particle, Specimen

from .conftest import StageFactory, bead, ellipsoid

TEM = "transmission_electron_microscope"
FOCUS = 0.2 * 51.2


def amorphous(particle: Particle, density: float) -> Particle:
    features = particle.features | {"density": density, "subdivisions": 3}
    return replace(particle, material="tem_amorphous", features=features)


def specimen(*particles: Particle, density: float = 0.1, **features: float) -> Specimen:
    technique = MeasurementTechnique("TEM", TEM, None, dict(features))
    return Specimen([amorphous(particle, density) for particle in particles], [technique])


def signal(
    new_stage: StageFactory, fidelity: str, shown: Specimen, samples: int = 64
) -> NDArray[np.float32]:
    stage = new_stage(
        resolution=(96, 96), resolution_percentage=100, fidelity=fidelity, max_samples=samples
    )
    stage.sync(shown)
    frame = stage.frame(frozenset(particle.id for particle in shown.particles))
    model = frame._formation.model
    whole = frame._path_traced() if model is None else frame._computed(model)
    return frame._raster.inner(whole)


@pytest.mark.parametrize(
    ("density", "particles"),
    [
        (0.1, [bead(1, (0.05, 0.05, FOCUS), 7.0)]),
        (0.1, [bead(1, (-1.0, 0.0, FOCUS), 6.0), bead(2, (1.5, 0.5, FOCUS + 1.0), 6.0)]),
        (0.1, [bead(n + 1, (n % 3 - 1.0, n // 3 - 1.0, FOCUS), 6.0) for n in range(9)]),
        (0.1, [ellipsoid(1, (0.3, 0.2, FOCUS), 7.0, 5.0, 3.0)]),
        (0.5, [bead(1, (4.5, 0.0, FOCUS), 5.0)]),
    ],
    ids=["one", "two overlapping", "nine", "ellipsoid", "cut off by the frame"],
)
def test_what_is_computed_is_what_cycles_shows(
    new_stage: StageFactory, density: float, particles: list[Particle]
) -> None:
    """Within a thousandth of full scale; at rims, Cycles' noise is more than that."""
    shown = specimen(*particles, density=density, noise_threshold=0.001)
    computed = signal(new_stage, "fast", shown)
    rendered = signal(new_stage, "reference", shown)
    difference = np.abs(computed - rendered)
    assert computed.min() < 0.87
    assert np.quantile(difference, 0.9) < 1e-3
    assert abs((computed - rendered).mean()) < 2e-4
    assert difference.max() < 2e-2


def test_published_figures(new_stage: StageFactory) -> None:
    """One bead of 7 at a density of 0.1."""
    computed = signal(new_stage, "fast", specimen(bead(1, (0.05, 0.05, FOCUS), 7.0)))
    assert computed[47, 48] == pytest.approx(math.exp(-0.35), abs=1e-3)
    assert computed[0, 0] == 1


def test_a_defocused_bead_is_as_blurred_as_in_cycles(new_stage: StageFactory) -> None:
    shown = specimen(bead(1, (0.05, 0.05, 46.0), 4.0), noise_threshold=0.001)
    computed = signal(new_stage, "fast", shown)
    rendered = signal(new_stage, "reference", shown)
    assert np.abs(computed - rendered).mean() < 3e-4

    def width(image: NDArray[np.float32]) -> float:
        away = np.arange(96) - 47.5
        missing = 1 - image
        return float((missing * away**2).sum() / missing.sum())

    assert width(computed) == pytest.approx(width(rendered), rel=0.01)
    sharp = specimen(bead(1, (0.05, 0.05, 46.0), 4.0), defocus=46.0 / 51.2)
    assert width(computed) > 1.02 * width(signal(new_stage, "fast", sharp))


def test_points_and_meshes_are_equally_thick(new_stage: StageFactory) -> None:
    sphere = signal(new_stage, "fast", specimen(bead(1, (0.3, 0.2, 20.0), 6.0)))
    mesh = signal(new_stage, "fast", specimen(ellipsoid(1, (0.3, 0.2, 20.0), 6.0, 6.0, 6.0001)))
    assert np.abs(sphere - mesh).max() < 2e-3


def test_overlapping_particles_are_not_seen_and_hide_nothing(new_stage: StageFactory) -> None:
    shown = specimen(bead(1, (0.0, 0.0, 5.0)), bead(2, (1.0, 0.0, 30.0)))
    stage = new_stage(resolution=(96, 96), resolution_percentage=100)
    stage.sync(shown)
    alone = stage.frame(frozenset({1})).real()
    under = stage.frame(frozenset({1}), frozenset({2})).real()
    assert np.array_equal(alone, under)


def test_drift_moves_image_film_and_labels_alike(new_stage: StageFactory) -> None:
    features = {"film_thickness": 500.0, "film_density": 0.1, "film_grain_size": 800.0}
    shown = specimen(bead(1, (0.0, 0.0, FOCUS)), drift=20_000.0, **features)
    stage = new_stage(resolution=(96, 96), resolution_percentage=100)
    stage.sync(shown)
    frame = stage.frame(frozenset({1}))
    inside = frame.buffers.instance == 1
    real = frame.real().astype(float)
    film = real[~inside]
    assert 0 < film.std() < 20
    assert abs(film.mean() - 255 * math.exp(-0.5 * 0.1 * 0.5)) < 2
    assert real[inside].mean() < film.mean() - 20
    assert not np.array_equal(inside, inside[:, ::-1]), "the drift slants the bead"


def test_all_views_of_a_specimen_have_the_same_film(new_stage: StageFactory) -> None:
    features = {"film_thickness": 500.0, "film_density": 0.1, "film_grain_size": 800.0}
    shown = specimen(bead(1, (-3.0, 0.0, FOCUS), 2.0), bead(2, (3.0, 0.0, FOCUS), 2.0), **features)
    for fidelity in ("fast", "reference"):
        stage = new_stage(
            resolution=(96, 96), resolution_percentage=100, fidelity=fidelity, max_samples=16
        )
        stage.sync(shown)
        one, both = stage.frame(frozenset({1})).real(), stage.frame(frozenset({1, 2})).real()
        assert np.array_equal(one[:, :40], both[:, :40])
        assert not np.array_equal(one, both)


def test_a_fused_body_counts_once_and_shows_no_seams(new_stage: StageFactory) -> None:
    balls = [(0.0, 0.0, FOCUS), (1.9, 0.3, FOCUS + 0.6), (-0.9, 1.6, FOCUS - 0.4)]
    shown = specimen(*(bead(n + 1, place, 2.3) for n, place in enumerate(balls)), density=0.4)
    for particle in shown.particles:
        particle.geometry = "meta_ball_sphere"
        del particle.features["subdivisions"]
    shown.techniques[0].features["noise_threshold"] = 0.001
    computed = signal(new_stage, "fast", shown)
    rendered = signal(new_stage, "reference", shown)
    difference = np.abs(computed - rendered)
    assert computed.min() < 0.7
    assert abs((computed - rendered).mean()) < 2e-4
    assert np.quantile(difference, 0.9) < 1e-3
    assert difference.max() < 2e-2


def test_a_fused_body_may_hold_balls_without_a_surface(new_stage: StageFactory) -> None:
    buried, around = bead(2, (0.0, 0.0, FOCUS), 2.5), bead(1, (0.0, 0.0, FOCUS), 2.5)
    shown = specimen(around, buried, density=0.4)
    for particle in shown.particles:
        particle.geometry = "meta_ball_sphere"
        del particle.features["subdivisions"]
    shown.techniques[0].features["noise_threshold"] = 0.001
    computed = signal(new_stage, "fast", shown)
    rendered = signal(new_stage, "reference", shown)
    assert computed.min() < 0.6
    assert abs((computed - rendered).mean()) < 2e-4


def test_a_large_particle_is_made_of_parts_without_seams(
    new_stage: StageFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    balls = [bead(1, (0.0, 0.0, 20.0), 8.0), ellipsoid(2, (1.0, 1.0, 30.0), 6.0, 4.0, 5.0)]
    shown = specimen(*balls)
    whole = signal(new_stage, "fast", shown)
    monkeypatch.setattr("scene.imaging.thickness._MOST_PIXELS", 500)
    in_bands = signal(new_stage, "fast", shown)
    assert np.abs(in_bands - whole).max() < 2e-3
