"""The recipes of powders, sintered bodies and soot, rendered small."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from scene.recipe.compose import BUILTIN_RECIPES, Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry

if TYPE_CHECKING:
    from scene.blender.session import Session

SMALL = {
    "powder_sem": ("Bead.number=60", "Satellited.number=60", "Lump.number=10"),
    "sintered_sem": ("Bead.number=60",),
    "agglomerates_tem": ("Primary.number=60",),
}


@pytest.mark.parametrize("name", SMALL)
def test_an_image_shows_particles_and_ground(name: str, session: Session, tmp_path: Path) -> None:
    from scene.execution import chain

    numbers = [f"blueprints.particles.{text}" for text in SMALL[name]]
    small = ["render.resolution_percentage=15", "initial_runtime_state.seed=4"]
    composition = Composition(BUILTIN_RECIPES / f"{name}.yaml")
    recipe = parse(composition.resolve([*numbers, *small]), f"{name}.yaml", Registry())
    with session.captured():
        record = chain.execute(recipe, session, tmp_path)
    gray = np.asarray(Image.open(tmp_path / "real.png")).astype(float)
    particle = np.asarray(Image.open(tmp_path / "instances.png")) > 0
    darkest, low, high, brightest = np.percentile(gray, [1, 10, 90, 99])
    assert brightest - darkest > 60
    assert high - low > 20
    brighter = gray[particle].mean() - gray[~particle].mean()
    assert (brighter < -20) if name.endswith("tem") else (brighter > 10)
    assert record.visible_particles is not None
    assert record.visible_particles > 10
    if "agglomerate_particles" in record.particles:
        assert max(record.particles["agglomerate_particles"]) > 5
