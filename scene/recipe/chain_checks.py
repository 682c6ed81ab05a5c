"""What can be checked in a synth chain before it runs: its steps' labels, order and files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, final

from scene.language.element import Members
from scene.language.plugin_code import described, failed
from scene.recipe.file_checks import files_problem
from scene.recipe.names import RecipeNames
from scene.specimen.columns import RESERVED_TIMES
from scene.specimen.specimen import LARGEST_PARTICLE_ID
from scene.steps.base import FeatureGenerationStep, Step

type Path = tuple[str | int, ...]
type Steps = Mapping[Path, Step | None]
"""Steps by their paths, in the order of the chain; None for a faulty one."""

_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_.$-]{0,99}")
_INVOKE = {
    Members.TECHNIQUES: "AllMeasurementTechniqueBlueprints",
    Members.PARTICLES: "AllParticleBlueprints",
}


class _StepError(Exception):
    """A step that gives no usable answer; the text is the sentence for it."""


@final
@dataclass(frozen=True, slots=True)
class _Answers:
    """What a step says of itself; `makes` is None if that is only known once it has run."""

    path: Path
    needs: Sequence[Members]
    makes: Mapping[Members, int] | None


def chain_problems(
    generation: Steps, rendering: Steps, names: RecipeNames
) -> Iterator[tuple[Path, str]]:
    """Yield the (path, message) of every step that can't work where it stands."""
    answers: dict[Path, _Answers] = {}
    for path, step in (*generation.items(), *rendering.items()):
        if step is None:
            continue
        try:
            _check_label(step)
            answers[path] = _answers(step, path, names)
        except _StepError as error:
            yield path, str(error)
    if len(answers) == len(generation) + len(rendering):
        yield from _order_problems(
            [answers[path] for path in generation], [answers[path] for path in rendering]
        )
    taken: dict[str, str] = {}
    for index, (path, step) in enumerate(rendering.items()):
        if step is not None:
            try:
                files = _listed(step, "files", names)
            except _StepError as error:
                yield path, str(error)
                continue
            if problem := files_problem(files, described(type(step)), f"step {index}", taken):
                yield path, problem


def _check_label(step: Step) -> None:
    label = _asked(step, "label", lambda: step.label)
    if not isinstance(label, str) or not _LABEL.fullmatch(label):
        message = f"its label must be letters, digits, . and _, not {label!r}"
    elif label.casefold() in RESERVED_TIMES:
        message = f"the label {label!r} is the name of another time of a run"
    else:
        return
    raise _StepError(f"{described(type(step))}: {message}")


def _answers(step: Step, path: Path, names: RecipeNames) -> _Answers:
    needs = _listed(step, "needs", names, Members, "Members")
    if not isinstance(step, FeatureGenerationStep):
        return _Answers(path, needs, {})
    _listed(step, "changes", names, str, "features' names")
    makes = _asked(step, "makes", lambda: step.makes(names))
    if makes is not None and not (
        isinstance(makes, Mapping)
        and all(isinstance(kind, Members) for kind in makes)
        and all(isinstance(count, int) for count in makes.values())
    ):
        message = f"makes must give numbers by Members, got {makes!r:.60}"
        raise _StepError(f"{described(type(step))}: {message}")
    concerns = _asked(step, "concerns", lambda: step.concerns(names))
    if concerns is not None and not isinstance(concerns, Members):
        message = f"concerns must give one of Members or None, got {concerns!r:.60}"
        raise _StepError(f"{described(type(step))}: {message}")
    return _Answers(path, needs, makes)


def _listed(
    step: Step, method: str, names: RecipeNames, kind: type = object, words: str = ""
) -> list[Any]:
    """Return the list of what a step's method gives, all of it of a kind, which is in `words`."""
    given: list[Any] = _asked(step, method, lambda: list(getattr(step, method)(names)))
    if not all(isinstance(item, kind) for item in given):
        message = f"{method} must give {words}, got {given!r:.60}"
        raise _StepError(f"{described(type(step))}: {message}")
    return given


def _asked(step: Step, what: str, ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except Exception as error:
        raise _StepError(failed(type(step), what, error)) from error


def _order_problems(
    generation: Sequence[_Answers], rendering: Sequence[_Answers]
) -> Iterator[tuple[Path, str]]:
    makes = [step.makes for step in generation]
    for index, step in enumerate(generation):
        before = makes[:index]
        if None in before:  # a plugin's step may have made anything
            return
        known = cast("list[Mapping[Members, int]]", before)
        for kind in step.needs:
            later = (n for n, made in enumerate(makes) if n > index and made and kind in made)
            maker = None if any(kind in made for made in known) else next(later, None)
            if maker is not None:
                message = f"works on {kind.text} before step {maker} makes them; put it behind that"
                yield step.path, message
        for problem in _too_many(known, step.makes or {}):
            yield step.path, problem
    if None in makes:
        return
    made = {kind for step in generation for kind in step.makes or ()}
    for step in rendering:
        for kind in step.needs:
            if kind not in made:
                made.add(kind)  # reported once, at the first step that needs it
                message = (
                    f"there are no {kind.text} to render with: a feature generation step "
                    f"'$builtins.InvokeBlueprints' with affected_set_name: "
                    f"{_INVOKE.get(kind, 'a set of their blueprints')} makes them"
                )
                yield step.path, message


def _too_many(
    before: Sequence[Mapping[Members, int]], makes: Mapping[Members, int]
) -> Iterator[str]:
    """Yield what is wrong with making these objects beside those of earlier steps."""
    for kind, count in makes.items():
        already = sum(earlier.get(kind, 0) for earlier in before)
        if kind is Members.TECHNIQUES and already:
            yield "makes the measurement technique a second time; there can be only one"
        if kind is Members.PARTICLES and 0 < already <= LARGEST_PARTICLE_ID < already + count:
            yield (
                f"at most {LARGEST_PARTICLE_ID} particles in all, got {already + count} with "
                "those of earlier steps"
            )
