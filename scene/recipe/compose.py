"""Compose recipes: Hydra's defaults list, overrides and interpolations, down to plain data.

With `scene.recipe.defaults` and `scene.recipe.optional_keys` the only module of the scene that
knows Hydra or OmegaConf; no ``DictConfig`` leaves them.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, cast, final

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from scene.errors import COMMAND_LINE, ConfigurationError, Problem, unknown
from scene.language.canonical import at_place
from scene.language.override_texts import grammar_sentence
from scene.language.paths import is_file, is_there
from scene.language.yaml_files import YAML_ENDINGS, write_mapping
from scene.recipe.defaults import compose, first_sentence, is_without_meaning, make_way
from scene.recipe.kinds import differ
from scene.recipe.measured import MeasuredFiles, is_measured, named_files
from scene.recipe.optional_keys import give_optional_keys, leave_out_defaults
from scene.recipe.references import calls_function, is_index, texts, too_large

_LOG = logging.getLogger(__name__)

_PACKAGE = Path(__file__).resolve().parents[1]
BUILTIN_RECIPES = next(
    (folder for folder in (_PACKAGE / "recipes", _PACKAGE.parent / "recipes") if folder.is_dir()),
    _PACKAGE,
)
"""Folder of the recipes that ship with Blendsweep, inside an installed wheel or in a clone."""


def recipe_file(path: Path) -> Path:
    """Return the recipe that ships under this name if `path` is a name alone, and no file."""
    shipped = BUILTIN_RECIPES / f"{path}.yaml"
    return shipped if len(path.parts) == 1 and not is_there(path) and is_file(shipped) else path


@final
class Composition:
    """A recipe file with everything its defaults list names, ready to be resolved.

    Composing happens once; `resolve` applies one run's overrides to a copy.

    Parameters
    ----------
    path
        The recipe file.
    recipe_dirs
        Folders in which its defaults are found, after its own folder and before the recipes that
        ship with Blendsweep.

    Raises
    ------
    ConfigurationError
        If the file can't be read or composed.
    """

    def __init__(self, path: Path, recipe_dirs: Sequence[Path] = ()) -> None:
        self._source = str(path)
        _check_name(path)
        folders = [
            folder.resolve() for folder in (*recipe_dirs, BUILTIN_RECIPES) if folder.is_dir()
        ]
        config = compose(path.absolute(), folders)
        give_optional_keys(config)
        OmegaConf.set_struct(config, True)
        self._config = config
        self._measured = MeasuredFiles(self._source)

    def resolve(self, overrides: Sequence[str] = ()) -> dict[str, Any]:
        """Return the recipe with `overrides` applied and interpolations resolved.

        Parameters
        ----------
        overrides
            In Hydra's grammar, without sweeps: ``key=value``, ``+key=value``, ``++key=value``,
            ``~key``.

        Raises
        ------
        ConfigurationError
            If an override or an interpolation does not fit the recipe.
        """
        config = copy.deepcopy(self._config) if overrides else self._config
        problems = [problem for text in overrides for problem in self._apply(config, text)]
        if problems:
            raise ConfigurationError(problems)
        if overrides:
            give_optional_keys(config)
        plain = _plain(config)
        calls = [
            Problem(self._source, path, f"only references to other keys are allowed, got {text!r}")
            for path, text in texts(plain)
            if calls_function(text)
        ]
        if calls:
            raise ConfigurationError(calls)
        if (place := too_large(plain)) is not None:
            raise self._error(place, "its references to other keys stand for too much")
        try:
            resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        except OmegaConfBaseException as error:
            raise self._error(str(error.full_key or ""), first_sentence(error)) from error
        recipe = leave_out_defaults(plain, cast("dict[str, Any]", resolved))
        self._measured.inline(recipe)
        return recipe

    def document(self) -> str:
        """Return the composed recipe as YAML, which needs no other file.

        Nothing is resolved but the files of measured distributions; one that is missing is named as
        in the recipe.
        """
        plain = _plain(self._config)
        recipe = leave_out_defaults(plain, plain)
        with suppress(ConfigurationError, OmegaConfBaseException):
            for place, file in named_files(recipe):
                if "${" in file and is_measured(node := at_place(recipe, place)):
                    node["file"] = OmegaConf.select(self._config, ".".join(map(str, place)))["file"]
            self._measured.inline(recipe)
        return write_mapping(recipe)

    def _apply(self, config: DictConfig, text: str) -> Iterator[Problem]:
        """Apply one override; yield what is wrong with it."""
        try:
            override = _parsed(text)
            if is_without_meaning(override.key_or_group):
                _LOG.warning("%s: %s has no meaning here and is left out", COMMAND_LINE, text)
                return
            problem = _applied(config, override)
        except HydraException as error:
            problem = grammar_sentence(error)
        except (ConfigKeyError, ConfigAttributeError) as error:
            key = _with_dots(str(error.full_key))
            problem = _no_such_key(key, *(_dead_end(config, key) or ("", None, "")))
        except OmegaConfBaseException as error:
            problem = first_sentence(error)
        if problem is not None:
            yield Problem(COMMAND_LINE, text, problem)

    def _error(self, path: str, message: str) -> ConfigurationError:
        return ConfigurationError([Problem(self._source, path, message)])


def _plain(config: DictConfig) -> dict[str, Any]:
    """Return a recipe in plain form; nothing is resolved."""
    return cast("dict[str, Any]", OmegaConf.to_container(config, resolve=False))


def _check_name(path: Path) -> None:
    if path.suffix not in YAML_ENDINGS:
        message = "a recipe is a .yaml file"
        if len(path.parts) == 1 and not is_there(path):
            shipped = {file.stem for file in BUILTIN_RECIPES.glob("*.yaml")}
            sentence = unknown("recipe", path, shipped, where="among those that ship")
            message = f"{sentence} (a recipe of your own is named by its .yaml file)"
        raise ConfigurationError([Problem(str(path), "", message)])
    if not is_there(path):
        raise ConfigurationError([Problem(str(path), "", "there is no such recipe")])


@lru_cache(maxsize=100_000)
def _parsed(text: str) -> Override:
    # Parsing costs more than everything else that a run's overrides need, and a sweep's runs share
    # most of their overrides.
    return cast("Override", OverridesParser.create().parse_override(text))


def _applied(config: DictConfig, override: Override) -> str | None:
    """Apply an override, or return why it can't be."""
    key = override.key_or_group
    adding = override.is_add() or override.is_force_add()
    end = _dead_end(config, key)
    if override.package is not None:
        return "packages ('@') are not supported in overrides"
    if override.is_sweep_override():
        return "several values need a sweep; here give one"
    if override.is_add() and end is None:
        return f"{key} exists already; leave out the '+'"
    if end is not None and not adding:
        return _no_such_key(key, *end)
    if end is not None and isinstance(end[1], ListConfig):
        here, entries, _ = end
        return (
            f"{here} is a list of {len(entries)} entries, counted from 0; an override changes "
            f"entries or the whole list, {here}=[...]"
        )
    if not override.is_delete():
        value = override.value()
        _make_way(config, key, value)
        OmegaConf.update(config, key, value, merge=True, force_add=adding)
        return None
    given, node = override.value(), _node(config, key)
    found = OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else node
    if given is not None and given != found:
        return f"{key} is {found!r}, not {given!r}; ~{key} alone deletes it whatever it is"
    parent, _, last = key.rpartition(".")
    owner = _node(config, parent)
    with open_dict(config):
        del owner[int(last) if isinstance(owner, ListConfig) else last]
    return None


