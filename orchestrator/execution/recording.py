"""Sinks: where results are recorded. A new sink is a file here and a line in `SINKS`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from orchestrator.dataset.sink import Sink

if TYPE_CHECKING:
    from orchestrator.dataset.schema import Columns, Origin
    from orchestrator.dataset.storage.storage import Storage
    from orchestrator.dataset.writer import ManifestSink
    from orchestrator.plan.expansion import Expansion
    from orchestrator.plan.sweep import Sweep
    from scene.recipe.code import Code


@final
@dataclass(frozen=True, slots=True)
class SinkContext:
    """What sinks are made from.

    Parameters
    ----------
    sweep
        What is recorded.
    document
        Content of ``sweep.yaml``.
    storage
        The data set.
    manifest
        The record, which every other sink follows.
    swept
        The keys that take more than one value.
    """

    sweep: Sweep
    document: str
    storage: Storage
    manifest: ManifestSink
    swept: Collection[str] = ()


def create(
    sweep: Sweep, runs: Expansion, storage: Storage, document: str, code: Code
) -> tuple[ManifestSink, list[Sink]]:
    """Return the manifest, and all sinks of a sweep in the order in which to open them.

    They are closed in the opposite order, the manifest last.

    Parameters
    ----------
    document
        Content of ``sweep.yaml``.
    code
        What makes the images.
    """
    from orchestrator.dataset.schema import Origin

    origin = Origin(sweep.name, sweep.recipe_name, runs.recipe_hash, code)
    manifest = create_manifest(origin, _columns(sweep, runs), storage)
    context = SinkContext(sweep, document, storage, manifest, runs.swept_keys)
    made = [factory(context) for factory in SINKS.values()]
    return manifest, [sink for sink in made if sink is not None]


def create_manifest(origin: Origin, columns: Columns, storage: Storage) -> ManifestSink:
    """Return the manifest's sink."""
    from orchestrator.dataset.writer import ManifestSink

    return ManifestSink(storage, origin, columns)


def _columns(sweep: Sweep, runs: Expansion) -> Columns:
    from orchestrator.dataset.schema import Columns
    from orchestrator.plan.expansion import first_recipe

    recipe = first_recipe(runs, sweep)
    return Columns(
        overrides=runs.value_samples,
        technique_features=recipe.technique_features(),
        particle_features=recipe.all_particle_features(),
        sampled_particle_features=recipe.sampled_particle_features(),
        timings=recipe.timing_labels(),
    )


def _manifest(context: SinkContext) -> Sink:
    return context.manifest


def _mlflow(context: SinkContext) -> Sink | None:
    sweep, manifest = context.sweep, context.manifest
    if sweep.tracking_uri is None:
        return None
    from orchestrator.tracking.follower import Backlog
    from orchestrator.tracking.mlflow import MlflowSink

    return MlflowSink(
        context.storage,
        sweep.tracking_uri,
        sweep.experiment,
        sweep.name,
        context.document,
        context.swept,
        sweep.plugins,
        Backlog(manifest.row, manifest.unlogged, manifest.annotate),
    )


SINKS: Mapping[str, Callable[[SinkContext], Sink | None]] = {
    "manifest": _manifest,
    "mlflow": _mlflow,
}
"""Sink name to what makes it, or gives None where the sweep does without; the manifest first."""
