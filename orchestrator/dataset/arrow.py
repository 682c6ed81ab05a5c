"""Arrow tables whose columns take what comes: their types widen to hold all values."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from orchestrator.plan.run import Scalar

type Row = dict[str, Any]
"""Column name to plain value."""


def scalar_type(values: Iterable[Scalar]) -> pa.DataType:
    """Return the narrowest type of a column that holds all of `values`."""
    found = pa.null()
    for value in values:
        found = common_type(found, _type_of(value))
    return found


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type of a column that can hold values of both; text where nothing else does."""
    if one == other:
        return one
    columns = [pa.schema([("column", kind)]) for kind in (one, other)]
    try:
        return pa.unify_schemas(columns, promote_options="permissive").field(0).type
    except pa.ArrowTypeError:
        return pa.string()


def united(*schemas: pa.Schema) -> pa.Schema:
    """Return a schema with the columns of all; those of one name get a common type."""
    types: dict[str, pa.DataType] = {}
    for column in itertools.chain.from_iterable(schemas):
        types[column.name] = common_type(types.get(column.name, column.type), column.type)
    return pa.schema(list(types.items()))


def as_one(parts: Sequence[pa.Table]) -> pa.Table:
    """Return tables, whose columns may differ, as one."""
    schema = united(*(part.schema for part in parts))
    return pa.concat_tables([conform(part, schema) for part in parts] or [schema.empty_table()])


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return `table` with the columns of `schema`, which holds all of the table's own."""
    if table.schema == schema:
        return table.replace_schema_metadata(None)
    arrays = []
    for column in schema:
        if column.name not in table.schema.names:
            arrays.append(pa.nulls(len(table), column.type))
            continue
        values = table[column.name]
        if pa.types.is_string(column.type) and not pa.types.is_string(values.type):
            arrays.append(array(values.to_pylist(), column.type))
        else:
            arrays.append(values.cast(column.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return a column of plain values; numbers widen, and become text, where `kind` asks for it."""
    if pa.types.is_string(kind):
        values = [text_of(value) for value in values]
    elif pa.types.is_float64(kind):
        values = [None if value is None else float(value) for value in values]
    return pa.array(values, kind)


def text_of(value: Scalar) -> str | None:
    """Return a swept value as a text column holds it: as YAML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None else str(value)


def _type_of(value: object) -> pa.DataType:
    if value is None:
        return pa.null()
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, int):
        return pa.int64() if -(2**63) <= value < 2**63 else pa.string()
    return pa.float64() if isinstance(value, float) else pa.string()
