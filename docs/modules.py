"""The modules of Blendsweep, each with the first line of its docstring: ``just modules``.

As an extension of Sphinx it adds the directive ``modules``, which shows the same list on a page.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
PACKAGES = ("blendsweep", "orchestrator", "scene")


def modules(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Yield each module's dotted name and the first line of its docstring; nothing is imported."""
    for package in PACKAGES:
        paths = (root / package).rglob("*.py")
        for path in sorted(paths, key=lambda p: (p.parent, p.name != "__init__.py", p.name)):
            name = path.relative_to(root).with_suffix("").as_posix().replace("/", ".")
            docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            yield name.removesuffix(".__init__"), docstring.partition("\n")[0]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    from docutils.nodes import Node
    from sphinx.util.docutils import SphinxDirective

    class Modules(SphinxDirective):
        def run(self) -> list[Node]:
            lines = (f"- {{py:mod}}`{name}`: {line}" for name, line in modules())
            return self.parse_text_to_nodes("\n".join(lines))

    app.add_directive("modules", Modules)
    return {"parallel_read_safe": True}


if __name__ == "__main__":
    for name, line in modules():
        print(f"{name}: {line}")
