"""The features of what a recipe's blueprints make, and blueprints that can't be made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from scene.language.messages import schema_problems
from scene.prototypes.base import Prototype
from scene.prototypes.geometry import GeometryPrototype
from scene.prototypes.image_settings import image_settings
from scene.prototypes.library.settings import LinkedFeature
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.particle_features import PARTICLE_FEATURES
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.recipe.names import Features
from scene.recipe.registry import Registry
from scene.recipe.schema import RenderSettings
from scene.specimen.blueprints import DEFAULT_MATERIAL, VACUUM, CustomFeature
from scene.specimen.columns import Declared, absorbed, clash, differing
from scene.specimen.features import FeatureSpec
from scene.specimen.specimen import BLUEPRINT_NAME

type Path = tuple[str | int, ...]

PARTICLES = "particles"
TECHNIQUES = "measurement_techniques"

_FILLING = "measurement_volume_material_prototype_name"
PROTOTYPE_KEYS: dict[str, dict[str, type[Prototype]]] = {
    PARTICLES: {
        "geometry_prototype_name": GeometryPrototype,
        "material_prototype_name": MaterialPrototype,
    },
    TECHNIQUES: {
        "measurement_technique_prototype_name": MeasurementTechniquePrototype,
        _FILLING: MaterialPrototype,
        "background_material_prototype_name": MaterialPrototype,
    },
}
CUSTOM = "custom_features"
"""The key of a blueprint that adds features."""

_CUSTOM_FEATURES = TypeAdapter(tuple[CustomFeature, ...])
_EVERY_TECHNIQUE = "every measurement technique"

_DEFAULTS = {
    "material_prototype_name": DEFAULT_MATERIAL,
    "measurement_volume_material_prototype_name": VACUUM,
    "background_material_prototype_name": VACUUM,
}


def blueprint_features(
    blueprints: Mapping[str, Any],
    kind: str,
    registry: Registry,
    linked: Registry,
    found: list[tuple[Path, str]],
    render: RenderSettings | None = None,
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
    linked
        Where they are found with the places that custom features link to.
    found
        Receives the (path, message) of prototypes that don't exist or whose features clash.
    render
        The recipe's settings, which techniques have features of.
    """
    declared: dict[str, list[Declared]] = {}
    for name, blueprint in blueprints.items():
        problems: list[tuple[Path, str]] = []
        sources = _declared(name, blueprint, kind, registry, linked, problems, render)
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
            yield from prototypes_of(kind, blueprint)


def prototypes_of(kind: str, blueprint: Any) -> Iterator[tuple[type[Prototype], str]]:
    """Yield kind and name of each prototype of a blueprint, which need not be sound."""
    for key, base in PROTOTYPE_KEYS[kind].items():
        name = blueprint.get(key, _DEFAULTS.get(key)) if isinstance(blueprint, dict) else None
        if isinstance(name, str):
            yield base, name


def _declared(
    called: str,
    blueprint: Any,
    kind: str,
    registry: Registry,
    linked: Registry,
    problems: list[tuple[Path, str]],
    render: RenderSettings | None,
) -> list[Declared] | None:
    """Return where a blueprint's features come from; None if that is not known."""
    found = _of_prototypes(blueprint, kind, registry, problems)
    custom = _custom(blueprint, kind, linked, problems) if found is not None else None
    if problems or found is None or custom is None:
        return None
    place = 0  # as the predecessor lists them
    if kind == TECHNIQUES and render is not None:
        technique = blueprint["measurement_technique_prototype_name"]
        color_mode = registry.prototype(MeasurementTechniquePrototype, technique).color_mode
        settings = image_settings(
            render.resolution,
            render.resolution_percentage,
            render.max_samples,
            color_mode,
            render.bit_depth,
        )
        found.insert(1, ("", Declared(_EVERY_TECHNIQUE, settings)))
        place = 2
    found.insert(place, ("", _own_features(called, kind)))
    sources = [source for _, source in found]
    if kind == PARTICLES:
        sources = absorbed(sources)
    keys = [*(key for key, _ in found), CUSTOM]
    if clashing := clash([*sources, custom], reserved=kind == PARTICLES):
        position, message = clashing
        problems.append(((keys[position],), message))
        return None
    return [*sources[:place], custom, *sources[place:]]


def _of_prototypes(
    blueprint: Any, kind: str, registry: Registry, problems: list[tuple[Path, str]]
) -> list[tuple[str, Declared]] | None:
    """Return the features of a blueprint's prototypes by the keys that name these."""
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
            prototype = registry.prototype(base, name)
        except ValueError as error:
            problems.append(((key,), str(error)))
            continue
        if key == _FILLING and isinstance(prototype, MaterialPrototype):
            problems += [((key,), text) for text in _unfit_to_fill(name, prototype)]
        features = prototype.features
        found.append((key, Declared(f"{registry.kind(base)} {name!r}", features)))
    return found


def _unfit_to_fill(name: str, material: MaterialPrototype) -> Iterator[str]:
    """Yield why a material can't fill the measurement volume, if it can't."""
    if not (material.is_nothing or material.has_one_index):
        yield (
            f"material prototype {name!r} can't fill the measurement volume: that takes exactly "
            "one node with an input IOR, which particles are refracted by"
        )


def _custom(
    blueprint: Mapping[str, Any], kind: str, linked: Registry, problems: list[tuple[Path, str]]
) -> Declared | None:
    """Return the features that a blueprint adds."""
    features = custom_features(blueprint)
    if features is None:
        return None
    prototypes: list[Prototype] = []
    if any(feature.blender_link is not None for feature in features):
        try:
            prototypes += (linked.prototype(*named) for named in prototypes_of(kind, blueprint))
        except ValueError as error:
            problems.append(((CUSTOM,), str(error)))
            return None
    return Declared(CUSTOM, list(_custom_specs(features, prototypes, problems)))


def custom_features(blueprint: Mapping[str, Any]) -> tuple[CustomFeature, ...] | None:
    """Return the features that a blueprint adds; None if one is faulty, as reported elsewhere."""
    try:
        return _CUSTOM_FEATURES.validate_python(blueprint.get(CUSTOM, ()))
    except ValidationError:
        return None


def _custom_specs(
    features: Iterable[CustomFeature],
    prototypes: Sequence[Prototype],
    problems: list[tuple[Path, str]],
) -> Iterator[FeatureSpec]:
    """Yield what values custom features take; those with a link are in one of the prototypes."""
    for number, feature in enumerate(features):
        if feature.blender_link is None:
            yield feature.spec
            continue
        try:
            LinkedFeature(name=feature.name, blender_link=feature.blender_link)
        except ValidationError as error:
            problems += [((CUSTOM, number, *at), text) for at, text in schema_problems(error)]
            continue
        linked = (spec for prototype in prototypes for spec in prototype.features)
        spec = next((spec for spec in linked if spec.name == feature.name), None)
        if spec is not None:
            yield spec
            continue
        reasons = [prototype.unavailable.get(feature.name) for prototype in prototypes]
        none = "leads nowhere: none of the blueprint's prototypes is from a library"
        message = next(filter(None, reasons), none)
        problems.append(((CUSTOM, number, "blender_link"), message))


def _own_features(blueprint: str, kind: str) -> Declared:
    """Return the features that every particle or measurement technique has."""
    name = FeatureSpec(
        BLUEPRINT_NAME, blueprint, "the blueprint's name", kind="string", constant=True
    )
    if kind == PARTICLES:
        return Declared("every particle", (*PARTICLE_FEATURES, name))
    return Declared(_EVERY_TECHNIQUE, (name,))
