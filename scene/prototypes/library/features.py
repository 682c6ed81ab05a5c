"""The features that a file's links make, with the kinds and defaults that they have there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from scene.prototypes.library.blocks import Blocks
from scene.prototypes.library.links import Attribute, Link, LinkStep, parsed_link
from scene.prototypes.library.settings import LinkedFeature
from scene.prototypes.particle_features import PARTICLE_FEATURES
from scene.specimen.features import FeatureKind, FeatureSpec, FeatureValue, number
from scene.specimen.specimen import DIMENSIONS

OWN = {spec.name: spec for spec in PARTICLE_FEATURES}
"""What every particle has, applied to its object whatever a link says."""

_SMALLEST = OWN[DIMENSIONS].minimum
_PLACES = {
    "location": "location",
    "rotation_euler": "rotation",
    "scale": DIMENSIONS,
    DIMENSIONS: DIMENSIONS,
}
"""Properties of an object to the features that stand for them."""


def linked_features(
    declared: Iterable[LinkedFeature], blocks: Blocks, particle: str | None = None
) -> tuple[tuple[FeatureSpec, ...], dict[str, str]]:
    """Return the features that links make, and why the others lead nowhere, by name.

    Parameters
    ----------
    declared
        Features and links.
    blocks
        What the links lead to.
    particle
        Name in the file of the object that particles are made from. Links to its place and size
        are other names of what every particle has.
    """
    features, unavailable = [], {}
    for feature in declared:
        if particle is not None and feature.name in OWN:
            continue
        try:
            link = parsed_link(feature.blender_link)
            spec = _feature(feature.name, link, blocks)
            own = None if particle is None else _particle_feature(link, particle)
            features.append(spec if own is None else _alias(spec, *own))
        except ValueError as error:
            unavailable[feature.name] = f"its link {feature.blender_link} {error}"
    return tuple(features), unavailable


def _particle_feature(link: Link, particle: str) -> tuple[str, int, bool] | None:
    """Return the particle's own feature, its component, and whether it is scaled by the link's.

    Raises
    ------
    ValueError
        If the link leads to one as a whole; the text is the predicate of a sentence.
    """
    if (link.collection, link.block.key) != ("objects", particle):
        return None
    match link.steps:
        case (Attribute(name),) if name in _PLACES:
            own = _PLACES[name]
            raise ValueError(f"leads to what every particle has as {own!r}; use that name")
        case (Attribute(name), part) if name in _PLACES and (index := _index(part)) is not None:
            return _PLACES[name], index, name == "scale"
    return None


def set_links(
    links: Mapping[str, Link], features: Mapping[str, FeatureValue], blocks: Blocks
) -> None:
    """Set the values that links lead to, for those features that there are."""
    for name, link in links.items():
        if name in features:
            blocks.value(link).set(features[name])


def _feature(name: str, link: Link, blocks: Blocks) -> FeatureSpec:
    value = blocks.value(link)
    default = value.read()
    low, high = value.range
    kind: FeatureKind = "number"
    if isinstance(default, bool | str):
        kind = "boolean" if isinstance(default, bool) else "string"
    return FeatureSpec(
        name=name,
        default=default,
        description=value.description,
        components=len(default) if isinstance(default, tuple) else 1,
        integer=value.is_whole,
        minimum=low,
        maximum=high,
        kind=kind,
    )


def _alias(spec: FeatureSpec, vector: str, index: int, ratio: bool) -> FeatureSpec:
    """Return the feature as another name for a component of one that every particle has."""
    free = replace(spec, alias_of=(vector, index), minimum=-math.inf, maximum=math.inf)
    if not ratio:
        return free
    default = max(abs(number({"": spec.default}, "")), _SMALLEST)
    return replace(free, default=default, ratio=True, minimum=_SMALLEST, maximum=1 / _SMALLEST)


def _index(step: LinkStep) -> int | None:
    """Return which of x, y, z a step leads to."""
    if isinstance(step, Attribute):
        return "xyz".find(step.name) if step.name in {"x", "y", "z"} else None
    return step.key if step.key in {0, 1, 2} and isinstance(step.key, int) else None
