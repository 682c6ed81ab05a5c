"""The target folder of an export: whose it is, and what may be continued there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from orchestrator.dataset.layout import LOCK
from orchestrator.dataset.storage.locking import OutputLockedError, exclusive
from orchestrator.dataset.storage.storage import Storage
from scene.errors import COMMAND_LINE, ConfigurationError, Problem

STATE = ".blendsweep"
"""Folder of a target that says what is exported; readers of data sets skip the dot."""

_SETTINGS = f"{STATE}/export.json"


@contextmanager
def claimed(target: Storage, settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Hold a target folder for this export while the block lasts.

    Parameters
    ----------
    settings
        What must be the same when an export is continued.

    Yields
    ------
    dict
        The settings on record, with what `remember` added.

    Raises
    ------
    ConfigurationError
        If the folder holds something else, another export, or is in use.
    """
    where = target.public_uri
    _check(target, settings)
    try:
        if target.folder is not None:
            target.folder.mkdir(parents=True, exist_ok=True)
        with exclusive(target):
            found = _check(target, settings) or settings
            remember(target, found)
            yield found
    except OutputLockedError as error:
        message = f"another export, {error.owner}, is at work on {where}; wait until it ends"
        raise wrong_target(message) from error


def remember(target: Storage, settings: dict[str, Any]) -> None:
    """Put the settings of an export on record."""
    target.write_file(_SETTINGS, json.dumps(settings).encode())


def _check(target: Storage, settings: dict[str, Any]) -> dict[str, Any] | None:
    """Return the settings on record, if they allow to go on with `settings`."""
    where = target.public_uri
    try:
        found = json.loads(target.read(_SETTINGS))
        if not isinstance(found, dict):
            raise ValueError(found)
    except NotADirectoryError:
        raise wrong_target(f"{where} is a file; give a folder") from None
    except (FileNotFoundError, ValueError):
        others = [name for name in target.list(".") if name not in (LOCK, STATE)]
        if others:
            problem = f"holds something that is not an export ({others[0]})"
            raise wrong_target(f"{where} {problem}; give a new folder") from None
        return None
    for key, value in settings.items():
        if found.get(key) != value:
            raise wrong_target(
                f"{where} holds an export with {key} {found.get(key)}, not {value}; "
                "give another folder, or the same options as before"
            )
    return found


def wrong_target(message: str) -> ConfigurationError:
    """Return the error for a target that can't be taken."""
    return ConfigurationError([Problem(COMMAND_LINE, "--to", message)])
