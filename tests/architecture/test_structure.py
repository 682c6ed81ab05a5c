"""The page on structure shows every folder of the packages, in the order of the contracts."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "structure.md").read_text(encoding="utf-8")


def shown() -> list[str]:
    """Return the folders of the page's tree, with their paths, from top to bottom."""
    tree = PAGE.split("```text\n")[1].split("```")[0]
    found: list[str] = []
    above: list[str] = []
    for indent, name in re.findall(r"^( *)(\S+)/ ", tree.replace("/\n", "/ \n"), re.MULTILINE):
        above[len(indent) // 2 :] = [name]
        found.append("/".join(above))
    return found


def packages() -> set[str]:
    return {
        path.parent.relative_to(ROOT).as_posix()
        for package in ("blendsweep", "orchestrator", "scene")
        for path in (ROOT / package).rglob("__init__.py")
    }


def rooms() -> dict[str, list[str]]:
    """Return the rooms of each package whose layers a contract lists, from top to bottom."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = {}
    for contract in tomllib.loads(text)["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers" and len(contract.get("containers", [])) == 1:
            (package,) = contract["containers"]
            layers = [name for layer in contract["layers"] for name in re.split(r" [|:] ", layer)]
            found[package] = [name for name in layers if (ROOT / package / name).is_dir()]
    return found


def test_the_tree_shows_every_folder_once_and_none_that_is_gone() -> None:
    tree = shown()
    assert len(tree) == len(set(tree))
    assert {path for path in tree if not (ROOT / path).is_dir()} == set()
    assert packages() - set(tree) == set()


@pytest.mark.parametrize("package", ["orchestrator", "scene"])
def test_the_rooms_stand_in_the_order_of_the_contract(package: str) -> None:
    listed = [
        path.removeprefix(f"{package}/")
        for path in shown()
        if re.fullmatch(rf"{package}/\w+", path)
    ]
    assert listed == rooms()[package]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:\w+/)+\w+\.py)`", PAGE))))
def test_files_that_the_page_names_are_there(path: str) -> None:
    assert (ROOT / path).is_file()
