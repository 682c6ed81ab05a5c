"""What the build of the site, `just docs`, does not see by itself."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "docs" / "conf.py"

type Fetched = Callable[[Path], Iterator[str]]


@pytest.fixture(scope="module")
def fetched() -> Fetched:
    found: Fetched = runpy.run_path(str(CONFIGURATION))["fetched"]
    return found


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", '<script async src="https://cdn.example.org/x.js"></script>'),
        ("page.html", "<link rel='stylesheet'\n href='//fonts.example.org/css'>"),
        ("page.html", '<img alt="" src="http://example.org/badge.svg">'),
        ("page.css", "src: url(https://fonts.example.org/x.woff2)"),
        ("page.css", '@import "https://example.org/x.css";'),
    ],
)
def test_what_a_page_would_fetch_is_told(
    name: str, content: str, fetched: Fetched, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    (problem,) = fetched(tmp_path)
    assert problem.startswith(f"{name} fetches from elsewhere: ")


def test_links_and_own_files_are_no_matter(fetched: Fetched, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<a href="https://docs.ray.io">Ray</a> <script src="_static/x.js"></script>'
        '<link href="_static/x.css" rel="stylesheet"> <img src="images/x.jpg">'
    )
    (tmp_path / "page.css").write_text("src: url('../fonts/x.woff2')")
    assert list(fetched(tmp_path)) == []


def test_every_module_is_listed_with_what_it_is_for() -> None:
    listed = list(runpy.run_path(str(ROOT / "docs" / "modules.py"))["modules"]())
    files = [
        path
        for package in ("blendsweep", "scene", "orchestrator")
        for path in (ROOT / package).rglob("*.py")
    ]
    assert len(dict(listed)) == len(listed) >= len(files)
    assert [name for name, line in listed if not line.endswith(".")] == []


def test_the_citation_names_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]


def attribute_docstrings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        body = getattr(node, "body", [])
        for element, after in pairwise(body if isinstance(body, list) else []):
            match element, after:
                case (
                    ast.Assign() | ast.AnnAssign() | ast.TypeAlias(),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    yield text
        if isinstance(node, ast.FunctionDef):
            decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
            if decorators & {"property", "cached_property"}:
                yield ast.get_docstring(node) or ""


def test_no_attribute_begins_with_a_colon_that_is_taken_for_its_type() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for package in ("blendsweep", "scene", "orchestrator")
        for path in (ROOT / package).rglob("*.py")
        for text in attribute_docstrings(ast.parse(path.read_text(encoding="utf-8")))
        if ":" in text.strip().partition("\n")[0].replace("::", "")
    ]
    assert not found


def test_every_command_is_one_that_a_shell_accepts() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    commands = [
        f": {page.name}; {command}"
        for page in pages
        for block in re.findall(
            r"^```console\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
        )
        for command in re.findall(r"^\$ (.*(?:\\\n.*)*)", block, re.MULTILINE)
    ]
    assert len(commands) > 50
    done = subprocess.run(
        ["bash", "-n"], input="\n".join(commands), capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
