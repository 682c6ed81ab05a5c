"""Agglomerates that are rendered: an image of their ids, and what the table says of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry

if TYPE_CHECKING:
    from scene.blender.session import Session

RECIPE = """
blueprints:
  measurement_techniques:
    SEM:
      measurement_technique_prototype_name: secondary_electron_microscope
  particles:
    Bead:
      geometry_prototype_name: sphere
      material_prototype_name: sem_polystyrene
      number: 12
process_conditions:
  feature_variabilities:
    Size:
      feature_name: dimensions
      variability: {_target_: $builtins.Constant, value: [7, 7, 7]}
synth_chain:
  feature_generation_steps:
    - {_target_: $builtins.InvokeBlueprints, affected_set_name: AllMeasurementTechniqueBlueprints}
    - {_target_: $builtins.InvokeBlueprints, affected_set_name: AllParticleBlueprints}
    - _target_: $builtins.TriggerFeatureUpdate
      feature_variability_name: Size
      affected_set_name: AllParticles
    - _target_: $builtins.AgglomerateParticles
      affected_set_name: AllParticles
      mode: particle-cluster
      randomness: 0.1
      speed: 1
      sintering_ratio: 0.2
      primary_particle_number_variability: {_target_: $builtins.Constant, value: 4}
    - _target_: $builtins.DistributeInMeasurementVolume
      affected_set_name: AllParticles
  rendering_steps:
    - {_target_: $builtins.RenderParticlesTogether, rendering_mode: categorical}
    - {_target_: $builtins.RenderParticlesTogether, rendering_mode: agglomerates}
render:
  resolution_percentage: 10
"""


@pytest.fixture(scope="module")
def run(session: Session, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list]]:
    from scene.execution import chain

    folder = tmp_path_factory.mktemp("agglomerates")
    file, output = folder / "r.yaml", folder / "run"
    file.write_text(RECIPE)
    output.mkdir()
    recipe = parse(Composition(file).resolve([]), "r.yaml", Registry())
    with session.captured():
        return output, chain.execute(recipe, session, output).particles


def test_other_shapes_collide_by_their_surfaces(session: Session, tmp_path: Path) -> None:
    from scipy.spatial import KDTree

    from scene.execution.context import step_context
    from scene.execution.stopwatch import Stopwatch

    file = tmp_path / "r.yaml"
    file.write_text(RECIPE.replace("[7, 7, 7]", "[9, 7, 4]"))
    recipe = parse(Composition(file).resolve([]), "r.yaml", Registry())
    context = step_context(recipe, session, tmp_path, Stopwatch())
    with session.captured():
        for step in recipe.synth_chain.feature_generation_steps[:4]:
            step.execute(context)
        agglomerates: dict[int, list[int]] = {}
        for particle in context.specimen.particles:
            agglomerates.setdefault(particle.root, []).append(particle.id)
        surfaces = context.surfaces(frozenset(range(1, 13)))
    assert sorted(map(len, agglomerates.values())) == [4, 4, 4]
    for own in agglomerates.values():
        for one in own:
            others = np.concatenate([surfaces[n].vertices for n in own if n != one])
            nearest, _ = KDTree(others).query(surfaces[one].vertices)
            assert nearest.min() < 1.0  # vertices are about so far apart


def array(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def test_the_image_holds_the_ids_of_the_table(run: tuple[Path, dict[str, list]]) -> None:
    folder, table = run
    agglomerates = array(folder / "agglomerates.png")
    assert agglomerates.dtype == np.uint16
    roots = np.array([0, *table["agglomerate_id"]])
    assert np.array_equal(agglomerates, roots[array(folder / "instances.png")])
    assert len(np.unique(agglomerates)) > 2


def test_the_table_knows_contacts_and_necks(run: tuple[Path, dict[str, list]]) -> None:
    _, table = run
    assert table["agglomerate_particles"] == [4] * 12
    assert len(set(table["agglomerate_id"])) == 3
    for particle_id, parent, root in zip(
        table["particle_id"], table["parent_id"], table["agglomerate_id"], strict=True
    ):
        assert root == (particle_id if parent is None else parent)
    assert min(table["coordination_number"]) >= 1
    # Centres of spheres of 7 that are 5.6 apart; other pairs may have been pressed together more.
    assert min(table["largest_overlap"]) == pytest.approx(1.4, abs=1e-6)
    assert min(table["largest_neck_diameter"]) == pytest.approx(4.2, abs=1e-5)
    assert None not in table["agglomerate_gyration_radius"]
