"""YAML files that people write, read so that every mistake in them is told in one sentence."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, final

import yaml

from scene.errors import ConfigurationError, Problem


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds; an empty file is an empty mapping.

    Raises
    ------
    ConfigurationError
        If the file can't be read, is not UTF-8, not YAML, holds a key twice or is no mapping.
    """
    text = _read_text(path)
    try:
        document = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _error(path, f"malformed YAML in line {line}: {error.problem}") from error
    except RecursionError as error:
        raise _error(path, "malformed YAML: nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:
        raise _error(path, f"malformed YAML: {error}".splitlines()[0]) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise _error(path, f"expected a mapping of keys, got a {type(document).__name__}")
    unusable = [key for key in document if not isinstance(key, str)]
    if unusable:
        raise _error(path, f"keys must be texts, got {unusable[0]!r}")
    return document


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _error(path, f"not a UTF-8 text file (byte {error.start})") from error
    except FileNotFoundError as error:
        raise _error(path, _missing(path)) from error
    except IsADirectoryError as error:
        raise _error(path, "is a folder; give the YAML file in it") from error
    except OSError as error:
        raise _error(path, f"can't be read: {error.strerror}") from error


def _missing(path: Path) -> str:
    folder = path.parent
    others = sorted(other.name for other in folder.glob("*.yaml")) if folder.is_dir() else []
    return "no such file" + (f"; {folder} holds {', '.join(others[:12])}" if others else "")


def _error(path: Path, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(str(path), "", message)])


@final
class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, where YAML would let the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} is given twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)
