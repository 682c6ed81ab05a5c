"""The first hour of somebody new: the README's commands, as they stand there, on a bare system.

``just fresh`` builds a minimal Debian or Ubuntu that has python3, pip and git besides, as its
makers build it (debootstrap); clones this commit into it; and there, a user who is not root types
what the README's quickstart says, and docs/installation.md of a wheel. The images are checked and
saved for a person to look at; times and sizes go into docs/installation.md with ``--write``.

Building the system needs root on the machine that it is built on, and Debian's package debootstrap.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet
from PIL import Image

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "installation.md"
RESULT = re.compile(r"(?<=<!-- fresh -->\n).*(?=<!-- end -->)", re.DOTALL)
DEBIAN, UBUNTU = "http://deb.debian.org/debian", "http://archive.ubuntu.com/ubuntu"
PACKAGES = "python3,python3-pip,git,ca-certificates"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

# What this machine needs to reach the registries. Nothing else of its environment goes along.
PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "PIP_CERT", "GIT_SSL_CAINFO")

HOME = "home/newcomer"
TYPED = """
set -u
cd ~/blendsweep
{commands}
"""
ONE = """
printf '\\n$ %s\\n' {quoted}
began=$EPOCHREALTIME
{command}
code=$?
printf '@@ %s %s %s %s %s %s\\n' "$code" "$began" "$EPOCHREALTIME" "$(du -sm ~ | cut -f1)" \\
    "$(du -sm ~/blendsweep/.venv 2>/dev/null | cut -f1 | grep . || echo 0)" \\
    "$(find ~/blendsweep/.venv -name '*.dist-info' -maxdepth 5 2>/dev/null | wc -l)"
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One command that was typed.

    Attributes
    ----------
    home, environment
        Sizes in MB after it, of the user's home with uv's cache and of the project's environment.
    packages
        Number of packages in the environment.
    """

    command: str
    code: int
    seconds: float
    home: int
    environment: int
    packages: int


def main() -> None:
    """Do it for each release that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("releases", nargs="*", default=["trixie"], help="such as trixie, noble")
    parser.add_argument("--skip", help="leave out commands with this word, such as pytest")
    parser.add_argument(
        "--python",
        type=Path,
        help="folder of a Python 3.13 for a system with another, in place of the one that uv would "
        "fetch from where this machine may not reach",
    )
    parser.add_argument("--to", type=Path, default=ROOT / "outputs" / "fresh")
    parser.add_argument("--write", action="store_true", help=f"write into {PAGE.name}")
    arguments = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        sys.exit("just fresh needs root and debootstrap: apt-get install debootstrap")
    commands = documented(ROOT / "README.md", "Quickstart") + documented(PAGE, "Without a clone")
    if arguments.skip is not None:
        commands = [command for command in commands if arguments.skip not in command]
    tables = []
    for release in arguments.releases:
        with tempfile.TemporaryDirectory(prefix="fresh-", dir="/var/tmp") as folder:
            table = first_hour(release, Path(folder), commands, arguments)
        print(table)
        tables.append(table)
    if arguments.write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(RESULT.sub(lambda _: "\n".join(tables), page), encoding="utf-8")


def documented(page: Path, heading: str) -> list[str]:
    """Return the commands of the first block under a heading."""
    text = page.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1]
    block = text.split("```console\n")[1].split("```")[0]
    return [line.removeprefix("$ ").partition("  #")[0].strip() for line in block.splitlines()]


def first_hour(
    release: str, system: Path, commands: Sequence[str], arguments: argparse.Namespace
) -> str:
    """Build a system, type the commands there, look at what comes out; return it as Markdown."""
    build(release, system)
    if arguments.python is not None:
        lay(arguments.python.resolve(), system)
    saved: Path = arguments.to / release
    shutil.rmtree(saved, ignore_errors=True)
    saved.mkdir(parents=True)
    steps = list(typed(system, commands, saved / "terminal.txt"))
    if len(steps) < len(commands) or any(step.code for step in steps):
        sys.exit(f"not all commands ended well: {steps}; see {saved / 'terminal.txt'}")
    looked_at = looks(system / HOME / "blendsweep/outputs/quickstart", saved)
    began = f"commit {git('rev-parse', '--short', 'HEAD')}, {time.strftime('%Y-%m-%d')}"
    lines = [
        f"{described(system)}; {hardware()}; {began}:",
        "",
        "| command | exit code | time | packages | `.venv` | home with uv's cache |",
        "| --- | --- | --- | --- | --- | --- |",
        *map(row, steps),
        "",
        f"Written in the user's home beside the project: {', '.join(written(system))}.",
        "",
        *looked_at,
    ]
    table = "\n".join(lines) + "\n"
    (saved / "result.md").write_text(table, encoding="utf-8")
    return table


def row(step: Step) -> str:
    """Return a step as a row of the table."""
    return (
        f"| `{step.command}` | {step.code} | {step.seconds:.0f} s | {step.packages} "
        f"| {step.environment} MB | {step.home} MB |"
    )


