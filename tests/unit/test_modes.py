"""The modes that are numpy alone, on made-up buffers."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, ClassVar, final

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from scene.imaging.eight_bit import eight_bit
from scene.imaging.footprint import Footprint
from scene.imaging.frame import Frame, RenderingMode
from scene.imaging.modes import (
    DARKEST_CATEGORY,
    LARGEST_ID,
    Agglomerates,
    Categorical,
    DepthMap,
    Ignore,
    NormalMap,
    Real,
    Stl,
    Stylized,
    StylizedXray,
    category_color,
    category_colors,
)
from scene.imaging.shading import BRIGHTNESS, GROUND, LIGHT, xray_gray
from scene.microscopy.geometry import GeometryBuffers
from scene.shapes.mesh import TriangleMesh
from scene.shapes.stl import stl_file

FROZEN_COLORS = [(245, 13, 78), (45, 86, 233), (78, 18, 78), (242, 215, 100)]


@final
class FixedFrame(Frame):
    def __init__(self, depth: ArrayLike, normal: ArrayLike, instance: ArrayLike) -> None:
        self._buffers = GeometryBuffers(
            np.asarray(depth, np.float32), np.asarray(normal, np.float32),
            np.asarray(instance, np.uint16),
        )  # fmt: skip

    @property
    def buffers(self) -> GeometryBuffers:
        return self._buffers

    def footprints(self) -> Mapping[int, Footprint]:
        raise NotImplementedError  # no mode asks

    roots: Mapping[int, int] = {}

    def surfaces(self) -> Mapping[int, TriangleMesh]:
        corners = np.array([(0, 0, 0), (4, 0, 0), (0, 3, 0), (0, 0, 2)], dtype=np.float64)
        faces = np.array([(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)])
        beside = TriangleMesh(corners + np.array([100.0, 0.0, 0.0]), faces)
        return {2: TriangleMesh(corners, faces), 5: beside}

    def real(self) -> NDArray[np.uint8]:
        return np.full((2, 2), 9, np.uint8)

    def xray(self) -> NDArray[np.uint8]:
        return np.full((2, 2), 8, np.uint8)


def plain_frame(ids: ArrayLike, normal: tuple[float, ...] = (0.0, 0.0, 1.0)) -> FixedFrame:
    instance = np.asarray(ids, np.uint16)
    seen = instance > 0
    return FixedFrame(
        np.where(seen, 10.0, np.inf), np.where(seen[..., None], normal, 0.0), instance
    )


def test_agglomerates_show_the_root_of_each_particle() -> None:
    frame = plain_frame([[0, 1, 2], [3, LARGEST_ID, 4]])
    frame.roots = {1: 3, LARGEST_ID: 2}
    (image,) = Agglomerates().images(frame).values()
    assert image.dtype == np.uint16
    assert image.tolist() == [[0, 3, 2], [3, 2, 4]]
    assert eight_bit(image, "agglomerates")[0, 1].tolist() == [*category_color(3)]


def test_category_colors_are_unique_for_every_id_and_never_nearly_black() -> None:
    colors = category_colors()[1:]
    assert colors.shape == (LARGEST_ID, 3)
    assert len(np.unique(colors, axis=0)) == LARGEST_ID
    assert colors.max(axis=1).min() >= DARKEST_CATEGORY
    assert category_colors()[0].tolist() == [0, 0, 0]


def test_category_colors_never_change() -> None:
    # Data sets made by different versions have to agree.
    assert [category_color(key) for key in (1, 2, 600, LARGEST_ID)] == FROZEN_COLORS


def test_category_colors_vary_like_random_ones() -> None:
    channels = category_colors()[1:601].astype(float)
    assert (channels.std(axis=0) > 60).all()
    neighbours = np.abs(np.diff(channels, axis=0)).max(axis=1)
    assert np.median(neighbours) > 80


@pytest.mark.parametrize("particle_id", [0, -1, LARGEST_ID + 1])
def test_ids_without_a_color_are_refused(particle_id: int) -> None:
    with pytest.raises(ValueError, match="lies in"):
        category_color(particle_id)


def test_categorical_shows_colors_and_ids() -> None:
    images = Categorical().render(plain_frame([[0, 5], [LARGEST_ID, 0]]))
    assert images["instances"].tolist() == [[0, 5], [LARGEST_ID, 0]]
    assert images["instances"].dtype == np.uint16
    assert tuple(images["categorical"][0, 1].tolist()) == category_color(5)
    assert images["categorical"][0, 0].tolist() == [0, 0, 0]


def test_depth_map_is_linear_from_nearest_to_farthest() -> None:
    depth = [[10.0, 12.0], [14.0, np.inf]]
    images = DepthMap().render(FixedFrame(depth, np.zeros((2, 2, 3)), [[1, 1], [1, 0]]))
    assert images["depth_map"].tolist() == [[0, 127], [254, 255]]
    assert images["depth"].tolist() == depth


def test_depth_map_of_nothing_and_of_a_single_depth() -> None:
    assert (DepthMap().render(plain_frame([[0, 0]]))["depth_map"] == 255).all()
    assert DepthMap().render(plain_frame([[3, 0]]))["depth_map"].tolist() == [[0, 255]]


def test_normal_map_keeps_the_sign() -> None:
    frame = plain_frame([[1, 0]], normal=(-1.0, 0.0, 0.0))
    assert NormalMap().render(frame)["normal_map"].tolist() == [[[0, 128, 128], [0, 0, 0]]]


def test_stylized_is_brightest_towards_the_light_and_dark_at_outlines() -> None:
    inner = np.zeros((9, 9), np.uint16)
    inner[2:7, 2:7] = 4
    towards = Stylized().render(plain_frame(inner, LIGHT))["stylized"]
    away = Stylized().render(plain_frame(inner, tuple(-x for x in LIGHT)))["stylized"]
    assert towards[4, 4] == round(GROUND + BRIGHTNESS)
    assert away[4, 4] == towards[0, 0] == GROUND
    assert towards[2, 4] < 0.7 * towards[4, 4]


def test_particles_behind_each_other_have_an_outline_between_them() -> None:
    touching = np.full((5, 8), 1, np.uint16)
    touching[:, 4:] = 2
    image = Stylized().render(plain_frame(touching))["stylized"].astype(int)
    assert image[2, 3] == image[2, 4] < 0.7 * image[2, 0]


def test_xray_stacks_ever_more_slowly() -> None:
    count = np.array([[0.0, 1.0, 2.0, 8.0]], np.float32)
    gray = xray_gray(light=count, body=count, rim=np.zeros_like(count)).astype(int)[0]
    assert gray[0] == GROUND
    steps = np.diff(gray)
    assert steps[0] > steps[1] > 0
    assert gray[3] < 130


def test_modes_that_render_pass_the_image_on() -> None:
    frame = plain_frame([[1]])
    assert Real().render(frame)["real"][0, 0] == 9
    assert StylizedXray().render(frame)["stylized_xray"][0, 0] == 8


def test_every_mode_returns_what_it_declares() -> None:
    frame = plain_frame([[1, 0], [2, 2]])
    for mode in (Real, Categorical, DepthMap, NormalMap, Stylized, StylizedXray):
        assert set(mode().render(frame)) == set(mode.outputs)


def test_what_shows_no_specimen_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = plain_frame([[1, 0], [0, 0], [2, 2]])
    assert not Ignore().images(frame)["ignore"].any()
    monkeypatch.setattr(FixedFrame, "specimen_rows", 2)
    ignored = Ignore().images(frame)["ignore"]
    assert (ignored.dtype, ignored.tolist()) == (np.uint8, [[0, 0], [0, 0], [255, 255]])


def test_stl_holds_the_surfaces_as_another_reader_finds_them() -> None:
    content = Stl().images(plain_frame([[0, 2]]))["particles"]
    assert isinstance(content, bytes)
    (count,) = struct.unpack_from("<I", content, 80)
    assert len(content) == 84 + 50 * count
    volume = 0.0
    for index in range(count):
        *numbers, attribute = struct.unpack_from("<12fH", content, 84 + 50 * index)
        normal, a, b, c = (np.array(numbers[k : k + 3]) for k in (0, 3, 6, 9))
        volume += float(np.dot(a, np.cross(b, c))) / 6
        facing = np.cross(b - a, c - a)
        np.testing.assert_allclose(normal, facing / np.linalg.norm(facing), atol=1e-6)
        assert attribute == 0
    assert volume == pytest.approx(2 * 4 * 3 * 2 / 6, rel=1e-5)
    assert content.startswith(b"binary STL\0")
    assert not content.startswith(b"solid")  # which some take for text


def test_a_file_that_is_no_image_is_bytes() -> None:
    class Text(RenderingMode):
        name = "text"
        outputs: ClassVar = {"particles": "txt"}

        def render(self, frame: Frame) -> Mapping[str, Any]:  # noqa: ARG002
            return {"particles": np.zeros((2, 2), np.uint8)}

    with pytest.raises(TypeError, match="the file 'particles' must be bytes, got ndarray"):
        Text().images(plain_frame([[0]]))


def test_stl_of_nothing_is_a_file_without_triangles() -> None:
    assert stl_file([]) == b"binary STL".ljust(84, b"\0")
