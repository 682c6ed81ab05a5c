"""Recipes like the predecessor's run to the end, with a library of prototypes like its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from scene.execution import chain
from scene.execution.record import RunRecord
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from tests.prototype_library import write_library

if TYPE_CHECKING:
    from scene.blender.session import Session

type Run = Callable[..., RunRecord]

FOLDER = Path(__file__).parents[1] / "recipes" / "original"
FEATURES = "process_conditions.feature_variabilities"
PARTICLES = "blueprints.particles"
DRAWN_SIZE = f"{FEATURES}.ResolutionPercentage.variability.value=5"
DRAWN_SAMPLES = f"{FEATURES}.CyclesSamples.variability.value=1"


@pytest.fixture(scope="module")
def registry(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = tmp_path_factory.mktemp("library")
    with session.captured():
        write_library(folder)
        session.reset()
    return Registry(prototype_folders=[folder])


@pytest.fixture
def run(session: Session, registry: Registry, tmp_path: Path) -> Run:
    """Execute a recipe, small and with few particles; its files are in `tmp_path`."""

    def executed(name: str, *overrides: str) -> RunRecord:
        small = ("render.resolution_percentage=5", "render.max_samples=1")
        document = Composition(FOLDER / f"{name}.yaml").resolve([*small, *overrides])
        recipe = parse(document, name, registry)
        with session.captured():
            return chain.execute(recipe, session, tmp_path)

    return executed


def files(record: RunRecord) -> set[str]:
    return {file.path for file in record.files} - {"recipe.yaml"}


def test_spheres_sem(run: Run) -> None:
    record = run("spheres_sem", f"{PARTICLES}.Bead.number=5")
    assert files(record) >= {"state.blend", "real.png", "stylized_xray.png"}
    assert len(record.particles["particle_id"]) == 5


def test_an_empty_world(run: Run) -> None:
    assert files(run("s_PrepareWorld")) == {"real.png"}


def test_hello_world(run: Run, tmp_path: Path) -> None:
    record = run("hello_world", f"{FEATURES}.Samples.variability.value=1")
    assert record.features["input_text"] == "Hello, world!"
    assert record.particles["particle_id"] == []
    with Image.open(tmp_path / "real.png") as image:
        assert image.size == (96, 54)
        red, _, blue = np.asarray(image.convert("RGB")).mean(axis=(0, 1))
    assert blue > red + 5  # of the page


def test_beads(run: Run) -> None:
    record = run("beads", f"{PARTICLES}.Bead.number=4")
    assert files(record) >= {"real.png", "categorical.png", "particle_features.csv"}
    assert {"color_r", "color_a"} <= record.particles.keys()


def test_pearls_on_a_plane(run: Run, tmp_path: Path) -> None:
    record = run("colPearls_plane", f"{PARTICLES}.Bead.number=4", DRAWN_SIZE, DRAWN_SAMPLES)
    assert record.features["resolution_percentage"] == 5
    assert record.features["color"] == (0.8, 0.8, 0.8, 1.0)
    with Image.open(tmp_path / "real.png") as image:
        assert image.size == (102, 102)
        assert np.ptp(np.asarray(image.convert("RGB")), axis=2).max() > 30  # pearls are coloured


def test_plasticine(run: Run) -> None:
    numbers = f"{PARTICLES}.Bead.number=3", f"{PARTICLES}.Worm.number=2"
    record = run("plasticine_plane", *numbers, DRAWN_SIZE, DRAWN_SAMPLES)
    table = record.particles
    beads = [blueprint == "Bead" for blueprint in table["blueprint"]]
    for feature, owners in (("shape", beads), ("thickness", [not bead for bead in beads])):
        assert [value is not None for value in table[feature]] == owners
    assert "categorical_Potatoes_under_Worms.png" in files(record)


def test_beans_on_a_table(run: Run, tmp_path: Path) -> None:
    record = run("chocBeans_table", f"{PARTICLES}.Bean.number=5", DRAWN_SIZE, DRAWN_SAMPLES)
    table = record.particles
    heights = zip(table["particle_id"], table["initial_location_z"], strict=True)
    pink = {f"{bean:05d}" for bean, height in heights if height % 6 < 2}
    assert {path.stem[-5:] for path in (tmp_path / "pink").glob("categorical_*")} == pink
    assert 0 < len(pink) < 5
    assert {"all_categorical.png", "pink_categorical_PinkParticles.png"} <= files(record)


def test_beans_in_a_glass(run: Run) -> None:
    record = run("chocBeans_glassTable", f"{PARTICLES}.Bean.number=5", DRAWN_SIZE, DRAWN_SAMPLES)
    assert record.features["glass_hide"] is False
    assert record.features["glass_collision"] is True
    assert "categorical_Reds_under_Others.png" in files(record)


def test_an_agglomerate_in_transmission(run: Run) -> None:
    record = run("agglom_tem", f"{PARTICLES}.Bead.number=5")
    assert len(set(record.particles["agglomerate_id"])) == 1
    assert any(path.endswith(".stl") for path in files(record))


def test_aggregates_under_an_electron_microscope(run: Run) -> None:
    record = run("aggregate_sem", f"{PARTICLES}.Bead.number=7")
    assert record.particles["agglomerate_particles"] == [5] * 5 + [2] * 2
