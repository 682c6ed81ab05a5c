"""Break the code on purpose, a mutation at a time, and see whether a test fails: ``just mutants``.

``mutations.toml`` lists the mutations: a piece of source text, what takes its place, and the tests
that must notice. Each is applied to a copy of the project, never to the project itself.

Each mutation stands for a guarantee that users rely on, which is why they are listed by hand:
mutmut and cosmic-ray make thousands out of operators and numbers, among them many that change
nothing that matters, and none that reorders an upload or lets a lease outlive its end.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("mutations.toml")
TABLE = ROOT / "outputs" / "mutants.md"

TEST_SECONDS = 60
"""A single test that takes longer counts as failed: some mutations make code loop for ever."""

RUN_SECONDS = 300
"""So do all tests of one mutation together."""

_FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mutation:
    """One way to break the code.

    Parameters
    ----------
    part
        What of Blendsweep it breaks, for the summary.
    what
        The fault, in words.
    file
        Source file, relative to the project.
    old, new
        Text that stands in the file exactly once, and what takes its place.
    tests
        Test files that must notice, relative to ``tests``.
    survives
        Why no test can notice, where that is so.
    """

    part: str
    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    survives: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutation.

    Parameters
    ----------
    killer
        The test that failed; None for a survivor.
    problem
        Why the tests say nothing: they could not even be collected.
    """

    mutation: Mutation
    killer: str | None
    seconds: float
    problem: str | None = None

    @property
    def word(self) -> str:
        return self.killer or ("UNUSABLE" if self.problem else "SURVIVED")


class UnusableError(Exception):
    """A mutation or its tests say nothing as they are."""


class Copy:
    """A copy of the project in which mutations are tried, with a process that runs pytest in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._output = folder.with_suffix(".txt")
        self._times = itertools.count(1)
        listed = subprocess.run(
            ["git", "ls-files", "-coz", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm.py"))],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder), "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        self._process.communicate()

    @contextmanager
    def mutated(self, mutation: Mutation) -> Iterator[None]:
        path = self._folder / mutation.file
        text = path.read_text(encoding="utf-8")
        self._write(path, text.replace(mutation.old, mutation.new))
        try:
            yield
        finally:
            self._write(path, text)

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        # By whole seconds and sizes Python sees whether bytecode is out of date.
        os.utime(path, (next(self._times),) * 2)

    def test(self, files: Sequence[str]) -> tuple[int | None, str]:
        """Run tests up to the first failure; return pytest's exit code, None for too long."""
        arguments = ["-x", "-q", "-rfE", "-p", "no:cacheprovider", "--timeout", str(TEST_SECONDS)]
        arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        # What one mutation leaves must not reach the next.
        arguments += ["--basetemp", f"{self._folder}.tmp", "--hypothesis-seed", "0"]
        shutil.rmtree(self._folder / ".hypothesis", ignore_errors=True)
        arguments += [f"tests/{name}" for name in files]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps([str(self._output), RUN_SECONDS, arguments])
        print(line, file=self._process.stdin, flush=True)
        code: int | None = json.loads(self._process.stdout.readline())
        return code, self._output.read_text(encoding="utf-8", errors="replace")


def read_mutations() -> list[Mutation]:
    """Return the list.

    Raises
    ------
    UnusableError
        With every mutation that does not apply to the code as it is.
    """
    entries: list[dict[str, Any]] = tomllib.loads(LIST.read_text(encoding="utf-8"))["mutation"]
    found = [Mutation(**entry | {"tests": tuple(entry["tests"])}) for entry in entries]
    problems = [problem for mutation in found for problem in _problems(mutation)]
    names = [mutation.what for mutation in found]
    problems += [f"{name}: listed twice" for name in sorted(set(names)) if names.count(name) > 1]
    if problems:
        raise UnusableError("\n".join([*problems, f"mend them in {LIST.relative_to(ROOT)}"]))
    return found


def _problems(mutation: Mutation) -> Iterator[str]:
    path = ROOT / mutation.file
    count = path.read_text(encoding="utf-8").count(mutation.old) if path.is_file() else 0
    if count != 1:
        yield f"{mutation.what}: its text stands {count} times in {mutation.file}, not once"
    elif mutation.old == mutation.new:
        yield f"{mutation.what}: changes nothing"
    else:
        text = path.read_text(encoding="utf-8").replace(mutation.old, mutation.new)
        try:
            compile(text, mutation.file, "exec")
        except SyntaxError as error:
            yield f"{mutation.what}: is no Python any more: {error}"
    for name in mutation.tests:
        if not (ROOT / "tests" / name.partition("::")[0]).is_file():
            yield f"{mutation.what}: there is no tests/{name}"
    if not mutation.tests:
        yield f"{mutation.what}: names no test"


