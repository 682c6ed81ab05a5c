"""From a resolved recipe, plain data, to a `Recipe`, or everything that is wrong with it.

Pydantic makes the elements that a ``_target_`` names as it validates the schema, and keeps those
that are sound in its context. The checks that need more than one element then go over these, so
that all problems are reported together, however much of the recipe is faulty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from scene.errors import ConfigurationError, Problem
from scene.language.element import Configurable, Making
from scene.language.messages import schema_problems
from scene.language.plugin_code import described, failed
from scene.prototypes.image_settings import SIZES
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.recipe.blueprint_checks import (
    PARTICLES,
    TECHNIQUES,
    blueprint_features,
    named_prototypes,
)
from scene.recipe.chain_checks import chain_problems
from scene.recipe.choices import together_problems
from scene.recipe.custom_links import with_custom_links
from scene.recipe.looked_through import opaque_materials
from scene.recipe.names import Features, RecipeNames
from scene.recipe.own_settings import with_own_settings
from scene.recipe.references import texts
from scene.recipe.registry import Registry
from scene.recipe.scan_check import scan_problem
from scene.recipe.schema import Recipe, RenderSettings
from scene.recipe.sight import Sight, sight_of
from scene.specimen.criteria import BUILTIN_CRITERIA, Criterion
from scene.specimen.criteria_sets import CriteriaSet, SetByCriteria
from scene.specimen.distributions import FeatureDistribution
from scene.specimen.sets import BUILTIN_SETS, ObjectSet
from scene.specimen.specimen import MeasurementVolume
from scene.steps.base import Step

type Path = tuple[str | int, ...]

_DISTRIBUTIONS: Path = ("process_conditions", "feature_variabilities")
_CRITERIA: Path = ("process_conditions", "feature_criteria")
_CRITERIA_SETS: Path = ("process_conditions", "sets")
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
        recipe = Recipe.model_validate(with_own_settings(resolved, registry), context=making)
    except ValidationError as error:
        found += schema_problems(error)

    def elements[T: Configurable](kind: type[T], place: Path) -> dict[Path, T | None]:
        """Return the elements at a place of the recipe, by their paths; None for faulty ones."""
        made = {(*place, key): making.made.get(id(item)) for key, item in _items(resolved, place)}
        return {path: item if isinstance(item, kind) else None for path, item in made.items()}

    distributions = elements(FeatureDistribution, _DISTRIBUTIONS)
    criteria = elements(Criterion, _CRITERIA)
    sets = elements(ObjectSet, ("sets",))
    criteria_sets = elements(CriteriaSet, _CRITERIA_SETS)
    generation, rendering = elements(Step, _GENERATION), elements(Step, _RENDERING)
    particles: dict[Any, Any] = dict(_items(resolved, ("blueprints", PARTICLES)))
    techniques: dict[Any, Any] = dict(_items(resolved, ("blueprints", TECHNIQUES)))
    registry.look_into(named_prototypes(particles, techniques))
    linked = with_custom_links(registry, {PARTICLES: particles, TECHNIQUES: techniques}, found)
    particle_features = blueprint_features(particles, PARTICLES, registry, linked, found)
    render = RenderSettings() if recipe is None else recipe.render
    technique_features = blueprint_features(techniques, TECHNIQUES, registry, linked, found, render)
    known_criteria = {**BUILTIN_CRITERIA, **_named(criteria)}
    by_criteria = {
        name: _bound(entry, known_criteria) for name, entry in _named(criteria_sets).items()
    }
    used = {} if recipe is None else _used(recipe, resolved)
    names = RecipeNames(
        registry=linked,
        distributions=_named(distributions),
        criteria=known_criteria,
        sets={**BUILTIN_SETS, **by_criteria, **_named(sets)},
        particle_blueprints=particle_features,
        technique_blueprints=technique_features,
        numbers=_numbers(particles, recipe),
        volume=None if recipe is None or found else _volume(recipe, registry, found),
        sight=None if recipe is None else _sight(recipe, technique_features, used),
        has_one_size=not _resized(used),
    )
    if recipe is not None and not found:
        found += opaque_materials(recipe, registry)
    found += _taken_names(criteria, BUILTIN_CRITERIA, "criterion")
    found += _taken_names((*sets, *criteria_sets), BUILTIN_SETS, "set")
    found += [
        (path, f"is the name of another set, sets.{path[-1]}; choose another")
        for path in criteria_sets
        if ("sets", path[-1]) in sets
    ]
    named = {**distributions, **criteria, **sets, **criteria_sets}
    for path, element in {**named, **generation, **rendering}.items():
        if element is not None:
            found += _element_problems(path, element, names)
    found += chain_problems(generation, rendering, names)
    if recipe is not None:
        found += _scan_problems(recipe, technique_features, used)
        found += together_problems(resolved)
    if recipe is None or found:
        ordered = sorted(dict.fromkeys(found), key=lambda item: [str(part) for part in item[0]])
        raise ConfigurationError(
            Problem(source, ".".join(map(str, path)), message) for path, message in ordered
        )
    return recipe.bound(resolved, names)


def _numbers(particles: Mapping[Any, Any], recipe: Recipe | None) -> dict[str, int]:
    """Return the largest number of particles of each blueprint, as far as it is known."""
    if recipe is not None:
        return {name: blueprint.most for name, blueprint in recipe.blueprints.particles.items()}
    given = {
        name: blueprint.get("number")
        for name, blueprint in particles.items()
        if isinstance(blueprint, dict)
    }
    return {
        name: number if isinstance(number, int) else 1
        for name, number in given.items()
        if isinstance(number, int | dict)
    }


def _taken_names(
    paths: Iterable[Path], builtins: Collection[str], what: str
) -> list[tuple[Path, str]]:
    message = f"is the name of a built-in {what}; choose another"
    return [(path, message) for path in paths if path[-1] in builtins]


def _named[T](elements: Mapping[Path, T]) -> dict[str, T]:
    return {str(path[-1]): element for path, element in elements.items()}


def _bound(entry: CriteriaSet | None, known: Mapping[str, Criterion | None]) -> ObjectSet | None:
    """Return the set of an entry; None if it or one of its criteria is faulty."""
    if entry is None:
        return None
    criteria = {name: known.get(name) for name in entry.criterion.names}
    sound = {name: criterion for name, criterion in criteria.items() if criterion is not None}
    if len(sound) < len(criteria):
        return None
    return SetByCriteria(condition=entry.criterion, criteria=sound)


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
    named = {text for _, step in _items(resolved, _GENERATION) for _, text in texts(step)}
    entries = recipe.process_conditions.feature_variabilities
    return {name: entry for name, entry in entries.items() if name in named}


def _sight(
    recipe: Recipe,
    techniques: Mapping[str, Features | None],
    drawn: Mapping[str, FeatureDistribution],
) -> Sight | None:
    if _resized(drawn):
        return None
    features = next(iter(techniques.values()), None)
    render = recipe.render
    return sight_of(render.resolution, render.scene_unit_nm, features, drawn.values())


def _resized(drawn: Mapping[str, FeatureDistribution]) -> bool:
    """Return whether steps may change how many pixels images have."""
    return any(entry.feature_name in SIZES for entry in drawn.values())


def _scan_problems(
    recipe: Recipe,
    techniques: Mapping[str, Features | None],
    drawn: Mapping[str, FeatureDistribution],
) -> Iterator[tuple[Path, str]]:
    features = next(iter(techniques.values()), None)
    if (
        features is not None
        and not _resized(drawn)
        and (problem := scan_problem(recipe.render, features, drawn))
    ):
        name, message = problem
        yield (*_DISTRIBUTIONS, name), message


def _items(tree: Any, place: Path) -> list[tuple[str | int, Any]]:
    """Return the entries of the mapping or list at a place; none if there is neither."""
    for key in place:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    if isinstance(tree, Mapping):
        return list(tree.items())
    return list(enumerate(tree)) if isinstance(tree, list) else []
