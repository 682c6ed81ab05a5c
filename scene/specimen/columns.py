"""The columns of a data set besides those of features and steps, and features that would clash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

from scene.specimen.features import FeatureSpec
from scene.specimen.specimen import POSE

AGGLOMERATE_COLUMNS = (
    *("agglomerate_particles", "agglomerate_gyration_radius", "agglomerate_fractal_dimension"),
    *("agglomerate_coordination", "coordination_number"),
    *("largest_overlap", "largest_neck_diameter"),
)
"""Columns of the table of particles in recipes that make agglomerates or fused bodies."""

RESERVED_COLUMNS = frozenset(
    {
        *AGGLOMERATE_COLUMNS,
        *("run_id", "particle_id", "parent_id", "agglomerate_id"),
        *("blueprint", "category_color"),
        *(f"initial_{name}_{axis}" for name in POSE for axis in "xyz"),
        *("visible_pixels", "visible_fraction", "visible_share"),
        *("bbox_x", "bbox_y", "bbox_width", "bbox_height", "touches_border"),
        *("occluded_share", "occluded_fraction", "equivalent_diameter_nm"),
    }
)
"""Columns that the table of particles has or may get; a feature can't have such a name."""

RESERVED_TIMES = frozenset({"reset", "build", "specimen", "record", "publish", "total"})
"""Times of a run besides those of its steps; a step can't have such a label."""


@final
@dataclass(frozen=True, slots=True)
class Declared:
    """Features, and who declares them.

    Parameters
    ----------
    owner
        In words, for instance ``geometry prototype 'sphere'``.
    specs
        The features.
    """

    owner: str
    specs: Sequence[FeatureSpec]


def absorbed(declared: Sequence[Declared]) -> list[Declared]:
    """Return where an object's features come from, those of the first taken from all others.

    A shape may declare the particle's own `dimensions` with a default of its own, or
    equal. A feature of another kind is left for `clash` to report.
    """
    own, *others = declared
    specs = {spec.name: spec for spec in own.specs}
    left = []
    for source in others:
        theirs = [spec for spec in source.specs if _is_same(specs.get(spec.name), spec)]
        for spec in theirs:
            specs[spec.name] = replace(specs[spec.name], default=spec.default, equal=spec.equal)
        left.append(Declared(source.owner, [spec for spec in source.specs if spec not in theirs]))
    return [Declared(own.owner, tuple(specs.values())), *left]


def _is_same(own: FeatureSpec | None, theirs: FeatureSpec) -> bool:
    if own is None or own.constant or theirs.alias_of is not None:
        return False
    return (own.kind, own.components) == (theirs.kind, theirs.components)


def clash(declared: Sequence[Declared], *, reserved: bool) -> tuple[int, str] | None:
    """Return the first feature of one object whose column another one's has, too.

    Or that is another name of a component which the object lacks. Capitals do not distinguish
    columns: DuckDB and others ignore them.

    Parameters
    ----------
    declared
        Everything that the object's features come from.
    reserved
        Whether the object is a particle, which has columns of its own.

    Returns
    -------
    tuple of int and str
        Position in `declared` of the one that is at fault, and the sentence.
    """
    taken = dict.fromkeys(RESERVED_COLUMNS if reserved else (), "the table of particles")
    specs = {spec.name: spec for source in declared for spec in source.specs}
    for position, source in enumerate(declared):
        for spec in source.specs:
            if spec.alias_of is not None and not _is_component(spec.alias_of, specs):
                vector, index = spec.alias_of
                what = f"component {index} of {vector!r}, which the object does not have"
                return position, f"feature {spec.name!r} of {source.owner} stands for {what}"
            columns = _taken_by(spec, specs)
            for column in sorted(columns):
                if (other := taken.get(column.casefold())) is not None:
                    return position, _shared(spec, source, column, other)
            owner = f"feature {spec.name!r} of {source.owner}"
            taken |= dict.fromkeys((column.casefold() for column in columns), owner)
    return None


def differing(blueprints: Mapping[str, Sequence[Declared]]) -> Iterator[tuple[str, str]]:
    """Yield the (blueprint, sentence) of features that can't share the table's columns.

    Particles of all blueprints are rows of one table: a feature of one name is of one kind.
    """
    first: dict[str, tuple[FeatureSpec, str]] = {}
    for blueprint, declared in blueprints.items():
        specs = {spec.name: spec for source in declared for spec in source.specs}
        for source in declared:
            for spec in source.specs:
                for column in sorted(_taken_by(spec, specs)):
                    key = column.casefold()
                    other, owner = first.setdefault(key, (spec, source.owner))
                    if other.name != spec.name:
                        theirs = f"feature {other.name!r} of {owner}"
                        yield blueprint, _shared(spec, source, column, theirs)
                        break
                    if _kind(other) != _kind(spec):
                        message = f"is {_kind(spec)}, but {_kind(other)} in {owner}"
                        yield blueprint, f"feature {spec.name!r} of {source.owner} {message}"
                        break


def _is_component(alias: tuple[str, int], specs: Mapping[str, FeatureSpec]) -> bool:
    vector, index = alias
    found = specs.get(vector)
    return found is not None and 0 <= index < found.components > 1


def _taken_by(spec: FeatureSpec, specs: Mapping[str, FeatureSpec]) -> set[str]:
    """Return the names that a feature takes, among all those of its object.

    A vector's own name is not a column, but recipes and statistics know it by that. An alias that
    is called like the column which it stands for takes nothing.
    """
    if spec.alias_of is None or spec.alias_of[0] not in specs:
        return {spec.name, *spec.columns}
    vector, index = spec.alias_of
    return {spec.name} - set(specs[vector].columns[index : index + 1])


def _shared(spec: FeatureSpec, source: Declared, column: str, other: str) -> str:
    what = "the name" if column == spec.name else "the column"
    return f"feature {spec.name!r} of {source.owner} has {what} {column!r}, as {other} has"


def _kind(spec: FeatureSpec) -> str:
    kind = "whole number" if spec.integer else spec.kind
    return f"a {kind}" if spec.components == 1 else f"{spec.components} {kind}s"
