"""The real and x-ray images: repeatable, and what overlapping particles do to them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from scene.microscopy.noise import LAW
from scene.specimen.specimen import Particle

from .conftest import StageFactory, bead, scattered, specimen

if TYPE_CHECKING:
    from scene.blender.stage import Stage


@pytest.mark.parametrize("fidelity", ["fast", "reference"])
def test_same_specimen_same_bytes_whatever_the_threads(
    new_stage: StageFactory, fidelity: str
) -> None:
    """And whatever was rendered before: the first of these finds Blender as others left it."""
    import bpy

    images = []
    for threads in (2, 2, 1, 3):
        stage = new_stage(fidelity=fidelity, max_samples=6)
        bpy.context.scene.render.threads = threads
        stage.sync(specimen(*scattered(30), noise_threshold=0.1))
        frame = stage.frame(frozenset(range(1, 31)))
        buffers = frame.buffers
        images.append([frame.real(), frame.xray(), buffers.depth, buffers.normal, buffers.instance])
    first = [image.tobytes() for image in images[0]]
    for other in images[1:]:
        assert [image.tobytes() for image in other] == first


@pytest.mark.parametrize("fidelity", ["fast", "reference"])
def test_another_seed_gives_other_noise(new_stage: StageFactory, fidelity: str) -> None:
    images = []
    for seed in (7, 8):
        stage = new_stage(seed=seed, max_samples=4, fidelity=fidelity)
        stage.sync(specimen(bead(1, (0.0, 0.0, 5.0), diameter=20.0)))
        images.append(stage.frame(frozenset({1})).real())
    assert (images[0] != images[1]).mean() > 0.2


def noise_of(stage: Stage, ids: frozenset[int], beads: list[Particle]) -> NDArray[np.float64]:
    """Return by how much the noise changes each pixel's gray value."""
    images = []
    for coefficient in (1.0, 0.0):
        features = {"illumination_strength": 1.0, "noise_coefficient": coefficient}
        stage.sync(specimen(*beads, **features))
        images.append(stage.frame(ids).real().astype(float))
    return images[0] - images[1]


def test_noise_is_that_of_the_law_and_other_particles_get_other_noise(
    new_stage: StageFactory,
) -> None:
    stage, beads = new_stage(), scattered(30)
    everything = frozenset(range(1, 31))
    noise = noise_of(stage, everything, beads)
    stage.sync(specimen(*beads, noise_coefficient=0.0, illumination_strength=1.0))
    gray = stage.frame(everything).real().astype(float)
    middle = np.median(gray)
    for where in (gray < middle, (gray >= middle) & (gray < 200)):  # none of it is clipped
        expected = (0.9 + 16 * 0.075) * gray[where] ** 0.4
        assert np.std(noise[where] / expected) == pytest.approx(1.0, abs=0.1)
    other = noise_of(stage, everything - {30}, beads)
    assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.1
    again = noise_of(stage, everything, beads)
    assert (again == noise).all()


def test_without_noise_the_image_is_the_denoised_one(new_stage: StageFactory) -> None:
    import bpy

    from scene.blender.frame import LUMINANCE
    from scene.blender.render import render_passes

    stage = new_stage()
    stage.sync(specimen(*scattered(30), noise_coefficient=0.0))
    real = stage.frame(frozenset(range(1, 31))).real()
    denoised = render_passes(bpy.context.scene, (96, 96))["Combined"] @ np.float32(LUMINANCE)
    np.testing.assert_allclose(real, np.clip(denoised, 0, 1) * 255, atol=0.51)
    bpy.context.scene.cycles.use_denoising = False
    raw = render_passes(bpy.context.scene, (96, 96))["Combined"] @ np.float32(LUMINANCE)
    assert np.abs(raw - denoised).mean() > 0.005


def test_reference_gets_no_noise_of_ours(new_stage: StageFactory) -> None:
    images = []
    for coefficient in (0.0, 5.0):
        stage = new_stage(fidelity="reference", max_samples=2)
        stage.sync(specimen(*scattered(5), noise_coefficient=coefficient))
        images.append(stage.frame(frozenset(range(1, 6))).real())
    assert (images[0] == images[1]).all()
    assert stage.rendering()["noise"] is None


