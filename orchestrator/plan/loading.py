"""Reading a sweep: its YAML file merged with the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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
    """Schema of ``sweeps/*.yaml``, after the command line has had its say."""

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
    """Options of the command line; None leaves the sweep file's value."""

    output: str | None
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
    plugins: Sequence[str] | None
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
    path: str | Path, overrides: Sequence[str] = (), **options: Unpack[SweepOptions]
) -> Sweep:
    """Read a sweep file and merge it with the command line, which wins.

    Parameters
    ----------
    path
        The sweep file, or the name of a sweep that ships with Blendsweep. Folders in the file are
        relative to its own folder, its output to the current one.
    overrides
        Overrides from the command line: one for a key that the file overrides takes that one's
        place, others come after it.
    options
        Further options of the command line.

    Raises
    ------
    ConfigurationError
        With every problem found.
    """
    if swallowed := list(_swallowed(options)):
        raise ConfigurationError(swallowed)
    try:
        path = sweep_file(str(written_path(path)))
    except ValueError as error:
        raise ConfigurationError([Problem(shown_path(path), "", str(error))]) from error
    document = read_mapping(path)
    given = {
        _OPTION_PATHS[name]: name
        for name, value in options.items()
        if name in _OPTION_PATHS and value is not None
    }
    for place, name in given.items():
        _set(document, place, options[name])  # type: ignore[literal-required]
    document.setdefault("name", path.stem)
    try:
        file = _SweepFile.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError(_located(error, path, given)) from error
    problems: list[Problem] = []
    recipe_dirs = _recipe_dirs(path, file, problems)
    recipe = _find_recipe(path, file.recipe, recipe_dirs, problems)
    plugins = _folders(file.plugins, path.parent, str(path), "plugins.{}", problems)
    plugins += _folders(options.get("plugins") or (), Path(), COMMAND_LINE, "--plugins", problems)
    merged = _merge(path, file.overrides, overrides, problems)
    output = file.output or f"outputs/{file.name}"
    if ("output",) not in given and (variable := _VARIABLE.search(output)):
        message = (
            f"{variable[0]} is not replaced in a file; write the path out, or let the shell "
            f'replace it: --output "{output}"'
        )
        problems.append(Problem(str(path), "output", message))
    folder = None
    place = (COMMAND_LINE, "--output") if ("output",) in given else (str(path), "output")
    try:
        folder = local_folder(output)
    except ConfigurationError as error:
        (problem,) = error.problems
        problems.append(Problem(*place, f"{problem.source}: {problem.message}"))
    if folder is not None and (other := _file_in(folder)) is not None:
        problems.append(Problem(*place, f"{folder}: {other} is no folder, as an output is"))
    if file.tracking.enabled and file.tracking.uri and (told := misspelled(file.tracking.uri)):
        option = given.get(("tracking", "uri"))
        place = (COMMAND_LINE, "--tracking-uri") if option else (str(path), "tracking.uri")
        problems.append(Problem(*place, f"{masked(file.tracking.uri)}: {told}"))
    if problems or recipe is None:
        raise ConfigurationError(problems)
    return Sweep(
        name=file.name,
        source=path,
        recipe=recipe,
        recipe_dirs=recipe_dirs,
        plugins=tuple(str(folder.absolute()) for folder in plugins),
        overrides=merged,
        output=output if folder is None else str(folder),
        limit=file.limit,
        retry_failed=file.retry_failed,
        accept_versions=bool(options.get("accept_versions")),
        execution=file.execution,
        tracking=file.tracking,
    )


def _swallowed(options: SweepOptions) -> Iterator[Problem]:
    """Yield a problem for every option whose value is the option after it: its own was left out.

    Else ``--output --dry-run``, from a variable that is not set, would start the sweep.
    """
    for name, value in options.items():
        for text in value if isinstance(value, list | tuple) else (value,):
            if isinstance(text, str) and text.startswith("--"):
                message = f"expected a value, got {text!r}; a path of that name is ./{text}"
                yield Problem(COMMAND_LINE, f"--{name.replace('_', '-')}", message)


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


def _located(
    error: ValidationError, path: Path, given: dict[tuple[str, ...], str]
) -> list[Problem]:
    problems = []
    for place, message in schema_problems(_SweepFile, error):
        option = given.get(tuple(str(part) for part in place))
        if option is None:
            problems.append(Problem(str(path), ".".join(map(str, place)), message))
        else:
            problems.append(Problem(COMMAND_LINE, f"--{option.replace('_', '-')}", message))
    return problems


def _recipe_dirs(path: Path, file: _SweepFile, problems: list[Problem]) -> tuple[Path, ...]:
    named = _folders(file.recipe_dirs, path.parent, str(path), "recipe_dirs.{}", problems)
    usual = [path.parent.parent / "recipes", path.parent, Path("recipes"), BUILTIN_RECIPES]
    folders = [folder.absolute() for folder in [*named, *usual] if folder.is_dir()]
    return tuple(dict.fromkeys(Path(folder).resolve() for folder in folders))


def _folders(
    texts: Sequence[str], base: Path, source: str, place: str, problems: list[Problem]
) -> list[Path]:
    """Return folders, relative to `base`; those that are none become problems."""
    folders = []
    for index, text in enumerate(texts):
        try:
            folder = base / written_path(text)
        except ValueError as error:
            problems.append(Problem(source, place.format(index), f"{shown_path(text)}: {error}"))
            continue
        if folder.is_dir():
            folders.append(folder)
        else:
            problems.append(Problem(source, place.format(index), f"{folder} is not a folder"))
    return folders


def _find_recipe(
    path: Path, recipe: str, folders: Sequence[Path], problems: list[Problem]
) -> Path | None:
    """Return the file of a recipe given by name, or by path from the sweep's or current folder."""
    try:
        recipe = str(written_path(recipe))
    except ValueError as error:
        problems.append(Problem(str(path), "recipe", f"{shown_path(recipe)}: {error}"))
        return None
    if re.search(r"[/\\]|\.ya?ml$", recipe):
        candidates = [base / recipe for base in (path.parent, Path(), *folders)]
    else:
        candidates = [folder / f"{recipe}{ending}" for folder in folders for ending in YAML_ENDINGS]
    for candidate in candidates:
        # A link that leads nowhere is what was meant, too: composing tells what is wrong with it.
        if (is_file(candidate) and not is_sweep(candidate)) or is_dead_link(candidate):
            return candidate.resolve() if candidate.exists() else candidate.absolute()
    if sweeps := [candidate for candidate in candidates if is_file(candidate)]:
        problems.append(Problem(str(path), "recipe", f"{sweeps[0]} is a sweep, not a recipe"))
        return None
    files = (
        file for folder in folders for ending in YAML_ENDINGS for file in folder.glob(f"*{ending}")
    )
    names = {file.stem for file in files if not is_sweep(file)}
    searched = ", ".join(str(folder) for folder in folders)
    message = f"{unknown('recipe', recipe, names)} (searched: {searched or 'no folder'})"
    problems.append(Problem(str(path), "recipe", message))
    return None


def _merge(
    path: Path, in_file: Sequence[str], on_command_line: Sequence[str], problems: list[Problem]
) -> tuple[OverrideText, ...]:
    """Return the overrides of both, the command line's in place of the file's for the same key."""
    merged: dict[str, OverrideText] = {}
    groups = [
        [OverrideText(text, str(path), f"overrides.{i}") for i, text in enumerate(in_file)],
        [OverrideText(text, COMMAND_LINE) for text in on_command_line],
    ]
    for group in groups:
        seen: set[str] = set()
        for override in group:
            if message := _not_of_a_recipe(override.key):
                problems.append(override.problem(message))
            if override.key in seen:
                problems.append(override.problem(f"overrides {override.key!r} a second time"))
            seen.add(override.key)
            merged[override.key] = override
    return tuple(merged.values())


def _not_of_a_recipe(key: str) -> str | None:
    """Return how to set a key of the sweep file, which is none of the recipe."""
    place = tuple(key.split("."))
    if place[0] not in _SweepFile.model_fields or place == ("name",):
        return None
    option = {path: name for name, path in _OPTION_PATHS.items()}.get(place)
    if option == "mlflow":
        advice = ", or write --no-mlflow"
    elif option:
        advice = f", or write --{option.replace('_', '-')}"
    elif place == ("overrides",):
        advice = ", or write each override by itself"
    elif place == ("plugins",):
        advice = ", or write --plugins"
    else:
        advice = ""
    return f"{place[0]!r} is a key of the sweep file, not of the recipe; set it there{advice}"
