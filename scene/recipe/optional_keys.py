"""Keys of a recipe that need not be given: overrides and references find them all the same.

A key that has its default is left out of a resolved recipe, so recipes that never name it have the
hashes and run ids that they had before there was such a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from omegaconf import DictConfig, OmegaConf, open_dict

from scene.language.canonical import Place


@final
@dataclass(frozen=True, slots=True)
class OptionalKey:
    """A key that a section of a recipe may lack.

    Parameters
    ----------
    section, name
        Where it stands: ``section.name``.
    default
        What it stands for where it is not given: a value, or a reference to another key.
    null_is_default
        Whether null stands for the default; else it is a value like any other.
    needs
        A key of the same section without which there is no default.
    """

    section: str
    name: str
    default: Any
    null_is_default: bool = False
    needs: str | None = None

    @property
    def place(self) -> Place:
        """Where it stands in a recipe."""
        return self.section, self.name

    def give(self, config: DictConfig) -> None:
        """Let the key stand for its default in a recipe that does not give it."""
        section = _section(config, self.section)
        if section is None:
            return
        plain = OmegaConf.to_container(section, resolve=False)
        assert isinstance(plain, dict)
        given = self.name in plain and not (self.null_is_default and plain[self.name] is None)
        if self.needs is not None and self.needs not in plain:
            if plain.get(self.name) == self.default:  # an override took away what it refers to
                with open_dict(section):
                    del section[self.name]
        elif not given:
            with open_dict(section):
                section[self.name] = self.default

    def leave_out(self, stated: dict[str, Any], resolved: dict[str, Any]) -> None:
        """Take the key out of a recipe in which it has its default.

        Parameters
        ----------
        stated
            The recipe in plain form, nothing resolved.
        resolved
            The same, resolved; changed in place.
        """
        section, before = resolved.get(self.section), stated.get(self.section)
        if not isinstance(section, dict) or self.name not in section:
            return
        text = before.get(self.name) if isinstance(before, dict) else None
        if self.is_default(text) or self.is_default(section[self.name]):
            del section[self.name]

    def is_default(self, value: Any) -> bool:
        """Whether a value is the default; a truth value is not a number."""
        return bool(value == self.default) and not isinstance(value, bool)


OPTIONAL_KEYS = (
    OptionalKey(
        "initial_runtime_state",
        "look_seed",
        "${initial_runtime_state.seed}",
        null_is_default=True,
        needs="seed",
    ),
    OptionalKey("render", "scene_unit_nm", 1000),
    OptionalKey("render", "bit_depth", 8),
    OptionalKey("render", "data_bar", "none"),
)
"""All there are."""

_BY_PLACE = {key.place: key for key in OPTIONAL_KEYS}


def is_default(place: Place, value: Any) -> bool:
    """Whether a value at a place of a recipe is left out, as an optional key's default."""
    key = _BY_PLACE.get(place)
    return key is not None and key.is_default(value)


def give_optional_keys(config: DictConfig) -> None:
    """Let every optional key that a recipe does not give stand for its default."""
    for key in OPTIONAL_KEYS:
        key.give(config)


def leave_out_defaults(stated: dict[str, Any], resolved: dict[str, Any]) -> dict[str, Any]:
    """Return `resolved` without the optional keys that have their defaults in it."""
    for key in OPTIONAL_KEYS:
        key.leave_out(stated, resolved)
    return resolved


def _section(config: DictConfig, name: str) -> DictConfig | None:
    """Return a section of a recipe; None if it is not a mapping of its own."""
    if name not in config or OmegaConf.is_interpolation(config, name):
        return None
    section = config[name]
    return section if isinstance(section, DictConfig) else None
