"""Conditional writes: what a store says once is told from what it can't do at all."""

from __future__ import annotations

from typing import Any

import obstore
import pytest
from obstore import exceptions
from obstore.store import MemoryStore

from orchestrator.dataset.storage import conditional
from orchestrator.dataset.storage.conditional import (
    ConditionalFile,
    PlainFile,
    TakenError,
    conditional_file,
)
from orchestrator.dataset.storage.storage import OutputError, denied


class Answers:
    """Answers of a store, in order; then it works."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.errors: list[Exception] = []

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if self.errors:
            raise self.errors.pop(0)
        return self.real(*arguments, **options)


@pytest.fixture
def get(monkeypatch: pytest.MonkeyPatch) -> Answers:
    answers = Answers(obstore.get)
    monkeypatch.setattr(obstore, "get", answers)
    return answers


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Answers:
    answers = Answers(obstore.put)
    monkeypatch.setattr(obstore, "put", answers)
    return answers


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch) -> ConditionalFile:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(conditional, "_s3_store", lambda _: MemoryStore())
    return conditional_file("s3://bucket/x?region=us-east-1", ".lock")


def test_an_answer_that_fails_once_does_not_end_the_conditions(
    get: Answers, file: ConditionalFile
) -> None:
    assert file.read() is None
    first = file.write(b"one", None)
    get.errors.append(exceptions.GenericError("timed out"))
    with pytest.raises(OutputError, match="timed out"):
        file.read()
    assert file.read() == (b"one", first)
    file.write(b"two", first)
    with pytest.raises(TakenError):
        file.write(b"three", first)


def test_a_store_that_never_answers_this_way_is_used_without_conditions(
    get: Answers, file: ConditionalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlainFile, "read", lambda _: (b"plain", None))
    get.errors.append(exceptions.GenericError("no credentials"))
    assert file.read() == (b"plain", None)
    assert file.read() == (b"plain", None)


def test_a_store_that_may_only_be_read_is_told_as_a_folder_is(
    put: Answers, file: ConditionalFile
) -> None:
    assert file.read() is None
    put.errors.append(exceptions.PermissionDeniedError("not allowed"))
    with pytest.raises(OutputError) as told:
        file.write(b"one", None)
    assert denied(told.value) == "not allowed"
