"""How messages name the code of a plugin: its class, its file, the line that raised."""

from __future__ import annotations

import sys
from pathlib import Path

_files: dict[str, Path] = {}
"""Name of a plugin's outermost module to its file."""


def remember_plugin(module: str, file: Path) -> None:
    """Note that a module, and all that is below it, belongs to a plugin."""
    _files[module] = file


def plugin_file(module: str) -> Path | None:
    """Return the file of a plugin's module; None for a module of no plugin."""
    for root, file in _files.items():
        if module == root or module.startswith(f"{root}."):
            own = getattr(sys.modules.get(module), "__file__", None)
            return Path(own) if own else file
    return None


def described(cls: type) -> str:
    """Return how messages name a class: a plugin's with its file."""
    file = plugin_file(cls.__module__)
    return cls.__name__ if file is None else f"plugin class {cls.__name__} in {file}"


def given[T](made: object, kind: type[T], cls: type, method: str) -> T:
    """Return what a method of a class gave.

    Raises
    ------
    TypeError
        If it is not of that kind.
    """
    if not isinstance(made, kind):
        raise TypeError(
            f"{described(cls)}: {method} must give an instance of {kind.__name__}, got {made!r:.60}"
        )
    return made


def failed(cls: type, doing: str, error: BaseException) -> str:
    """Return the sentence for code of `cls` that raised, or returned something unusable."""
    text = " ".join(str(error).split())
    return f"{described(cls)} fails in {doing}: {type(error).__name__}: {text}{blamed(error)}"


def blamed(error: BaseException) -> str:
    """Return the line of a plugin in which an error was raised; empty if no plugin took part."""
    place = ""
    step = error.__traceback__
    while step is not None:
        frame = step.tb_frame
        if plugin_file(frame.f_globals.get("__name__", "")) is not None:
            place = f" (plugin {frame.f_code.co_filename}, line {step.tb_lineno})"
        step = step.tb_next
    return place
