"""The page of the microscope: its tables list every parameter as the code has it."""

from __future__ import annotations

import math
import re
from pathlib import Path

from scene.prototypes.materials.sem_carbon_tape import SemCarbonTape
from scene.prototypes.materials.sem_metal_powder import SemMetalPowder
from scene.prototypes.materials.tem_amorphous import TemAmorphous
from scene.prototypes.measurement_techniques.scanning_electron_microscope import (
    ScanningElectronMicroscope,
)
from scene.prototypes.measurement_techniques.transmission_electron_microscope import (
    TransmissionElectronMicroscope,
)
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
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
    expected |= {
        spec.name: (written(spec), bounds(spec))
        for spec in (*TransmissionElectronMicroscope.features, *TemAmorphous.features)
    }
    assert listed == expected


def test_the_example_is_a_sound_recipe_with_what_the_page_says_of_it(tmp_path: Path) -> None:
    example = PAGE.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "my_sem.yaml").write_text(example, encoding="utf-8")
    resolved = Composition(tmp_path / "my_sem.yaml").resolve()
    recipe = parse(resolved, "my_sem.yaml", Registry())
    unit = recipe.render.scene_unit_nm
    entries = resolved["process_conditions"]["feature_variabilities"]
    values = {name: entry["variability"] for name, entry in entries.items()}
    assert unit / 10 == 4  # nm, of a pixel
    assert values["BeadSize"]["geometric_mean"] * unit == 200
    seconds = values["DwellTime"]["value"] * math.prod(recipe.render.resolution) / 1e6
    assert round(seconds) == 20
    assert values["ProbeDiameter"] == {"_target_": "$builtins.LogUniform", "low": 2, "high": 4}
