"""One run of a recipe, by itself: composed, checked and executed in this process."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from scene.errors import COMMAND_LINE, ConfigurationError, DryRunError, Problem
from scene.execution.record import RunRecord
from scene.imaging.bar_rows import BarRows
from scene.imaging.size import rendered_size
from scene.language.override_texts import override_problem
from scene.language.paths import shown_path, written_path
from scene.machine.resources import Resources
from scene.prototypes.library.folder import library_problem
from scene.recipe.compose import Composition, recipe_file
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe

PREVIEW_SIDE = 240
"""Pixels along a preview's longer side, enough to see how it looks."""

PREVIEW_SAMPLES = 16
"""Its samples a pixel."""


def execute_alone(
    path: Path,
    overrides: list[str],
    output: Path,
    *,
    plugins: list[Path],
    prototypes: list[Path],
    resources: Resources,
    small: bool = False,
) -> tuple[Recipe, RunRecord]:
    """Compose, check and execute one recipe; `output` appears whole or not at all.

    Parameters
    ----------
    path
        The recipe's file, or its name.
    overrides
        Values of recipe keys, in Hydra's grammar.
    output
        The run's folder.
    plugins
        Folders of plugin packages.
    prototypes
        Libraries of prototypes.
    resources
        What of the machine may be used.
    small
        Whether to render at `PREVIEW_SIDE` with `PREVIEW_SAMPLES`, where `overrides` do not say
        otherwise.

    Raises
    ------
    ConfigurationError
        If the recipe, an override or the output folder is not usable.
    DryRunError
        If the recipe asks for a dry run; what it saved is in `output`.
    BlendsweepError
        If a step fails.
    """
    path, output = written_paths([path, output])
    plugins, prototypes = written_paths(plugins), written_paths(prototypes)
    output = output.absolute()
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigurationError([Problem("--output", "", f"{output} exists and is not empty")])
    given = [("--plugins", f, None if f.is_dir() else f"{f} is not a folder") for f in plugins]
    given += [("--prototypes", folder, library_problem(folder)) for folder in prototypes]
    if wrong := [Problem(option, "", text) for option, _, text in given if text]:
        raise ConfigurationError(wrong)
    unclear = [(text, override_problem(text)) for text in overrides]
    if problems := [Problem(COMMAND_LINE, text, found) for text, found in unclear if found]:
        raise ConfigurationError(problems)
    registry = Registry(plugins, prototypes)
    path = recipe_file(path)
    document = Composition(path).resolve(overrides)
    recipe = parse(document, str(path), registry)
    if small:
        recipe = parse(_reduced(document, recipe, overrides), str(path), registry)

    from scene.blender.session import Session
    from scene.execution.chain import execute
    from scene.machine.libraries import load_libraries

    load_libraries()
    # A name of its own, since the folder's may be as long as names can be.
    unfinished = output.resolve().with_name(f".partial-{os.getpid()}")
    try:
        unfinished.mkdir(parents=True)
    except OSError as error:
        message = f"{output} can't be written: {error.strerror}"
        raise ConfigurationError([Problem("--output", "", message)]) from error
    try:
        session = Session(resources)
        with session.captured():
            try:
                record = execute(recipe, session, unfinished)
            except DryRunError:
                unfinished.replace(output)
                raise
        unfinished.replace(output)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return recipe, record


def written_paths(given: list[Path]) -> list[Path]:
    """Return paths as they are meant, each checked; see :func:`~scene.language.paths.written_path`.

    Raises
    ------
    ConfigurationError
        If one can't be a path.
    """
    problems, paths = [], []
    for text in given:
        try:
            paths.append(written_path(text))
        except ValueError as error:
            problems.append(Problem(shown_path(text), "", str(error)))
    if problems:
        raise ConfigurationError(problems)
    return paths


def _reduced(document: dict[str, Any], recipe: Recipe, overrides: list[str]) -> dict[str, Any]:
    """Return a recipe with fewer pixels and samples, except where an override asks for others."""
    settings = recipe.render
    percentage = min(settings.resolution_percentage, 100 * PREVIEW_SIDE // max(settings.resolution))
    wanted = {
        "resolution_percentage": max(1, percentage),
        "max_samples": min(settings.max_samples, PREVIEW_SAMPLES),
    }
    asked = {text.partition("=")[0].lstrip("+") for text in overrides}
    less: dict[str, Any] = {
        key: value for key, value in wanted.items() if f"render.{key}" not in asked
    }
    small = less.get("resolution_percentage", settings.resolution_percentage)
    if settings.data_bar != "none" and not BarRows.fit(rendered_size(settings.resolution, small)):
        less["data_bar"] = "none"
    return document | {"render": document.get("render", {}) | less}
