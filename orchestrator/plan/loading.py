"""Reading a sweep: its YAML file, or a mapping, merged with a caller's options."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict, Unpack, final

from pydantic import Field, StringConstraints, ValidationError

from orchestrator.common.redaction import masked
from orchestrator.common.uris import local_folder
from orchestrator.plan.shipped import sweep_file
from orchestrator.plan.sweep import Count, Execution, OverrideText, Sweep, Tracking
from orchestrator.plan.tracking_uri import misspelled
from scene.errors import COMMAND_LINE, ConfigurationError, Problem, unknown
from scene.language.fields import Bool, StrictModel, Text
from scene.language.messages import schema_problems
from scene.language.paths import is_dead_link, is_file, is_there, shown_path, written_path
from scene.language.yaml_files import YAML_ENDINGS, is_sweep, read_mapping
from scene.recipe.compose import BUILTIN_RECIPES

type _Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]

_VARIABLE = re.compile(r"^\$\w+|\$\{[^}]*\}")
"""What a shell or Hydra would replace. A folder's name may hold other dollar signs."""


@final
class _SweepFile(StrictModel):
    """Schema of ``sweeps/*.yaml``, after the caller's options are merged in."""

    name: _Name
    recipe: Annotated[Text, Field(min_length=1)]
    recipe_dirs: tuple[Text, ...] = ()
    plugins: tuple[Text, ...] = ()
    overrides: tuple[Text, ...] = ()
    output: Annotated[Text, Field(min_length=1)] | None = None
    limit: Count | None = None
    retry_failed: Bool = False
    execution: Execution = Execution()
    tracking: Tracking = Tracking()


class SweepOptions(TypedDict, total=False):
    """What wins over the sweep file; None leaves the file's value."""

    output: str | Path | None
    limit: int | None
    executor: str | None
    address: str | None
    workers: int | None
    cpus_per_worker: float | None
    gpus_per_worker: float | None
    shared_output: bool | None
    timeout: float | None
    max_attempts: int | None
    retry_failed: bool | None
    accept_versions: bool | None
    plugins: Sequence[str | Path] | None
    tracking_uri: str | None
    experiment: str | None
    mlflow: bool | None


_OPTION_PATHS: dict[str, tuple[str, ...]] = {
    "output": ("output",),
    "limit": ("limit",),
    "executor": ("execution", "executor"),
    "address": ("execution", "address"),
    "workers": ("execution", "workers"),
    "cpus_per_worker": ("execution", "cpus_per_worker"),
    "gpus_per_worker": ("execution", "gpus_per_worker"),
    "shared_output": ("execution", "shared_output"),
    "timeout": ("execution", "timeout_s"),
    "max_attempts": ("execution", "max_attempts"),
    "retry_failed": ("retry_failed",),
    "tracking_uri": ("tracking", "uri"),
    "experiment": ("tracking", "experiment"),
    "mlflow": ("tracking", "enabled"),
}


