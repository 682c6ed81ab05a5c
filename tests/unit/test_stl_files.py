"""STL files as shapes of particles."""

from pathlib import Path

import numpy as np
import pytest

from scene.prototypes.library.stl import stl_geometry, stl_triangles
from scene.specimen.values import initial, write
from tests.prototype_library import WEDGE, stl

TEXT = "solid wedge\n" + "".join(
    "facet normal 0 0 0\nouter loop\n"
    + "".join(f"vertex {x} {y:.1e} {z}\n" for x, y, z in corners)
    + "endloop\nendfacet\n"
    for corners in WEDGE
)
TEXT += "endsolid wedge\n"


@pytest.mark.parametrize(
    "content",
    [stl(WEDGE), *(text.encode() for text in (TEXT, TEXT.replace("\n", "\r\n"), TEXT.upper()))],
)
def test_binary_and_text_hold_the_same_triangles(content: bytes) -> None:
    assert stl_triangles(content).tolist() == [[list(p) for p in corners] for corners in WEDGE]


def test_a_binary_file_may_begin_like_a_text() -> None:
    assert len(stl_triangles(b"solid" + stl(WEDGE)[5:])) == len(WEDGE)


@pytest.mark.parametrize("order", [1, -1], ids=["outside", "inside out"])
def test_a_shape_fits_the_unit_cube_and_its_corners_are_joined(tmp_path: Path, order: int) -> None:
    file = tmp_path / "wedge.stl"
    file.write_bytes(stl([corners[::order] for corners in WEDGE]))
    geometry = stl_geometry(file)
    shape = geometry.surface({})
    assert shape.vertices.shape == (4, 3)
    assert shape.vertices.min(axis=0).tolist() == [-0.5] * 3
    assert shape.vertices.max(axis=0).tolist() == [0.5] * 3
    assert shape.volume == pytest.approx(1 / 6)  # 4/3 of a box of 8
    assert geometry.volume_fraction({}) == pytest.approx(1 / 6)


def test_the_volume_of_an_open_surface_is_not_known(tmp_path: Path) -> None:
    file = tmp_path / "open.stl"
    file.write_bytes(stl(WEDGE[:3]))
    assert stl_geometry(file).volume_fraction({}) is None


@pytest.mark.parametrize(("factor", "size"), [(1e6, (1e5, 5e4, 2.5e4)), (1e-6, (4e-3, 2e-3, 1e-3))])
def test_a_shape_of_impossible_size_keeps_its_proportions(
    tmp_path: Path, factor: float, size: tuple[float, ...]
) -> None:
    file = tmp_path / "wedge.stl"
    file.write_bytes(
        stl([tuple((x * factor, y * factor, z * factor) for x, y, z in t) for t in WEDGE])
    )
    features = initial(stl_geometry(file).features)
    assert features["dimensions"] == pytest.approx(size)
    assert (features["width"], features["height"]) == pytest.approx((0.5, 0.25))


def test_particles_have_the_files_size_and_keep_their_proportions_on_demand(tmp_path: Path) -> None:
    file = tmp_path / "wedge.stl"
    file.write_bytes(stl(WEDGE))
    specs = {spec.name: spec for spec in stl_geometry(file).features}
    features = initial(specs.values())
    assert features == {"dimensions": (4.0, 2.0, 1.0), "width": 0.5, "height": 0.25}
    write(features, specs, "dimensions", (8.0, 8.0, 8.0))
    write(features, specs, "width", 0.5)
    assert features["dimensions"] == (8.0, 4.0, 8.0)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not an STL file"),
        (b"PK\3\4" + bytes(200), "is not an STL file"),
        (stl(WEDGE)[:-1], "is not an STL file"),
        (stl([]), "holds no triangles"),
        (TEXT.encode()[:200], "breaks off"),
        (stl([((0, 0, 0), (1e9, 0, 0), (0, 1, 1))]), "longer and thinner"),
        (b"solid x\nendsolid x\n", "holds no triangles"),
        (TEXT.encode().replace(b"vertex 4 0.0e+00 0\n", b"", 1), "has a vertex that is not three"),
        (TEXT.encode().replace(b"vertex 4 0.0e+00 0", b"vertex 4 x 0", 1), "has a vertex that"),
        (stl([((0, 0, np.nan), (1, 0, 0), (0, 1, 1))]), "at no finite place"),
        (stl([((0, 0, 0), (1, 0, 0), (0, 1, 0))]), "a flat surface, [1.0, 1.0, 0.0] wide"),
    ],
)
def test_what_is_none_is_one_sentence_with_the_file(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    file = tmp_path / "bad.stl"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{file} ") as caught:
        stl_geometry(file)
    assert problem in str(caught.value)
