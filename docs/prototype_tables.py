"""The tables of docs/prototypes.md, from the prototypes themselves: run it to write them anew.

uv run python docs/prototype_tables.py
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from scene.microscopy.imaging_chain import IMAGING_FEATURES
from scene.microscopy.secondary_electrons import SecondaryElectrons
from scene.prototypes.base import Prototype
from scene.prototypes.geometry import GeometryPrototype
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.recipe.registry import builtin_classes
from scene.specimen.features import FeatureSpec

PAGE = Path(__file__).parent / "prototypes.md"

KINDS: dict[str, type[Prototype]] = {
    "geometries": GeometryPrototype,
    "materials": MaterialPrototype,
    "techniques": MeasurementTechniquePrototype,
}
"""What a table's markers in the page are called, and whose table it is."""

ELSEWHERE = {spec.name for spec in (*IMAGING_FEATURES, *SecondaryElectrons.FEATURES)}
"""Features that have tables of their own in docs/microscope.md."""


def with_tables(page: str) -> str:
    """Return the page with its tables written anew."""
    for name, kind in KINDS.items():
        text = "\n".join(table(kind))
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        page = re.sub(
            pattern, lambda found, text=text: f"{found[1]}{text}\n{found[2]}", page, flags=re.DOTALL
        )
    return page


def table(kind: type[Prototype]) -> Iterator[str]:
    """Yield the lines of a table: a row for each prototype, and one for each of its features."""
    yield "| prototype | feature | default | allowed | meaning |"
    yield "| --- | --- | --- | --- | --- |"
    for name, made in sorted(builtin_classes(kind).items()):
        yield f"| **`{name}`** | | | | {_first_sentence(made)} |"
        for spec in made.features:
            if kind is not MeasurementTechniquePrototype or spec.name not in ELSEWHERE:
                cells = f"`{spec.name}`", _value(spec.default), _allowed(spec), spec.description
                yield f"| | {' | '.join(map(_escaped, cells))} |"


def _first_sentence(made: type) -> str:
    text = " ".join((inspect.getdoc(made) or "").split("\n\n")[0].split())
    return _escaped(text)


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_value, value))})"
    return f"{value:,.10g}" if isinstance(value, int | float) and value is not True else str(value)


def _allowed(spec: FeatureSpec) -> str:
    if spec.choices:
        return ", ".join(f"`{choice}`" for choice in spec.choices)
    if not spec.is_numeric:
        return "true, false" if spec.kind == "boolean" else "any text"
    numbers = "whole numbers" if spec.integer else ""
    low, high = (_value(bound) for bound in (spec.minimum, spec.maximum))
    if spec.minimum == -spec.maximum and "inf" in high:
        return numbers or "any"
    return f"{low} to {high}" + (f", {numbers}" if numbers else "")


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
