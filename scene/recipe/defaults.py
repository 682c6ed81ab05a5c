"""Hydra's defaults list, whose files are read as strictly as all YAML files."""

from __future__ import annotations

import itertools
import logging
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, final

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository, ConfigRepository
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.core_plugins.structured_config_source import StructuredConfigSource
from hydra._internal.defaults_list import create_defaults_list
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import ResultDefault
from hydra.errors import HydraException, MissingConfigException
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.version import setbase
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from scene.errors import ConfigurationError, Problem, unknown
from scene.language.paths import is_there
from scene.language.yaml_files import YAML_ENDINGS, is_sweep, read_text
from scene.language.yaml_texts import parse_mapping
from scene.recipe.kinds import replaced
from scene.recipe.measured import is_measured, named_files
from scene.recipe.references import calls_function

_LOG = logging.getLogger(__name__)

_WITHOUT_MEANING = (("hydra",), ("synth_chain", "blender_log_file_name"))
"""Keys that recipes made for other tools have; they are accepted, and left out with a note."""

_WORDS = {
    r"\w+ (?:raised )?while resolving interpolation: ": "",
    r"\bDictConfig\b": "a mapping",
    r"\bListConfig\b": "a list",
    r"\bAnyNode\b": "a value",
}
"""Phrases of the libraries, and what a person understands."""


def compose(path: Path, folders: Sequence[Path]) -> DictConfig:
    """Return a recipe merged with everything that its defaults list names.

    Parameters
    ----------
    path
        The recipe file.
    folders
        Where its defaults are found, after its own folder.

    Raises
    ------
    ConfigurationError
        If one of the files can't be read, or they can't be composed.
    """
    # All that depends on where recipes lie is handed over as paths: Hydra's own way in goes by a
    # global state, a search path in its grammar, and one ending of files.
    setbase("1.3")
    places = ConfigSearchPathImpl()
    for folder in (path.parent, *folders):
        places.append("recipes", str(folder))
    repository = CachingConfigRepository(_Recipes(places, path))
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            defaults = create_defaults_list(
                repository, path.stem, [], prepend_hydra=False, skip_missing=False
            )
        for warning in caught:
            _LOG.warning("%s: defaults: %s", path, _plain_warning(str(warning.message)))
        return _merged(defaults.defaults, repository, path)
    except ConfigurationError:
        raise
    except MissingConfigException as error:
        raise _error(path, "defaults", _missing(error, path, folders)) from error
    except RecursionError as error:
        raise _error(path, "defaults", "the recipe includes itself") from error
    except (HydraException, OmegaConfBaseException) as error:
        raise _error(path, "defaults", first_sentence(error)) from error
    except Exception as error:  # whatever the files hold, the answer is a sentence
        message = f"can't be composed: {type(error).__name__}: {first_sentence(error)}"
        raise _error(path, "", message) from error


def make_way(config: DictConfig, new: Mapping[Any, Any]) -> None:
    """Empty the mappings of `config` that `new`, about to be merged into it, replaces."""
    for *parents, key in list(replaced(_plain(config), new)):
        node: Any = config
        for parent in parents:
            node = node[parent]
        node[key] = None


def _merged(
    defaults: Sequence[ResultDefault], repository: ConfigRepository, path: Path
) -> DictConfig:
    """Return the recipes of a defaults list as one; what stands later wins."""
    loader = ConfigLoaderImpl(ConfigSearchPathImpl())
    merged = OmegaConf.create()
    for default in defaults:
        recipe = loader._compose_config_from_defaults_list([default], repository)  # noqa: SLF001
        try:
            plain = _plain(recipe)
            make_way(merged, plain)
            merged.merge_with(recipe)
        except OmegaConfBaseException as error:
            message = f"recipe {default.config_path} does not fit those before"
            problem = f"{message}: {first_sentence(error)}"
            raise _error(path, _conflict(repository), problem) from error
        _find_files(merged, plain, _folder(repository, default))
    return merged


def _find_files(config: DictConfig, recipe: Mapping[str, Any], folder: Path) -> None:
    """Give the files of a recipe's measured distributions the folder that they lie in."""
    for place, file in named_files(recipe):
        node: Any = config
        for key in place:
            node = node[key]
        if is_measured(_plain(node)) and not file.startswith("${"):
            node["file"] = str(folder / file)


def _folder(repository: ConfigRepository, default: ResultDefault) -> Path:
    """Return the folder of one of a defaults list's recipes."""
    found = repository.load_config(default.config_path)
    return Path(found.path.removeprefix("file://"), default.config_path).parent


def _plain(config: DictConfig) -> dict[str, Any]:
    return cast("dict[str, Any]", OmegaConf.to_container(config, resolve=False))


def first_sentence(error: Exception) -> str:
    """Return a library's message as one line, without the parts that only its authors need."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = [
        line for line in lines if not line.startswith(("full_key:", "object_type", "reference"))
    ]
    sentence = " ".join(kept) or type(error).__name__
    if "RecursionError" in sentence:
        return "Recursive interpolation detected"
    for pattern, words in _WORDS.items():
        sentence = re.sub(pattern, words, sentence)
    return sentence


def _plain_warning(text: str) -> str:
    if "missing `_self_`" in text:
        return "_self_ is missing; it stands last, so that the recipe's own keys win"
    return text.splitlines()[0]


@final
class _Recipes(ConfigRepository):  # type: ignore[misc]  # Hydra comes without types
    """The files that a defaults list can name."""

    def __init__(self, places: ConfigSearchPath, main: Path) -> None:
        self._main = main
        super().__init__(places)

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """Make a source of every folder; the first is the main recipe's."""
        self.config_search_path = config_search_path
        folders = [Path(place.path) for place in config_search_path.get_path()]
        self.sources = [
            *(_Folder(folder, self._main if n == 0 else None) for n, folder in enumerate(folders)),
            StructuredConfigSource("schema", "structured://"),
        ]


