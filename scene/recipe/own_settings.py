"""Render settings that a recipe leaves to its measurement technique."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.recipe.registry import Registry

_OWN = ("resolution", "max_samples")


def with_own_settings(resolved: Mapping[str, Any], registry: Registry) -> Mapping[str, Any]:
    """Return a recipe with the technique's own resolution and samples where it gives none.

    Parameters
    ----------
    resolved
        A resolved recipe, which need not be sound. A setting that it lacks, or that is null, is
        the technique's own; where the technique is not known, it is left out.
    """
    render = resolved.get("render", {})
    if not isinstance(render, Mapping):
        return resolved
    stated = {key: value for key, value in render.items() if key not in _OWN or value is not None}
    technique = _technique(resolved, registry)
    own = {} if technique is None else {key: getattr(technique, key) for key in _OWN}
    return {**resolved, "render": own | stated}


def _technique(
    resolved: Mapping[str, Any], registry: Registry
) -> MeasurementTechniquePrototype | None:
    """Return the prototype of the recipe's technique; None if it is not known."""
    try:
        (blueprint,) = resolved["blueprints"]["measurement_techniques"].values()
        name = blueprint["measurement_technique_prototype_name"]
        return registry.prototype(MeasurementTechniquePrototype, name)
    except (LookupError, TypeError, AttributeError, ValueError):  # reported by the checks
        return None
