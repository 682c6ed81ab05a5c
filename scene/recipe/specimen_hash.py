"""What decides a specimen, and the hash that names it: runs of one hash have the same particles.

A specimen is all particles as the last step of the chain that is worth keeping leaves them, such as
a relaxation, or, where there is none, as the last step does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, final

from scene.language.canonical import Place, at_place, canonical, canonical_json
from scene.language.element import Members
from scene.prototypes.image_settings import SIZES
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.recipe.code import Code
from scene.recipe.names import RecipeNames
from scene.recipe.references import texts
from scene.recipe.schema import Recipe
from scene.specimen.sets import ObjectSet
from scene.steps.base import FeatureGenerationStep
from scene.steps.invoke import InvokeBlueprints

_STEPS: Place = ("synth_chain", "feature_generation_steps")
_VARIABILITIES: Place = ("process_conditions", "feature_variabilities")
_CRITERIA: Place = ("process_conditions", "feature_criteria")
_SETS: Place = ("process_conditions", "sets")
_CONCERNS = {Members.PARTICLES, Members.TECHNIQUES, Members.NOTHING}
_HEX_DIGITS = 32


@final
@dataclass(frozen=True, slots=True)
class SpecimenSteps:
    """How a specimen comes about in a recipe's chain.

    Parameters
    ----------
    makers
        Positions of the feature generation steps that make it. The others before its end concern
        the measurement technique alone.
    end
        How many steps there are until it is complete.
    worth_keeping
        Whether one of them takes long.
    """

    makers: frozenset[int]
    end: int
    worth_keeping: bool


def specimen_steps(recipe: Recipe) -> SpecimenSteps | None:
    """Return the steps that make a recipe's specimen; None if runs can't share it.

    They can't if a step before the last one worth keeping may depend on more than particles, or
    particles on more than the hash knows.
    """
    steps = recipe.synth_chain.feature_generation_steps
    concerns = [step.concerns(recipe.names) for step in steps]
    makers = [n for n, about in enumerate(concerns) if about is Members.PARTICLES]
    kept = [n for n in makers if steps[n].worth_keeping]
    end = kept[-1] + 1 if kept else len(steps)
    ((technique, blueprint),) = recipe.blueprints.measurement_techniques.items()
    if not _CONCERNS.issuperset(concerns[:end]) or technique in recipe.blueprints.particles:
        return None  # blueprints of one name share the streams of their draws
    if any(not SIZES.isdisjoint(step.changes(recipe.names)) for step in steps[:end]):
        return None  # the measurement volume follows from them
    if kept and _is_foreign(recipe, blueprint.measurement_technique_prototype_name):
        # Its features may move the walls between which particles are relaxed.
        about = zip(steps[:end], concerns, strict=False)
        if any(
            what is Members.TECHNIQUES and not isinstance(step, InvokeBlueprints)
            for step, what in about
        ):
            return None
    return SpecimenSteps(frozenset(n for n in makers if n < end), end, bool(kept))


def specimen_paths(recipe: Recipe) -> tuple[Place, ...] | None:
    """Return the parts of a resolved recipe that decide its specimen; None if runs can't share it.

    The paths hold for all recipes that differ from this one in other numbers; names of sets,
    variabilities, prototypes and ``_target_`` may lead to other paths.
    """
    made = specimen_steps(recipe)
    return None if made is None else tuple(dict.fromkeys(_paths(recipe, made)))


def specimen_hash(document: Mapping[str, Any], paths: Sequence[Place], code: Code) -> str:
    """Return 32 hex digits that name a specimen.

    Parameters
    ----------
    document
        The resolved recipe; whole floats and integers are the same.
    paths
        Of `specimen_paths`, for a recipe of the same structure.
    code
        What executes the recipe.
    """
    parts = canonical([_part(document, path) for path in paths])
    text = _named(tuple(paths)) + canonical_json([parts, dict(code)])
    return hashlib.sha256(text.encode()).hexdigest()[:_HEX_DIGITS]


def specimen_of(recipe: Recipe) -> str | None:
    """Return the hash that names a recipe's specimen on this machine; None if runs can't share it.

    Raises
    ------
    ConfigurationError
        If a plugin's file can't be read.
    """
    paths = specimen_paths(recipe)
    return None if paths is None else specimen_hash(recipe.document, paths, recipe.code())


def _paths(recipe: Recipe, made: SpecimenSteps) -> Iterator[Place]:
    names = recipe.names
    ((technique, blueprint),) = recipe.blueprints.measurement_techniques.items()
    prototype = blueprint.measurement_technique_prototype_name
    yield "initial_runtime_state", "seed"
    yield "render", "resolution"  # with the technique's prototype it sets the volume
    yield "blueprints", "measurement_techniques", technique, "measurement_technique_prototype_name"
    if _is_foreign(recipe, prototype):
        yield "render", "fidelity"
    steps = recipe.synth_chain.feature_generation_steps[: made.end]
    decisive = [n for n, step in enumerate(steps) if n in made.makers or _invokes(step, names)]
    named = {text for n in decisive for _, text in texts(at_place(recipe.document, (*_STEPS, n)))}
    sets = {name: found for name, found in recipe.all_sets.items() if name in named}
    for name in recipe.blueprints.particles:
        if name in named or any(_may_invoke(found, name) for found in sets.values()):
            yield "blueprints", "particles", name
    yield from (("sets", name) for name in sorted(sets.keys() & recipe.sets.keys()))
    yield from _criteria_paths(recipe, sets.keys())
    variabilities = recipe.process_conditions.feature_variabilities
    yield from ((*_VARIABILITIES, name) for name in sorted(variabilities.keys() & named))
    yield from ((*_STEPS, n) for n in decisive)


def _may_invoke(found: ObjectSet, blueprint: str) -> bool:
    """Return whether particles of a blueprint may be made of a set, with these numbers or others.

    Which blueprints a set by criteria holds depends on the features that they start with.
    """
    return Members.PARTICLE_BLUEPRINTS in found.members and found.includes(blueprint)


def _criteria_paths(recipe: Recipe, set_names: Collection[str]) -> Iterator[Place]:
    """Yield the places of sets by criteria, and of the criteria that they are made of."""
    conditions = recipe.process_conditions
    sets = sorted(conditions.sets.keys() & set_names)
    yield from ((*_SETS, name) for name in sets)
    criteria = {name for found in sets for name in conditions.sets[found].criterion.names}
    yield from (
        (*_CRITERIA, name) for name in sorted(criteria & conditions.feature_criteria.keys())
    )


def _is_foreign(recipe: Recipe, technique: str) -> bool:
    """Return whether a technique's prototype is a plugin's or comes from a library."""
    library = recipe.names.registry.library
    return (
        technique.startswith("$plugins.")
        or library.find(MeasurementTechniquePrototype, technique) is not None
    )


def _invokes(step: FeatureGenerationStep, names: RecipeNames) -> bool:
    """Return whether a step may make the measurement technique, whose walls hold particles."""
    if isinstance(step, InvokeBlueprints):
        return True
    made = step.makes(names)
    return made is None or Members.TECHNIQUES in made


def _part(document: Any, path: Place) -> Any:
    """Return what a document has at a path; None where it leaves that to the default."""
    for key in path:
        if isinstance(document, Mapping) and key not in document:
            return None
        document = document[key]
    return document


@lru_cache(maxsize=64)
def _named(paths: tuple[Place, ...]) -> str:
    """Return the names of what the paths lead to; which step of the chain one is, is no part."""
    return canonical_json([[key for key in path if isinstance(key, str)] for path in paths])
