"""Removing what the plan of a data set does not ask for.

Rows go first, those of the manifest before those of the particles, then folders and logs, last
specimens. Wherever that is cut short, what is on record is whole, and what is left of the rest
is found by the next `find_unasked`, or taken up as it is by a sweep that asks for it again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import batched

import pyarrow as pa

from orchestrator.dataset.layout import (
    MANIFEST,
    PARTICLES,
    RUNS,
    SPECIMENS,
    failure_log,
    run_folder,
    specimen_folder,
)
from orchestrator.dataset.parts import KEY, PartTable
from orchestrator.dataset.storage.storage import Storage, without_litter
from orchestrator.dataset.unasked import Unasked
from orchestrator.dataset.unasked_search import AT_ONCE
from orchestrator.dataset.writer import PARTICLES_PER_PART, RUNS_PER_PART


def remove_unasked(storage: Storage, unasked: Unasked) -> None:
    """Remove what was found in a data set that has been held since then.

    Raises
    ------
    OutputError
        If the data set can't be written; what it holds then is whole.
    """
    if unasked.runs or unasked.particles:
        _remove_rows(storage, unasked)
    runs = [*unasked.runs, *unasked.folders]
    _delete(storage, [run_folder(run_id) for run_id in runs])
    _delete(storage, [failure_log(run_id) for run_id in unasked.logs])
    _delete(storage, [specimen_folder(specimen) for specimen in unasked.specimens])
    for folder in (RUNS, SPECIMENS):
        without_litter(storage, folder)


def _remove_rows(storage: Storage, unasked: Unasked) -> None:
    schema = pa.schema([(KEY, pa.string())])
    manifest = PartTable(storage, MANIFEST, schema, RUNS_PER_PART)
    manifest.open()
    manifest.remove(unasked.runs)
    particles = PartTable(storage, PARTICLES, schema, PARTICLES_PER_PART)
    particles.open()
    particles.remove(particles.run_ids - manifest.run_ids)


def _delete(storage: Storage, paths: list[str]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for some in batched(paths, 2 * AT_ONCE, strict=False):  # so that a Ctrl-C waits for few
            list(pool.map(storage.delete, some))
