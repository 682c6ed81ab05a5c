"""Reading a sweep: its YAML file, or a mapping, merged with a caller's options."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack, final

from pydantic import ValidationError

from orchestrator.common.redaction import masked
from orchestrator.common.uris import local_folder
from orchestrator.plan.options import Options, declared
from orchestrator.plan.settings import SweepFile
from orchestrator.plan.shipped import sweep_file
from orchestrator.plan.sweep import OverrideText, Sweep
from orchestrator.plan.tracking_uri import misspelled
from scene.errors import COMMAND_LINE, ConfigurationError, Problem, unknown
from scene.language.arguments import listed
from scene.language.messages import schema_problems
from scene.language.paths import is_dead_link, is_file, is_there, shown_path, written_path
from scene.language.yaml_files import YAML_ENDINGS, is_sweep, read_mapping
from scene.prototypes.library.folder import library_problem
from scene.recipe.compose import BUILTIN_RECIPES

_VARIABLE = re.compile(r"^\$\w+|\$\{[^}]*\}")
"""What a shell or Hydra would replace. A folder's name may hold other dollar signs."""

_ADDED = ("plugins", "prototypes")
"""Options that add to the sweep file's key instead of winning over it."""


def load_sweep(
    sweep: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    command_line: bool = False,
    **options: Unpack[Options],
) -> Sweep:
    """Read a sweep and merge it with a caller's options, which win.

    Parameters
    ----------
    sweep
        The sweep file, the name of a sweep that ships with Blendsweep, or the content of a sweep
        file. Folders in a file are relative to its own folder, its output to the current one.
    overrides
        In Hydra's grammar: one for a key that the sweep overrides takes that one's place, others
        come after it.
    command_line
        Whether overrides and options come from the command line, for messages to name them so.
    options
        What wins over the sweep; plugins and prototypes are added to those of the sweep.

    Raises
    ------
    ConfigurationError
        With every problem found.
    """
    caller = _Caller(command_line)
    overrides = listed("overrides", overrides)
    given: dict[str, Any] = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in options.items()
        if value is not None
    }
    for name in _ADDED:
        if name in given:
            given[name] = listed(name, given[name], str, Path)
    if problems := list(_misgiven(given, caller)):
        raise ConfigurationError(problems)
    return _Reading(sweep, given, caller).sweep(overrides)


@final
@dataclass(frozen=True, slots=True)
class _Caller:
    """What options are called by whoever gives them: a command line, or Python."""

    command_line: bool

    @property
    def source(self) -> str:
        return COMMAND_LINE if self.command_line else "arguments"

    def place(self, option: str) -> tuple[str, str]:
        spelled = declared()[option][1].flag or f"--{option.replace('_', '-')}"
        return self.source, spelled if self.command_line else option

    def advice(self, option: str) -> str:
        spelled = self.place(option)[1]
        return f"or write {spelled}" if self.command_line else f"or give the argument {spelled}"


def _misgiven(given: Mapping[str, object], caller: _Caller) -> Iterator[Problem]:
    """Yield a problem for every option that does not exist, or whose value is the option after it.

    Otherwise ``--output --dry-run``, from a variable that is not set, would start the sweep.
    """
    for name, value in given.items():
        if name not in declared():
            yield Problem(caller.source, name, unknown("option", name, declared()))
            continue
        for text in value if isinstance(value, list | tuple) else (value,):
            if isinstance(text, str) and text.startswith("--"):
                message = f"expected a value, got {text!r}; a path of that name is ./{text}"
                yield Problem(*caller.place(name), message)