def load_sweep(
    sweep: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    command_line: bool = False,
    **options: Unpack[SweepOptions],
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
        What wins over the sweep.

    Raises
    ------
    ConfigurationError
        With every problem found.
    """
    caller = _Caller(command_line)
    if swallowed := list(_swallowed(options, caller)):
        raise ConfigurationError(swallowed)
    source, base, document = _document(sweep, caller)
    given = {
        _OPTION_PATHS[name]: name
        for name, value in options.items()
        if name in _OPTION_PATHS and value is not None
    }
    for place, name in given.items():
        value = options[name]  # type: ignore[literal-required]
        _set(document, place, str(value) if isinstance(value, Path) else value)

    def place_of(*keys: str) -> tuple[str, str]:
        return caller.place(given[keys]) if keys in given else (source, ".".join(keys))

    try:
        file = _SweepFile.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError(
            Problem(*place_of(*map(str, keys)), message) for keys, message in schema_problems(error)
        ) from error
    problems: list[Problem] = []
    recipe_dirs = _recipe_dirs(source, base, file, problems)
    recipe = _find_recipe(source, base, file.recipe, recipe_dirs, problems)
    plugins = _folders(file.plugins, base, (source, "plugins.{}"), problems)
    plugins += _folders(options.get("plugins") or (), Path(), caller.place("plugins"), problems)
    written = [
        OverrideText(text, source, f"overrides.{i}") for i, text in enumerate(file.overrides)
    ]
    added = [OverrideText(text, caller.overrides) for text in overrides]
    merged = _merge(written, added, caller, problems)
    output = file.output or f"outputs/{file.name}"
    folder = _output_folder(output, place_of("output"), problems)
    if ("output",) not in given and (variable := _VARIABLE.search(output)):
        message = f"{variable[0]} is not replaced in a file; write the path out"
        if command_line:
            message += f', or let the shell replace it: --output "{output}"'
        problems.append(Problem(source, "output", message))
    tracking = file.tracking
    if tracking.enabled and tracking.uri and (fault := misspelled(tracking.uri)):
        problems.append(Problem(*place_of("tracking", "uri"), f"{masked(tracking.uri)}: {fault}"))
    if problems or recipe is None:
        raise ConfigurationError(problems)
    return Sweep(
        name=file.name,
        source=source,
        recipe=recipe,
        recipe_dirs=recipe_dirs,
        plugins=tuple(str(folder.absolute()) for folder in plugins),
        overrides=merged,
        output=output if folder is None else str(folder),
        limit=file.limit,
        retry_failed=file.retry_failed,
        accept_versions=bool(options.get("accept_versions")),
        execution=file.execution,
        tracking=tracking,
    )


@final
@dataclass(frozen=True, slots=True)
class _Caller:
    """What options are called by whoever gave them: a command line, or Python."""

    command_line: bool

    @property
    def source(self) -> str:
        return COMMAND_LINE if self.command_line else "arguments"

    @property
    def overrides(self) -> str:
        return COMMAND_LINE if self.command_line else "overrides"

    def place(self, option: str) -> tuple[str, str]:
        return self.source, self.spelled(option)

    def spelled(self, option: str) -> str:
        return f"--{option.replace('_', '-')}" if self.command_line else option

    def advice(self, option: str) -> str:
        if self.command_line:
            return f"or write {self.spelled('no_mlflow' if option == 'mlflow' else option)}"
        return f"or give the argument {option}"


def _document(
    sweep: str | Path | Mapping[str, Any], caller: _Caller
) -> tuple[str, Path, dict[str, Any]]:
    """Return what a sweep is called, the folder that its paths are relative to, and its content."""
    if isinstance(sweep, Mapping):
        named = {"name": Path(str(sweep["recipe"])).stem} if "recipe" in sweep else {}
        return "sweep", Path(), named | dict(sweep)
    try:
        path = sweep_file(str(written_path(sweep)), caller.source)
    except ValueError as error:
        raise ConfigurationError([Problem(shown_path(sweep), "", str(error))]) from error
    return str(path), path.parent, {"name": path.stem} | read_mapping(path)


def _swallowed(options: SweepOptions, caller: _Caller) -> Iterator[Problem]:
    """Yield a problem for every option whose value is the option after it: its own was left out.

    Otherwise ``--output --dry-run``, from a variable that is not set, would start the sweep.
    """
    for name, value in options.items():
        for text in value if isinstance(value, list | tuple) else (value,):
            if isinstance(text, str) and text.startswith("--"):
                message = f"expected a value, got {text!r}; a path of that name is ./{text}"
                yield Problem(*caller.place(name), message)


def _output_folder(output: str, place: tuple[str, str], problems: list[Problem]) -> Path | None:
    """Return the folder that an output names; None for a store, or where it is none."""
    try:
        folder = local_folder(output)
    except ConfigurationError as error:
        (problem,) = error.problems
        problems.append(Problem(*place, f"{problem.source}: {problem.message}"))
        return None
    if folder is not None and (other := _file_in(folder)) is not None:
        problems.append(Problem(*place, f"{folder}: {other} is not a folder, as an output is"))
    return folder


def _file_in(folder: Path) -> Path | None:
    """Return what lies at `folder` or above it where only a folder can; None if nothing does."""
    there = next((path for path in (folder, *folder.parents) if is_there(path)), None)
    return None if there is None or there.is_dir() else there


def _set(document: dict[str, Any], place: tuple[str, ...], value: object) -> None:
    for key in place[:-1]:
        inner = document.get(key)
        if inner is not None and not isinstance(inner, dict):
            return  # the schema tells what is wrong with it
        document[key] = document = dict(inner or {})
    document[place[-1]] = value


def _recipe_dirs(
    source: str, base: Path, file: _SweepFile, problems: list[Problem]
) -> tuple[Path, ...]:
    named = _folders(file.recipe_dirs, base, (source, "recipe_dirs.{}"), problems)
    usual = [base.parent / "recipes", base, Path("recipes"), BUILTIN_RECIPES]
    folders = [folder.absolute() for folder in [*named, *usual] if folder.is_dir()]
    return tuple(dict.fromkeys(Path(folder).resolve() for folder in folders))


def _folders(
    texts: Sequence[str | Path], base: Path, place: tuple[str, str], problems: list[Problem]
) -> list[Path]:
    """Return folders, relative to `base`; those that are none become problems."""
    folders = []
    source, key = place
    for index, text in enumerate(texts):
        try:
            folder = base / written_path(text)
        except ValueError as error:
            problems.append(Problem(source, key.format(index), f"{shown_path(text)}: {error}"))
            continue
        if folder.is_dir():
            folders.append(folder)
        else:
            problems.append(Problem(source, key.format(index), f"{folder} is not a folder"))
    return folders


def _find_recipe(
    source: str, base: Path, recipe: str, folders: Sequence[Path], problems: list[Problem]
) -> Path | None:
    """Return the file of a recipe given by name, or by path from the sweep's or current folder."""
    try:
        recipe = str(written_path(recipe))
    except ValueError as error:
        problems.append(Problem(source, "recipe", f"{shown_path(recipe)}: {error}"))
        return None
    if re.search(r"[/\\]|\.ya?ml$", recipe):
        candidates = [folder / recipe for folder in (base, Path(), *folders)]
    else:
        candidates = [folder / f"{recipe}{ending}" for folder in folders for ending in YAML_ENDINGS]
    for candidate in candidates:
        # A link that leads nowhere is what was meant, too: composing tells what is wrong with it.
        if (is_file(candidate) and not is_sweep(candidate)) or is_dead_link(candidate):
            return candidate.resolve() if candidate.exists() else candidate.absolute()
    if sweeps := [candidate for candidate in candidates if is_file(candidate)]:
        problems.append(Problem(source, "recipe", f"{sweeps[0]} is a sweep, not a recipe"))
        return None
    files = (
        file for folder in folders for ending in YAML_ENDINGS for file in folder.glob(f"*{ending}")
    )
    names = {file.stem for file in files if not is_sweep(file)}
    searched = ", ".join(str(folder) for folder in folders)
    message = f"{unknown('recipe', recipe, names)} (searched: {searched or 'no folder'})"
    problems.append(Problem(source, "recipe", message))
    return None


def _merge(
    written: Sequence[OverrideText],
    added: Sequence[OverrideText],
    caller: _Caller,
    problems: list[Problem],
) -> tuple[OverrideText, ...]:
    """Return the overrides of both, the caller's in place of the sweep's for the same key."""
    merged: dict[str, OverrideText] = {}
    for group in (written, added):
        seen: set[str] = set()
        for override in group:
            if message := _not_of_a_recipe(override.key, caller):
                problems.append(override.problem(message))
            if override.key in seen:
                problems.append(override.problem(f"overrides {override.key!r} a second time"))
            seen.add(override.key)
            merged[override.key] = override
    return tuple(merged.values())


def _not_of_a_recipe(key: str, caller: _Caller) -> str | None:
    """Return how to set a key of the sweep file, which is none of the recipe."""
    place = tuple(key.split("."))
    if place[0] not in _SweepFile.model_fields or place == ("name",):
        return None
    told = f"{place[0]!r} is a key of the sweep file, not of the recipe; set it there"
    if place == ("overrides",):
        return f"{told}, or write each override by itself"
    options = {path: name for name, path in _OPTION_PATHS.items()} | {("plugins",): "plugins"}
    return f"{told}, {caller.advice(options[place])}" if place in options else told
