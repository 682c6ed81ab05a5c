"""Runs that share a specimen, by a real Blender."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scene.execution.record import RunRecord
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.specimen_hash import specimen_of
from tests.scene.test_chain import RENDER, ROOT, SMALL, STEPS, checksums

if TYPE_CHECKING:
    from scene.blender.session import Session

type Execute = Callable[..., RunRecord]
LOOK = "initial_runtime_state.look_seed"
DROPCAST = ROOT / "examples" / "plugins" / "dropcast" / "dropcast.yaml"


class Store(dict[str, bytes]):
    """Specimens in memory."""

    def load(self, specimen: str) -> bytes | None:
        return self.get(specimen)

    def save(self, specimen: str, content: bytes) -> None:
        assert specimen not in self
        self[specimen] = content


@pytest.fixture
def execute(session: Session, tmp_path: Path) -> Execute:
    """Execute a small run, with a store or without, in a folder of its own."""
    from scene.execution import chain

    registry = Registry([DROPCAST.parents[1]])

    def run(
        *overrides: str, store: Store | None = None, path: Path = ROOT / "recipes/spheres_sem.yaml"
    ) -> RunRecord:
        recipe = parse(Composition(path).resolve(overrides), "r.yaml", registry)
        output = tmp_path / str(len(list(tmp_path.iterdir())))
        output.mkdir()
        with session.captured():
            record = chain.execute(recipe, session, output, store)
        assert record.specimen == specimen_of(recipe)
        assert RunRecord.from_json((output / "record.json").read_text()) == record
        return record

    return run


def made(record: RunRecord) -> tuple[Any, ...]:
    """Return all that a run made, but for the Blender file, whose bytes are Blender's."""
    files = {path: file for path, file in checksums(record).items() if path != "state.blend"}
    return files, record.particles, record.features


@pytest.mark.parametrize("fidelity", ["fast", "reference"])
def test_a_run_is_the_same_with_a_specimen_that_is_there(execute: Execute, fidelity: str) -> None:
    small = (*SMALL, f"render.fidelity={fidelity}")
    store = Store()
    plain = execute(*small)
    first = execute(*small, store=store)
    again = execute(*small, store=store)
    assert made(first) == made(plain)
    assert made(again) == made(plain)
    assert list(store) == [plain.specimen]
    assert "RelaxCollisions" in first.timings
    assert "RelaxCollisions" not in again.timings
    assert {"specimen", "reset", "build"} <= again.timings.keys()
    assert "specimen" not in plain.timings


def test_another_look_has_the_same_particles(execute: Execute) -> None:
    store = Store()
    first = execute(*SMALL, store=store)
    look = execute(*SMALL, f"{LOOK}=1", store=store)
    assert look.specimen == first.specimen
    assert look.particles == first.particles
    assert look.seed == first.seed == 42
    one, other = checksums(first), checksums(look)
    differing = {path for path in one if one[path] != other[path]}
    assert differing == {"real.png", "recipe.yaml", "state.blend"}
    assert made(look) == made(execute(*SMALL, f"{LOOK}=1"))
    assert look.features != first.features
    reseeded = execute(*SMALL, f"{LOOK}=42", "initial_runtime_state.seed=1")
    assert reseeded.features == first.features
    assert reseeded.particles != first.particles


@pytest.mark.parametrize("shape", ["SPHERE", "CONVEX_HULL", "MESH"])
def test_particles_do_not_depend_on_what_is_no_part_of_the_hash(
    execute: Execute, shape: str
) -> None:
    """A run that reads its specimen renders it in its own way, and made it in another's."""
    small = ("blueprints.particles.Bead.number=80", f"{STEPS}.5.num_frames=20", f"{RENDER}=[]")
    shaped = (*small, f"{STEPS}.5.collision_shape={shape}")
    one = execute(*shaped, "render.fidelity=fast")
    other = execute(
        *shaped, "render.fidelity=reference", "render.resolution_percentage=8", f"{LOOK}=7"
    )
    assert other.specimen == one.specimen
    assert other.particles == one.particles


def test_a_chain_of_a_plugin_that_relaxes_twice(execute: Execute) -> None:
    small = (
        "blueprints.particles.Bead.number=30",
        "render.resolution_percentage=8",
        f"{STEPS}.4.num_frames=10",
        f"{STEPS}.6._target_=$builtins.RelaxCollisions",
        f"+{STEPS}.6.num_frames=5",
        f"~{STEPS}.6.feature_variability_name",
        f"{STEPS}.6.affected_set_name=AllParticles",
        f"~{RENDER}.0",
    )
    store = Store()
    plain = execute(*small, path=DROPCAST)
    execute(*small, f"{LOOK}=1", path=DROPCAST, store=store)
    again = execute(*small, path=DROPCAST, store=store)
    assert made(again) == made(plain)
    assert not {"RelaxCollisions", "Rinse"} & again.timings.keys()
    assert len(plain.particles["particle_id"]) < 30
