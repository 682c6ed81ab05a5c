"""WebDataset: tar files, a group of members a run."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, ClassVar, final, override

from orchestrator.export.base import finite
from orchestrator.export.records import INSTANCES, Record
from orchestrator.export.shards import Sample, ShardedFormat, Writer

_BLOCK = tarfile.BLOCKSIZE


@final
class WebDataset(ShardedFormat):
    """Members ``<run_id>.image.png``, ``<run_id>.instances.png``, ..., ``<run_id>.json``."""

    name: ClassVar[str] = "webdataset"
    folder: ClassVar[str] = ""
    suffix: ClassVar[str] = "tar"

    @property
    @override
    def fetched(self) -> tuple[str, ...]:
        """All images."""
        return self.source.image_names

    @property
    @override
    def layout(self) -> str:
        """The same for all data sets, as members tell themselves what they are."""
        return "1"

    @override
    def sample(self, record: Record) -> Sample:
        """Return the members of one run: ending to bytes."""
        members = {"json": json.dumps(_description(record), allow_nan=False).encode()}
        required = {self.source.image, INSTANCES}
        for name in self.source.image_names:
            if name in record.images or name in required:
                data = self.source.read(record, name)
                key = "image" if name == self.source.image else name.replace("/", "_")
                members[f"{key}{record.images[name].suffix}"] = data
        size = sum(_BLOCK + -(-len(data) // _BLOCK) * _BLOCK for data in members.values())
        return Sample(size, (record.run_id, members))

    @override
    @contextmanager
    def writer(self, stream: BinaryIO) -> Iterator[Writer]:
        """Begin a tar file."""
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            yield _TarWriter(tar)


@final
class _TarWriter:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def add(self, content: tuple[str, Mapping[str, bytes]]) -> None:
        """Write a run's members, sorted; the same bytes whenever and by whomever."""
        run_id, members = content
        for ending, data in sorted(members.items()):
            info = tarfile.TarInfo(f"{run_id}.{ending}")
            info.size = len(data)
            info.mtime = 0
            info.mode = 0o644
            self._tar.addfile(info, io.BytesIO(data))
        self._tar.members.clear()  # type: ignore[attr-defined]  # it would remember every member


def _description(record: Record) -> dict[str, object]:
    described: dict[str, object] = finite(
        {
            "run_id": record.run_id,
            "index": record.index,
            "seed": record.seed,
            "values": record.values,
            "features": record.features,
            "particles": record.particles(),
        }
    )
    return described
