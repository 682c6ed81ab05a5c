"""What can be told of a synth chain before it runs: its steps' order and the files they write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from scene.execution.record import RUN_FILES
from scene.language.paths import LONGEST_NAME
from scene.recipe.names import Members, RecipeNames
from scene.recipe.plugins import described, failed
from scene.specimen.columns import RESERVED_TIMES
from scene.specimen.specimen import LARGEST_PARTICLE_ID
from scene.steps.base import FeatureGenerationStep, RenderingStep, Step

if TYPE_CHECKING:
    from scene.recipe.schema import Recipe

type Path = tuple[str | int, ...]

_GENERATION: Path = ("synth_chain", "feature_generation_steps")
_RENDERING: Path = ("synth_chain", "rendering_steps")
_NOT_ON_WINDOWS = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
_PARTICLE = "*"
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_.$-]{0,99}")
_IN_FILE_NAMES = re.compile(r"[A-Za-z0-9_.*-]+")
_INVOKE = {
    Members.TECHNIQUES: "AllMeasurementTechniqueBlueprints",
    Members.PARTICLES: "AllParticleBlueprints",
}


def chain_problems(
    generation: Sequence[object],
    rendering: Sequence[object],
    names: RecipeNames,
    numbers: Mapping[str, int],
) -> Iterator[tuple[Path, str]]:
    """Yield the (path, message) of every step that can't work where it stands.

    Parameters
    ----------
    generation, rendering
        The steps; what is faulty already is no step.
    names
        Everything that the recipe names.
    numbers
        Particles that each blueprint makes.
    """
    for path, steps in ((_GENERATION, generation), (_RENDERING, rendering)):
        for index, step in enumerate(steps):
            if isinstance(step, Step) and (problem := _label_problem(step)):
                yield (*path, index), problem
    if all(isinstance(step, Step) for step in (*generation, *rendering)):
        yield from _order_problems(generation, rendering, names, numbers)  # type: ignore[arg-type]
    yield from _file_problems(rendering, names)


def changes_problems(recipe: Recipe) -> Iterator[tuple[Path, str]]:
    """Yield the (path, message) of every step that can't tell which features it changes."""
    for index, step in enumerate(recipe.synth_chain.feature_generation_steps):
        try:
            changed = list(step.changes(recipe))
        except Exception as error:  # noqa: BLE001 (a plugin's own code)
            yield (*_GENERATION, index), failed(type(step), "changes", error)
            continue
        if not all(isinstance(name, str) for name in changed):
            message = f"{described(type(step))}: changes must give features' names, got {changed!r}"
            yield (*_GENERATION, index), message


def _label_problem(step: Step) -> str | None:
    """Return why the step's time can't be recorded under its label."""
    try:
        label: object = step.label
    except Exception as error:  # noqa: BLE001 (a plugin's own code)
        return failed(type(step), "label", error)
    if not isinstance(label, str) or not _LABEL.fullmatch(label):
        return f"{described(type(step))}: its label must be letters, digits, . and _, not {label!r}"
    if label.casefold() in RESERVED_TIMES:
        return f"{described(type(step))}: the label {label!r} is the name of another time of a run"
    return None


def _order_problems(
    generation: Sequence[FeatureGenerationStep],
    rendering: Sequence[RenderingStep],
    names: RecipeNames,
    numbers: Mapping[str, int],
) -> Iterator[tuple[Path, str]]:
    made: list[Mapping[Members, int] | None] = []
    for index, step in enumerate(generation):
        path = (*_GENERATION, index)
        try:
            makes, needs = _checked(step, names, numbers)
        except TypeError as error:
            yield path, str(error)
            return
        for kind in needs:
            if not any(earlier is None or kind in earlier for earlier in made) and (
                maker := _first_maker(generation, index + 1, kind, names, numbers)
            ):
                message = f"works on {kind} before step {maker} makes them; put it behind that"
                yield path, message
        if None not in made:  # else a plugin's step may have made anything
            yield from ((path, text) for text in _too_many(made, makes or {}))
        made.append(makes)
    if None not in made:
        yield from _rendering_problems(
            rendering, {kind for makes in made for kind in makes or ()}, names
        )


def _rendering_problems(
    rendering: Sequence[RenderingStep], made: set[Members], names: RecipeNames
) -> Iterator[tuple[Path, str]]:
    for index, step in enumerate(rendering):
        path = (*_RENDERING, index)
        try:
            needs = [Members(kind) for kind in step.needs(names)]
        except Exception as error:  # noqa: BLE001 (a plugin's own code)
            yield path, failed(type(step), "needs", error)
            continue
        for kind in [kind for kind in needs if kind not in made]:
            made.add(kind)  # told once, at the first step that needs it
            message = (
                f"there are no {kind} to render with: a feature generation step "
                f"'$builtins.InvokeBlueprints' with affected_set_name: "
                f"{_INVOKE.get(kind, 'a set of their blueprints')} makes them"
            )
            yield path, message


