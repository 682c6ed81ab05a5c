"""Sweeps that ship with Blendsweep, called by their names."""

from __future__ import annotations

import re
from pathlib import Path

from scene.errors import COMMAND_LINE, ConfigurationError, Problem, unknown
from scene.language.paths import is_there

_PACKAGE = Path(__file__).resolve().parents[1]
BUILTIN_SWEEPS = next(
    (folder for folder in (_PACKAGE / "sweeps", _PACKAGE.parent / "sweeps") if folder.is_dir()),
    _PACKAGE,
)
"""Folder of the sweeps that ship with Blendsweep, inside an installed wheel or in a clone."""


def sweep_file(text: str, source: str = COMMAND_LINE) -> Path:
    """Return the file of a sweep given by its path, or by its name if it ships with Blendsweep.

    Parameters
    ----------
    text
        ``sweeps/mine.yaml``, or a name alone, ``quickstart``. A file of that very path comes first.
    source
        Where it was given, for the error.

    Raises
    ------
    ConfigurationError
        If it is a name alone and no such sweep ships, or the path of none whose name one has.
    """
    path = Path(text)
    if is_there(path):
        return path
    shipped = {file.stem: file for file in BUILTIN_SWEEPS.glob("*.yaml")}
    if re.fullmatch(r"[\w-]+", text):
        if text in shipped:
            return shipped[text]
        sentence = unknown("sweep", text, shipped, where="among those that ship")
        others = "a sweep of your own is named by its file; --help lists the commands"
        raise ConfigurationError([Problem(source, text, f"{sentence} ({others})")])
    if path.stem in shipped and path.suffix in {".yaml", ".yml"}:
        raise ConfigurationError(
            [Problem(text, "", f"no such file; the sweep that ships is called {path.stem!r} alone")]
        )
    return path
