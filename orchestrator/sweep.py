"""The sweep: a recipe, overrides, and where to run; a YAML file merged with the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, Unpack, final

import yaml
from pydantic import Field, StringConstraints, ValidationError

from orchestrator.documents import read_mapping
from orchestrator.storage import local_folder, without_credentials
from orchestrator.versions import versions
from scene.errors import ConfigurationError, Problem, unknown
from scene.fields import Bool, Int, Real, StrictModel, Text
from scene.messages import schema_problems

COMMAND_LINE = "command line"

type _Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
type _Positive = Annotated[Real, Field(gt=0)]
type _Count = Annotated[Int, Field(ge=1)]


@final
class Execution(StrictModel):
    """Where and how runs are executed.

    Parameters
    ----------
    executor
        ``ray``, or ``inline`` for this process without Ray.
    address
        Ray cluster to join; None starts a local one that ends with the sweep.
    workers
        Most workers at once; None takes what the resources allow.
    cpus_per_worker, gpus_per_worker
        Reservation of a worker; without GPUs given, a share where the cluster has GPUs.
    timeout_s
        Seconds after which an attempt is ended.
    max_attempts
        How often a run is tried before it counts as failed.
    recycle_after_runs, recycle_above_mb
        A worker is replaced after so many runs, or above so much resident memory in MiB.
    """

    executor: Literal["ray", "inline"] = "ray"
    address: Text | None = None
    workers: _Count | None = None
    cpus_per_worker: _Positive = 1.0
    gpus_per_worker: Annotated[Real, Field(ge=0)] | None = None
    timeout_s: _Positive = 3600.0
    max_attempts: _Count = 3
    recycle_after_runs: _Count = 200
    recycle_above_mb: _Count = 4096


@final
class Tracking(StrictModel):
    """Where MLflow records.

    Parameters
    ----------
    enabled
        False for no MLflow at all.
    uri
        Tracking server or database; None for ``sqlite:///<output>/mlflow.db``.
    experiment
        Name of the experiment; None for the sweep's name.
    """

    enabled: Bool = True
    uri: Text | None = None
    experiment: Annotated[Text, Field(min_length=1, max_length=250)] | None = None


@final
class _SweepFile(StrictModel):
    """Schema of ``sweeps/*.yaml``, after the command line has had its say."""

    name: _Name
    recipe: Annotated[Text, Field(min_length=1)]
    recipe_dirs: tuple[Text, ...] = ()
    plugins: tuple[Text, ...] = ()
    overrides: tuple[Text, ...] = ()
    output: Annotated[Text, Field(min_length=1)] | None = None
    limit: _Count | None = None
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
    timeout: float | None
    max_attempts: int | None
    retry_failed: bool | None
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
    "timeout": ("execution", "timeout_s"),
    "max_attempts": ("execution", "max_attempts"),
    "retry_failed": ("retry_failed",),
    "tracking_uri": ("tracking", "uri"),
    "experiment": ("tracking", "experiment"),
    "mlflow": ("tracking", "enabled"),
}


@final
@dataclass(frozen=True, slots=True)
class OverrideText:
    """One override in Hydra's grammar, and where it was written.

    Parameters
    ----------
    text
        For instance ``initial_runtime_state.seed=range(15)``.
    source
        The sweep file, or ``command line``.
    path
        Key path in the sweep file; empty on the command line.
    """

    text: str
    source: str
    path: str = ""

    @property
    def key(self) -> str:
        """The overridden key, without Hydra's ``+``, ``++`` or ``~``."""
        return self.text.partition("=")[0].strip().lstrip("+~")

    def problem(self, message: str) -> Problem:
        """Return a problem at this override's place."""
        return Problem(self.source, self.path or self.text, message)


@final
@dataclass(frozen=True, slots=True)
class Sweep:
    """What to make and where; everything about it that needs no Blender is checked.

    Parameters
    ----------
    name
        Safe as a file name.
    source
        The sweep file.
    recipe
        The recipe's file.
    recipe_dirs
        Folders in which recipes that the recipe builds on are found.
    plugins
        Folders of plugin packages.
    overrides
        In order; the last one varies fastest.
    output
        Absolute folder or URI of the data set.
    limit
        Only the first so many runs; None for all.
    retry_failed
        Whether runs recorded as failed are taken again.
    """

    name: str
    source: Path
    recipe: Path
    recipe_dirs: tuple[Path, ...]
    plugins: tuple[str, ...]
    overrides: tuple[OverrideText, ...]
    output: str
    limit: int | None
    retry_failed: bool
    execution: Execution
    tracking: Tracking

    @property
    def recipe_name(self) -> str:
        """The recipe's name: its file's, without the ending."""
        return self.recipe.stem

    @property
    def experiment(self) -> str:
        """Name of the MLflow experiment."""
        return self.tracking.experiment or self.name

    @property
    def tracking_uri(self) -> str | None:
        """Where MLflow records; None if it does not."""
        if not self.tracking.enabled:
            return None
        folder = local_folder(self.output) or Path("outputs", self.name).absolute()
        return self.tracking.uri or f"sqlite:///{folder}/mlflow.db"

    def document(self) -> str:
        """Return ``sweep.yaml``: the resolved sweep and the versions of what makes the images."""
        tracking = self.tracking.model_dump()
        if self.tracking.uri is not None:
            tracking["uri"] = without_credentials(self.tracking.uri)
        content = {
            "name": self.name,
            "recipe": str(self.recipe),
            "recipe_dirs": [str(folder) for folder in self.recipe_dirs],
            "plugins": list(self.plugins),
            "overrides": [override.text for override in self.overrides],
            "output": without_credentials(self.output),
            "limit": self.limit,
            "execution": self.execution.model_dump(),
            "tracking": tracking,
            "versions": versions(),
        }
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def load_sweep(
    path: str | Path, overrides: Sequence[str] = (), **options: Unpack[SweepOptions]
) -> Sweep:
    """Read a sweep file and merge it with the command line, which wins.

    Parameters
    ----------
    path
        The sweep file. Folders in it are relative to its own folder, its output to the current
        one.
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
    path = Path(path)
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
    plugins = [str(path.parent / folder) for folder in file.plugins]
    plugins += options.get("plugins") or ()
    problems += [
        Problem(str(path), "plugins", f"{folder} is not a folder")
        for folder in plugins
        if not Path(folder).is_dir()
    ]
    merged = _merge(path, file.overrides, overrides, problems)
    if problems or recipe is None:
        raise ConfigurationError(problems)
    output = file.output or f"outputs/{file.name}"
    folder = local_folder(output)
    return Sweep(
        name=file.name,
        source=path,
        recipe=recipe,
        recipe_dirs=recipe_dirs,
        plugins=tuple(str(Path(folder).absolute()) for folder in plugins),
        overrides=merged,
        output=output if folder is None else str(folder),
        limit=file.limit,
        retry_failed=file.retry_failed,
        execution=file.execution,
        tracking=file.tracking,
    )


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
    named = [path.parent / folder for folder in file.recipe_dirs]
    problems += [
        Problem(str(path), f"recipe_dirs.{index}", f"{folder} is not a folder")
        for index, folder in enumerate(named)
        if not folder.is_dir()
    ]
    usual = [path.parent.parent / "recipes", path.parent, Path("recipes")]
    folders = [folder.absolute() for folder in [*named, *usual] if folder.is_dir()]
    return tuple(dict.fromkeys(Path(folder).resolve() for folder in folders))


def _find_recipe(
    path: Path, recipe: str, folders: Sequence[Path], problems: list[Problem]
) -> Path | None:
    """Return the file of a recipe given by name, or by path from the sweep's or current folder."""
    if re.search(r"[/\\]|\.ya?ml$", recipe):
        candidates = [base / recipe for base in (path.parent, Path(), *folders)]
    else:
        candidates = [folder / f"{recipe}.yaml" for folder in folders]
    for candidate in candidates:
        if candidate.is_file() and candidate.resolve() != path.resolve():
            return candidate.resolve()
    names = {file.stem for folder in folders for file in folder.glob("*.yaml")} - {path.stem}
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
            if override.key in seen:
                problems.append(override.problem(f"overrides {override.key!r} a second time"))
            seen.add(override.key)
            merged[override.key] = override
    return tuple(merged.values())
