"""From a resolved recipe, plain data, to a `Recipe`, or everything that is wrong with it.

Pydantic makes the elements that a ``_target_`` names as it validates the schema, and keeps those
that are sound in its context. The checks that need more than one element then go over these, so
that all problems are reported together, however much of the recipe is faulty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from scene.errors import ConfigurationError, Problem
from scene.language.canonical import at_place
from scene.language.element import Configurable, Making
from scene.language.messages import schema_problems
from scene.language.plugin_code import described, failed
from scene.prototypes.base import MeasurementTechniquePrototype
from scene.recipe.blueprint_checks import PARTICLES, TECHNIQUES, blueprint_features
from scene.recipe.chain_checks import chain_problems
from scene.recipe.names import Features, RecipeNames
from scene.recipe.references import texts
from scene.recipe.registry import Registry
from scene.recipe.scan_check import scan_problem
from scene.recipe.schema import Recipe
from scene.recipe.sight import Sight, sight_of
from scene.specimen.distributions import FeatureDistribution
from scene.specimen.sets import BUILTIN_SETS, ObjectSet
from scene.specimen.specimen import MeasurementVolume
from scene.steps.base import Step

type Path = tuple[str | int, ...]

_DISTRIBUTIONS: Path = ("process_conditions", "feature_variabilities")
_GENERATION: Path = ("synth_chain", "feature_generation_steps")
_RENDERING: Path = ("synth_chain", "rendering_steps")


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
    found: list[tuple[Path, str]] = []
    making = Making(registry.find)
    recipe: Recipe | None = None
    try:
        recipe = Recipe.model_validate(resolved, context=making)
    except ValidationError as error:
        found += schema_problems(error)

    def elements[T: Configurable](kind: type[T], place: Path) -> dict[Path, T | None]:
        """Return the elements at a place of the recipe, by their paths; None for faulty ones."""
        made = {(*place, key): making.made.get(id(item)) for key, item in _items(resolved, place)}
        return {path: item if isinstance(item, kind) else None for path, item in made.items()}

    distributions = elements(FeatureDistribution, _DISTRIBUTIONS)
    sets = elements(ObjectSet, ("sets",))
    generation, rendering = elements(Step, _GENERATION), elements(Step, _RENDERING)
    particles: dict[Any, Any] = dict(_items(resolved, ("blueprints", PARTICLES)))
    techniques: dict[Any, Any] = dict(_items(resolved, ("blueprints", TECHNIQUES)))
    particle_features = blueprint_features(particles, PARTICLES, registry, found)
    technique_features = blueprint_features(techniques, TECHNIQUES, registry, found)
    used = {} if recipe is None else _used(recipe, resolved)
    names = RecipeNames(
        registry=registry,
        distributions={str(path[-1]): entry for path, entry in distributions.items()},
        sets={**BUILTIN_SETS, **{str(path[-1]): entry for path, entry in sets.items()}},
        particle_blueprints=particle_features,
        technique_blueprints=technique_features,
        numbers={
            name: blueprint["number"]
            for name, blueprint in particles.items()
            if isinstance(blueprint, dict) and isinstance(blueprint.get("number"), int)
        },
        volume=None if recipe is None or found else _volume(recipe, registry, found),
        sight=None if recipe is None else _sight(recipe, technique_features, used),
    )
    for path in sets:
        if path[-1] in BUILTIN_SETS:
            found.append((path, "is the name of a built-in set; choose another"))
    for path, element in {**distributions, **sets, **generation, **rendering}.items():
        if element is not None:
            found += _element_problems(path, element, names)
    found += chain_problems(generation, rendering, names)
    if recipe is not None:
        found += _scan_problems(recipe, technique_features, used)
    if recipe is None or found:
        ordered = sorted(dict.fromkeys(found), key=lambda item: [str(part) for part in item[0]])
        raise ConfigurationError(
            Problem(source, ".".join(map(str, path)), message) for path, message in ordered
        )
    return recipe.bound(resolved, names)


def _element_problems(
    path: Path, element: Configurable, names: RecipeNames
) -> Iterator[tuple[Path, str]]:
    try:
        problems = [(str(key).split("."), str(text)) for key, text in element.check(names)]
    except Exception as error:  # noqa: BLE001 (a plugin's own check)
        yield path, failed(type(element), "check", error)
        return
    for keys, message in problems:
        yield (*path, *keys), message


def _volume(
    recipe: Recipe, registry: Registry, found: list[tuple[Path, str]]
) -> MeasurementVolume | None:
    """Return the measurement volume; None, with the problem in `found`, if a plugin fails."""
    ((name, blueprint),) = recipe.blueprints.measurement_techniques.items()
    key = "measurement_technique_prototype_name"
    technique = registry.prototype(MeasurementTechniquePrototype, getattr(blueprint, key))
    try:
        volume: object = technique.volume(recipe.render.resolution)
    except Exception as error:  # noqa: BLE001 (a plugin's own code)
        message = failed(type(technique), "volume", error)
    else:
        if isinstance(volume, MeasurementVolume):
            return volume
        message = (
            f"{described(type(technique))}: volume must give a MeasurementVolume, "
            f"got {volume!r:.60}"
        )
    found.append((("blueprints", TECHNIQUES, name, key), message))
    return None


def _used(recipe: Recipe, resolved: Mapping[str, Any]) -> dict[str, FeatureDistribution]:
    """Return the feature variabilities that a step names."""
    named = {text for _, text in texts(at_place(resolved, _GENERATION))}
    entries = recipe.process_conditions.feature_variabilities
    return {name: entry for name, entry in entries.items() if name in named}


def _sight(
    recipe: Recipe,
    techniques: Mapping[str, Features | None],
    drawn: Mapping[str, FeatureDistribution],
) -> Sight | None:
    features = next(iter(techniques.values()), None)
    render = recipe.render
    return sight_of(render.resolution, render.scene_unit_nm, features, drawn.values())


def _scan_problems(
    recipe: Recipe,
    techniques: Mapping[str, Features | None],
    drawn: Mapping[str, FeatureDistribution],
) -> Iterator[tuple[Path, str]]:
    features = next(iter(techniques.values()), None)
    if features is not None and (problem := scan_problem(recipe.render, features, drawn)):
        name, message = problem
        yield (*_DISTRIBUTIONS, name), message


def _items(tree: Any, place: Path) -> list[tuple[str | int, Any]]:
    """Return the entries of the mapping or list at a place; none if there is neither."""
    for key in place:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    if isinstance(tree, Mapping):
        return list(tree.items())
    return list(enumerate(tree)) if isinstance(tree, list) else []
