"""The page of the microscope: its tables list every parameter as the code has it."""

from __future__ import annotations

import math
import re
from pathlib import Path

from scene.prototypes.materials.sem_carbon_tape import SemCarbonTape
from scene.prototypes.materials.sem_metal_powder import SemMetalPowder
from scene.prototypes.measurement_techniques.scanning_electron_microscope import (
    ScanningElectronMicroscope,
)
from scene.specimen.features import FeatureSpec

PAGE = Path(__file__).parents[2] / "docs" / "microscope.md"
ROW = re.compile(r"^\| `(\w+)` \| [^|]*\| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)
ANGLES = {math.pi / 2: "pi/2", math.tau: "2 pi", -math.tau: "-2 pi"}


def text(value: object) -> str:
    assert isinstance(value, int | float)
    return ANGLES.get(value) or f"{value:,.10g}"


def written(spec: FeatureSpec) -> str:
    return text(spec.default)


def bounds(spec: FeatureSpec) -> str:
    return f"{text(spec.minimum)} to {text(spec.maximum)}"


def test_the_tables_have_every_parameter_its_default_and_its_range() -> None:
    page = PAGE.read_text(encoding="utf-8")
    listed = {name: (default, limits) for name, default, limits, _ in ROW.findall(page)}
    expected = {
        spec.name: (written(spec), bounds(spec)) for spec in ScanningElectronMicroscope.features
    }
    for powder, tape in zip(SemMetalPowder.features, SemCarbonTape.features, strict=True):
        expected[powder.name] = f"{written(powder)}, {written(tape)}", bounds(powder)
    assert listed == expected
