"""What is reported where an export or a report can't be written to its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.common.redaction import without_credentials
from orchestrator.dataset.storage.storage import OutputError, reason
from scene.errors import COMMAND_LINE, ConfigurationError, Problem


@contextmanager
def target_errors_told(to: str, remedy: str = "give another place, or mend it") -> Iterator[None]:
    """Turn what goes wrong while the block writes to the place `to` into one sentence.

    Raises
    ------
    ConfigurationError
        If the block raises an `OutputError` or an `OSError`.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except (OutputError, OSError) as error:
        message = f"{without_credentials(to)} can't be written: {reason(error)}; {remedy}"
        raise ConfigurationError([Problem(COMMAND_LINE, "--to", message)]) from error
