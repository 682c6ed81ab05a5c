"""Where an export or a report is to be written, and what is said if that can't be done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.common.redaction import without_credentials
from orchestrator.dataset.storage.storage import OutputError, reason
from scene.errors import COMMAND_LINE, ConfigurationError, Problem

_IN_THE_WAY: dict[type, str] = {
    FileExistsError: "there is a file where a folder is needed",
    NotADirectoryError: "there is a file where a folder is needed",
    IsADirectoryError: "there is a folder where a file is to be",
}


@contextmanager
def target_errors_told(to: str, remedy: str = "give another place, or mend it") -> Iterator[None]:
    """Turn what the system says of a target, while the block writes there, into one sentence.

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
        where = without_credentials(to)
        message = f"{where} can't be written: {_reason(error)}; {remedy}"
        raise ConfigurationError([Problem(COMMAND_LINE, "--to", message)]) from error


def _reason(error: OutputError | OSError) -> str:
    told: BaseException | None = error.__cause__ if isinstance(error, OutputError) else error
    if (sentence := _IN_THE_WAY.get(type(told))) is not None:
        return sentence
    return error.reason if isinstance(error, OutputError) else reason(error)
