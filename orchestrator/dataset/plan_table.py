"""The plan of a data set: which runs were asked for last, kept as ``plan.parquet``.

It is the one answer to the question which runs of a data set belong to its last sweep. It is
replaced whole, so that readers find the old or the new one, and written a group of rows at a time:
neither the number of runs nor a slow disk keeps the first run waiting.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from orchestrator.dataset.layout import PLAN
from orchestrator.dataset.storage.storage import Storage, reason, without_litter
from orchestrator.dataset.sweep_file import digest_of, read_sweep_file

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from orchestrator.plan.expansion import Expansion
    from orchestrator.plan.specimens import SharedSpecimens

PATIENCE_S = 2.0
"""So long the first run waits for its plan; a longer one is written while runs go on."""

ROWS_PER_GROUP = 5_000

_DESCRIPTION = b"blendsweep"
_log = logging.getLogger(__name__)


@final
@dataclass(frozen=True)
class Plan:
    """What was asked for last.

    Parameters
    ----------
    sweep
        Name of the sweep.
    recipe_hash
        Names its recipe's content before overrides.
    runs
        How many runs it has.
    ids
        Their ids as numbers, sorted; None for a data set without a plan, of which all runs of the
        recipe count.
    sweep_digest
        The `SweepFile.digest` of the ``sweep.yaml`` that it belongs to; None in old data sets.
    sharing, specimens
        How many runs share their specimen with others, and how many specimens these are.
    """

    sweep: str
    recipe_hash: str
    runs: int
    ids: NDArray[np.uint64] | None
    sweep_digest: str | None = None
    sharing: int = 0
    specimens: int = 0

    def asks_for(self, rows: pa.Table) -> NDArray[np.bool_]:
        """Return for each row of the manifest whether its run was asked for.

        Parameters
        ----------
        rows
            With the columns ``run_id`` and, for data sets without a plan, ``recipe_hash``.
        """
        import numpy as np

        if self.ids is None:
            if "recipe_hash" not in rows.schema.names:
                return np.zeros(len(rows), bool)
            same = [found == self.recipe_hash for found in rows["recipe_hash"].to_pylist()]
            return np.array(same, bool)
        return self.holds(rows["run_id"].to_pylist())

    def holds(self, run_ids: Sequence[str]) -> NDArray[np.bool_]:
        """Return for each run whether it was asked for; without a plan all are taken for it."""
        import numpy as np

        if self.ids is None:
            return np.ones(len(run_ids), bool)
        if not len(self.ids):
            return np.zeros(len(run_ids), bool)
        known = [_number(run_id) for run_id in run_ids]
        numbers = np.array([number or 0 for number in known], np.uint64)
        places = np.minimum(np.searchsorted(self.ids, numbers), len(self.ids) - 1)
        ours = np.array([number is not None for number in known], bool)
        return ours & np.equal(self.ids[places], numbers, dtype=None)


def read_plan(storage: Storage) -> Plan:
    """Return what was asked of a data set last.

    While the plan of a very long sweep is still being written, that is the sweep before it.

    Raises
    ------
    ConfigurationError
        If there is no data set.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    sweep = read_sweep_file(storage)  # raises where there is no data set
    try:
        with storage.open(PLAN) as source, pq.ParquetFile(source, pre_buffer=False) as file:
            described = json.loads(file.metadata.metadata[_DESCRIPTION])
            groups = [
                _numbers(file.read_row_group(group, ["run_id"], use_threads=False)["run_id"])
                for group in range(file.num_row_groups)
            ]
            ids = np.sort(np.concatenate([np.empty(0, np.uint64), *groups]))
            return Plan(
                sweep=described["sweep"],
                recipe_hash=described["recipe_hash"],
                runs=int(described["runs"]),
                ids=ids,
                sweep_digest=described.get("sweep_digest"),
                sharing=int(described.get("sharing", 0)),
                specimens=int(described.get("specimens", 0)),
            )
    except (FileNotFoundError, NotADirectoryError):
        pass  # made before there were plans, or the first one is still being written
    except (pa.ArrowException, KeyError, TypeError, ValueError, OSError) as error:
        _log.warning(
            "%s/%s can't be read (%s): all runs of the last recipe are taken for the last sweep's",
            storage.public_uri, PLAN, reason(error),
        )  # fmt: skip
    return Plan(sweep.name, sweep.recipe_hash, sweep.runs, None)


