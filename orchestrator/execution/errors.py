"""Why workers can't work."""

from __future__ import annotations

from scene.errors import BlendsweepError


class WorkerStartError(BlendsweepError):
    """No worker can be brought up, so that no run can be executed."""


class OtherCodeError(WorkerStartError):
    """A worker's machine has other code than the driver's: images of both would be mixed."""


class WorkersLostError(BlendsweepError):
    """No worker can be brought up any more, after some have worked."""