def test_how_it_is_rendered_is_on_record(new_stage: StageFactory) -> None:
    stage = new_stage(resolution_percentage=50, max_samples=1000)
    stage.sync(specimen(noise_threshold=0.05, noise_coefficient=2.0))
    assert stage.rendering() == {
        "fidelity": "fast",
        "engine": "CYCLES",
        "samples": 8,
        "adaptive_threshold": None,
        "denoiser": "OPENIMAGEDENOISE",
        "denoiser_passes": "RGB_ALBEDO_NORMAL",
        "denoiser_prefilter": "FAST",
        "denoiser_quality": "HIGH",
        "noise": LAW,
        "noise_k": pytest.approx(2 * (0.9 + 16 * 0.05)),
    }
    stage = new_stage(max_samples=3)
    stage.sync(specimen())
    assert stage.rendering()["samples"] == 3
    stage = new_stage(fidelity="reference", max_samples=1000)
    stage.sync(specimen(noise_threshold=0.05))
    rendering = stage.rendering()
    assert (rendering["samples"], rendering["adaptive_threshold"]) == (1000, 0.05)
    assert {rendering[name] for name in ("denoiser", "denoiser_quality", "noise")} == {None}


def test_a_gpu_gets_more_samples_and_denoises(new_stage: StageFactory) -> None:
    """No GPU is needed to see the settings."""
    import bpy

    stage = new_stage(resolution_percentage=100, max_samples=1000)
    bpy.context.scene.cycles.device = "GPU"
    stage.sync(specimen())
    cycles = bpy.context.scene.cycles
    assert (cycles.samples, cycles.denoising_use_gpu) == (32, True)


def test_overlapping_particles_are_unseen_but_shade(new_stage: StageFactory) -> None:
    stage = new_stage(max_samples=16)
    low = bead(1, (-10.0, 0.0, 3.0))
    large = bead(2, (10.0, 0.0, 15.0), diameter=30.0)
    stage.sync(specimen(low, large, noise_coefficient=0.0, illumination_strength=1.0))
    alone = stage.frame(frozenset({1})).real().astype(float)
    shaded = stage.frame(frozenset({1}), frozenset({2})).real().astype(float)
    seen = stage.frame(frozenset({1, 2})).real().astype(float)
    ground_beneath = np.s_[46:51, 56:61]
    assert shaded[ground_beneath].mean() < 0.7 * alone[ground_beneath].mean()
    y, x = np.mgrid[:96, :96] + 0.5 - 48.0
    rim = np.abs(np.hypot(x - 10.0, y) - 13.5) < 1.0
    assert seen[rim].mean() > 1.15 * shaded[rim].mean()


def test_brighter_illumination_brightens(new_stage: StageFactory) -> None:
    means = []
    for strength in (1.0, 2.0):
        stage = new_stage(max_samples=8)
        stage.sync(specimen(bead(1, (0.0, 0.0, 5.0)), illumination_strength=strength))
        means.append(stage.frame(frozenset({1})).real().mean())
    assert 1.8 < means[1] / means[0] < 2.1


def test_both_fidelities_look_alike(new_stage: StageFactory) -> None:
    images = []
    for fidelity in ("fast", "reference"):
        stage = new_stage(max_samples=256, fidelity=fidelity)
        beads = [bead(1, (-20.0, 15.0, 8.0), 16.0), bead(2, (10.0, -10.0, 12.0), 24.0)]
        features = {"noise_threshold": 0.0, "noise_coefficient": 0.0}
        stage.sync(specimen(*beads, illumination_strength=1.5, **features))
        frame = stage.frame(frozenset({1, 2}))
        images.append(frame.real().astype(float))
    fast, reference = images
    for part in (frame.buffers.instance == n for n in range(3)):
        assert fast[part].mean() == pytest.approx(reference[part].mean(), rel=0.05)
    blocks = [image.reshape(12, 8, 12, 8).mean(axis=(1, 3)) for image in images]
    np.testing.assert_allclose(*blocks, atol=0.04 * 255)


def test_xray_shows_what_is_hidden(new_stage: StageFactory) -> None:
    stage = new_stage()
    small, large = bead(1, (0.0, 0.0, 5.0)), bead(2, (0.0, 0.0, 25.0), diameter=20.0)
    stage.sync(specimen(small, large))
    alone = stage.frame(frozenset({2})).xray().astype(int)
    both = stage.frame(frozenset({1, 2})).xray().astype(int)
    assert stage.frame(frozenset({1, 2})).buffers.instance[48, 48] == 2
    assert both[48, 48] > alone[48, 48] + 4
    assert both[0, 0] == alone[0, 0] == 13