@final
class _Reading:
    """One sweep on its way from text to `Sweep`, with the problems found so far."""

    def __init__(
        self, sweep: str | Path | Mapping[str, Any], given: Mapping[str, Any], caller: _Caller
    ) -> None:
        self._caller = caller
        self._problems: list[Problem] = []
        self._source, self._base, document = self._document(sweep)
        self._added = {name: given.get(name, ()) for name in _ADDED}
        self._given = {declared()[name][1].place: name for name in given if name not in _ADDED}
        for place, name in self._given.items():
            _set(document, place, given[name])
        try:
            self._file = SweepFile.model_validate(document)
        except ValidationError as error:
            for keys, message in schema_problems(error):
                self._report(*map(str, keys), message=message)
            raise ConfigurationError(self._problems) from error

    def sweep(self, overrides: Sequence[str]) -> Sweep:
        file = self._file
        recipe_dirs = self._recipe_dirs()
        recipe = self._recipe(recipe_dirs)
        plugins = self._extended(file.plugins, "plugins")
        prototype_dirs = self._extended(file.prototype_dirs, "prototypes")
        merged = self._overrides(overrides)
        output = self._output()
        uri = file.tracking.uri
        if file.tracking.enabled and uri and (fault := misspelled(uri)):
            self._report("tracking", "uri", message=f"{masked(uri)}: {fault}")
        if self._problems or recipe is None:
            raise ConfigurationError(self._problems)
        return Sweep(
            name=file.name,
            source=self._source,
            recipe=recipe,
            recipe_dirs=recipe_dirs,
            plugins=plugins,
            prototype_dirs=prototype_dirs,
            overrides=merged,
            output=output,
            settings=file,
        )

    def _report(self, *keys: str, message: str) -> None:
        """Add a problem with a key of the sweep, at the place where its value was given."""
        option = self._given.get(keys)
        place = self._caller.place(option) if option else (self._source, ".".join(keys))
        self._problems.append(Problem(*place, message))

    def _document(self, sweep: str | Path | Mapping[str, Any]) -> tuple[str, Path, dict[str, Any]]:
        """Return the sweep's name in messages, the base of its paths, and its content."""
        if isinstance(sweep, Mapping):
            named = {"name": Path(str(sweep["recipe"])).stem} if "recipe" in sweep else {}
            return "sweep", Path(), named | dict(sweep)
        try:
            path = sweep_file(str(written_path(sweep)), self._caller.source)
        except ValueError as error:
            raise ConfigurationError([Problem(shown_path(sweep), "", str(error))]) from error
        return str(path), path.parent, {"name": path.stem} | read_mapping(path)

    def _recipe_dirs(self) -> tuple[Path, ...]:
        place = (self._source, "recipe_dirs.{}")
        named = self._folders(self._file.recipe_dirs, self._base, place, _folder_problem)
        usual = [self._base.parent / "recipes", self._base, Path("recipes"), BUILTIN_RECIPES]
        folders = [folder.absolute() for folder in [*named, *usual] if folder.is_dir()]
        return tuple(dict.fromkeys(Path(folder).resolve() for folder in folders))

    def _extended(self, written: Sequence[str], option: str) -> tuple[str, ...]:
        """Return the absolute folders of the file and those that the caller adds."""
        key = f"{declared()[option][1].key}.{{}}"
        wrong = library_problem if option == "prototypes" else _folder_problem
        folders = self._folders(written, self._base, (self._source, key), wrong)
        folders += self._folders(self._added[option], Path(), self._caller.place(option), wrong)
        return tuple(str(folder.absolute()) for folder in folders)

    def _folders(
        self,
        texts: Sequence[str | Path],
        base: Path,
        place: tuple[str, str],
        problem_of: Callable[[Path], str | None],
    ) -> list[Path]:
        """Return folders, relative to `base`, and keep the problems of those that have any."""
        folders = []
        source, key = place
        for index, text in enumerate(texts):
            try:
                folder = base / written_path(text)
            except ValueError as error:
                message = f"{shown_path(text)}: {error}"
            else:
                problem = problem_of(folder)
                if problem is None:
                    folders.append(folder)
                    continue
                message = problem
            self._problems.append(Problem(source, key.format(index), message))
        return folders

    def _recipe(self, folders: Sequence[Path]) -> Path | None:
        """Return the file of the recipe: by name, or by path from the sweep's or current folder."""
        try:
            recipe = str(written_path(self._file.recipe))
        except ValueError as error:
            self._report("recipe", message=f"{shown_path(self._file.recipe)}: {error}")
            return None
        if re.search(r"[/\\]|\.ya?ml$", recipe):
            candidates = [folder / recipe for folder in (self._base, Path(), *folders)]
        else:
            candidates = [
                folder / f"{recipe}{ending}" for folder in folders for ending in YAML_ENDINGS
            ]
        for candidate in candidates:
            # A link that leads nowhere is what was meant, too: composing says what is wrong.
            if (is_file(candidate) and not is_sweep(candidate)) or is_dead_link(candidate):
                return candidate.resolve() if candidate.exists() else candidate.absolute()
        if sweeps := [candidate for candidate in candidates if is_file(candidate)]:
            self._report("recipe", message=f"{sweeps[0]} is a sweep, not a recipe")
            return None
        files = (
            file
            for folder in folders
            for ending in YAML_ENDINGS
            for file in folder.glob(f"*{ending}")
        )
        names = {file.stem for file in files if not is_sweep(file)}
        searched = ", ".join(str(folder) for folder in folders)
        message = f"{unknown('recipe', recipe, names)} (searched: {searched or 'no folder'})"
        self._report("recipe", message=message)
        return None

    def _output(self) -> str:
        """Return the absolute folder or the URI of the data set."""
        output = self._file.output or f"outputs/{self._file.name}"
        if ("output",) not in self._given and (variable := _VARIABLE.search(output)):
            message = f"{variable[0]} is not replaced in a file; write the path out"
            if self._caller.command_line:
                message += f', or let the shell replace it: --output "{output}"'
            self._report("output", message=message)
        try:
            folder = local_folder(output)
        except ConfigurationError as error:
            (problem,) = error.problems
            self._report("output", message=f"{problem.source}: {problem.message}")
            return output
        if folder is None:
            return output
        there = next((path for path in (folder, *folder.parents) if is_there(path)), folder)
        if there.exists() and not there.is_dir():
            message = f"{folder}: {there} is not a folder, as an output is"
            self._report("output", message=message)
        return str(folder)

    def _overrides(self, added: Sequence[str]) -> tuple[OverrideText, ...]:
        """Return the overrides of both, the caller's in place of the sweep's for the same key."""
        merged: dict[str, OverrideText] = {}
        written = [
            OverrideText(text, self._source, f"overrides.{index}")
            for index, text in enumerate(self._file.overrides)
        ]
        source = COMMAND_LINE if self._caller.command_line else "overrides"
        for group in (written, [OverrideText(text, source) for text in added]):
            seen: set[str] = set()
            for override in group:
                if message := _not_of_a_recipe(override.key, self._caller):
                    self._problems.append(override.problem(message))
                if override.key in seen:
                    message = f"overrides {override.key!r} a second time"
                    self._problems.append(override.problem(message))
                seen.add(override.key)
                merged[override.key] = override
        return tuple(merged.values())


def _folder_problem(folder: Path) -> str | None:
    return None if folder.is_dir() else f"{folder} is not a folder"


def _set(document: dict[str, Any], place: tuple[str, ...], value: object) -> None:
    for key in place[:-1]:
        inner = document.get(key)
        if inner is not None and not isinstance(inner, dict):
            return  # the schema says what is wrong with it
        document[key] = document = dict(inner or {})
    document[place[-1]] = value


def _not_of_a_recipe(key: str, caller: _Caller) -> str | None:
    """Return how to set a key of the sweep file, which is not one of the recipe."""
    place = tuple(key.split("."))
    if place[0] not in SweepFile.model_fields or place == ("name",):
        return None
    message = f"{place[0]!r} is a key of the sweep file, not of the recipe; set it there"
    if place == ("overrides",):
        return f"{message}, or write each override by itself"
    options = {option.place: name for name, (_, option) in declared().items()}
    return f"{message}, {caller.advice(options[place])}" if place in options else message
