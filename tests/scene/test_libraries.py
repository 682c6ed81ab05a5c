"""Blender's system libraries: the list, the copies brought along, and when these are used."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from scene.machine.libraries import BROUGHT_ALONG, DEBIAN_PACKAGES, LOADING_ORDER

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the libraries are Linux's"
)

RUNTIME = re.compile(r"(lib(c|m|dl|rt|pthread|util|gcc_s|stdc\+\+|resolv)|ld-linux.*)\.so")
"""Every Linux has these: the C and C++ runtimes."""


def test_the_list_of_libraries_is_what_bpy_asks_the_linker_for() -> None:
    folder = bpy_folder()
    shipped = {file.name: file for file in folder.rglob("*.so*")}
    # From the module on: other libraries in the wheel are loaded for GPUs, or not at all.
    (module,) = folder.glob("__init__*.so")
    asked, seen = [module], set[str]()
    while asked:
        new = set(needed(asked.pop())) - seen
        seen |= new
        asked += [shipped[name] for name in new if name in shipped]
    system = {name for name in seen if name not in shipped and not RUNTIME.match(name)}
    assert system == set(DEBIAN_PACKAGES)


def test_the_copies_are_the_listed_ones_with_their_packages_copyright() -> None:
    listed = dict(
        reversed(line.split()) for line in (BROUGHT_ALONG / "SHA256SUMS").read_text().splitlines()
    )
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in BROUGHT_ALONG.glob("*.so*")
    }
    assert found == listed
    assert set(found) == set(LOADING_ORDER)
    packages = {
        line.rpartition("/")[2].split("_")[0]
        for line in (BROUGHT_ALONG / "packages.txt").read_text().splitlines()
    }
    assert packages >= set(DEBIAN_PACKAGES.values())
    assert {file.name for file in (BROUGHT_ALONG / "copyright").iterdir()} == packages


def test_each_copy_is_loaded_after_what_it_needs() -> None:
    loaded = set[str]()
    for name in LOADING_ORDER:
        assert {lib for lib in needed(BROUGHT_ALONG / name) if not RUNTIME.match(lib)} <= loaded
        loaded.add(name)


def test_the_copies_ask_for_no_newer_system_than_bpy_does() -> None:
    (module,) = bpy_folder().glob("__init__*.so")
    newest = max(glibc_versions(module))
    for name in LOADING_ORDER:
        assert max(glibc_versions(BROUGHT_ALONG / name)) <= newest, name


WITHOUT = """
import ctypes, json, os, sys
from pathlib import Path
from scene.machine import libraries

absent, folder, real = set(json.loads(sys.argv[1])), sys.argv[2], ctypes.CDLL

def load(name, mode=ctypes.DEFAULT_MODE):
    # A library that the system lacks is found by name only once a copy of it is loaded.
    return real(name, mode | os.RTLD_NOLOAD if name in absent else mode)

ctypes.CDLL = load
libraries.BROUGHT_ALONG = Path(folder)
exec(sys.argv[3])
mapped = {Path(line.split()[-1]) for line in open("/proc/self/maps") if ".so" in line}
print("\\nMAPPED", json.dumps([str(path) for path in mapped]))
"""


def run_without(
    absent: set[str], folder: Path, code: str = "libraries.load_libraries(); import bpy"
) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, as if the system lacked the named libraries."""
    command = [sys.executable, "-c", WITHOUT, json.dumps(sorted(absent)), str(folder), code]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    "absent",
    [set(LOADING_ORDER), {"libXi.so.6", "libGL.so.1"}, set[str]()],
    ids=["all", "two", "none"],
)
def test_copies_stand_in_for_what_the_system_lacks_and_for_nothing_else(absent: set[str]) -> None:
    absent |= really_absent()
    done = run_without(absent, BROUGHT_ALONG)
    assert done.returncode == 0, done.stderr
    mapped = [Path(text) for text in json.loads(done.stdout.split("\nMAPPED ")[1])]
    assert {path.name for path in mapped if path.parent == BROUGHT_ALONG} == absent
    others = {path.name for path in mapped if path.parent != BROUGHT_ALONG}
    # A system's file has the version in its name: libX11.so.6.4.0.
    for library in absent:
        assert not [name for name in others if name.startswith(library)]


def test_where_no_copy_loads_either_all_are_named_with_their_packages(tmp_path: Path) -> None:
    (tmp_path / "libX11.so.6").write_text("no library")
    done = run_without(set(LOADING_ORDER), tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "Blender needs system libraries that are not installed: libX11.so.6, " in last
    for library, package in DEBIAN_PACKAGES.items():
        assert library in last
        assert package in last.partition("apt-get install")[2]


def test_a_plugin_may_import_bpy_as_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "early").mkdir()
    (tmp_path / "early" / "__init__.py").write_text("import bpy\nVERSION = bpy.app.version\n")
    code = (
        "from scene.recipe.plugins import PluginPackages\n"
        f"assert PluginPackages([Path({str(tmp_path)!r})]).module('early').VERSION >= (5, 2)"
    )
    done = run_without(set(LOADING_ORDER), BROUGHT_ALONG, code)
    assert done.returncode == 0, done.stderr
    assert str(BROUGHT_ALONG / "libX11.so.6") in done.stdout


def bpy_folder() -> Path:
    spec = importlib.util.find_spec("bpy")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])


def really_absent() -> set[str]:
    """Return those that this machine lacks."""
    code = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
    return {
        name
        for name in LOADING_ORDER
        if subprocess.run(
            [sys.executable, "-c", code, name], check=False, capture_output=True
        ).returncode
    }


def needed(file: Path) -> Iterator[str]:
    """Yield the libraries that a binary asks the linker for."""
    with file.open("rb") as stream:
        try:
            section = ELFFile(stream).get_section_by_name(".dynamic")
        except ELFError:
            return
        if section is not None:
            for tag in section.iter_tags("DT_NEEDED"):
                yield tag.needed


def glibc_versions(file: Path) -> Iterator[tuple[int, ...]]:
    """Yield the versions of the C library whose functions a binary uses."""
    with file.open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".gnu.version_r")
        for _, versions in section.iter_versions():
            for version in versions:
                if found := re.fullmatch(r"GLIBC_([\d.]+)", version.name):
                    yield tuple(map(int, found[1].split(".")))
