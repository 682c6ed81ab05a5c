"""Reading and writing the features of an object, where some are other names for parts of others.

An object holds a value for each feature that `is_stored`. `location_x` and the like are aliases of
a vector's components. The axis ratios of an ellipsoid are kept beside ``dimensions``: setting one
stretches the particle, and setting ``dimensions`` lets all of them count from 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping

from scene.specimen.features import FeatureSpec, FeatureValue

type Specs = Mapping[str, FeatureSpec]


def initial(specs: Iterable[FeatureSpec]) -> dict[str, FeatureValue]:
    """Return what a new object holds: the defaults of the features that are stored."""
    return {spec.name: spec.default for spec in specs if spec.is_stored and not spec.implicit}


def read(features: Mapping[str, FeatureValue], spec: FeatureSpec) -> FeatureValue:
    """Return the value of a feature; its default where the object holds none.

    Parameters
    ----------
    features
        What the object holds, by name.
    spec
        The feature, which the object has.
    """
    if spec.alias_of is not None and not spec.ratio:
        vector, index = spec.alias_of
        value = features.get(vector)
        return value[index] if isinstance(value, tuple) else spec.default
    return features.get(spec.name, spec.default)


def values(
    features: Mapping[str, FeatureValue], specs: Iterable[FeatureSpec]
) -> dict[str, FeatureValue]:
    """Return the values of several features, by name."""
    return {spec.name: read(features, spec) for spec in specs}


def named(specs: Iterable[FeatureSpec], given: Iterable[FeatureValue]) -> dict[str, FeatureValue]:
    """Return the values of features, which are in the order of `specs`, by name."""
    return {spec.name: value for spec, value in zip(specs, given, strict=True)}


def write(
    features: MutableMapping[str, FeatureValue], specs: Specs, name: str, value: object
) -> None:
    """Set a feature, and what follows from it.

    Parameters
    ----------
    features
        What the object holds, changed in place.
    specs
        All features of the object, by name; `name` is among them.

    Raises
    ------
    ValueError
        If the feature does not take the value, or the vector that it is a part of does not; the
        text is one sentence. Nothing is changed then.
    """
    spec = specs[name]
    if spec.constant:
        raise ValueError(f"{name} can't be set")
    checked = spec.checked(value)
    if spec.alias_of is not None:
        vector, index = spec.alias_of
        whole = read(features, specs[vector])
        assert isinstance(whole, tuple)
        part = checked
        if spec.ratio:
            part = whole[index] * _number(checked) / _number(read(features, spec))
        changed = (*whole[:index], part, *whole[index + 1 :])
        features[vector] = specs[vector].checked(changed)
    if spec.is_stored:
        features[name] = checked
    ratios = (s for s in specs.values() if s.ratio and s.alias_of and s.alias_of[0] == name)
    features.update((ratio.name, 1.0) for ratio in ratios)


def changed_by(names: Iterable[str], specs: Specs) -> set[str]:
    """Return which features that are stored change if those of these names are set."""
    found = {specs[name] for name in names if name in specs}
    vectors = {spec.alias_of[0] for spec in found if spec.alias_of is not None}
    return vectors | {spec.name for spec in found if spec.is_stored}


def _number(value: FeatureValue) -> float:
    assert isinstance(value, int | float)
    return value
