"""The suites that ship find what is wrong: run as a third party runs them, on faulty parts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from blendsweep.testing.prototypes import MeasurementTechniqueConformance
from scene.microscopy.image_model import ImageModel, Stream
from scene.microscopy.view import View

pytestmark = pytest.mark.blender

PLUGIN = '''
import numpy as np

from blendsweep.plugins import FeatureSpec, GeometryPrototype, MaterialPrototype
from scene.prototypes.shader import Shader

CORNERS = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
FACES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


def mesh(corners):
    import bpy

    made = bpy.data.meshes.new("Cube")
    made.from_pydata(corners.tolist(), [], FACES)
    return made


class Cube(GeometryPrototype):
    """A cube whose upper side can be smaller."""

    features = (FeatureSpec("taper", 0.0, "how much smaller", minimum=0.0, maximum=0.9),)

    def build(self, features):
        corners = CORNERS.copy()
        corners[corners[:, 2] > 0, :2] *= 1 - features["taper"]
        return mesh(corners)

    def volume_fraction(self, features):
        if "taper" not in features:
            return None
        side = 1 - features["taper"]
        return (1 + side + side**2) / 3


class Large(Cube):
    """Twice the size that it should have."""

    features = ()

    def build(self, features):
        return mesh(2 * CORNERS)


class Idle(Cube):
    """Has a feature that does nothing, and half its volume."""

    def build(self, features):
        return mesh(CORNERS)

    def volume_fraction(self, features):
        return 0.5


class Restless(Cube):
    """Another one each time."""

    features = ()

    def build(self, features):
        return mesh(CORNERS * np.random.uniform(0.5, 1, (8, 1)))


class Round(Cube):
    """Passes for a sphere."""

    features = ()

    def build(self, features):
        return mesh(CORNERS)

    def is_sphere(self, features):
        return True


class Wooden(MaterialPrototype):
    """Has rings round each object's axis, and says it has none."""

    features = ()
    suits_points = True

    def build(self, features, fidelity):
        shader = Shader("wooden")
        place = shader.node("TexCoord").outputs["Object"]
        rings = shader.node("TexWave", {"Vector": place, "Scale": 1.0}, wave_type="RINGS")
        surface = shader.node("BsdfDiffuse", {"Color": rings.outputs["Color"]})
        return shader.finish(surface.outputs["BSDF"])
'''
TESTS = """
from blendsweep.testing.prototypes import GeometryConformance, MaterialConformance


class TestCube(GeometryConformance):
    prototype = "$plugins.cubes.Cube"
    plugins = (".",)


class TestLarge(GeometryConformance):
    prototype = "$plugins.cubes.Large"
    plugins = (".",)


class TestIdle(GeometryConformance):
    prototype = "$plugins.cubes.Idle"
    plugins = (".",)


class TestRestless(GeometryConformance):
    prototype = "$plugins.cubes.Restless"
    plugins = (".",)


class TestRound(GeometryConformance):
    prototype = "$plugins.cubes.Round"
    plugins = (".",)


class TestWooden(MaterialConformance):
    prototype = "$plugins.cubes.Wooden"
    plugins = (".",)
"""


def test_a_faulty_prototype_fails_where_it_is_faulty_and_a_sound_one_nowhere(
    tmp_path: Path,
) -> None:
    (tmp_path / "cubes").mkdir()
    (tmp_path / "cubes" / "__init__.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "test_cubes.py").write_text(TESTS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_cubes.py"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=200, cwd=tmp_path
    )
    failed = re.findall(r"^FAILED test_cubes.py::Test(\w+)::test_(\w+)", done.stdout, re.MULTILINE)
    assert set(failed) == {
        ("Large", "the_mesh_fills_its_box_round_the_origin"),
        ("Idle", "every_feature_reaches_the_images"),
        ("Idle", "the_volume_fraction_is_that_of_the_mesh"),
        ("Restless", "the_mesh_fills_its_box_round_the_origin"),
        ("Restless", "the_same_seed_gives_the_same_bytes"),
        ("Round", "what_passes_for_a_sphere_is_one"),
        ("Wooden", "what_suits_points_looks_the_same_on_them"),
    }, done.stdout
    assert re.search(r"^7 failed, 47 passed", done.stdout, re.MULTILINE), done.stdout


class Model(ImageModel):
    """A sound one, with a blur whose half width is its reach."""

    reach_nm = 500.0

    def signal(self, view: View, stream: Stream) -> NDArray[np.float32]:
        del stream
        bright: NDArray[np.float32] = (view.buffers.instance > 0).astype(np.float32)
        width = 2 * int(500.0 / view.raster.pixel_nm) + 1
        return ndimage.uniform_filter(bright, width, mode="constant") + np.float32(0.1)


class Negative(Model):
    def signal(self, view: View, stream: Stream) -> NDArray[np.float32]:
        return super().signal(view, stream) - np.float32(0.2)


class Double(Model):
    def signal(self, view: View, stream: Stream) -> NDArray[np.float32]:
        return super().signal(view, stream).astype(np.float64)  # type: ignore[return-value]


class Divides(Model):
    def signal(self, view: View, stream: Stream) -> NDArray[np.float32]:
        with np.errstate(invalid="ignore"):
            return super().signal(view, stream) * (view.height / view.height.max())


class Restless(Model):
    def signal(self, view: View, stream: Stream) -> NDArray[np.float32]:
        noise = np.random.default_rng().random(dtype=np.float32)
        return super().signal(view, stream) + np.float32(0.01) * noise


class Changes(Model):
    def signal(self, view: View, stream: Stream) -> NDArray[np.float32]:
        view.height[:] = 0.0
        return super().signal(view, stream)


class Nearsighted(Model):
    reach_nm = 100.0


FINITE, ALIKE, REACH = (
    "a_computed_signal_is_finite_and_not_negative",
    "a_computed_signal_is_the_same_at_any_time_on_any_thread",
    "nothing_beyond_its_reach_shows_in_a_computed_signal",
)


@pytest.mark.parametrize(
    ("model", "faults"),
    [
        (Model, set()),
        (Negative, {FINITE}),
        (Double, {FINITE}),
        (Divides, {FINITE}),
        (Restless, {ALIKE}),
        (Changes, {FINITE, ALIKE, REACH}),
        (Nearsighted, {REACH}),
    ],
)
def test_a_faulty_image_model_fails_where_it_is_faulty_and_a_sound_one_nowhere(
    model: type[Model], faults: set[str]
) -> None:
    class Suite(MeasurementTechniqueConformance):
        @classmethod
        def image_models(cls) -> list[ImageModel]:
            return [model()]

    failed = set()
    for name in (FINITE, ALIKE, REACH):
        try:
            getattr(Suite(), f"test_{name}")()
        except (AssertionError, ValueError):  # an array can't be written
            failed.add(name)
    assert failed == faults


def test_a_subclass_that_lacks_its_maker_fails_instead_of_being_passed_over(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_lacking.py").write_text(
        "from blendsweep.testing.executors import ExecutorConformance\n"
        "from blendsweep.testing.sinks import SinkConformance\n\n\n"
        "class TestExecutor(ExecutorConformance):\n    pass\n\n\n"
        "class TestSink(SinkConformance):\n    pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "TestExecutor does not define make(settings)" in done.stdout
    assert "TestSink does not define make(context)" in done.stdout
    assert "passed" not in done.stdout
