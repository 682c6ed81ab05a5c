"""``sweep.yaml``: what a data set says of the sweep that was started last."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from orchestrator.dataset.layout import SWEEP
from orchestrator.dataset.storage.storage import Storage
from scene.errors import ConfigurationError, Problem
from scene.language.yaml_texts import parse_mapping


@final
@dataclass(frozen=True, slots=True)
class SweepFile:
    """What it says.

    Parameters
    ----------
    name
        The sweep's name.
    runs
        How many runs it has.
    recipe_hash
        Names its recipe's content before overrides.
    overrides
        As they were given, in Hydra's grammar.
    versions
        Of Blendsweep, Blender, Ray, MLflow and Python.
    code
        The code it was started with, component to version; empty in old data sets.
    accepted_code
        Hashes of other codes that may have made runs of the data set.
    limit
        How many runs it was limited to; None if it was not.
    digest
        Names the file's content.
    """

    name: str
    runs: int
    recipe_hash: str
    overrides: tuple[str, ...]
    versions: Mapping[str, str]
    code: Mapping[str, str]
    accepted_code: tuple[str, ...]
    limit: int | None
    digest: str


def read_sweep_file(storage: Storage) -> SweepFile:
    """Return what ``sweep.yaml`` says.

    Raises
    ------
    ConfigurationError
        If there is no data set.
    """
    try:
        content = storage.read(SWEEP)
        sweep = parse_mapping(content.decode(), f"{storage.public_uri}/{SWEEP}")
        return SweepFile(
            name=str(sweep["name"]),
            runs=int(sweep["runs"]),
            recipe_hash=str(sweep["recipe_hash"]),
            overrides=tuple(map(str, sweep.get("overrides") or ())),
            versions=dict(sweep.get("versions") or {}),
            code=dict(sweep.get("code") or {}),
            accepted_code=tuple(map(str, sweep.get("accepted_code") or ())),
            limit=sweep.get("limit"),
            digest=digest_of(content),
        )
    except (FileNotFoundError, NotADirectoryError, KeyError, TypeError, ValueError):
        message = f"is not the output of a sweep: there is no {SWEEP} in it that can be read"
        raise ConfigurationError([Problem(storage.public_uri, "", message)]) from None


def digest_of(content: bytes) -> str:
    """Return what names the content of a ``sweep.yaml``."""
    return hashlib.sha256(content).hexdigest()
