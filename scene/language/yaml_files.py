"""YAML files that people write: one strict reading for all, and a writing that it reads back.

Plain scalars mean what they mean in Hydra's grammar of overrides, so that a value is the same in a
file and on the command line. What YAML 1.1 takes for another number than a person does (``0100``
is 64 there, ``1:40`` is 100) and what one YAML takes for a truth value and another for a text
(``yes``, ``off``) is refused: `ambiguity` tells.
"""

from __future__ import annotations

import math
import re
import stat
from pathlib import Path
from typing import Any, cast, final

import yaml
from yaml._yaml import CParser
from yaml.composer import Composer

from scene.errors import ConfigurationError, Problem
from scene.language.paths import is_file

YAML_ENDINGS = (".yaml", ".yml")

LARGEST_FILE = 16 * 2**20
"""Bytes; what is larger was not written by hand."""

LARGEST_EXPANSION = 100_000
"""Most values that anchors may add to those that are written out."""

_DIGITS = r"\d(?:_?\d)*"
_WHOLE = r"(?:0|[1-9](?:_?\d)*)"
_INT = re.compile(rf"[-+]?{_WHOLE}", re.ASCII)
_POINT = rf"(?:{_WHOLE}\.(?:{_DIGITS})?|\.{_DIGITS})"
_FLOAT = re.compile(rf"[-+]?(?:{_POINT}|(?:{_POINT}|{_WHOLE})[eE][-+]?{_DIGITS})", re.ASCII)
_NULL = re.compile(r"null|~|", re.IGNORECASE)
_BOOL = re.compile(r"true|false", re.IGNORECASE)

_AMBIGUOUS = {
    "a whole number with a leading zero, which YAML may read as octal": r"[-+]?0[\d_]+",
    "a number with a leading zero": r"[-+]?0[\d_]+(?:\.[\d_]*)?(?:[eE][-+]?\d+)?",
    "an octal number": r"[-+]?0[oO][0-7_]+",
    "a hexadecimal number": r"[-+]?0[xX][\da-fA-F_]+",
    "a binary number": r"[-+]?0[bB][01_]+",
    "a number to base 60 for YAML": r"[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?",
    "a number with misplaced underscores": r"[-+]?\d[\d_]*_[\d_]*(?:\.[\d_]*)?(?:[eE][-+]?\d+)?",
    "not a finite number": r"[-+]?\.?(?:inf|nan|infinity)",
    "true or false for one YAML and a text for another": r"yes|no|on|off",
}
_AMBIGUITIES = {
    words: re.compile(pattern, re.ASCII | re.IGNORECASE) for words, pattern in _AMBIGUOUS.items()
}


