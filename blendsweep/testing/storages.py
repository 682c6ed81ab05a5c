"""What every storage, a place where a data set lies, must do.

A storage of one's own, a subclass of `orchestrator.dataset.storage.storage.Storage`, is tested
by inheriting `StorageConformance` in a module that pytest collects::

    class TestMyStorage(StorageConformance):
        @pytest.fixture
        def storage(self, tmp_path):
            return MyStorage(tmp_path)
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrator.dataset.storage.storage import OutputError, Storage

BIG = bytes(range(256)) * 2**14
"""4 MiB, more than a storage needs to transfer when it opens a file."""


class StorageConformance:
    """The tests; a subclass says by its fixture `storage` what they run on."""

    @pytest.fixture
    def storage(self) -> Storage:
        """Return the storage under test, empty and another one for each test."""
        raise NotImplementedError(f"{type(self).__name__} does not define the fixture storage")

    @pytest.fixture
    def attempt(self, tmp_path: Path) -> Callable[[str], Path]:
        """Return what makes the folder of a finished run, whose files all hold a text."""

        def make(text: str) -> Path:
            folder = tmp_path / f"attempt-{text}"
            (folder / "sub").mkdir(parents=True)
            for name in ("a.png", "record.json", "sub/record.json", "z.tiff"):
                (folder / name).write_text(text)
            return folder

        return make

    def test_a_published_folder_is_there_whole_and_gone_where_it_was(
        self, storage: Storage, attempt: Callable[[str], Path]
    ) -> None:
        folder = attempt("one")
        assert storage.publish(folder, "runs/a")
        assert storage.list("runs") == ["a"]
        assert storage.list("runs/a") == ["a.png", "record.json", "sub", "z.tiff"]
        assert storage.read("runs/a/sub/record.json") == b"one"
        assert not folder.exists()

    def test_publishing_never_overwrites(
        self, storage: Storage, attempt: Callable[[str], Path]
    ) -> None:
        assert storage.publish(attempt("one"), "runs/a")
        folder = attempt("two")
        assert not storage.publish(folder, "runs/a")
        assert storage.read("runs/a/z.tiff") == b"one"
        assert folder.exists()

    def test_of_publishers_that_begin_at_once_one_succeeds(
        self, storage: Storage, attempt: Callable[[str], Path]
    ) -> None:
        """Readers find the record of that one, and never another."""
        names = ["one", "two", "three"]
        folders = [attempt(name) for name in names]
        together = threading.Barrier(len(names))

        def publish(folder: Path) -> bool:
            together.wait()
            return storage.publish(folder, "runs/a")

        with ThreadPoolExecutor(len(names)) as pool:
            published = list(pool.map(publish, folders))
        assert sorted(published) == [False, False, True]
        assert storage.read("runs/a/record.json").decode() == names[published.index(True)]

    def test_what_has_a_record_is_whole_while_the_data_set_grows(
        self, storage: Storage, attempt: Callable[[str], Path]
    ) -> None:
        folders = [attempt(str(number)) for number in range(10)]

        def publish() -> None:
            for number, folder in enumerate(folders):
                storage.publish(folder, f"runs/{number}")

        writer = threading.Thread(target=publish)
        writer.start()
        seen: set[str] = set()
        while len(seen) < len(folders):
            ended = not writer.is_alive()
            for name in storage.list("runs"):
                if storage.exists(f"runs/{name}/record.json"):
                    assert storage.read(f"runs/{name}/a.png").decode() == name
                    assert storage.read(f"runs/{name}/z.tiff").decode() == name
                    seen.add(name)
            if ended:
                break
        writer.join()
        assert len(seen) == len(folders)

    def test_files_are_written_replaced_listed_and_deleted(self, storage: Storage) -> None:
        assert storage.list("a") == []
        storage.write_file("a/b.txt", b"1")
        storage.write_file("a/b.txt", b"2")
        storage.write_file("a/c d/#%~é", b"")
        assert storage.read("a/b.txt") == b"2"
        assert storage.read("a/c d/#%~é") == b""
        assert storage.list(".") == ["a"]
        assert storage.list("a") == ["b.txt", "c d"]
        assert storage.list("a/c d") == ["#%~é"]
        assert storage.exists("a")
        assert storage.exists("a/b.txt")
        assert not storage.exists("a/b")
        storage.delete("a/b.txt")
        storage.delete("a/b.txt")
        assert storage.list("a") == ["c d"]
        storage.delete("a")
        assert not storage.exists("a")

    def test_sizes_are_of_all_files_below_a_folder(self, storage: Storage) -> None:
        for path, size in (("a/b.txt", 3), ("a/c/d/e", 0), ("ab/c", 1)):
            storage.write_file(path, b"x" * size)
        assert storage.sizes("a") == {"b.txt": 3, "c/d/e": 0}
        assert storage.sizes("a/c") == {"d/e": 0}
        assert storage.sizes("missing") == {}

    def test_what_is_missing_can_not_be_read(self, storage: Storage) -> None:
        storage.write_file("a/b.txt", b"1")
        for path in ("nothing", "a/nothing"):
            with pytest.raises(FileNotFoundError):
                storage.read(path)
            with pytest.raises(FileNotFoundError):
                storage.open(path)

    @pytest.mark.parametrize("content", [b"", b"12345", BIG], ids=["empty", "small", "big"])
    def test_a_file_is_read_at_any_position(self, storage: Storage, content: bytes) -> None:
        storage.write_file("a", content)
        with storage.open("a") as stream:
            assert stream.seek(0, io.SEEK_END) == len(content)
            assert stream.read() == b""
            for start in (len(content) // 2, 1, 0):
                assert stream.seek(start) == start
                assert stream.read(3) == content[start : start + 3]
                assert stream.tell() == min(start + 3, max(start, len(content)))
            stream.seek(0)
            assert stream.read() == content
        assert storage.read("a") == content

    def test_a_table_is_read_by_its_columns(self, storage: Storage) -> None:
        table = pa.table({"run_id": ["a", "b"], "noise": [BIG[: 2**20], BIG]})
        with storage.replacing("manifest/part-0.parquet") as stream:
            pq.write_table(table, stream, compression="none")
        with (
            storage.open("manifest/part-0.parquet") as source,
            pq.ParquetFile(source, pre_buffer=False) as part,
        ):
            assert part.read(["run_id"], use_threads=False) == table.select(["run_id"])
            assert part.read(use_threads=False) == table

    def test_a_file_made_piece_by_piece_appears_whole(self, storage: Storage) -> None:
        with storage.replacing("a/b.txt") as stream:
            stream.write(b"1")
            assert "b.txt" not in storage.list("a")
            stream.write(b"2x")
            stream.seek(2)
            stream.write(b"3")
        assert storage.read("a/b.txt") == b"123"
        assert storage.list("a") == ["b.txt"]

    @pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
    def test_a_file_that_is_not_finished_leaves_the_old_one(
        self, storage: Storage, error: type[BaseException]
    ) -> None:
        storage.write_file("a/b.txt", b"old")

        def half() -> Iterator[bytes]:
            yield b"half"
            raise error

        with pytest.raises(error), storage.replacing("a/b.txt") as stream:
            stream.writelines(half())
        assert storage.read("a/b.txt") == b"old"
        assert storage.list("a") == ["b.txt"]

    def test_files_and_folders_are_moved_where_there_is_room(
        self, storage: Storage, attempt: Callable[[str], Path]
    ) -> None:
        storage.write_file("a", b"a")
        storage.publish(attempt("one"), "runs/b")
        for taken in ("a", "runs/b"):
            with pytest.raises(FileExistsError):
                storage.move("a", taken)
        storage.move("a", "c")
        storage.move("runs/b", "damaged/b-1")
        assert storage.list(".") in (["c", "damaged"], ["c", "damaged", "runs"])
        assert storage.list("damaged/b-1") == ["a.png", "record.json", "sub", "z.tiff"]
        assert storage.list("runs") == []

    @pytest.mark.parametrize("path", ["../x", "/etc/passwd", "runs/../../x"])
    def test_no_path_leads_out(self, storage: Storage, path: str) -> None:
        for use in (storage.read, storage.open, storage.exists, storage.list, storage.delete):
            with pytest.raises(ValueError, match="leads out"):
                use(path)
        with pytest.raises(ValueError, match="leads out"):
            storage.write_file(path, b"")

    def test_nothing_changes_where_the_guard_refuses(
        self, storage: Storage, attempt: Callable[[str], Path]
    ) -> None:
        """As once a driver has lost its hold on the data set."""
        storage.write_file("a", b"1")
        folder = attempt("one")

        def refuse() -> None:
            raise OutputError(storage.public_uri, "held by another driver")

        def half() -> None:
            storage.guard = None
            with storage.replacing("b") as stream:
                stream.write(b"half")
                storage.guard = refuse  # meanwhile

        for change in (
            half,
            lambda: storage.publish(folder, "runs/a"),
            lambda: storage.write_file("a", b"2"),
            lambda: storage.delete("a"),
            lambda: storage.move("a", "c"),
        ):
            with pytest.raises(OutputError, match="held by another driver"):
                change()
        assert storage.read("a") == b"1"
        assert storage.list(".") in (["a"], ["a", "runs"])
        assert storage.list("runs") == []
