"""Numbers of particles: what is tried where a recipe has one, and how many smaller images have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from scene.errors import ConfigurationError, Problem
from scene.recipe.varying import number_place
from scene.specimen.specimen import LARGEST_PARTICLE_ID

TRIED = 4
"""As many times more and fewer particles than the recipe has are tried."""

RANGES = ("LogUniform", "UniformDistribution", "UniformDistributionInt")
"""The distributions that are known by two ends, `low` and `high`."""


def with_ranges(document: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return a recipe that draws each number of particles from a range.

    Raises
    ------
    ConfigurationError
        If one is drawn from anything else than a range with fixed ends.
    """
    blueprints = document["blueprints"].get("particles", {})
    fixed = [entry["number"] for entry in blueprints.values() if _is_fixed(entry["number"])]
    factor = min(TRIED, LARGEST_PARTICLE_ID / max(1, sum(fixed)))
    problems = [
        Problem(source, ".".join(number_place(name)), _UNKNOWN)
        for name, entry in blueprints.items()
        if not _is_fixed(entry["number"]) and not _is_range(entry["number"])
    ]
    if problems:
        raise ConfigurationError(problems)
    changed = {
        name: {
            "_target_": "$builtins.LogUniform",
            "low": max(1.0, entry["number"] / factor),
            "high": float(entry["number"] * factor),
        }
        for name, entry in blueprints.items()
        if _is_fixed(entry["number"])
    }
    return _with(document, changed.items())


def scaled(document: Mapping[str, Any], area: float) -> dict[str, Any]:
    """Return a recipe of `with_ranges` for images of another area, at the same density.

    Parameters
    ----------
    area
        Of the images, over that of the recipe's.
    """
    blueprints = document["blueprints"].get("particles", {})
    changed = []
    for name, entry in blueprints.items():
        number = dict(entry["number"])
        for end in ("low", "high"):
            many = max(1.0, number[end] * area)
            number[end] = round(many) if number["_target_"].endswith("Int") else many
        changed.append((name, number))
    return _with(document, changed)


_UNKNOWN = (
    "can't be matched: give one number, or a LogUniform, UniformDistribution or "
    "UniformDistributionInt with fixed ends"
)


def _is_fixed(number: Any) -> bool:
    return isinstance(number, int | float)


def _is_range(number: Any) -> bool:
    kind = str(number.get("_target_", "")).removeprefix("$builtins.")
    return kind in RANGES and all(_is_fixed(number.get(end)) for end in ("low", "high"))


def _with(document: Mapping[str, Any], numbers: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    blueprints = document["blueprints"]
    particles = dict(blueprints.get("particles", {}))
    for name, number in numbers:
        particles[name] = {**particles[name], "number": number}
    return {**document, "blueprints": {**blueprints, "particles": particles}}