def check_tests(mutations: Sequence[Mutation]) -> None:
    """Check that every test that is named inside a file is there.

    Raises
    ------
    UnusableError
        If pytest finds one nowhere.
    """
    named = dict.fromkeys(f"tests/{name}" for m in mutations for name in m.tests if "::" in name)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *named],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise UnusableError(f"{done.stderr or done.stdout}mend them in {LIST.relative_to(ROOT)}")


def try_all(mutations: Sequence[Mutation], workers: int) -> Iterator[Verdict]:
    """Yield what became of each mutation, in order.

    Raises
    ------
    UnusableError
        If a test fails without any mutation.
    """
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        made = [Copy(Path(folder) / str(number)) for number in range(workers)]
        copies: queue.SimpleQueue[Copy] = queue.SimpleQueue()
        for copy in made:
            copies.put(copy)

        def healthy(name: str) -> None:
            copy = copies.get()
            code, output = copy.test([name])
            copies.put(copy)
            if code != 0:
                raise UnusableError(f"tests/{name} fails without any mutation:\n{output[-3000:]}")

        def tried(mutation: Mutation) -> Verdict:
            copy = copies.get()
            start = time.monotonic()
            with copy.mutated(mutation):
                code, output = copy.test(mutation.tests)
            copies.put(copy)
            return _verdict(mutation, code, output, time.monotonic() - start)

        list(pool.map(healthy, dict.fromkeys(n for m in mutations for n in m.tests)))
        yield from pool.map(tried, mutations)
        for copy in made:
            copy.close()


def _verdict(mutation: Mutation, code: int | None, output: str, seconds: float) -> Verdict:
    if code == 0:
        return Verdict(mutation, None, seconds)
    if code is None:
        return Verdict(mutation, f"no end within {RUN_SECONDS} s", seconds)
    found = _FAILED.search(output)
    if code != 1 or found is None:
        return Verdict(mutation, None, seconds, f"pytest ended with {code}: {output[-2000:]}")
    late = " (no end)" if "Timeout (>" in output else ""
    return Verdict(mutation, found[1].removeprefix("tests/") + late, seconds)


def table(verdicts: Sequence[Verdict]) -> str:
    """Return all verdicts as Markdown."""
    lines = ["| part | mutation | killed by | s |", "| --- | --- | --- | --- |"]
    for verdict in verdicts:
        mutation = verdict.mutation
        killer = f"`{verdict.killer}`" if verdict.killer else f"**{verdict.word}**"
        lines.append(f"| {mutation.part} | {mutation.what} | {killer} | {verdict.seconds:.0f} |")
    return "\n".join(lines)


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return how many of each part were killed, as Markdown, and the survivors."""
    lines = ["| part | mutations | killed |", "| --- | --- | --- |"]
    for part in dict.fromkeys(verdict.mutation.part for verdict in verdicts):
        of_part = [verdict for verdict in verdicts if verdict.mutation.part == part]
        killed = sum(verdict.killer is not None for verdict in of_part)
        lines.append(f"| {part} | {len(of_part)} | {killed} |")
    killed = sum(verdict.killer is not None for verdict in verdicts)
    lines.append(f"| all | {len(verdicts)} | {killed} |")
    for verdict in verdicts:
        if verdict.killer is None:
            reason = verdict.problem or verdict.mutation.survives or "a test is missing"
            lines.append(f"\n{verdict.word}: {verdict.mutation.what}: {reason}")
    return "\n".join(lines)


def main() -> int:
    """Return 0 if every mutation is killed, or says why it can't be."""
    parser = argparse.ArgumentParser(prog="just mutants", description=__doc__)
    parser.add_argument("words", nargs="*", help="only mutations whose part or text has this word")
    parser.add_argument("--check", action="store_true", help="only see whether all apply")
    parser.add_argument("--workers", type=int, default=2, help="how many at a time (2)")
    given = parser.parse_args()
    try:
        mutations = read_mutations()
        if given.check:
            check_tests(mutations)
            print(f"{len(mutations)} mutations apply")
            return 0
        chosen = [
            mutation
            for mutation in mutations
            if not given.words
            or any(word in f"{mutation.part} {mutation.what}" for word in given.words)
        ]
        verdicts = []
        for verdict in try_all(chosen, given.workers):
            verdicts.append(verdict)
            print(
                f"{len(verdicts):3}/{len(chosen)} {verdict.seconds:4.0f} s  "
                f"{verdict.mutation.part}: {verdict.mutation.what}: {verdict.word}",
                flush=True,
            )
    except UnusableError as error:
        print(error, file=sys.stderr)
        return 2
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(f"{table(verdicts)}\n\n{summary(verdicts)}\n", encoding="utf-8")
    print(f"\n{summary(verdicts)}\n\nall of them: {TABLE.relative_to(ROOT)}")
    return int(any(v.killer is None and not v.mutation.survives for v in verdicts))


sys.exit(main())
