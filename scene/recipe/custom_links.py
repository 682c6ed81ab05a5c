"""Links of custom features, which lead into the files of a blueprint's library prototypes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from scene.prototypes.base import Prototype
from scene.prototypes.library.settings import LinkedFeature
from scene.recipe.blueprint_checks import CUSTOM, custom_features, prototypes_of
from scene.recipe.registry import Registry

type Path = tuple[str | int, ...]


def with_custom_links(
    registry: Registry,
    blueprints: Mapping[str, Mapping[str, Any]],
    found: list[tuple[Path, str]],
) -> Registry:
    """Return a registry whose library prototypes have the places that custom features link to.

    A prototype has those of all blueprints that name it; a blueprint's features are its own alone.

    Parameters
    ----------
    registry
        Where prototypes are found.
    blueprints
        Kind to name to blueprint, as they stand in the recipe; they need not be sound.
    found
        Receives the (path, message) of links that contradict each other.
    """
    links: dict[tuple[type[Prototype], str], dict[str, LinkedFeature]] = defaultdict(dict)
    for kind, named in blueprints.items():
        for called, blueprint in named.items():
            features = custom_features(blueprint) if isinstance(blueprint, dict) else None
            for number, feature in enumerate(features or ()):
                if feature.blender_link is None:
                    continue
                try:
                    link = LinkedFeature(name=feature.name, blender_link=feature.blender_link)
                except ValidationError:  # which the check of the blueprint reports
                    continue
                place = ("blueprints", kind, called, CUSTOM, number)
                for prototype in prototypes_of(kind, blueprint):
                    other = links[prototype].setdefault(link.name, link)
                    if other != link:
                        message = f"feature {link.name!r} of the same prototype links to "
                        found.append((place, f"{message}{other.blender_link} in another blueprint"))
    if not links:
        return registry
    linked = registry.with_links({key: [*own.values()] for key, own in links.items()})
    linked.look_into(links)
    return linked
