"""Which sinks follow a sweep. A new one is a file here and a line in `SINKS`.

An installed package adds its own by an entry point of the group ``blendsweep.sinks``, which names
a function like those in `SINKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.common.entry_points import with_installed
from orchestrator.dataset.sink import Sink, SinkContext

ENTRY_POINTS = "blendsweep.sinks"

type SinkFactory = Callable[[SinkContext], Sink | None]
"""Makes a sink, not open yet; None where the sweep does without."""


def _mlflow(context: SinkContext) -> Sink | None:
    if context.sweep.tracking_uri is None:
        return None
    from orchestrator.tracking.mlflow import MlflowSink

    return MlflowSink(context)


SINKS: Mapping[str, SinkFactory] = {"mlflow": _mlflow}
"""Name to what makes the sink."""


def followers(context: SinkContext) -> list[Sink]:
    """Return the sinks that follow the manifest, none of them open yet.

    Raises
    ------
    ConfigurationError
        If a sink of an installed package can't be loaded.
    """
    made = [make(context) for make in with_installed(ENTRY_POINTS, SINKS).values()]
    return [sink for sink in made if sink is not None]