def _make_way(config: DictConfig, key: str, value: Any) -> None:
    """Empty the mappings that an override's value replaces because it names other kinds."""
    owner, _, last = key.rpartition(".")
    node, parent = _node(config, key), _node(config, owner)
    if not isinstance(value, dict) or not isinstance(node, DictConfig):
        return
    refers = OmegaConf.is_interpolation(
        parent, int(last) if isinstance(parent, ListConfig) else last
    )
    if differ("" if refers else _plain(node), value):
        OmegaConf.update(config, key, None, merge=False)
    elif not refers:
        make_way(node, value)


def _dead_end(config: DictConfig, key: str) -> tuple[str, Any, str] | None:
    """Return where a key leads out of the recipe, or None if there is such a key, null included.

    Returns
    -------
    tuple
        The path of the last node on the way, that node, and the part of the key that it lacks.
    """
    node: Any = config
    here = ""
    for part in key.split("."):
        if not (
            is_index(part, node)
            if isinstance(node, ListConfig)
            else isinstance(node, DictConfig) and part in node.keys()  # noqa: SIM118 (??? counts)
        ):
            return here, node, part
        here = f"{here}.{part}" if here else part
        node = _node(config, here)
    return None


def _with_dots(full_key: str) -> str:
    """Return one of OmegaConf's keys, ``steps[4].mass``, as in an override, ``steps.4.mass``."""
    return full_key.replace("[", ".").replace("]", "")


def _node(config: DictConfig, key: str) -> Any:
    try:
        return OmegaConf.select(config, key) if key else config
    except OmegaConfBaseException:
        return None


def _no_such_key(key: str, here: str, node: Any, part: str) -> str:
    """Return the sentence for a key that is not in the recipe, with the nearest that is."""
    if isinstance(node, ListConfig):
        return f"no key {key!r}: {here} is a list of {len(node)} entries, counted from 0"
    if isinstance(node, DictConfig):
        names = [str(name) for name in node]
        sentence = unknown("key", part, names, where=f"in {here}" if here else "")
        return f"{sentence} (to add a key, write +{key}=...)"
    return f"no key {key!r}: {here} is a plain value" if here else f"no key {key!r}"
