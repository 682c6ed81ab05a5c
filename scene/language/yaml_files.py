"""YAML files that people write, read by one strict reading, and a writing that it reads back."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any, final, override

import yaml

from scene.errors import ConfigurationError, Problem
from scene.language.paths import is_file
from scene.language.scalars import NOT_A_TEXT
from scene.language.yaml_texts import parse_mapping

YAML_ENDINGS = (".yaml", ".yml")

LARGEST_FILE = 16 * 2**20
"""Bytes; what is larger was not written by hand."""

_WIDTH = 120
"""Columns of a file with lists in lines."""


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds; an empty file is an empty mapping.

    Raises
    ------
    ConfigurationError
        If the file can't be read, is not UTF-8, not YAML, holds a key twice or is not a mapping.
    """
    return parse_mapping(read_text(path), str(path))


def write_mapping(content: Any, *, lists_in_lines: bool = False) -> str:
    """Return plain data as YAML that `parse_mapping` and other readers take for the same data.

    Parameters
    ----------
    lists_in_lines
        Whether lists, and mappings, that hold nothing but values have no line for each.
    """
    lines: dict[str, Any] = {}
    if lists_in_lines:
        lines = {"default_flow_style": None, "width": _WIDTH}
    text: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, **lines)
    return text


def read_text(path: Path, kind: str = "YAML") -> str:
    """Return a text file's content, with every line end as a line feed.

    Parameters
    ----------
    kind
        What messages call such a file; its ending in capitals.

    Raises
    ------
    ConfigurationError
        If it can't be read or is not UTF-8.
    """
    source = str(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            message = f"is a folder; give the {kind} file in it"
        elif not stat.S_ISREG(status.st_mode):
            message = "is not a file"
        elif status.st_size > LARGEST_FILE:
            message = f"is larger than {LARGEST_FILE // 2**20} MiB"
        else:
            return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"not a UTF-8 text file (byte {error.start})"
    except FileNotFoundError:
        message = _missing(path, kind)
    except OSError as error:
        message = f"can't be read: {error.strerror}"
    except ValueError as error:  # a name that no file can have
        source, message = repr(source), f"can't be read: {error}"
    raise ConfigurationError([Problem(source, "", message)])


def is_sweep(file: Path) -> bool:
    """Return whether a YAML file is a sweep: it names a recipe, which no recipe does.

    False for a file that can't be read. The text is not parsed: a malformed sweep is a sweep.
    """
    if not is_file(file):  # reading a pipe would wait for whoever writes to it
        return False
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return re.search(r"""^(["']?)recipe\1\s*:""", text, re.MULTILINE) is not None


def _missing(path: Path, kind: str) -> str:
    if path.is_symlink():
        return f"is a link to {path.readlink()}, which does not exist"
    folder = path.parent
    others = (
        sorted(other.name for other in folder.glob(f"*.{kind.lower()}")) if folder.is_dir() else []
    )
    return "no such file" + (f"; {folder} holds {', '.join(others[:12])}" if others else "")


@final
class _Dumper(yaml.CSafeDumper):
    """A dumper that quotes every text which this project's reading, or another's, would change.

    The one in C is ten times faster than ``yaml.safe_dump``.
    """

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True  # values are written out wherever they stand, never as an anchor


_Dumper.add_implicit_resolver("not a text for every reader", NOT_A_TEXT, None)
