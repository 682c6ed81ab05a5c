"""A specimen as bytes, exact to the bit: what runs that share it read instead of relaxing anew.

The file begins with a line that names its format and version, and the SHA-256 of all that follows:
the specimen's hash, and JSON compressed by zlib. JSON keeps whole and other numbers apart, and
Python writes each float so that the same one is read.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, final

from scene.errors import SpecimenDamagedError
from scene.specimen.specimen import Particle
from scene.specimen.streams import StreamKey

_HEAD = b"blendsweep specimen 2\n"
_BODY = len(_HEAD) + hashlib.sha256().digest_size
_FIELDS = tuple(field.name for field in fields(Particle))


@final
@dataclass(frozen=True, slots=True)
class StoredSpecimen:
    """All that later steps see of the steps that made a specimen.

    Parameters
    ----------
    particles
        The particles, by id.
    drawn
        How often each random stream was asked for while they were made.
    """

    particles: Sequence[Particle]
    drawn: Counter[StreamKey]

    def to_bytes(self, name: str) -> bytes:
        """Return the content of the file.

        Parameters
        ----------
        name
            The specimen's hash.

        Raises
        ------
        ValueError
            If a plugin gave a particle, or the key of a stream, values that are not plain.
        """
        content = {
            "particles": [[_field(getattr(p, key)) for key in _FIELDS] for p in self.particles],
            "drawn": [[_plain(key), count] for key, count in self.drawn.items()],
        }
        body = name.encode() + b"\n" + zlib.compress(json.dumps(content).encode())
        return _HEAD + hashlib.sha256(body).digest() + body

    @classmethod
    def from_bytes(cls, content: bytes, name: str) -> Self:
        """Return the specimen in a file.

        Raises
        ------
        SpecimenDamagedError
            If the content is not what `to_bytes` gave for a specimen of this name.
        """
        digest, body = content[len(_HEAD) : _BODY], content[_BODY:]
        if not content.startswith(_HEAD):
            raise SpecimenDamagedError(name, "it does not begin like one of this version")
        if hashlib.sha256(body).digest() != digest:
            raise SpecimenDamagedError(name, "its checksum is not that of its content")
        if not body.startswith(name.encode() + b"\n"):
            raise SpecimenDamagedError(name, "it is another one's")
        found = json.loads(zlib.decompress(body[len(name) + 1 :]))
        return cls(
            [Particle(*map(_value, values)) for values in found["particles"]],
            Counter({_value(key): count for key, count in found["drawn"]}),
        )


def _field(value: Any) -> Any:
    """Return what is stored of a particle's attribute, which may be None."""
    return None if value is None else _plain(value)


def _plain(value: Any) -> Any:
    """Return a value, if JSON gives it back as it is but for tuples, which are lists there."""
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if type(value) not in {str, bool, int, float}:
        kind = type(value).__qualname__
        raise ValueError(
            f"expected Python's str, bool, int, float or tuple, got {value!r:.60} ({kind})"
        )
    return value


def _value(read: Any) -> Any:
    if isinstance(read, dict):
        return {key: _value(item) for key, item in read.items()}
    return tuple(map(_value, read)) if isinstance(read, list) else read
