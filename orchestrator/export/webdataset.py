"""WebDataset: tar files, a group of members a run."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import BinaryIO, ClassVar, Final, final, override

from orchestrator.export.base import plain
from orchestrator.export.image_names import distinct, member_name
from orchestrator.export.shards import Sample, ShardedFormat, Writer
from orchestrator.export.source import Example

_BLOCK = tarfile.BLOCKSIZE
_FORMAT: Final = tarfile.PAX_FORMAT
"""The same bytes as ustar's where names have no more than its 100 characters."""


@final
class WebDataset(ShardedFormat):
    """Members ``<run_id>.image.png``, ``<run_id>.instances.png``, ..., ``<run_id>.json``."""

    name: ClassVar[str] = "webdataset"
    folder: ClassVar[str] = ""
    suffix: ClassVar[str] = "tar"

    @property
    @override
    def layout(self) -> str:
        """The members' names, where they are not those that their images go by."""
        given = {name: key for name, key in self._keys.items() if key != self._wish(name)}
        return json.dumps(["2", given])

    @override
    def sample(self, example: Example) -> Sample:
        """Return the members of one run, each with its bytes."""
        contents, paths = {}, {}
        for name, path, data in self.images(example):
            member = f"{self._keys[name]}{PurePosixPath(path).suffix}"
            contents[member], paths[member] = data, path
        described = example.described() | example.scale
        described |= {"images": paths, "particles": example.particles()}
        contents["json"] = json.dumps(plain(described), allow_nan=False).encode()
        members = [
            _Member(_info(f"{example.run.run_id}.{ending}", data), data)
            for ending, data in sorted(contents.items())
        ]
        return Sample(sum(member.size for member in members), members)

    @override
    @contextmanager
    def writer(self, stream: BinaryIO) -> Iterator[Writer]:
        """Begin a tar file."""
        with tarfile.open(fileobj=stream, mode="w", format=_FORMAT) as tar:
            yield _TarWriter(tar)

    @cached_property
    def _keys(self) -> dict[str, str]:
        """Image name to the member's, without ending; no two that a reader could take for one."""
        return distinct({name: self._wish(name) for name in self.source.image_names}, ["json"])

    def _wish(self, name: str) -> str:
        return "image" if name == self.source.image else member_name(name)


@final
@dataclass(frozen=True, slots=True)
class _Member:
    """One file of a tar."""

    info: tarfile.TarInfo
    data: bytes

    @property
    def size(self) -> int:
        """Bytes in the tar, with those of the header, which grow with the name."""
        return len(self.info.tobuf(_FORMAT)) + -(-len(self.data) // _BLOCK) * _BLOCK


@final
class _TarWriter:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def add(self, content: Sequence[_Member]) -> None:
        """Write a run's members."""
        for member in content:
            self._tar.addfile(member.info, io.BytesIO(member.data))
        self._tar.members.clear()  # type: ignore[attr-defined]  # it would remember every member


def _info(name: str, data: bytes) -> tarfile.TarInfo:
    """Return a member's header, the same whenever and by whomever it is made."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mtime = 0
    info.mode = 0o644
    return info
