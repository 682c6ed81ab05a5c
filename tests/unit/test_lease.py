"""A data set on an object store has one driver at a time, whatever the store and the clock do."""

from __future__ import annotations

import json
import os
import pickle
import time

import pytest
from obstore.store import MemoryStore

from orchestrator.dataset.layout import LOCK
from orchestrator.dataset.storage import locking, opening
from orchestrator.dataset.storage.locking import (
    LEASE_S,
    Lease,
    LeaseLostError,
    OutputLockedError,
    driver_of,
    exclusive,
)
from orchestrator.dataset.storage.object_store import ObjectStorage, Version
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import OutputError, Storage


class Memory(ObjectStorage):
    """An object store in memory that can be away, and whose answers can be lost."""

    def __init__(self) -> None:
        super().__init__("s3://key:secret@b", MemoryStore(), 1.0)
        self.away = False
        self.lose_answer = False

    @property
    def content(self) -> bytes | None:
        found = super().read_version(LOCK)
        return None if found is None else found[0]

    def read_version(self, relative: str) -> tuple[bytes, Version] | None:
        self._answer()
        return super().read_version(relative)

    def write_version(self, relative: str, data: bytes, known: Version) -> Version:
        self._answer()
        version = super().write_version(relative, data, known)
        if self.lose_answer:
            self.lose_answer = False
            raise OutputError("s3://b", "no answer")
        return version

    def delete(self, relative: str) -> None:
        self._answer()
        super().delete(relative)

    def _answer(self) -> None:
        if self.away:
            raise OutputError("s3://b", "no answer")


class Unconditional(Memory):
    """One that knows no conditions."""

    def __init__(self) -> None:
        super().__init__()
        self._has_conditions = False


@pytest.fixture
def file() -> Memory:
    return Memory()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds by which all clocks are ahead."""
    ahead = [0.0]
    for name in ("time", "monotonic"):
        real = getattr(time, name)
        monkeypatch.setattr(locking.time, name, lambda real=real: real() + ahead[0])
    return ahead


def held(file: ObjectStorage) -> Lease:
    made = Lease(file)
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
    file.write_file(LOCK, others(until=time.time() - 1.0))
    held(file).release()


def test_a_lease_of_another_machine_that_is_not_over_is_not(file: Memory) -> None:
    file.write_file(LOCK, others())
    with pytest.raises(OutputLockedError, match="process 1 on elsewhere"):
        held(file)


def test_a_lease_of_a_process_of_this_machine_that_is_gone_is_taken(file: Memory) -> None:
    machine = locking.socket.gethostname()
    file.write_file(LOCK, others(machine=machine, process=2**22 + 1))
    held(file).release()


def test_what_is_no_lease_is_no_hindrance(file: Memory) -> None:
    file.write_file(LOCK, b"{}")
    held(file).release()


def test_of_two_that_start_at_once_one_gets_it() -> None:
    class Late(Memory):
        def read_version(self, relative: str) -> tuple[bytes, Version] | None:
            found = super().read_version(relative)
            if found is None:  # and now the other one writes
                self.write_file(relative, others())
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
    file.write_file(LOCK, others())
    lease.renew()
    with pytest.raises(LeaseLostError, match="process 1 on elsewhere has it now") as caught:
        lease.check()
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    lease.renew()
    lease.release()
    assert file.content is not None
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


def test_a_store_without_conditions_has_leases_too() -> None:
    file = Unconditional()
    lease = held(file)
    with pytest.raises(OutputLockedError):
        held(file)
    file.write_file(LOCK, others())
    lease.renew()
    with pytest.raises(LeaseLostError, match="elsewhere has it now"):
        lease.check()
    lease.release()
    assert file.content is not None


def test_nothing_is_written_without_the_lease(tmp_path: os.PathLike[str]) -> None:
    storage = open_storage(str(tmp_path))
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


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Storage:
    """A data set in an object store, as a URI names it; every opening of it finds the same."""
    memory = MemoryStore()
    monkeypatch.setattr(opening, "connect", lambda *_: memory)
    return open_storage("s3://bucket/out")


def test_a_lease_that_runs_keeps_others_away(store: Storage) -> None:
    store.write_file(LOCK, others())
    assert driver_of(store) == "process 1 on elsewhere"
    with pytest.raises(OutputLockedError, match="elsewhere"), exclusive(store):
        pass


@pytest.mark.parametrize(
    "changes",
    [
        {"until": time.time() - 1.0},  # not renewed: its driver is dead
        {"machine": locking.socket.gethostname(), "process": 2**22 + 1},  # no such process here
    ],
)
def test_a_lease_of_a_dead_driver_keeps_nobody_away(
    changes: dict[str, object], store: Storage
) -> None:
    store.write_file(LOCK, others(**changes))
    assert driver_of(store) is None
    with exclusive(store):
        assert driver_of(store) == f"process {os.getpid()} on {locking.socket.gethostname()}"
        assert store.guard is not None
        with pytest.raises(OutputLockedError), exclusive(open_storage("s3://bucket/out")):
            pass
    assert driver_of(store) is None
    assert store.guard is None