@final
class PlanWriter:
    """Writes the plan of a sweep, on a thread of its own.

    Parameters
    ----------
    storage
        The data set.
    sweep
        Name of the sweep.
    runs
        Its runs.
    document
        What ``sweep.yaml`` says of it.
    shared
        What specimens its runs share; None if none.
    """

    def __init__(
        self,
        storage: Storage,
        sweep: str,
        runs: Expansion,
        document: str | None = None,
        shared: SharedSpecimens | None = None,
    ) -> None:
        self._work = storage, sweep, runs, document, shared
        self._storage = storage
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(1, "plan")
        self._written: Future[None] | None = None

    def start(self, patience_s: float = PATIENCE_S) -> None:
        """Begin, and return when it is done or `patience_s` has passed.

        Raises
        ------
        OutputError
            If the output can't be written.
        ConfigurationError
            If the recipe can't be resolved with the values of some run.
        """
        without_litter(self._storage, ".", PLAN)
        self._written = self._pool.submit(write_plan, *self._work, self._stopping.is_set)
        if wait([self._written], patience_s).done:
            self.finish()

    def finish(self) -> None:
        """Wait until the plan is whole.

        Raises
        ------
        OutputError, ConfigurationError
            As `start`.
        """
        if self._written is not None:
            self._written.result()

    def close(self) -> None:
        """Stop; a plan that is not whole by now leaves the one before it in place."""
        self._stopping.set()
        self._pool.shutdown()


def write_plan(
    storage: Storage,
    sweep: str,
    runs: Expansion,
    document: str | None = None,
    shared: SharedSpecimens | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Write ``plan.parquet``: ``run_id``, ``index`` and ``override.<key>`` of every run."""
    import numpy as np
    import pyarrow.parquet as pq

    schema = _schema(runs)
    sharing = specimens = 0
    with (
        storage.replacing(PLAN) as stream,
        pq.ParquetWriter(stream, schema, compression="zstd") as writer,
    ):
        for start in range(0, len(runs), ROWS_PER_GROUP):
            end = min(start + ROWS_PER_GROUP, len(runs))
            writer.write_table(_rows(runs, range(start, end), schema, stopped), ROWS_PER_GROUP)
            if shared is not None:
                positions = np.arange(start, end)
                firsts = shared.firsts(positions)
                sharing += int((firsts >= 0).sum())
                specimens += int((firsts == positions).sum())
        description = {
            "sweep": sweep,
            "recipe_hash": runs.recipe_hash,
            "runs": len(runs),
            "sweep_digest": None if document is None else digest_of(document.encode()),
            "sharing": sharing,
            "specimens": specimens,
        }
        writer.add_key_value_metadata({_DESCRIPTION.decode(): json.dumps(description)})


class _StoppedError(Exception):
    """Nobody waits for the plan any more."""


def _schema(runs: Expansion) -> pa.Schema:
    import pyarrow as pa

    from orchestrator.dataset.arrow import scalar_type
    from orchestrator.dataset.schema import OVERRIDE

    fields = [("run_id", pa.string()), ("index", pa.int64())]
    for key, axis in runs.set_axes.items():
        # The ends of a range show its type, however long it is.
        ends = (0, len(axis.values) - 1)
        numbers = not isinstance(axis.values, tuple)
        positions: Sequence[int] = ends if numbers else range(len(axis.values))
        fields.append((f"{OVERRIDE}{key}", scalar_type(axis.scalar(i) for i in positions)))
    return pa.schema(fields)


def _rows(
    runs: Expansion, positions: range, schema: pa.Schema, stopped: Callable[[], bool]
) -> pa.Table:
    import pyarrow as pa

    from orchestrator.dataset.arrow import array

    columns: list[Any] = [
        pa.array(_ids(runs, positions, stopped), pa.string()),
        pa.array(positions, pa.int64()),
    ]
    for name, values in zip(schema.names[2:], runs.columns(positions), strict=True):
        columns.append(array(values, schema.field(name).type))
    return pa.Table.from_arrays(columns, schema=schema)


def _ids(runs: Expansion, positions: range, stopped: Callable[[], bool]) -> Iterator[str]:
    for position in positions:
        if stopped():
            raise _StoppedError
        yield runs.run_id(position)


def _number(run_id: str) -> int | None:
    try:
        return int(run_id, 16)
    except ValueError:
        return None  # no id of ours


def _numbers(run_ids: pa.ChunkedArray) -> NDArray[np.uint64]:
    import numpy as np

    digits = bytes.fromhex("".join(run_ids.to_pylist()))
    return np.frombuffer(digits, ">u8").astype(np.uint64)
