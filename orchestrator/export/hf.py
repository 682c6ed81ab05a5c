"""Hugging Face: Parquet shards whose metadata say which columns are images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Set
from contextlib import contextmanager
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, BinaryIO, ClassVar, final, override

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from orchestrator.dataset.arrow import conform
from orchestrator.dataset.schema import FEATURE, OVERRIDE, VARIABILITY
from orchestrator.dataset.storage.storage import Storage
from orchestrator.export.image_names import distinct
from orchestrator.export.shards import Sample, ShardedFormat, Writer
from orchestrator.export.source import Example

_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_LEADING = {
    "run_id": pa.string(),
    "index": pa.int64(),
    "seed": pa.int64(),
    "specimen": pa.string(),
}
_COUNTS = {
    "visible_particles": pa.int32(),
    "coverage": pa.float64(),
    "pixel_size_nm": pa.float64(),
}

_GROUP_BYTES = 32 * 10**6
"""A row group holds about so much, which readers and this writer have in memory at a time."""

_GROUP_ROWS = 100

_CARD = """
# {name}

Synthetic microscopy images with masks and features of every particle, made by Blendsweep.
`image` is the rendering mode `{image}`, `instances` holds the id of the particle at each pixel,
`particles` has one entry a particle with `particle_id`.

```python
from datasets import load_dataset

dataset = load_dataset("<this folder>")
```
"""


@final
class HuggingFace(ShardedFormat):
    """``data/<split>-<number>.parquet``, and a card that names the splits."""

    name: ClassVar[str] = "hf"
    reserved: ClassVar[Set[str]] = frozenset({"all"})  # `datasets` takes it for all splits
    folder: ClassVar[str] = "data/"
    suffix: ClassVar[str] = "parquet"

    @property
    @override
    def layout(self) -> str:
        """A hash of the columns, as `datasets` wants the same in all shards."""
        schema = self._schema
        return hashlib.sha256(str(schema).encode() + str(schema.metadata).encode()).hexdigest()

    @override
    def sample(self, example: Example) -> Sample:
        """Return one run as a table of one row."""
        row: dict[str, Any] = {name: example.run.row.get(name) for name in self._scalars}
        for name, path, data in self.images(example):
            shown = f"{name}{PurePosixPath(path).suffix}"
            row[self._columns[name]] = {"bytes": data, "path": shown}
        kept = example.table.select(self._own(example.table.schema))
        entries = conform(kept, self._particles).to_struct_array().combine_chunks()
        schema = self._schema
        arrays = [
            pa.ListArray.from_arrays(pa.array([0, len(entries)], pa.int32()), entries)
            if column.name == "particles"
            else pa.array([row.get(column.name)], column.type)
            for column in schema
        ]
        table = pa.Table.from_arrays(arrays, schema=schema)
        return Sample(table.nbytes, table)

    @override
    @contextmanager
    def writer(self, stream: BinaryIO) -> Iterator[Writer]:
        """Begin a Parquet file."""
        with pq.ParquetWriter(stream, self._schema, compression="zstd") as parquet:
            writer = _ParquetWriter(parquet)
            yield writer
            writer.flush()

    @override
    def describe(self, target: Storage, shards: dict[str, int]) -> list[str]:
        """Write the data set's card, which names the splits."""
        files = [
            {"split": split, "path": f"{self.folder}{split}-*.{self.suffix}"}
            for split, count in shards.items()
            if count
        ]
        configs = {"configs": [{"config_name": "default", "data_files": files}]}
        front = yaml.safe_dump(configs, sort_keys=False)
        card = _CARD.format(name=self.source.data.sweep.name, image=self.source.image)
        target.write_file("README.md", f"---\n{front}---\n{card}".encode())
        return ["README.md", *(file["path"] for file in files)]

    @property
    def _scalars(self) -> dict[str, pa.DataType]:
        """The columns of the manifest that are kept, with their types."""
        chosen = {
            column.name: _kind(column)
            for column in self.source.manifest_schema
            if column.name.startswith((OVERRIDE, FEATURE, VARIABILITY))
        }
        return _LEADING | chosen | _COUNTS

    @property
    def _particles(self) -> pa.Schema:
        schema = self.source.particles_schema
        return pa.schema([(name, _kind(schema.field(name))) for name in self._own(schema)])

    @cached_property
    def _schema(self) -> pa.Schema:
        images = dict.fromkeys(self._columns.values(), _IMAGE)
        particles = pa.list_(pa.struct(list(self._particles)))
        columns = _LEADING | images | self._scalars | {"particles": particles}
        features = {name: _feature(kind) for name, kind in columns.items()}
        # One line of JSON under this key is all that makes bytes an image to `datasets`.
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        return pa.schema(list(columns.items()), metadata=metadata)

    @cached_property
    def _columns(self) -> dict[str, str]:
        """Image name to its column; none that another column has, or differs from in capitals."""
        own, names = self.source.image, self.source.image_names
        wishes = {name: "image" if name == own else name for name in names}
        return distinct(wishes, [*self._scalars, "particles"])

    @staticmethod
    def _own(columns: pa.Schema) -> list[str]:
        return [name for name in columns.names if name != "run_id"]


@final
class _ParquetWriter:
    def __init__(self, parquet: pq.ParquetWriter) -> None:
        self._parquet = parquet
        self._held: list[pa.Table] = []

    def add(self, content: pa.Table) -> None:
        """Write a run, once a row group is full."""
        self._held.append(content)
        size = sum(table.nbytes for table in self._held)
        if size >= _GROUP_BYTES or len(self._held) >= _GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is held as a row group."""
        if self._held:
            self._parquet.write_table(pa.concat_tables(self._held).combine_chunks())
        self._held = []


def _kind(column: pa.Field) -> pa.DataType:
    """Return a column's type; text for one without any value, as more runs may bring some."""
    return pa.string() if pa.types.is_null(column.type) else column.type


def _feature(kind: pa.DataType) -> dict[str, Any]:
    """Return a column's type as `datasets` spells it."""
    if kind == _IMAGE:
        return {"_type": "Image"}
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {entry.name: _feature(entry.type) for entry in kind}
    names = {"double": "float64", "float": "float32"}
    return {"dtype": names.get(str(kind), str(kind)), "_type": "Value"}
