"""Images that are computed from what every pixel shows, and what is seen beyond a frame."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scene.errors import RenderError
from scene.microscopy.electron_surface import ElectronSurface
from scene.microscopy.probe import Probe, blurred
from scene.microscopy.view import View
from scene.specimen.specimen import MeasurementTechnique, Particle, Specimen

from .conftest import StageFactory, bead, ellipsoid, scattered

if TYPE_CHECKING:
    from scene.blender.stage import Stage

PLAIN, METAL = "$plugins.plain.Plain", "$plugins.plain.Metal"
FLOOR, CAMERA_HEIGHT = -2.0, 60.0


def plain(*particles: Particle, ground: str | None = METAL, **features: float) -> Specimen:
    return Specimen(list(particles), [MeasurementTechnique("Any", PLAIN, ground, dict(features))])


def of_metal(particle: Particle, electron_yield: float) -> Particle:
    features = particle.features | {"electron_yield": electron_yield}
    return replace(particle, material=METAL, features=features)


def last_view(stage: Stage) -> View:
    model = stage._formation.model
    assert model is not None
    found: View = model.seen[-1]  # type: ignore[attr-defined]
    return found


def test_an_image_is_computed_from_buffers_heights_and_materials(new_stage: StageFactory) -> None:
    stage = new_stage()
    particles = [
        of_metal(bead(1, (-20.0, 0.0, 5.0), 20.0), 3.0),
        of_metal(ellipsoid(2, (20.0, 0.0, 1.0), 20.0, 16.0, 6.0), 5.0),
    ]
    stage.sync(plain(*particles, electron_yield=1.5))
    frame = stage.frame(frozenset({1, 2}))
    real, buffers = frame.real(), frame.buffers
    view = last_view(stage)
    assert (view.raster.width, view.raster.height, view.raster.margin) == (96, 96, 0)
    assert view.raster.pixel_nm == stage.pixel_size_nm() == pytest.approx(1000.0)
    assert view.buffers.depth.tobytes() == buffers.depth.tobytes()
    particle = buffers.instance > 0
    expected = np.where(particle, (CAMERA_HEIGHT - FLOOR - buffers.depth) * 1000.0, 0.0)
    np.testing.assert_allclose(view.height, expected, rtol=1e-5)
    assert view.height.max() == pytest.approx(17_000, rel=0.01)
    assert view.ground == ElectronSurface(secondary_electron_yield=1.5)
    assert view.unseen_height is None
    yields = {
        surface.secondary_electron_yield: ids.tolist() for surface, ids in view.particles.items()
    }
    assert yields == {3.0: [1], 5.0: [2]}
    gray = (expected / 1e5 + np.array([1.5, 3.0, 5.0])[buffers.instance] / 1e2) * 255
    assert real.dtype == np.uint8
    assert np.abs(real - gray).max() < 3  # and the grain


def test_surfaces_and_ground_follow_the_specimen(new_stage: StageFactory) -> None:
    stage, world = new_stage(), plain(of_metal(bead(1, (0.0, 0.0, 5.0)), 3.0), ground=None)
    stage.sync(world)
    stage.frame(frozenset({1})).real()
    assert last_view(stage).ground is None
    world.particles[0].features["electron_yield"] = 4.0
    world.particles.append(of_metal(bead(2, (9.0, 0.0, 5.0)), 4.0))
    world.particles.append(bead(3, (18.0, 0.0, 5.0)))
    for ground in (None, METAL):
        world.techniques[0].background_material = ground
        stage.sync(world)
        stage.frame(frozenset({1})).real()
        view = last_view(stage)
        assert (view.ground is None) == (ground is None)
        metal = ElectronSurface(secondary_electron_yield=4.0)
        assert view.particles[metal].tolist() == [1, 2]
        assert sorted(key for ids in view.particles.values() for key in ids.tolist()) == [1, 2, 3]
    assert view.ground == ElectronSurface(secondary_electron_yield=2.0)


def test_particles_that_electrons_alone_tell_apart_are_one_cloud(new_stage: StageFactory) -> None:
    """A thousand materials would be a thousand objects, in each scene that is rendered."""
    stage = new_stage()
    technique = MeasurementTechnique("Any", "scanning_electron_microscope", "sem_carbon_tape", {})
    beads = [bead(1, (-20.0, 0.0, 3.0)), bead(2, (20.0, 0.0, 3.0))]

    def yields(*values: float) -> tuple[float, ...]:
        powder = [
            replace(
                own,
                material="sem_metal_powder",
                features=own.features | {"secondary_electron_yield": value},
            )
            for own, value in zip(beads, values, strict=True)
        ]
        stage.sync(Specimen(powder, [technique]))
        assert len(stage._particles.all()) == 1
        frame = stage.frame(frozenset({1, 2}))
        real, ids = frame.real(), frame.buffers.instance
        return tuple(float(np.median(real[ids == key])) for key in (1, 2))

    first, second = yields(0.2, 0.4)
    assert second > 1.5 * first
    assert yields(0.2, 0.8) == (first, pytest.approx(2 * second, rel=0.1)), "no pose has changed"


def test_unseen_particles_have_a_height(new_stage: StageFactory) -> None:
    stage = new_stage()
    low, high = bead(1, (0.0, 0.0, 3.0), 20.0), bead(2, (0.0, 0.0, 25.0), 10.0)
    stage.sync(plain(low, high))
    frame = stage.frame(frozenset({1}), frozenset({2}))
    frame.real()
    view = last_view(stage)
    assert view.unseen_height is not None
    assert view.unseen_height.max() == pytest.approx(32_000, rel=5e-3)
    assert view.height.max() == pytest.approx(15_000, rel=5e-3)
    # In the image nothing is hidden, in the labels it is.
    assert view.buffers.instance[48, 48] == 1
    assert frame.buffers.instance[48, 48] == 0


def test_a_view_goes_on_as_far_as_the_model_reaches(new_stage: StageFactory) -> None:
    particles = scattered(60)
    ids = frozenset(range(1, 61))
    images = {}
    for margin in (0, 13):
        stage = new_stage(resolution=(960, 640), resolution_percentage=10)
        stage.sync(plain(*particles, reach=1000.0 * (margin - 0.5), shift=0.05)
                   if margin else plain(*particles, shift=0.05))  # fmt: skip
        frame = stage.frame(ids)
        images[margin] = frame.real(), frame.buffers, last_view(stage)
        assert last_view(stage).raster.margin == margin
    (_, bare, _), (real, inner, view) = images.values()
    assert real.shape == bare.instance.shape == inner.instance.shape == (64, 96)
    whole = view.buffers.instance
    assert whole.shape == (64 + 26, 96 + 26)
    np.testing.assert_array_equal(inner.instance, whole[13:-13, 13:-13])
    assert (inner.instance != bare.instance).mean() < 2e-3
    same = inner.instance == bare.instance
    seen = same & (bare.normal[..., 2] > 0.1)
    np.testing.assert_allclose(inner.depth[seen], bare.depth[seen], atol=5e-3)
    np.testing.assert_allclose(inner.normal[seen], bare.normal[seen], atol=5e-3)
    beyond = set(np.unique(whole).tolist()) - set(np.unique(bare.instance).tolist())
    assert len(beyond) > 3


@pytest.mark.parametrize(
    ("size", "percentage", "fit"),
    [((48, 32), 100, "VERTICAL"), ((32, 48), 50, "HORIZONTAL"), ((32, 480), 10, "AUTO"),
     ((16, 16), 7, "AUTO")],
)  # fmt: skip
def test_pixels_stay_where_they_are_whatever_the_margin(
    new_stage: StageFactory, size: tuple[int, int], percentage: int, fit: str
) -> None:
    """Down to an image of one pixel, in both orientations."""
    import bpy

    large = [bead(k + 1, (2.9 * k - 7.0, 2.3 * k - 6.0, 3.0 + k), 3.3) for k in range(6)]
    labels = []
    for reach in (0.0, 1.0, 1e12):
        stage = new_stage(resolution=size, resolution_percentage=percentage)
        world = plain(*large, reach=reach, shift=0.1)
        stage.sync(world)
        bpy.context.scene.camera.data.sensor_fit = fit
        frame = stage.frame(frozenset(range(1, 7)))
        assert frame.real().shape == frame.buffers.instance.shape
        labels.append(frame.buffers.instance)
        if reach == 1e12:
            assert last_view(stage).raster.margin == 256
    np.testing.assert_array_equal(labels[0], labels[1])
    np.testing.assert_array_equal(labels[0], labels[2])


def test_footprints_are_of_the_frame_alone(new_stage: StageFactory) -> None:
    ids = frozenset(range(1, 41))
    found = []
    for reach in (0.0, 9000.0):
        stage = new_stage()
        stage.sync(plain(*scattered(40), reach=reach))
        found.append(dict(stage.frame(ids).footprints()))
    for key in ids:
        bare, inner = np.zeros((2, 96, 96), dtype=bool)
        for image, footprint in zip((bare, inner), (each[key] for each in found), strict=True):
            height, width = footprint.mask.shape
            rows = slice(footprint.top, footprint.top + height)
            image[rows, footprint.left : footprint.left + width] = footprint.mask
        assert (bare != inner).sum() <= 1
    assert any(not footprint.mask.any() for footprint in found[0].values())


def test_a_computed_image_renders_its_buffers_alone_and_once(
    new_stage: StageFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bpy

    from scene.blender import buffers, frame

    stage = new_stage()
    stage.sync(plain(*scattered(5), reach=5000.0))
    before = {name: getattr(bpy.context.scene.camera.data, name) for name in ("ortho_scale",)}
    rendered = []
    whole = buffers.render_passes
    monkeypatch.setattr(
        buffers, "render_passes", lambda *given, **more: rendered.append(1) or whole(*given, **more)
    )
    monkeypatch.setattr(frame, "render_passes", None)
    view = stage.frame(frozenset(range(1, 6)))
    view.real()
    assert view.buffers.instance.any()
    assert [*view.footprints()]
    assert rendered == [1]
    lens = bpy.context.scene.camera.data
    assert {name: getattr(lens, name) for name in before} == before
    assert bpy.context.scene.render.resolution_percentage == 10


@pytest.mark.parametrize(
    ("features", "problem"),
    [({"perspective": 1.0}, "'Camera' is of type PERSP"), ({"tilt": 0.1}, "'Camera' is tilted")],
)
def test_heights_need_a_camera_that_looks_down(
    new_stage: StageFactory, features: dict[str, float], problem: str
) -> None:
    stage = new_stage()
    stage.sync(plain(bead(1, (0.0, 0.0, 5.0)), **features))
    for look in ("real", "xray"):
        with pytest.raises(RenderError, match=f"{problem}; an image .* of type ORTHO that looks"):
            getattr(stage.frame(frozenset({1})), look)()
    stage.sync(plain(bead(1, (0.0, 0.0, 5.0)), **features, computed=0.0))
    assert stage.frame(frozenset({1})).real().shape == (96, 96)
    assert (stage.pixel_size_nm() is None) == ("perspective" in features)


def test_what_a_model_gives_is_looked_at(
    new_stage: StageFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = new_stage()
    stage.sync(plain(bead(1, (0.0, 0.0, 5.0))))
    for wrong, shown in (
        (np.zeros((9, 9), np.float32), r"'float32 \(9, 9\)'"),
        (np.full((96, 96), np.nan, np.float32), r"'float32 \(96, 96\)'"),
        (None, "None"),
    ):
        kind = type(stage._formation.model)
        monkeypatch.setattr(kind, "signal", lambda *_, wrong=wrong: wrong)
        complaint = rf"ByHeight in .*finite float32 of \(96, 96\), got {shown}"
        with pytest.raises(TypeError, match=complaint):
            stage.frame(frozenset({1})).real()


@pytest.mark.parametrize(
    ("owner", "name", "wrong", "sentence"),
    [
        ("Plain", "image_model", 5, "Plain in .*: image_model must give an instance of ImageModel"),
        ("Plain", "imaging_chain", None, "Plain in .*: imaging_chain must give an instance of Ima"),
        ("Metal", "electron_surface", 1.0, "Metal in .*: electron_surface must give .*, got 1.0"),
        ("ByHeight", "reach_nm", math.nan, "ByHeight in .*: reach_nm must be a length .*, got nan"),
        ("ByHeight", "reach_nm", "far", "ByHeight in .*: reach_nm must be a length .*, got 'far'"),
    ],
)
def test_what_else_a_plugin_gives_is_looked_at(
    new_stage: StageFactory, monkeypatch: pytest.MonkeyPatch, owner: str, name: str, wrong: object,
    sentence: str,
) -> None:  # fmt: skip
    stage = new_stage()
    stage.sync(plain())
    kind = getattr(sys.modules[type(stage._formation.model).__module__], owner)
    given = property(lambda _: wrong) if name == "reach_nm" else lambda *_: wrong
    monkeypatch.setattr(kind, name, given)

    def look() -> None:
        stage.sync(plain(bead(1, (0.0, 0.0, 5.0)), reach=1.0))
        stage.frame(frozenset({1})).real()

    with pytest.raises(TypeError, match=sentence):
        look()


def test_a_model_can_not_change_ground_truth(
    new_stage: StageFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = new_stage()
    stage.sync(plain(bead(1, (0.0, 0.0, 5.0))))
    frame = stage.frame(frozenset({1}))

    def careless(_: object, view: View, __: object) -> None:
        view.buffers.depth[:] = 1.0

    monkeypatch.setattr(type(stage._formation.model), "signal", careless)
    with pytest.raises(ValueError, match="read-only"):
        frame.real()
    assert frame.buffers.depth.max() == np.inf


def test_all_views_of_a_specimen_show_one_ground(new_stage: StageFactory) -> None:
    stage = new_stage()
    stage.sync(plain(bead(1, (-30.0, 0.0, 5.0)), bead(2, (30.0, 0.0, 5.0))))
    one, other = (stage.frame(frozenset({key})).real() for key in (1, 2))
    between = np.s_[30:66]  # the camera is turned by a right angle
    np.testing.assert_array_equal(one[between], other[between])
    assert (one != other).any()


def test_what_computed_an_image_is_on_record(new_stage: StageFactory) -> None:
    """And nothing of Cycles, which had no part in it."""
    stage = new_stage()
    stage.sync(plain())
    assert stage.rendering() == {
        "fidelity": "fast",
        "model": "ByHeight",
        "noise": None,
        "noise_k": None,
    }


EFFECTS = {
    "probe_diameter": 1500.0, "convergence_angle": 20.0, "focus_height": 9000.0,
    "astigmatism": 900.0,
    "drift": 9000.0, "drift_walk": 2000.0, "vibration": 700.0, "flagging": 3000.0,
    "beam_current": 20.0, "video_bandwidth": 0.5, "line_noise": 0.02, "read_noise": 0.01,
    "automatic_contrast": 1, "gamma": 1.2, "vignetting": 0.2,
}  # fmt: skip
"""All that the imaging chain can do."""

IDS = frozenset(range(1, 31))


def everything_at_once() -> Specimen:
    technique = MeasurementTechnique(
        "SEM", "scanning_electron_microscope", "sem_carbon_tape", dict(EFFECTS)
    )
    return Specimen(scattered(30), [technique])


def digest(stage: Stage) -> str:
    """Return what becomes of all images of a frame."""
    stage.sync(everything_at_once())
    frame = stage.frame(IDS)
    images = frame.real(), frame.xray(), frame.buffers.depth, frame.buffers.normal
    outlines = [(key, shape.top, shape.left, shape.mask.tobytes()) for key, shape in
                sorted(frame.footprints(), key=itemgetter(0))]  # fmt: skip
    found = [*(image.tobytes() for image in images), repr(outlines).encode()]
    return hashlib.sha256(b"".join(found)).hexdigest()


RENDER = """
from scene.blender.session import Session
from scene.blender.stage import Stage
from scene.machine.resources import Resources
from scene.recipe.registry import Registry
from scene.recipe.schema import RenderSettings
from scene.specimen.streams import Streams
from tests.scene.test_computed import digest
with (session := Session(Resources(cpus=1))).captured():
    session.reset()
    settings = RenderSettings(resolution_percentage=10, max_samples=16)
    found = digest(Stage(session, Registry(), settings, Streams(7)))
