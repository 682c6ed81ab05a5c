"""The plugin package of the examples, by itself and in its sweep."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
from PIL import Image

from scene.imaging.frame import RenderingMode
from scene.recipe.registry import Registry
from scene.specimen.distributions import Distribution
from scene.specimen.specimen import MeasurementVolume

PLUGINS = Path(__file__).parents[2] / "examples" / "plugins"
VOLUME = MeasurementVolume((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
SIZES = {"fine": 2.0, "coarse": 8.0, "geometric_standard_deviation": 1.2, "max": 9.0}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry([PLUGINS])


def test_sizes_come_from_two_populations_below_the_cut(registry: Registry) -> None:
    cls = registry.find(Distribution, "$plugins.dropcast.BimodalLogNormal3d", "variability")
    variability = cls(**SIZES, share_fine=0.3)
    rng = np.random.default_rng(1)
    drawn = np.array([variability.sample(rng, VOLUME) for _ in range(4000)])
    assert (drawn == drawn[:, :1]).all()
    sizes = drawn[:, 0]
    assert sizes.max() < SIZES["max"]
    fine = sizes[sizes < 4]
    assert len(fine) / len(sizes) == pytest.approx(0.3, abs=0.03)
    assert np.log(fine).mean() == pytest.approx(math.log(SIZES["fine"]), abs=0.02)
    assert np.log(fine).std() == pytest.approx(math.log(1.2), abs=0.02)
    assert np.median(sizes[sizes > 4]) < SIZES["coarse"]  # what passes the sieve is smaller


def test_the_populations_must_be_in_order(registry: Registry) -> None:
    cls = registry.find(Distribution, "$plugins.dropcast.BimodalLogNormal3d", "variability")
    with pytest.raises(ValueError, match="expected fine < coarse < max"):
        cls(**SIZES | {"fine": 8.5})


class _Frame:
    def __init__(self, instance: list[list[int]]) -> None:
        self.instance = np.array(instance, dtype=np.uint16)

    @property
    def buffers(self) -> _Frame:
        return self


def test_contours_separate_particles_that_touch(registry: Registry) -> None:
    mode = registry.find(RenderingMode, "$plugins.dropcast.Contours", "rendering mode")()
    images = mode.render(
        _Frame([[1, 1, 1, 2, 2], [1, 1, 1, 2, 2], [1, 1, 1, 2, 2], [0, 0, 0, 0, 9]])
    )
    assert images["contours"].tolist() == [
        [128, 128, 255, 255, 128],
        [128, 128, 255, 255, 128],
        [255, 255, 255, 255, 255],
        [0, 0, 0, 0, 255],
    ]
    distance = images["centre_distance"]
    assert distance[1, 1] == 0
    assert distance[0, 0] == distance[2, 2] == 1
    assert distance[0, 1] == pytest.approx(math.sqrt(0.5))
    assert np.isinf(distance[3, :4]).all()
    assert distance[3, 4] == 0  # a single pixel is its own centre


@pytest.mark.blender
def test_what_is_left_lies_on_the_substrate(example_output: Path) -> None:
    particles = pq.read_table(example_output / "particles").to_pylist()
    runs = pq.read_table(example_output / "manifest").to_pylist()
    gaps = [row["location_z"] / row["dimensions_z"] - 0.5 for row in particles]
    assert max(gaps) <= 0.1
    numbers = {row["run_id"]: row["override.blueprints.particles.Bead.number"] for row in runs}
    left = {
        run_id: sorted(row["particle_id"] for row in particles if row["run_id"] == run_id)
        for run_id in numbers
    }
    assert all(ids == list(range(1, len(ids) + 1)) for ids in left.values())
    assert all(0 < len(ids) <= numbers[run_id] for run_id, ids in left.items())
    assert len(particles) < sum(numbers.values())


@pytest.mark.blender
def test_images_of_the_mode_agree_with_the_instances(example_output: Path) -> None:
    for folder in (example_output / "runs").iterdir():
        instances = np.asarray(Image.open(folder / "instances.png"))
        contours = np.asarray(Image.open(folder / "contours.png"))
        distance = tifffile.imread(folder / "centre_distance.tiff")
        assert set(np.unique(contours)) == {0, 128, 255}
        assert ((contours > 0) == (instances > 0)).all()
        assert (np.isfinite(distance) == (instances > 0)).all()
        for particle_id in np.unique(instances[instances > 0]):
            assert distance[instances == particle_id].max() in {0, 1}


def test_commands_of_the_readme_name_what_there_is() -> None:
    text = (PLUGINS / "dropcast" / "README.md").read_text(encoding="utf-8")
    words = [
        word for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE) for word in shlex.split(line)
    ]
    paths = [word for word in words if word.startswith("examples/")]
    assert len(paths) == 4
    assert all((PLUGINS.parents[1] / path).exists() for path in paths)
