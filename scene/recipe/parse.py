"""From a resolved recipe, plain data, to a `Recipe`, or all that is wrong with it.

Three passes, each over what the one before left whole: elements with a ``_target_`` are made, then
the schema is checked, then what only the recipe as a whole can tell. Problems of all three are
reported together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from scene.errors import ConfigurationError, Problem
from scene.language.fields import Configurable
from scene.language.messages import FAULTY, Faulty, schema_problems
from scene.prototypes.base import (
    PARTICLE_FEATURES,
    GeometryPrototype,
    MaterialPrototype,
    MeasurementTechniquePrototype,
    Prototype,
)
from scene.recipe.chain_checks import chain_problems, changes_problems
from scene.recipe.fitting import fitting_problems
from scene.recipe.names import RecipeNames
from scene.recipe.plugins import failed
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe
from scene.specimen.columns import Declared, clash, differing
from scene.specimen.distributions import Distribution, FeatureDistribution
from scene.specimen.features import FeatureSpec
from scene.specimen.sets import BUILTIN_SETS, ObjectSet
from scene.steps.base import FeatureGenerationStep, RenderingStep

type Path = tuple[str | int, ...]
type Found = list[tuple[Path, str]]

_VARIABILITIES: Path = ("process_conditions", "feature_variabilities")
_OPTIONAL_PROTOTYPES = {"background_material_prototype_name"}
_STEPS: dict[Path, tuple[type[Configurable], str]] = {
    ("synth_chain", "feature_generation_steps"): (FeatureGenerationStep, "feature generation step"),
    ("synth_chain", "rendering_steps"): (RenderingStep, "rendering step"),
}


def parse(resolved: Mapping[str, Any], source: str, registry: Registry) -> Recipe:
    """Check a resolved recipe and return it.

    Parameters
    ----------
    resolved
        Plain mappings, lists and scalars, without interpolations.
    source
        The file's name, for error messages.
    registry
        Where ``_target_``, prototype and mode names are found.

    Raises
    ------
    ConfigurationError
        With every problem of the recipe; each names its path in the YAML.
    """
    found: Found = []
    tree = {key: _copied(value) for key, value in resolved.items()}
    names = _make_elements(tree, registry, found)
    recipe: Recipe | None = None
    try:
        recipe = Recipe.model_validate(tree).bound(resolved, registry)
    except ValidationError as error:
        found += schema_problems(Recipe, error)
    found += _check_whole(tree, names)
    if recipe is not None and not found:
        found += changes_problems(recipe)
        found += fitting_problems(recipe)
    if recipe is None or found:
        ordered = sorted(dict.fromkeys(found), key=lambda item: [str(part) for part in item[0]])
        raise ConfigurationError(
            Problem(source, ".".join(map(str, path)), message) for path, message in ordered
        )
    return recipe


def _copied(value: Any) -> Any:
    """Return a copy of plain data; copy.deepcopy, made for any graph of objects, takes longer."""
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list | tuple) else value


def _make_elements(tree: dict[str, Any], registry: Registry, found: Found) -> RecipeNames:
    """Replace every mapping with a ``_target_`` by what it describes, or by FAULTY."""
    variabilities: dict[str, FeatureDistribution | None] = {}
    for name, entry in _mapping_at(tree, _VARIABILITIES).items():
        path = (*_VARIABILITIES, name)
        if isinstance(entry, dict) and "variability" in entry:
            place = (*path, "variability")
            entry["variability"] = _make(
                entry["variability"], Distribution, "variability", place, registry, found
            )
        variabilities[name] = _validated(FeatureDistribution, entry)
    sets: dict[str, ObjectSet | None] = dict(BUILTIN_SETS)
    own_sets = _mapping_at(tree, ("sets",))
    for name, entry in own_sets.items():
        path = ("sets", name)
        if name in BUILTIN_SETS:
            found.append((path, "is the name of a built-in set; choose another"))
        own_sets[name] = made = _make(entry, ObjectSet, "set", path, registry, found)
        sets[name] = None if isinstance(made, Faulty) else made
    for path, (base, what) in _STEPS.items():
        steps = _at(tree, path)
        if isinstance(steps, list):
            for index, entry in enumerate(steps):
                steps[index] = _make(entry, base, what, (*path, index), registry, found)
    return RecipeNames(
        registry=registry,
        variabilities=variabilities,
        sets=sets,
        particle_blueprints=_blueprint_features(
            tree,
            "particles",
            {
                "geometry_prototype_name": GeometryPrototype,
                "material_prototype_name": MaterialPrototype,
            },
            registry,
            found,
        ),
        technique_blueprints=_blueprint_features(
            tree,
            "measurement_techniques",
            {
                "measurement_technique_prototype_name": MeasurementTechniquePrototype,
                "background_material_prototype_name": MaterialPrototype,
            },
            registry,
            found,
        ),
    )


def _make[T: Configurable](
    entry: Any, base: type[T], what: str, path: Path, registry: Registry, found: Found
) -> T | Faulty:
    if not isinstance(entry, dict):
        found.append((path, f"expected a mapping with a _target_, got {entry!r}"))
        return FAULTY
    if "_target_" not in entry:
        found.append((path, f"has no _target_, which names the {what}, such as '$builtins.X'"))
        return FAULTY
    try:
        cls = registry.find(base, entry["_target_"], what)
    except ValueError as error:
        found.append(((*path, "_target_"), str(error)))
        return FAULTY
    parameters = {key: value for key, value in entry.items() if key != "_target_"}
    try:
        return cls.model_validate(parameters)
    except ValidationError as error:
        found += [((*path, *inner), message) for inner, message in schema_problems(cls, error)]
        return FAULTY
    except Exception as error:  # noqa: BLE001 (a plugin's own validation)
        found.append((path, failed(cls, "checking its parameters", error)))
        return FAULTY


def _blueprint_features(
    tree: dict[str, Any],
    kind: str,
    prototypes: Mapping[str, type[Prototype]],
    registry: Registry,
    found: Found,
) -> dict[str, Mapping[str, FeatureSpec] | None]:
    """Return the features of every blueprint; tell of prototypes that are unknown or don't fit.

    Parameters
    ----------
    prototypes
        Key of a blueprint to the kind of prototype that it names.
    """
    of_particles = kind == "particles"
    own = (Declared("every particle", PARTICLE_FEATURES),) if of_particles else ()
    declared: dict[str, list[Declared] | None] = {}
    for name, entry in _mapping_at(tree, ("blueprints", kind)).items():
        declared[name] = None
        if not isinstance(entry, dict):
            continue
        path: Path = ("blueprints", kind, name)
        sources, keys = list(own), [""] * len(own)
        for key, base in prototypes.items():
            value = entry.get(key)
            if isinstance(value, str):
                try:
                    features = registry.prototype(base, value).features
                except ValueError as error:
                    found.append(((*path, key), str(error)))
                    continue
                sources.append(Declared(f"{registry.kind(base)} {value!r}", features))
                keys.append(key)
            elif value is None and key in _OPTIONAL_PROTOTYPES:
                keys.append(key)
                sources.append(Declared("no substrate", ()))
        if len(sources) < len(own) + len(prototypes):
            continue
        problem = clash(sources, reserved=of_particles)
        if problem is None:
            declared[name] = sources
        else:
            found.append(((*path, keys[problem[0]]), problem[1]))
    whole = {name: sources for name, sources in declared.items() if sources is not None}
    if of_particles:
        found += [(("blueprints", kind, name), text) for name, text in differing(whole)]
    return {
        name: None
        if sources is None
        else {spec.name: spec for source in sources for spec in source.specs}
        for name, sources in declared.items()
    }


def _check_whole(tree: dict[str, Any], names: RecipeNames) -> Iterator[tuple[Path, str]]:
    """Yield what only the recipe as a whole can tell."""
    elements: list[tuple[Path, Any]] = [
        ((*_VARIABILITIES, name), entry) for name, entry in names.variabilities.items()
    ]
    elements += [(("sets", name), entry) for name, entry in _mapping_at(tree, ("sets",)).items()]
    for path in _STEPS:
        steps = _at(tree, path)
        if isinstance(steps, list):
            elements += [((*path, index), step) for index, step in enumerate(steps)]
    for path, element in elements:
        if isinstance(element, Configurable):
            try:
                problems = [(str(key).split("."), str(text)) for key, text in element.check(names)]
            except Exception as error:  # noqa: BLE001 (a plugin's own check)
                yield path, failed(type(element), "check", error)
                continue
            for keys, message in problems:
                yield (*path, *keys), message
    numbers = {
        name: number
        for name, entry in _mapping_at(tree, ("blueprints", "particles")).items()
        if isinstance(entry, dict) and isinstance(number := entry.get("number"), int)
    }
    generation, rendering = (
        steps if isinstance(steps := _at(tree, path), list) else [] for path in _STEPS
    )
    yield from chain_problems(generation, rendering, names, numbers)


def _validated[T: BaseModel](cls: type[T], entry: Any) -> T | None:
    # Its problems are found again, with their paths, when the whole recipe is validated.
    try:
        return cls.model_validate(entry)
    except ValidationError:
        return None


def _at(tree: Any, path: Path) -> Any:
    for key in path:
        if not isinstance(tree, dict):
            return None
        tree = tree.get(key)
    return tree


def _mapping_at(tree: Any, path: Path) -> dict[Any, Any]:
    value = _at(tree, path)
    return value if isinstance(value, dict) else {}
