"""Arrow tables whose columns take what comes: their types widen to hold all values."""

from __future__ import annotations

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
    """Return the type of a column that can hold values of both.

    Numbers widen, structs have the fields of both, the rest is text.
    """
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if pa.types.is_list(one) and pa.types.is_list(other):
        return pa.list_(common_type(one.value_type, other.value_type))
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        return pa.struct(list(united(pa.schema(list(one)), pa.schema(list(other)))))
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    return pa.string()


def united(one: pa.Schema, other: pa.Schema) -> pa.Schema:
    """Return a schema with the columns of both; those of one name get a common type."""
    types = {column.name: column.type for column in one}
    for column in other:
        types[column.name] = common_type(types.get(column.name, column.type), column.type)
    return pa.schema(list(types.items()))


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