def test_renders_leave_the_scene_as_it_was(new_stage: StageFactory) -> None:
    import bpy

    stage = new_stage(max_samples=1)
    stage.sync(specimen(*scattered(5)))

    def state() -> list[object]:
        scene = bpy.context.scene
        settings = scene.render.image_settings
        owners = (scene.cycles, settings, scene.view_layers[0], scene.camera.data.dof)
        values = [
            getattr(owner, p.identifier)
            for owner in owners
            for p in owner.bl_rna.properties
            if p.type in {"BOOLEAN", "INT", "FLOAT", "ENUM", "STRING"}
            and not getattr(p, "is_array", False)
        ]
        hidden = [(o.name, o.hide_render, o.visible_camera) for o in scene.objects]
        return [*values, hidden, scene.render.filepath, len(bpy.data.materials)]

    before = state()
    frame = stage.frame(frozenset({1, 2}), frozenset({3}))
    frame.real(), frame.xray(), frame.buffers
    assert state() == before


FRESH = """
import hashlib, sys
from scene.blender.session import Session
from scene.blender.stage import Stage
from scene.machine.resources import Resources
from scene.recipe.registry import Registry
from scene.recipe.schema import RenderSettings
from scene.specimen.streams import Streams
from tests.scene.conftest import scattered, specimen
session = Session(Resources(cpus=int(sys.argv[1])))
session.reset()
settings = RenderSettings(resolution_percentage=10, max_samples=6)
stage = Stage(session, Registry(), settings, Streams(7))
stage.sync(specimen(*scattered(30)))
print("FOUND", hashlib.sha256(stage.frame(frozenset(range(1, 31))).real()).hexdigest())
"""


def test_a_fresh_process_gives_the_same_bytes(new_stage: StageFactory) -> None:
    stage = new_stage(max_samples=6)
    stage.sync(specimen(*scattered(30)))
    here = hashlib.sha256(stage.frame(frozenset(range(1, 31))).real()).hexdigest()
    for threads in ("1", "3"):
        done = subprocess.run(
            [sys.executable, "-c", FRESH, threads], capture_output=True, text=True, check=True
        )
        assert f"FOUND {here}" in done.stdout


def test_magnification_shows_the_middle_larger(new_stage: StageFactory) -> None:
    images = {}
    for factor in (1.0, 2.0):
        stage = new_stage(max_samples=64, resolution_percentage=10 * int(factor))
        features = {"magnification": factor, "noise_coefficient": 0.0, "defocus": 0.0}
        stage.sync(specimen(*scattered(30), **features, illumination_strength=1.0))
        assert stage.pixel_size_nm() == pytest.approx(1000.0 / factor**2)
        frame = stage.frame(frozenset(range(1, 31)))
        images[factor] = frame.real().astype(float), frame.buffers
    # At twice the resolution, a pixel of the one are four times four of the other.
    (far, far_buffers), (near, near_buffers) = images.values()
    assert (near_buffers.instance[2::4, 2::4] != far_buffers.instance[24:72, 24:72]).mean() < 0.05
    small = near.reshape(48, 4, 48, 4).mean(axis=(1, 3))
    assert np.abs(small - far[24:72, 24:72]).mean() < 8


def test_the_ground_goes_on_as_far_as_is_seen(new_stage: StageFactory) -> None:
    """At magnification 0.8, all of the volume is seen; the pattern of the ground stays."""
    images = []
    for factor, percentage in ((1.0, 8), (0.8, 10)):
        stage = new_stage(max_samples=64, resolution=(1000, 1000), resolution_percentage=percentage)
        features = {"noise_coefficient": 0.0, "illumination_strength": 0.7, "patch_scale": 15.0}
        stage.sync(specimen(magnification=factor, **features))
        images.append(stage.frame(frozenset()).real().astype(float))
    near, far = images  # pixels of 1.25 scene units, both
    beyond = np.pad(np.zeros((80, 80), bool), 10, constant_values=True)
    assert far[beyond].mean() > 0.6 * far[~beyond].mean()
    assert np.corrcoef(near.ravel(), far[10:90, 10:90].ravel())[0, 1] > 0.9