@final
class _Folder(FileConfigSource):  # type: ignore[misc]
    """One folder with recipes."""

    def __init__(self, folder: Path, main: Path | None) -> None:
        super().__init__("recipes", f"file://{folder}")
        self._main = main

    def is_config(self, config_path: str) -> bool:
        """Return whether there is a file; one that can't be read counts, and is reported later."""
        return self._file(config_path) is not None

    def load_config(self, config_path: str) -> ConfigResult:
        """Read a file."""
        file = self._file(config_path)
        assert file is not None
        text = read_text(file)
        content = parse_mapping(text, str(file))
        if not content:
            raise _error(file, "", "is empty; a recipe is a mapping of keys")
        _leave_out(content, file)
        _check_defaults(content.get("defaults", []), file)
        try:
            header = ConfigSource._get_header_dict(text[:512])  # noqa: SLF001
            config = OmegaConf.create(content)
        except OmegaConfBaseException as error:
            raise _error(file, str(error.full_key or ""), first_sentence(error)) from error
        except ValueError as error:
            raise _error(file, "", first_sentence(error)) from error
        except RecursionError as error:
            raise _error(file, "", "nested too deeply") from error
        return ConfigResult(
            provider=self.provider, path=f"file://{self.path}", config=config, header=header
        )

    def _file(self, config_path: str) -> Path | None:
        if self._main is not None and config_path == self._main.stem:
            return self._main
        names = [config_path] if config_path.endswith(YAML_ENDINGS) else []
        names += [config_path + ending for ending in YAML_ENDINGS]
        candidates = (Path(self.path, name) for name in names)
        return next((file for file in candidates if is_there(file)), None)


def is_without_meaning(key: str) -> bool:
    """Return whether the key of an override is one of those, or below one."""
    path = tuple(key.replace("/", ".").split("."))
    return any(path[: len(place)] == place for place in _WITHOUT_MEANING)


def _leave_out(content: dict[str, Any], file: Path) -> None:
    """Remove what has no meaning here, and say so."""
    for path in _WITHOUT_MEANING:
        owner: Any = content
        for key in path[:-1]:
            owner = owner.get(key) if isinstance(owner, dict) else None
        if isinstance(owner, dict) and path[-1] in owner:
            del owner[path[-1]]
            _LOG.warning("%s: %s has no meaning here and is left out", file, ".".join(path))
    defaults = content.get("defaults")
    if isinstance(defaults, list):
        for entry in [entry for entry in defaults if _is_for_hydra(entry)]:
            defaults.remove(entry)
            _LOG.warning("%s: defaults: %s has no meaning here and is left out", file, entry)


def _is_for_hydra(entry: object) -> bool:
    name = next(iter(entry), "") if isinstance(entry, dict) else entry
    return isinstance(name, str) and name.rpartition(" ")[2].lstrip("/").startswith("hydra/")


def _check_defaults(defaults: Any, file: Path) -> None:
    """Refuse what Hydra would answer with an internal error."""
    if not isinstance(defaults, list):
        raise _error(file, "defaults", f"expected a list of names, got {defaults!r}")
    for number, entry in enumerate(defaults):
        if problem := _entry_problem(entry):
            raise _error(file, f"defaults.{number}", problem)


def _entry_problem(entry: Any) -> str | None:
    """Return what is wrong with an entry of a defaults list: a name, or a group and its names."""
    if isinstance(entry, dict) and len(entry) != 1:
        return f"expected one 'group: name', got {entry!r}"
    groups, (value,) = (list(entry), entry.values()) if isinstance(entry, dict) else ([], [entry])
    names = value if groups and isinstance(value, list) else [value]
    for name in (*names, *groups):
        if name is None and groups:  # the group is left out
            continue
        if not isinstance(name, str):
            return f"expected a recipe's name, got {value!r}"
        if name in {"", "???"}:
            return f"expected a recipe's name, got {repr(name) if name else 'an empty one'}"
        if {".", ".."} & set(name.split("/")):
            # Hydra takes them for keys with such names.
            return (
                f"unknown recipe {name!r}; a recipe is named without dots, and found in the folder "
                "of the one that names it or in recipe_dirs"
            )
        if calls_function(name):
            return f"only references to other keys are allowed, got {value!r}"
    return None


def _conflict(repository: CachingConfigRepository) -> str:
    """Return the path at which one recipe has a mapping and another a list."""

    def search(one: Any, other: Any, path: str) -> str:
        if isinstance(one, dict) and isinstance(other, dict):
            shared = [key for key in one if key in other]
            found = (search(one[k], other[k], f"{path}.{k}" if path else str(k)) for k in shared)
            return next(filter(None, found), "")
        return path if {type(one), type(other)} == {dict, list} else ""

    loaded = [result.config for result in repository.cache.values() if result is not None]
    contents = [OmegaConf.to_container(config, resolve=False) for config in loaded]
    pairs = itertools.combinations(contents, 2)
    return next(filter(None, (search(one, other, "") for one, other in pairs)), "")


def _missing(error: MissingConfigException, path: Path, folders: Sequence[Path]) -> str:
    names = {
        file.stem
        for folder in (path.parent, *folders)
        for ending in YAML_ENDINGS
        for file in folder.glob(f"*{ending}")
        if not is_sweep(file)
    }
    sentence = unknown("recipe", error.missing_cfg_file, names - {path.stem})
    named_in = re.match(r"In '([^']+)'", str(error))
    if named_in is None or named_in[1] == path.stem:
        return sentence
    return f"{sentence} (named by the recipe {named_in[1]!r})"


def _error(file: Path, path: str, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(str(file), path, message)])