def ambiguity(text: str) -> str | None:
    """Return why the unquoted `text` can't be taken as a value, or None if it can.

    >>> ambiguity("0100")
    '0100 is a whole number with a leading zero, which YAML may read as octal; write 100, ...
    >>> ambiguity("100") is None, ambiguity("2024-11-25") is None
    (True, True)
    """
    if _INT.fullmatch(text) or not text:
        return None
    if _FLOAT.fullmatch(text):
        too_large = math.isinf(float(text))
        return f"{text} is too large for a number" if too_large else None
    for words, pattern in _AMBIGUITIES.items():
        if pattern.fullmatch(text):
            return f"{text} is {words}; {_remedy(text)}"
    return None


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds; an empty file is an empty mapping.

    Raises
    ------
    ConfigurationError
        If the file can't be read, is not UTF-8, not YAML, holds a key twice or is no mapping.
    """
    return parse_mapping(read_text(path), str(path))


def parse_mapping(text: str, source: str) -> dict[str, Any]:
    """Return the mapping that a YAML text holds; an empty text is an empty mapping.

    Parameters
    ----------
    text
        One YAML document.
    source
        What errors call it: the file's name.

    Raises
    ------
    ConfigurationError
        If it is not YAML, holds a key twice or an ambiguous value, or is no mapping. All ambiguous
        values are told at once.
    """
    try:
        root = _Nodes(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _error(
            source, f"malformed YAML in line {_line(error, text)}: {_cause(error, text)}"
        ) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"malformed YAML in line {line}: the character {error.character!r} is not allowed"
        raise _error(source, message) from error
    except RecursionError as error:
        raise _error(source, "malformed YAML: nested too deeply") from error
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        what = "list" if isinstance(root, yaml.SequenceNode) else "single value"
        raise _error(source, f"expected a mapping of keys, got a {what}")
    reading = _Reading(source)
    try:
        document = reading.value(root, "")
    except RecursionError as error:
        raise _error(source, "malformed YAML: nested too deeply") from error
    if reading.problems:
        raise ConfigurationError(reading.problems)
    return document  # type: ignore[no-any-return]  # a mapping node's value


def write_mapping(content: Any) -> str:
    """Return plain data as YAML that `parse_mapping` and other readers take for the same data."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def read_text(path: Path) -> str:
    """Return a text file's content.

    Raises
    ------
    ConfigurationError
        If it can't be read or is not UTF-8.
    """
    source = str(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _error(source, "is a folder; give the YAML file in it")
        if not stat.S_ISREG(status.st_mode):
            raise _error(source, "is not a file")
        if status.st_size > LARGEST_FILE:
            raise _error(source, f"is larger than {LARGEST_FILE // 2**20} MiB")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise _error(source, f"not a UTF-8 text file (byte {error.start})") from error
    except FileNotFoundError as error:
        raise _error(source, _missing(path)) from error
    except OSError as error:
        raise _error(source, f"can't be read: {error.strerror}") from error
    except ValueError as error:  # a name that no file can have
        raise _error(repr(source), f"can't be read: {error}") from error


def is_sweep(file: Path) -> bool:
    """Return whether a YAML file is a sweep: it names a recipe, which no recipe does.

    A file that can't be read is none. The text is not parsed: a malformed sweep is a sweep.
    """
    if not is_file(file):  # reading a pipe would wait for whoever writes to it
        return False
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return re.search(r"""^(["']?)recipe\1\s*:""", text, re.MULTILINE) is not None


def _missing(path: Path) -> str:
    if path.is_symlink():
        return f"is a link to {path.readlink()}, which does not exist"
    folder = path.parent
    others = sorted(other.name for other in folder.glob("*.yaml")) if folder.is_dir() else []
    return "no such file" + (f"; {folder} holds {', '.join(others[:12])}" if others else "")


def _error(source: str, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(source, "", message)])


def _line(error: yaml.MarkedYAMLError, text: str) -> int:
    last = max(1, len(text.splitlines()))
    return min(error.problem_mark.line + 1, last) if error.problem_mark else last


def _cause(error: yaml.MarkedYAMLError, text: str) -> str:
    """Return what is wrong; it is often a character that looks like another."""
    problem = str(error.problem)
    if "but found another document" in problem:
        return "a second document begins here; a file holds one"
    lines = text.splitlines()
    here = lines[_line(error, text) - 1] if lines else ""
    if "\t" in here[: len(here) - len(here.lstrip())]:
        return "a tab; YAML takes only blanks to indent"
    if "\N{NO-BREAK SPACE}" in here:
        return "a no-break space, which is no blank for YAML"
    return problem


def _remedy(text: str) -> str:
    if re.fullmatch(r"yes|on", text, re.IGNORECASE):
        meant = "true"
    elif re.fullmatch(r"no|off", text, re.IGNORECASE):
        meant = "false"
    elif re.fullmatch(r"[-+]?0[\d_]*(?:\.\d*)?", text) and (digits := text.lstrip("+-0_")):
        meant = digits if digits[0].isdigit() else f"0{digits}"
        meant = ("-" if text[0] == "-" else "") + meant.replace("_", "")
    else:
        meant = "a decimal number"
    return f"write {meant}, or '{text}' in quotes if a text is meant"


