"""One strict reading of all YAML that people write, from text to plain data."""

from __future__ import annotations

from typing import Any, cast, final

import yaml
from yaml._yaml import CParser
from yaml.composer import Composer

from scene.errors import ConfigurationError, Problem
from scene.language import scalars

LARGEST_EXPANSION = 100_000
"""Most values that anchors may add to those that are written out."""


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
        If it is not YAML, holds a key twice or an ambiguous value, or is not a mapping. All
        ambiguous values are reported at once.
    """
    reading = _Reading(source)
    try:
        root = _Nodes(text).get_single_node()
        if root is None:
            return {}
        if not isinstance(root, yaml.MappingNode):
            what = "list" if isinstance(root, yaml.SequenceNode) else "single value"
            message = f"expected a mapping of keys, got a {what}"
        else:
            document = reading.value(root, "")
            if reading.problems:
                raise ConfigurationError(reading.problems)
            return cast("dict[str, Any]", document)
    except yaml.MarkedYAMLError as error:
        message = f"malformed YAML in line {_line(error, text)}: {_cause(error, text)}"
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"malformed YAML in line {line}: the character {error.character!r} is not allowed"
    except RecursionError:
        message = "malformed YAML: nested too deeply"
    raise ConfigurationError([Problem(source, "", message)])


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
        return "a no-break space, which YAML does not take for a blank"
    return problem


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
        if (known := self._known.get(id(node))) is not None:
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
        if node.tag == "plain":
            try:
                return scalars.value(node.value)
            except ValueError as error:
                self._refuse(node, path, str(error))
        return node.value

    def _refuse(self, node: yaml.Node, path: str, message: str) -> None:
        line = f"line {node.start_mark.line + 1}: "
        self.problems.append(Problem(self._source, path, line + message))


def _below(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)
