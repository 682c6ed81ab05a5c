"""Where a sweep's results go: into the record, and to the sinks that follow it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.dataset.sink import Sink, SinkContext
from orchestrator.tracking.sinks import followers

if TYPE_CHECKING:
    from orchestrator.dataset.schema import Columns
    from orchestrator.dataset.storage.storage import Storage
    from orchestrator.dataset.writer import ManifestSink
    from orchestrator.plan.expansion import Expansion
    from orchestrator.plan.sweep import Sweep
    from scene.recipe.code import Code

SHOWN_RUNS = 6
"""Most runs on the contact sheet of the report that sinks keep."""


def create(
    sweep: Sweep, runs: Expansion, storage: Storage, document: str, code: Code
) -> tuple[ManifestSink, list[Sink]]:
    """Return the record, and the sinks that follow it; none of them is open yet.

    Parameters
    ----------
    document
        Content of ``sweep.yaml``.
    code
        What makes the images.
    """
    from orchestrator.dataset.rows import Origin
    from orchestrator.dataset.writer import ManifestSink

    def write_report(folder: Path) -> None:
        from orchestrator.dataset.dataset import DataSet
        from orchestrator.report.report import build_report

        for name, content in build_report(DataSet(storage), SHOWN_RUNS, brief=True).items():
            (folder / name).write_bytes(content)

    origin = Origin(sweep.name, sweep.recipe_name, runs.recipe_hash, code)
    context = SinkContext(sweep, document, storage, origin, write_report, runs.swept_keys)
    manifest = ManifestSink(storage, origin, _columns(sweep, runs), context.mlflow_run_ids)
    return manifest, followers(context)


def _columns(sweep: Sweep, runs: Expansion) -> Columns:
    from orchestrator.dataset.schema import Columns
    from orchestrator.plan.checking import first_recipe
    from scene.recipe.varying import varying_parameters

    recipe = first_recipe(runs, sweep)
    sampled = recipe.sampled_technique_features()
    return Columns(
        overrides=runs.value_samples,
        technique_features=tuple(recipe.technique_features[name] for name in sampled),
        particle_features=tuple(recipe.all_particle_features().values()),
        sampled_particle_features=recipe.sampled_particle_features(),
        variabilities=varying_parameters(recipe),
        timings=recipe.timing_labels(),
        joins_particles=recipe.joins_particles,
    )