class _Nodes(Composer, CParser):
    """A YAML text's nodes, all scalars unresolved; the parser is the one in C."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)

    def resolve(self, kind: type, value: str, implicit: tuple[bool, bool]) -> str:
        """Tell plain scalars from quoted ones, which is all that `_Reading` needs."""
        del value
        return "plain" if kind is yaml.ScalarNode and implicit[0] else "quoted"

    def descend_resolver(self, parent: Any, index: Any) -> None:
        """Do nothing: tags don't depend on a node's place."""

    def ascend_resolver(self) -> None:
        """Do nothing."""

    def compose_node(self, parent: Any, index: Any) -> yaml.Node:
        """Refuse tags, which could ask for any Python object."""
        event: Any = self.peek_event()
        if (tag := getattr(event, "tag", None)) is not None:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            raise yaml.composer.ComposerError(
                None, None, f"the tag {shown} is not supported", event.start_mark
            )
        return cast("yaml.Node", super().compose_node(parent, index))


@final
class _Reading:
    """From nodes to plain data, with all that is wrong on the way."""

    def __init__(self, source: str) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._known: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()
        self._size = 0
        self._added = 0

    def value(self, node: yaml.Node, path: str) -> Any:
        """Return what a node stands for."""
        if isinstance(node, yaml.ScalarNode):
            self._size += 1
            return self._scalar(node, path)
        known = self._known.get(id(node))
        if known is not None:
            content, size = known
            self._size += size
            self._added += size
            if self._added > LARGEST_EXPANSION:
                self._refuse(node, path, "its anchors stand for too many values")
                raise ConfigurationError(self.problems)
            return content
        if id(node) in self._open:
            self._refuse(node, path, "an anchor that holds itself")
            raise ConfigurationError(self.problems)
        self._open.add(id(node))
        before = self._size
        if isinstance(node, yaml.SequenceNode):
            content = [self.value(item, _below(path, i)) for i, item in enumerate(node.value)]
        else:
            content = self._mapping(cast("yaml.MappingNode", node), path)
        self._open.discard(id(node))
        self._size += 1
        self._known[id(node)] = content, self._size - before
        return content

    def _mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        seen: set[str] = set()
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(key_node, path, "keys must be texts, got a list or a mapping")
                continue
            name = key_node.value
            if name in seen:
                self._refuse(key_node, path, f"the key {name!r} is given twice")
            seen.add(name)
            if name == "<<" and key_node.tag == "plain":
                merged = self._merged(value_node, path)
                continue
            key = self._scalar(key_node, _below(path, name))
            if not isinstance(key, str):
                self._refuse(key_node, path, f"keys must be texts, got {key!r}")
                key = name
            own[key] = self.value(value_node, _below(path, key))
        return {name: value for name, value in merged.items() if name not in own} | own

    def _merged(self, node: yaml.Node, path: str) -> dict[str, Any]:
        value = self.value(node, _below(path, "<<"))
        layers = value if isinstance(value, list) else [value]
        if not all(isinstance(layer, dict) for layer in layers):
            self._refuse(node, path, "'<<' takes a mapping or a list of mappings")
            return {}
        return {key: item for layer in reversed(layers) for key, item in layer.items()}

    def _scalar(self, node: yaml.ScalarNode, path: str) -> Any:
        text: str = node.value
        if node.tag != "plain":
            return text
        if problem := ambiguity(text):
            self._refuse(node, path, problem)
            return text
        if _NULL.fullmatch(text):
            return None
        if _BOOL.fullmatch(text):
            return text.lower() == "true"
        try:
            if _INT.fullmatch(text):
                return int(text)
            if _FLOAT.fullmatch(text):
                return float(text)
        except ValueError:  # Python reads whole numbers of up to some thousand digits
            self._refuse(node, path, f"a whole number of {len(text)} digits is too large")
        return text

    def _refuse(self, node: yaml.Node, path: str, message: str) -> None:
        line = f"line {node.start_mark.line + 1}: "
        self.problems.append(Problem(self._source, path, line + message))


def _below(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


@final
class _Dumper(yaml.CSafeDumper):
    """A dumper that quotes every text which this module's reading, or another YAML's, would change.

    The one in C is ten times faster than ``yaml.safe_dump``.
    """

    def ignore_aliases(self, data: Any) -> bool:
        """Write values out wherever they stand, never as an anchor."""
        del data
        return True


_Dumper.add_implicit_resolver(
    "not a text for every reader",
    re.compile(
        "|".join(
            rf"(?:{pattern.pattern})\Z"
            for pattern in (_FLOAT, _INT, _BOOL, _NULL, *_AMBIGUITIES.values())
        ),
        re.ASCII | re.IGNORECASE,
    ),
    None,
)
