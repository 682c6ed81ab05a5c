"""A data set on an object store has one driver at a time, whatever the store and the clock do."""

from __future__ import annotations

import itertools
import json
import os
import pickle
import time

import pytest

from orchestrator.dataset.storage import lease as leases
from orchestrator.dataset.storage.conditional import ConditionalFile, PlainFile, TakenError, Version
from orchestrator.dataset.storage.lease import LEASE_S, Lease, LeaseLostError
from orchestrator.dataset.storage.lock import OutputLockedError
from orchestrator.dataset.storage.storage import OutputError, Storage


class Memory(ConditionalFile):
    """A file with versions, in memory."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.version = 0
        self.away = False
        self.lose_answer = False
        self._numbers = itertools.count(1)

    def read(self) -> tuple[bytes, Version] | None:
        self._answer()
        return None if self.content is None else (self.content, {"e_tag": self.version})

    def write(self, data: bytes, known: Version) -> Version:
        self._answer()
        if (None if self.content is None else {"e_tag": self.version}) != known:
            raise TakenError
        self.content, self.version = data, next(self._numbers)
        if self.lose_answer:
            self.lose_answer = False
            raise OutputError("s3://b", "no answer")
        return {"e_tag": self.version}

    def delete(self) -> None:
        self._answer()
        self.content = None

    def _answer(self) -> None:
        if self.away:
            raise OutputError("s3://b", "no answer")


@pytest.fixture
def file() -> Memory:
    return Memory()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds by which all clocks are ahead."""
    ahead = [0.0]
    for name in ("time", "monotonic"):
        real = getattr(time, name)
        monkeypatch.setattr(leases.time, name, lambda real=real: real() + ahead[0])
    return ahead


def held(file: ConditionalFile) -> Lease:
    made = Lease(file, "s3://b")
    made.take()
    return made


def others(**changes: object) -> bytes:
    found = {"process": 1, "machine": "elsewhere", "token": "t", "until": time.time() + 30.0}
    return json.dumps(found | changes).encode()


def test_a_lease_that_is_held_keeps_others_away_and_is_given_back(file: Memory) -> None:
    first = held(file)
    with pytest.raises(OutputLockedError, match=f"process {os.getpid()} on "):
        held(file)
    first.check()
    first.release()
    assert file.content is None
    held(file).release()


def test_a_lease_that_is_over_is_taken(file: Memory) -> None:
    file.write(others(until=time.time() - 1.0), None)
    held(file).release()


def test_a_lease_of_another_machine_that_is_not_over_is_not(file: Memory) -> None:
    file.write(others(), None)
    with pytest.raises(OutputLockedError, match="process 1 on elsewhere"):
        held(file)


def test_a_lease_of_a_process_of_this_machine_that_is_gone_is_taken(file: Memory) -> None:
    machine = leases.socket.gethostname()
    file.write(others(machine=machine, process=2**22 + 1), None)
    held(file).release()


def test_what_is_no_lease_is_no_hindrance(file: Memory) -> None:
    file.write(b"{}", None)
    held(file).release()


def test_of_two_that_start_at_once_one_gets_it() -> None:
    class Late(Memory):
        def read(self) -> tuple[bytes, Version] | None:
            found = super().read()
            if found is None:  # and now the other one writes
                self.content, self.version = others(), next(self._numbers)
            return found

    late = Late()
    with pytest.raises(OutputLockedError, match="elsewhere"):
        held(late)
    assert late.content is not None
    assert json.loads(late.content)["token"] == "t"


def test_renewing_lengthens_it(file: Memory, clock: list[float]) -> None:
    lease = held(file)
    for _ in range(5):
        clock[0] += LEASE_S / 2
        lease.renew()
        lease.check()
    lease.release()


def test_one_that_is_taken_over_is_lost_and_never_taken_back(file: Memory) -> None:
    lease = held(file)
    file.content, file.version = others(), 99
    lease.renew()
    with pytest.raises(LeaseLostError, match="process 1 on elsewhere has it now") as caught:
        lease.check()
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    lease.renew()
    lease.release()
    assert json.loads(file.content)["token"] == "t"


def test_one_that_can_not_be_renewed_is_lost_when_it_is_over(
    file: Memory, clock: list[float]
) -> None:
    lease = held(file)
    file.away = True
    clock[0] += LEASE_S / 2
    lease.renew()
    lease.check()
    clock[0] += LEASE_S / 2 + 1.0
    with pytest.raises(LeaseLostError, match="could not be renewed for 60 s"):
        lease.check()
    file.away = False
    lease.renew()
    with pytest.raises(LeaseLostError):
        lease.check()
    lease.release()


def test_a_renewal_whose_answer_is_lost_does_no_harm(file: Memory) -> None:
    lease = held(file)
    file.lose_answer = True
    lease.renew()
    lease.renew()
    lease.check()
    lease.release()
    assert file.content is None


def test_a_store_without_conditions_has_leases_too(tmp_path: os.PathLike[str]) -> None:
    file = PlainFile(Storage(str(tmp_path)), ".lock")
    lease = held(file)
    with pytest.raises(OutputLockedError):
        held(file)
    file.write(others(), None)
    lease.renew()
    with pytest.raises(LeaseLostError, match="elsewhere has it now"):
        lease.check()
    lease.release()
    assert file.read() is not None


def test_nothing_is_written_without_the_lease(tmp_path: os.PathLike[str]) -> None:
    storage = Storage(str(tmp_path))
    storage.write_file("a", b"1")

    def lost() -> None:
        raise LeaseLostError("s3://b", "lost")

    def half() -> None:
        with storage.replacing("b") as stream:
            stream.write(b"half")
            storage.guard = lost  # meanwhile

    for change in (
        half,
        lambda: storage.write_file("a", b"2"),
        lambda: storage.delete("a"),
        lambda: storage.move("a", "c"),
    ):
        with pytest.raises(LeaseLostError):
            change()
    assert storage.read("a") == b"1"
    assert storage.list(".") == ["a"]
