"""The options of a sweep, each declared once.

An entry of `Options` is a keyword argument of :func:`orchestrator.plan.loading.load_sweep`, an
option of the command line with its help, and the key of the sweep file that it wins over, whose
type, bounds and default stand in `orchestrator.plan.settings`. This module loads nothing, so that
``--help`` answers at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypedDict, final, get_args, get_type_hints


@final
@dataclass(frozen=True, slots=True)
class Option:
    """What is known of an option beside its name and type.

    Parameters
    ----------
    key
        Dotted key of the sweep file that it wins over.
    help
        For the command line, with the default.
    metavar
        What stands for its value there; None for a flag.
    flag
        How the command line spells a flag, if not like the name.
    """

    key: str
    help: str
    metavar: str | None = None
    flag: str | None = None

    @property
    def place(self) -> tuple[str, ...]:
        """The keys that lead to it in the sweep file."""
        return tuple(self.key.split("."))


class Options(TypedDict, total=False):
    """What wins over a sweep file; None leaves the file's value."""

    output: Annotated[
        str | Path | None,
        Option("output", "Folder or object-store URI. [default: outputs/<sweep name>]", "URI"),
    ]
    limit: Annotated[int | None, Option("limit", "Only the first N runs.", "N")]
    executor: Annotated[
        str | None,
        Option(
            "execution.executor",
            "Where runs are executed: ray, inline (in this process, without Ray), or a name that "
            "an installed package adds. [default: ray]",
            "NAME",
        ),
    ]
    address: Annotated[
        str | None,
        Option(
            "execution.address",
            "Ray cluster to join: auto or host:port. [default: a local Ray that ends with the "
            "sweep]",
            "A",
        ),
    ]
    workers: Annotated[
        int | None,
        Option(
            "execution.workers", "Most workers at once. [default: what the resources allow]", "N"
        ),
    ]
    cpus_per_worker: Annotated[
        float | None,
        Option("execution.cpus_per_worker", "CPU cores of a worker. [default: 1]", "X"),
    ]
    gpus_per_worker: Annotated[
        float | None,
        Option(
            "execution.gpus_per_worker",
            "GPUs of a worker, fractions allowed. [default: a fraction where the cluster has GPUs]",
            "X",
        ),
    ]
    shared_output: Annotated[
        bool | None,
        Option(
            "execution.shared_output",
            "A local output is a folder that all machines of the cluster see; checked by a probe "
            "file.",
        ),
    ]
    timeout: Annotated[
        float | None,
        Option(
            "execution.timeout_s",
            "An attempt that takes longer is ended and the run tried again. [default: 3600]",
            "SECONDS",
        ),
    ]
    max_attempts: Annotated[
        int | None,
        Option("execution.max_attempts", "How often a run is tried. [default: 3]", "N"),
    ]
    reuse: Annotated[
        bool | None,
        Option(
            "execution.reuse",
            "Relax every run's particles anew, though other runs have the same. The files are the "
            "same either way.",
            flag="--no-reuse",
        ),
    ]
    retry_failed: Annotated[
        bool | None, Option("retry_failed", "Also take runs recorded as failed.")
    ]
    accept_versions: Annotated[
        bool | None,
        Option(
            "accept_versions",
            "Go on with a data set that another version of Blendsweep, Blender or a plugin began; "
            "every row says which made it.",
        ),
    ]
    plugins: Annotated[
        Sequence[str | Path] | None,
        Option(
            "plugins",
            "Folder whose packages resolve $plugins.<package>.<Class>; may be repeated.",
            "DIR",
        ),
    ]
    prototypes: Annotated[
        Sequence[str | Path] | None,
        Option(
            "prototype_dirs",
            "Library of prototypes: a folder with geometries/, materials/ or "
            "measurement_techniques/ that hold .blend files; may be repeated.",
            "DIR",
        ),
    ]
    tracking_uri: Annotated[
        str | None,
        Option(
            "tracking.uri", "MLflow tracking URI. [default: sqlite:///<output>/mlflow.db]", "URI"
        ),
    ]
    experiment: Annotated[
        str | None,
        Option("tracking.experiment", "MLflow experiment. [default: the sweep's name]", "NAME"),
    ]
    mlflow: Annotated[
        bool | None, Option("tracking.enabled", "Do without MLflow.", flag="--no-mlflow")
    ]


def declared() -> dict[str, tuple[object, Option]]:
    """Return the type and the declaration of each option, by its name."""
    hints = get_type_hints(Options, include_extras=True)
    found = {}
    for name, hint in hints.items():
        kind, option = get_args(hint)
        found[name] = (kind, option)
    return found
