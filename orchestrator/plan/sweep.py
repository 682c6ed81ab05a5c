"""The sweep: a recipe, overrides, and where to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from orchestrator.common.redaction import masked, without_credentials
from orchestrator.common.uris import local_folder, sqlite_uri
from orchestrator.common.versions import versions
from orchestrator.plan.settings import Settings
from scene.errors import Problem
from scene.language.yaml_files import write_mapping
from scene.recipe.code import Code

_SHOWN = 200
"""Most characters of an override that are shown where it is wrong."""


@final
@dataclass(frozen=True, slots=True)
class OverrideText:
    """One override in Hydra's grammar, and where it was written.

    Parameters
    ----------
    text
        For instance ``initial_runtime_state.seed=range(15)``.
    source
        The sweep file, ``command line``, or ``overrides`` for those of a call.
    path
        Key path in the sweep file; empty elsewhere.
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
        text = self.text if len(self.text) <= _SHOWN else f"{self.text[:_SHOWN]}..."
        return Problem(self.source, self.path or text, message)


@final
@dataclass(frozen=True, slots=True)
class Sweep:
    """What to make and where; everything about it that needs no Blender is checked.

    Parameters
    ----------
    name
        Safe as a file name.
    source
        The sweep file, or ``sweep`` where it is none.
    recipe
        The recipe's file.
    recipe_dirs
        Folders in which recipes that the recipe builds on are found.
    plugins
        Folders of plugin packages.
    prototype_dirs
        Libraries of prototypes.
    overrides
        In order; the last one varies fastest.
    output
        Absolute folder or URI of the data set.
    settings
        How to make the runs.
    """

    name: str
    source: str
    recipe: Path
    recipe_dirs: tuple[Path, ...]
    plugins: tuple[str, ...]
    prototype_dirs: tuple[str, ...]
    overrides: tuple[OverrideText, ...]
    output: str
    settings: Settings

    @property
    def recipe_name(self) -> str:
        """The recipe's name, its file's without the ending."""
        return self.recipe.stem

    @property
    def experiment(self) -> str:
        """Name of the MLflow experiment."""
        return self.settings.tracking.experiment or self.name

    @property
    def tracking_uri(self) -> str | None:
        """Where MLflow records; None if it does not."""
        tracking = self.settings.tracking
        if not tracking.enabled:
            return None
        folder = local_folder(self.output) or Path("outputs", self.name).absolute()
        return tracking.uri or sqlite_uri(folder / "mlflow.db")

    def document(
        self,
        recipe_hash: str,
        runs: int,
        code: Code | None = None,
        accepted_code: Sequence[str] = (),
    ) -> str:
        """Return ``sweep.yaml``: the resolved sweep and the versions of what makes the images.

        Parameters
        ----------
        recipe_hash
            Names the recipe's content before overrides, kept as ``recipes/<recipe_hash>.yaml``.
        runs
            How many runs the sweep has.
        code
            What makes the images; None where that is not asked.
        accepted_code
            Hashes of the other codes that made runs of the data set, where that was accepted.
        """
        settings = self.settings.model_dump(include=set(Settings.model_fields))
        if uri := settings["tracking"]["uri"]:
            settings["tracking"]["uri"] = without_credentials(uri)
        content = {
            "name": self.name,
            "recipe": str(self.recipe),
            "recipe_hash": recipe_hash,
            "recipe_dirs": [str(folder) for folder in self.recipe_dirs],
            "plugins": list(self.plugins),
            "prototype_dirs": list(self.prototype_dirs),
            "overrides": [override.text for override in self.overrides],
            "output": without_credentials(self.output),
            **settings,
            "versions": versions(),
            "code": dict(code or {}),
            "accepted_code": list(accepted_code),
            "runs": runs,
        }
        # A cluster's address, or whatever an override holds, may be a URI, too.
        return masked(write_mapping(content))