print("FOUND", found)
"""


def test_same_specimen_same_bytes_whatever_the_threads_and_the_process(
    new_stage: StageFactory,
) -> None:
    import bpy

    found = set()
    for threads in (1, 2, 3):
        stage = new_stage()
        bpy.context.scene.render.threads = threads
        found.add(digest(stage))
    done = subprocess.run(
        [sys.executable, "-c", RENDER], capture_output=True, text=True, check=True
    )
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    assert found == {line.removeprefix("FOUND ")}


@pytest.mark.parametrize("computed", [1.0, 0.0])
def test_a_beam_is_as_wide_as_its_focus_is_far(new_stage: StageFactory, computed: float) -> None:
    """Whether the image is computed or rendered by Cycles."""
    stage = new_stage(max_samples=4)
    low, high = bead(1, (-20.0, 0.0, 5.0), 16.0), bead(2, (20.0, 0.0, 35.0), 16.0)
    probe = Probe(convergence_angle=100.0, focus_height=7000.0)  # above the floor at -2000
    features = {"convergence_angle": 100.0, "focus_height": 7000.0}
    stage.sync(plain(low, high, computed=computed, **features))
    frame = stage.frame(frozenset({1, 2}))
    model, raster = stage._formation.model, frame._raster
    signal = frame._path_traced() if model is None else frame._computed(model)
    height = frame._height(frame._whole_buffers)
    assert height.max() == pytest.approx(45_000, rel=0.01)
    seen = raster.inner(blurred(signal, height, raster, probe))
    expected = np.rint(np.clip(seen * np.float32(255), 0, 255)).astype(int)
    real = frame.real().astype(int)
    # The chain blurs no more of the margin than it needs, by another Fourier transform.
    assert np.abs(real - expected).max() <= 1
    assert np.mean(real != expected) < 0.002
    assert (np.abs(raster.inner(signal) - seen) > 0.01).any()


def test_a_frame_goes_on_as_far_as_a_blurred_particle_may_reach(new_stage: StageFactory) -> None:
    stage = new_stage()
    stage.sync(plain(convergence_angle=20.0))
    stage.frame(frozenset()).real()
    # The room is 50 units high, where the beam's disc has a standard deviation of half a pixel.
    assert last_view(stage).raster.margin == 3
