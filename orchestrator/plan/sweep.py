"""The sweep: a recipe, overrides, and where to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, final

from pydantic import Field

from orchestrator.common.redaction import masked, without_credentials
from orchestrator.common.uris import local_folder, sqlite_uri
from orchestrator.common.versions import versions
from scene.errors import Problem
from scene.language.fields import Bool, Int, Real, StrictModel, Text
from scene.language.yaml_files import write_mapping
from scene.recipe.code import Code

type Positive = Annotated[Real, Field(gt=0)]
type Count = Annotated[Int, Field(ge=1)]

_SHOWN = 200
"""So many characters of an override are shown where it is wrong."""


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
        Resources of a worker; without GPUs given, a share where the cluster has GPUs.
    timeout_s
        Seconds after which an attempt is ended.
    max_attempts
        How often a run is tried before it counts as failed.
    recycle_after_runs, recycle_above_mb
        A worker is replaced after so many runs, or above so much resident memory in MiB.
    shared_output
        Whether a local output is a folder that all machines of a cluster see.
    """

    executor: Literal["ray", "inline"] = "ray"
    address: Text | None = None
    workers: Count | None = None
    cpus_per_worker: Positive = 1.0
    gpus_per_worker: Annotated[Real, Field(ge=0)] | None = None
    timeout_s: Positive = 3600.0
    max_attempts: Count = 3
    recycle_after_runs: Count = 200
    recycle_above_mb: Count = 4096
    shared_output: Bool = False


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
    uri: Annotated[Text, Field(min_length=1)] | None = None
    experiment: Annotated[Text, Field(min_length=1, max_length=250)] | None = None


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
    overrides
        In order; the last one varies fastest.
    output
        Absolute folder or URI of the data set.
    limit
        Only the first so many runs; None for all.
    retry_failed
        Whether runs recorded as failed are taken again.
    accept_versions
        Whether to go on with a data set that other code began.
    """

    name: str
    source: str
    recipe: Path
    recipe_dirs: tuple[Path, ...]
    plugins: tuple[str, ...]
    overrides: tuple[OverrideText, ...]
    output: str
    limit: int | None
    retry_failed: bool
    execution: Execution
    tracking: Tracking
    accept_versions: bool = False

    @property
    def recipe_name(self) -> str:
        """The recipe's name, its file's without the ending."""
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
        return self.tracking.uri or sqlite_uri(folder / "mlflow.db")

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
        tracking = self.tracking.model_dump()
        if self.tracking.uri is not None:
            tracking["uri"] = without_credentials(self.tracking.uri)
        content = {
            "name": self.name,
            "recipe": str(self.recipe),
            "recipe_hash": recipe_hash,
            "recipe_dirs": [str(folder) for folder in self.recipe_dirs],
            "plugins": list(self.plugins),
            "overrides": [override.text for override in self.overrides],
            "output": without_credentials(self.output),
            "limit": self.limit,
            "execution": self.execution.model_dump(),
            "tracking": tracking,
            "versions": versions(),
            "code": dict(code or {}),
            "accepted_code": list(accepted_code),
            "runs": runs,
        }
        # A cluster's address, or whatever an override holds, may be a URI, too.
        return masked(write_mapping(content))
