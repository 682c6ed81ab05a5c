"""Signals are taken while a sweep runs, and leave nothing behind in whoever called for it."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from orchestrator.common import interruption
from orchestrator.common.interruption import Interruption, TerminationLimit


def timers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.01)


def wait_for_no_timer() -> None:
    deadline = time.monotonic() + 5
    while timers() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert timers() == []


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    monkeypatch.setattr(interruption.os, "_exit", calls.append)
    return calls


def test_a_sigterm_drains_and_its_timer_ends_with_the_block(ended: list[int]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with TerminationLimit() as limit, Interruption(limit) as taken:
        assert not taken.requested
        send(signal.SIGTERM)
        send(signal.SIGTERM)
        assert taken.requested
        assert not taken.drop
        assert len(timers()) == 1
    wait_for_no_timer()
    assert signal.getsignal(signal.SIGTERM) == before
    assert ended == []


def test_a_longer_block_holds_the_timer_and_ends_it(ended: list[int]) -> None:
    with TerminationLimit() as limit:
        with Interruption(limit):
            send(signal.SIGTERM)
        assert len(timers()) == 1  # something may still wait, for instance for a server
    wait_for_no_timer()
    assert ended == []


def test_a_block_that_takes_too_long_ends_the_process(
    ended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interruption, "TERMINATION_LIMIT_S", 0.05)
    with TerminationLimit() as limit:
        with Interruption(limit):
            send(signal.SIGTERM)
        deadline = time.monotonic() + 5
        while not ended and time.monotonic() < deadline:
            time.sleep(0.01)
    assert ended == [130]


def test_a_block_on_another_thread_takes_no_signals() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    seen: list[object] = []

    def run() -> None:
        with TerminationLimit() as limit, Interruption(limit):
            seen.extend(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == before