def _first_maker(
    generation: Sequence[FeatureGenerationStep],
    start: int,
    kind: Members,
    names: RecipeNames,
    numbers: Mapping[str, int],
) -> int | None:
    """Return the index of the first step from `start` on that makes such objects."""
    for index, step in enumerate(generation[start:], start):
        try:
            makes, _ = _checked(step, names, numbers)
        except TypeError:
            return None  # told at its own place
        if makes and kind in makes:
            return index
    return None


def _checked(
    step: FeatureGenerationStep, names: RecipeNames, numbers: Mapping[str, int]
) -> tuple[Mapping[Members, int] | None, list[Members]]:
    """Return what a step makes and needs.

    Raises
    ------
    TypeError
        With one sentence, if it can't tell.
    """
    makes: Any
    try:
        makes, needs = step.makes(names, numbers), list(step.needs(names))
    except Exception as error:
        raise TypeError(failed(type(step), "makes or needs", error)) from error
    if not _counts(makes) or not all(isinstance(kind, Members) for kind in needs):
        message = "makes must give numbers by scene.recipe.names.Members, needs such Members"
        raise TypeError(f"{described(type(step))}: {message}")
    return makes, needs


def _counts(makes: object) -> bool:
    if makes is None:
        return True
    return isinstance(makes, Mapping) and all(
        isinstance(kind, Members) and isinstance(count, int) for kind, count in makes.items()
    )


def _too_many(
    before: Sequence[Mapping[Members, int] | None], makes: Mapping[Members, int]
) -> Iterator[str]:
    """Yield what is wrong with making these objects beside those of earlier steps."""
    for kind, count in makes.items():
        already = sum(earlier.get(kind, 0) for earlier in before if earlier)
        if kind is Members.TECHNIQUES and already:
            yield "makes the measurement technique a second time; there can be only one"
        if kind is Members.PARTICLES and 0 < already <= LARGEST_PARTICLE_ID < already + count:
            yield (
                f"at most {LARGEST_PARTICLE_ID} particles in all, got {already + count} with "
                "those of earlier steps"
            )


def _file_problems(steps: Sequence[object], names: RecipeNames) -> Iterator[tuple[Path, str]]:
    """Yield problems with the files of rendering steps: impossible names, and names used twice."""
    taken = dict.fromkeys(RUN_FILES, "every run")
    for index, step in enumerate(steps):
        if not isinstance(step, RenderingStep):
            continue
        path = (*_RENDERING, index)
        try:
            files = list(step.files(names))
        except Exception as error:  # noqa: BLE001 (a plugin's own code)
            yield path, failed(type(step), "files", error)
            continue
        for file in files:
            problem = _name_problem(file)
            if problem is not None:
                yield path, f"{described(type(step))} would write {file!r}, {problem}"
                break
            if (other := _collision(file, taken)) is not None:
                yield path, _twice(file, other, taken[other])
                break
        taken |= dict.fromkeys(map(str, files), f"step {index}")


def _twice(file: str, other: str, writer: str) -> str:
    does = f"as {writer} does" if file == other else f"which can't be beside {other} of {writer}"
    return f"writes {file}, {does}; give one of them an output_file_name_prefix or a subfolder"


def _name_problem(file: object) -> str | None:
    """Return why no run's folder can have a file of this path on every system."""
    if not isinstance(file, str) or not file:
        return "which is not a file's path"
    if PurePosixPath(file).is_absolute() or ".." in file.split("/"):
        return "which lies outside the run's folder"
    for part in PurePosixPath(file).parts:
        if len(part) > LONGEST_NAME:
            return f"whose name is longer than {LONGEST_NAME} characters"
        if not _IN_FILE_NAMES.fullmatch(part):
            return "which has other characters than letters, digits, '.', '_' and '-'"
        if part[0] == "." or part[-1] == ".":
            return "a name that begins or ends with a point"
        if _NOT_ON_WINDOWS.fullmatch(part):
            return f"but {part} is no file's name on Windows"
    return None


def _collision(file: str, taken: Mapping[str, str]) -> str | None:
    """Return what of `taken` is the same path as `file` somewhere, or a folder of it."""
    own = _folded(file)
    for other in taken:
        theirs = _folded(other)
        for one, two in ((own, theirs), (theirs, own)):
            pattern = re.escape(one).replace(re.escape(_PARTICLE), r"\d{5,}")
            if one == two or re.fullmatch(pattern, two) or two.startswith(f"{one}/"):
                return other
    return None


def _folded(file: str) -> str:
    return str(PurePosixPath(file)).casefold()
