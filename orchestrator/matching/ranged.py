"""The recipe that is matched: each of its numbers of particles is drawn from a range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, final

from orchestrator.matching.numbers import with_ranges
from orchestrator.matching.parameters import Parameter, parameters_of
from scene.language.yaml_texts import parse_mapping
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe


@final
@dataclass(frozen=True, slots=True)
class RangedRecipe:
    """A recipe with ranges of numbers of particles; see `with_ranges`.

    Parameters
    ----------
    document
        As it is written, composed.
    recipe
        The same, parsed.
    registry
        Where its names are found.
    """

    document: Mapping[str, Any]
    recipe: Recipe
    registry: Registry

    @classmethod
    def of(cls, source: Path, registry: Registry) -> Self:
        """Read a recipe's file.

        Raises
        ------
        ConfigurationError
            If it is no recipe, or a number of particles can't be matched.
        """
        name, composition = str(source), Composition(source)
        document = with_ranges(parse_mapping(composition.document(), name), name)
        recipe = parse(with_ranges(composition.resolve(), name), name, registry)
        return cls(document, recipe, registry)

    @property
    def parameters(self) -> list[Parameter]:
        """What it draws once for each image."""
        return parameters_of(self.recipe)