def build(release: str, system: Path) -> None:
    """Build a minimal system with a user, and this commit in the user's home."""
    system.chmod(0o755)
    known = known_to_debian(release)
    mirror = [DEBIAN] if known else [UBUNTU, "gutsy"]  # the script of every Ubuntu since
    subprocess.run(
        [
            *("debootstrap", "--variant=minbase", f"--include={PACKAGES}"),
            *([] if known else ["--components=main,universe"]),
            *(release, system, *mirror),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    for file in (Path("/etc/resolv.conf"), Path("/etc/hosts"), CERTIFICATES):
        place = system / file.relative_to("/")
        place.unlink(missing_ok=True)
        shutil.copyfile(file, place)
    subprocess.run(
        ["chroot", system, "useradd", "--create-home", "--shell", "/bin/bash", "newcomer"],
        check=True,
    )
    clone = system / HOME / "blendsweep"
    git("clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone))
    subprocess.run(["chroot", system, "chown", "-R", "newcomer:", f"/{HOME}"], check=True)


def lay(python: Path, system: Path) -> None:
    """Lay a Python into the system, at the path for which it was built."""
    place = system / python.relative_to("/")
    packages = shutil.ignore_patterns("site-packages", "test")
    shutil.copytree(python, place, symlinks=True, ignore=packages)
    for folder in place.parents:
        if folder.is_relative_to(system):
            folder.chmod(0o755)
    (system / "usr/local/bin/python3.13").symlink_to(python / "bin/python3.13")


def known_to_debian(release: str) -> bool:
    """Return whether Debian has such a release; else it may be Ubuntu's."""
    try:
        with urllib.request.urlopen(f"{DEBIAN}/dists/{release}/Release", timeout=60):
            return True
    except urllib.error.HTTPError:
        return False


def typed(system: Path, commands: Sequence[str], log: Path) -> Iterator[Step]:
    """Type commands in one shell of the user's, showing and keeping what it shows."""
    script = TYPED.format(
        commands="".join(
            ONE.format(quoted=shlex.quote(command), command=command) for command in commands
        )
    )
    inside = (
        'mount -t proc proc "$0/proc" && mount -t tmpfs -o mode=1777 tmpfs "$0/dev/shm" && '
        'exec chroot --userspec=newcomer:newcomer "$0" "$@"'
    )
    environment = {
        "HOME": f"/{HOME}",
        "USER": "newcomer",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
    }
    # The mounts and every process in there go with the last of these.
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", inside, system]
    command += ["env", "-i", *(f"{name}={value}" for name, value in environment.items())]
    with (
        log.open("w", encoding="utf-8") as kept,
        subprocess.Popen(
            [*command, "bash", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as shell,
    ):
        assert shell.stdout is not None
        left = iter(commands)
        for line in shell.stdout:
            kept.write(line)
            kept.flush()
            if line.startswith("@@ "):
                code, began, ended, *sizes = line.split()[1:]
                seconds = float(ended) - float(began)
                yield Step(next(left), int(code), seconds, *map(int, sizes))
            else:
                print(line, end="", flush=True)


def looks(data_set: Path, saved: Path) -> Iterator[str]:
    """Save what a person should look at, and say what the images are like."""
    runs = pyarrow.parquet.read_table(data_set / "manifest").to_pylist()
    for run in sorted(runs, key=lambda run: run["index"]):
        folder = data_set / "runs" / run["run_id"]
        for name in ("real.png", "preview.jpg"):
            if (folder / name).is_file():
                shutil.copyfile(folder / name, saved / f"{run['index']}-{name}")
        with Image.open(folder / "real.png") as image:
            gray = np.asarray(image)
        if run["visible_particles"] < 1 or not 10 < gray.mean() < 245 or gray.std() < 5:
            sys.exit(f"{folder}/real.png shows nothing: mean {gray.mean():.0f}, {gray.std():.0f}")
        yield (
            f"- run {run['index']}: {gray.shape[1]} x {gray.shape[0]}, "
            f"{run['visible_particles']} beads visible, "
            f"gray values {gray.mean():.0f} ± {gray.std():.0f}"
        )


def described(system: Path) -> str:
    """Return what the system calls itself, and its Python."""
    release = (system / "etc/os-release").read_text(encoding="utf-8")
    (name,) = re.findall(r'^PRETTY_NAME="(.*)"', release, re.MULTILINE)
    pythons = sorted((system / "usr/bin").glob("python3.??"))
    laid = system / "usr/local/bin/python3.13"
    beside = " and a Python 3.13 put beside it" if laid.is_symlink() else ""
    return f"{name} with Python {pythons[0].name.removeprefix('python')}{beside}"


def megabytes(folder: Path) -> int:
    """Return the size of a folder on disk."""
    done = subprocess.run(["du", "-sm", folder], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0])


def written(system: Path) -> Iterator[str]:
    """Yield what the commands left in the user's home beside the project, with sizes."""
    home = system / HOME
    came_with_it = {file.name for file in (system / "etc/skel").iterdir()}
    for place in sorted([*home.glob("*"), *home.glob(".cache/*"), *home.glob(".local/share/*")]):
        if place.name not in came_with_it | {"blendsweep", ".cache", ".local"}:
            yield f"`~/{place.relative_to(home)}` ({megabytes(place)} MB)"


def hardware() -> str:
    """Return the processor and the cores that there are to compute on."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return f"{len(os.sched_getaffinity(0))} cores of {model[1] if model else 'a processor'}"


def git(*arguments: str) -> str:
    """Run git here and return what it says."""
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
