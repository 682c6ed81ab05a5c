"""Size and format of images, set by steps: the scene follows, particles keep their places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scene.imaging.png import read_png
from scene.recipe.parse import parse
from scene.recipe.registry import Registry

if TYPE_CHECKING:
    from scene.blender.session import Session
    from scene.execution.record import RunRecord

TECHNIQUE, PARTICLES = "AllMeasurementTechniques", "AllParticles"

type Update = tuple[str, str, dict[str, Any]]
"""A feature, the set that it is set for, and what is drawn."""


def constant(value: Any) -> dict[str, Any]:
    return {"_target_": "$builtins.Constant", "value": value}


ANYWHERE = {"_target_": "$builtins.UniformlyRandomLocationInMeasurementVolume"}


def run(
    session: Session, output: Path, updates: Sequence[Update], **render: Any
) -> tuple[RunRecord, dict[str, np.ndarray[Any, Any]]]:
    """Execute a recipe of a few beads; return its record and images."""
    from scene.execution import chain

    entries = {
        feature: {"feature_name": feature, "variability": drawn} for feature, _, drawn in updates
    }
    steps: list[dict[str, Any]] = [
        {"_target_": "$builtins.InvokeBlueprints", "affected_set_name": f"All{kind}Blueprints"}
        for kind in ("MeasurementTechnique", "Particle")
    ]
    steps += [
        {
            "_target_": "$builtins.TriggerFeatureUpdate",
            "feature_variability_name": name,
            "affected_set_name": affected,
        }
        for name, (_, affected, _) in zip(entries, updates, strict=True)
    ]
    modes = [
        {"_target_": "$builtins.RenderParticlesTogether", "rendering_mode": mode}
        for mode in ("real", "categorical")
    ]
    bead = {
        "geometry_prototype_name": "sphere",
        "material_prototype_name": "tem_amorphous",
        "number": 20,
    }
    made = {"measurement_technique_prototype_name": "transmission_electron_microscope"}
    document = {
        "blueprints": {"measurement_techniques": {"T": made}, "particles": {"Bead": bead}},
        "process_conditions": {"feature_variabilities": entries},
        "synth_chain": {"feature_generation_steps": steps, "rendering_steps": modes},
        "render": {"resolution": [96, 96], **render},
    }
    output.mkdir()
    with session.captured():
        record = chain.execute(parse(document, "r.yaml", Registry()), session, output)
    images = {file.mode: file.path for file in record.files if file.width}
    return record, {mode: read_png((output / path).read_bytes()) for mode, path in images.items()}


def test_values_in_force_at_the_first_rendering_step_decide(
    session: Session, tmp_path: Path
) -> None:
    size = ("dimensions", PARTICLES, constant([2.0, 2.0, 2.0]))
    place = ("location", PARTICLES, ANYWHERE)
    wider = [("resolution_x", TECHNIQUE, constant(192)), ("color_mode", TECHNIQUE, constant("RGB"))]
    plain, images = run(session, tmp_path / "plain", [size, place])
    late, large = run(session, tmp_path / "late", [size, place, *wider])
    early, _ = run(session, tmp_path / "early", [*wider, size, place])

    assert images["real"].shape == (96, 96)
    assert large["real"].shape == (96, 192, 3)
    assert large["instances"].shape == (96, 192)
    assert "resolution_x" not in plain.features
    assert late.features["resolution_x"] == 192
    # Particles placed before the change keep their places, in a volume that is wider now.
    for axis in "xyz":
        column = f"location_{axis}"
        assert late.particles[column] == plain.particles[column]
    factor = 2.0
    np.testing.assert_allclose(
        early.particles["location_x"], factor * np.array(plain.particles["location_x"])
    )
    # A pixel stays as large as it was: the camera sees more, in its middle the same.
    assert late.pixel_size_nm == plain.pixel_size_nm
    np.testing.assert_array_equal(large["instances"][:, 48:144], images["instances"])
    inner = large["real"][:, 48:144, 0].astype(int)
    assert np.abs(inner - images["real"]).max() <= 1


def test_a_feature_wins_and_files_are_as_it_says(session: Session, tmp_path: Path) -> None:
    size = ("dimensions", PARTICLES, constant([2.0, 2.0, 2.0]))
    place = ("location", PARTICLES, ANYWHERE)
    by_feature = [
        ("resolution_percentage", TECHNIQUE, constant(50)),
        ("color_depth", TECHNIQUE, constant("16")),
        ("compression", TECHNIQUE, constant(100)),
    ]
    record, images = run(
        session, tmp_path / "a", [size, place, *by_feature], resolution_percentage=100
    )
    _, same = run(session, tmp_path / "b", [size, place], resolution_percentage=50, bit_depth=16)
    for mode, image in images.items():
        np.testing.assert_array_equal(image, same[mode])
    assert images["real"].dtype == np.uint16
    assert images["real"].shape == (48, 48)
    assert record.quality["noise"] is not None
    small, large = ((tmp_path / name / "categorical.png").stat().st_size for name in ("a", "b"))
    assert small < large
