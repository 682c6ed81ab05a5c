"""The features of what a recipe's blueprints make, and blueprints that can't be made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from scene.prototypes.base import (
    PARTICLE_FEATURES,
    GeometryPrototype,
    MaterialPrototype,
    MeasurementTechniquePrototype,
    Prototype,
)
from scene.recipe.names import Features
from scene.recipe.registry import Registry
from scene.specimen.blueprints import DEFAULT_MATERIAL, VACUUM, CustomFeature
from scene.specimen.columns import Declared, absorbed, clash, differing
from scene.specimen.features import FeatureSpec
from scene.specimen.specimen import BLUEPRINT_NAME

type Path = tuple[str | int, ...]

PARTICLES = "particles"
TECHNIQUES = "measurement_techniques"

PROTOTYPE_KEYS: dict[str, dict[str, type[Prototype]]] = {
    PARTICLES: {
        "geometry_prototype_name": GeometryPrototype,
        "material_prototype_name": MaterialPrototype,
    },
    TECHNIQUES: {
        "measurement_technique_prototype_name": MeasurementTechniquePrototype,
        "measurement_volume_material_prototype_name": MaterialPrototype,
        "background_material_prototype_name": MaterialPrototype,
    },
}
_CUSTOM = "custom_features"
_CUSTOM_FEATURES = TypeAdapter(tuple[CustomFeature, ...])
_DEFAULTS = {
    "material_prototype_name": DEFAULT_MATERIAL,
    "measurement_volume_material_prototype_name": VACUUM,
    "background_material_prototype_name": VACUUM,
}


def blueprint_features(
    blueprints: Mapping[str, Any], kind: str, registry: Registry, found: list[tuple[Path, str]]
) -> dict[str, Features | None]:
    """Return the features of what is made from each blueprint; None for a faulty blueprint.

    Parameters
    ----------
    blueprints
        Name to blueprint, as they stand in the recipe; they need not be sound.
    kind
        `PARTICLES` or `TECHNIQUES`.
    registry
        Where prototypes are found.
    found
        Receives the (path, message) of prototypes that don't exist or whose features clash.
    """
    declared: dict[str, list[Declared]] = {}
    for name, blueprint in blueprints.items():
        problems: list[tuple[Path, str]] = []
        sources = _declared(name, blueprint, kind, registry, problems)
        found += [(("blueprints", kind, name, *path), message) for path, message in problems]
        if sources is not None:
            declared[name] = sources
    if kind == PARTICLES:
        found += [(("blueprints", kind, name), text) for name, text in differing(declared)]
    return {
        name: {spec.name: spec for source in declared[name] for spec in source.specs}
        if name in declared
        else None
        for name in blueprints
    }


def named_prototypes(
    particles: Mapping[str, Any], techniques: Mapping[str, Any]
) -> Iterator[tuple[type[Prototype], str]]:
    """Yield kind and name of each prototype that blueprints name; they need not be sound."""
    for kind, blueprints in ((PARTICLES, particles), (TECHNIQUES, techniques)):
        for blueprint in blueprints.values():
            for key, base in PROTOTYPE_KEYS[kind].items():
                name = (
                    blueprint.get(key, _DEFAULTS.get(key)) if isinstance(blueprint, dict) else None
                )
                if isinstance(name, str):
                    yield base, name


def _declared(
    called: str,
    blueprint: Any,
    kind: str,
    registry: Registry,
    problems: list[tuple[Path, str]],
) -> list[Declared] | None:
    """Return where a blueprint's features come from; None if that is not known."""
    if not isinstance(blueprint, dict):
        return None
    found: list[tuple[str, Declared]] = []
    for key, base in PROTOTYPE_KEYS[kind].items():
        name = blueprint.get(key, _DEFAULTS.get(key))
        if name is None and _DEFAULTS.get(key) == VACUUM:
            continue
        if not isinstance(name, str):
            return None
        try:
            features = registry.prototype(base, name).features
        except ValueError as error:
            problems.append(((key,), str(error)))
            continue
        found.append((key, Declared(f"{registry.kind(base)} {name!r}", features)))
    custom = _custom_features(blueprint, problems)
    if problems or custom is None:
        return None
    place = 0 if kind == PARTICLES else 1  # as the original lists them
    found.insert(place, ("", _own_features(called, kind)))
    sources = [source for _, source in found]
    if kind == PARTICLES:
        sources = absorbed(sources)
    keys = [*(key for key, _ in found), _CUSTOM]
    if clashing := clash([*sources, custom], reserved=kind == PARTICLES):
        position, message = clashing
        problems.append(((keys[position],), message))
        return None
    return [*sources[:place], custom, *sources[place:]]


def _custom_features(
    blueprint: Mapping[str, Any], problems: list[tuple[Path, str]]
) -> Declared | None:
    """Return the features that a blueprint adds; None if one is faulty, which is told elsewhere."""
    try:
        features = _CUSTOM_FEATURES.validate_python(blueprint.get(_CUSTOM, ()))
    except ValidationError:
        return None
    for number, feature in enumerate(features):
        if feature.blender_link is not None:
            message = "leads nowhere: only prototypes of a library have places to link to"
            problems.append(((_CUSTOM, number, "blender_link"), message))
            return None
    return Declared(_CUSTOM, [feature.spec for feature in features])


def _own_features(blueprint: str, kind: str) -> Declared:
    """Return the features that every particle or measurement technique has."""
    name = FeatureSpec(
        BLUEPRINT_NAME, blueprint, "the blueprint's name", kind="string", constant=True
    )
    if kind == PARTICLES:
        return Declared("every particle", (*PARTICLE_FEATURES, name))
    return Declared("every measurement technique", (name,))
