"""Specimens that runs share: made once, stored, and read by the others."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from scene.errors import SpecimenDamagedError
from scene.execution.stopwatch import Stopwatch
from scene.recipe.specimen_hash import specimen_of, specimen_steps
from scene.specimen.stored import StoredSpecimen

if TYPE_CHECKING:
    from scene.recipe.schema import Recipe
    from scene.specimen.streams import StreamKey
    from scene.steps.context import StepContext

LABEL = "specimen"
"""Under which the time that reading and storing take is recorded."""

logger = logging.getLogger(__name__)


class SpecimenStore(Protocol):
    """Where the specimens of a data set are kept."""

    def load(self, specimen: str) -> bytes | None:
        """Return the content stored under a hash; None if there is none."""

    def save(self, specimen: str, content: bytes) -> None:
        """Store a content under a hash, whole or not at all, in the place of any other."""


def generate(
    recipe: Recipe,
    context: StepContext,
    execute_step: Callable[[int], None],
    specimens: SpecimenStore | None,
    stopwatch: Stopwatch,
) -> str | None:
    """Execute the feature generation steps, but for those whose specimen is stored.

    Parameters
    ----------
    execute_step
        Executes the step at a position.
    specimens
        Where specimens are looked for and stored; None to leave that alone.
    stopwatch
        Where the time goes.

    Returns
    -------
    str or None
        The specimen's hash; None if it may depend on anything.
    """
    count = len(recipe.synth_chain.feature_generation_steps)
    steps = None if specimens is None else specimen_steps(recipe)
    name = specimen_of(recipe)
    if specimens is None or steps is None or name is None or not steps.worth_keeping:
        for position in range(count):
            execute_step(position)
        return name
    with stopwatch.measure(LABEL):
        found = _loaded(specimens, name)
    drawn: Counter[StreamKey] = Counter()
    for position in range(steps.end):
        if position not in steps.makers:
            execute_step(position)
        elif found is None:
            before = context.streams.drawn
            execute_step(position)
            drawn += context.streams.drawn - before
    with stopwatch.measure(LABEL):
        if found is None:
            _save(specimens, name, StoredSpecimen(context.specimen.particles, drawn))
        else:
            context.specimen.particles[:] = found.particles
            context.streams.advance(found.drawn)
    for position in range(steps.end, count):
        execute_step(position)
    return name


def _loaded(specimens: SpecimenStore, name: str) -> StoredSpecimen | None:
    content = specimens.load(name)
    if content is None:
        return None
    try:
        return StoredSpecimen.from_bytes(content, name)
    except SpecimenDamagedError as error:
        logger.warning("%s; it is made again", error)
        return None


def _save(specimens: SpecimenStore, name: str, specimen: StoredSpecimen) -> None:
    try:
        content = specimen.to_bytes(name)
    except ValueError as error:
        logger.warning("the specimen %s can't be stored: %s", name, error)
        return
    specimens.save(name, content)
