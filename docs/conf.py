"""The documentation site: the pages of this folder and the API, from docstrings.

Nothing is imported for the API pages: sphinx-autoapi reads the source, so neither Blender nor Ray
is needed. Nothing is fetched, neither when the site is built nor when it is read; a page that would
fetch something is a warning, and warnings are errors (``just docs``).
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "Blendsweep"
author = "Blendsweep developers"
release = importlib.metadata.version("blendsweep")

sys.path.insert(0, str(Path(__file__).parent))  # for docs/modules.py

extensions = [
    "myst_parser",
    "sphinx.ext.napoleon",
    "autoapi.extension",
    "sphinx_copybutton",
    "modules",
]
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["site.css"]
default_role = "code"

html_theme = "pydata_sphinx_theme"
html_title = "Blendsweep"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navbar_center": [],
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
}
# All pages at the left of each, rather than sections along the top: there are few, and flat.
html_sidebars = {"**": ["pages"]}

suppress_warnings = [
    # Two modules may define a name, such as Real; an annotation then links to either.
    "ref.python",
]

# Headings get the anchors that code hosts give them, so that links work in both places.
myst_heading_anchors = 3

copybutton_prompt_text = "$ "

autoapi_dirs = ["../blendsweep", "../scene", "../orchestrator"]
autoapi_ignore = ["*/testing/plugins/*"]  # of the tests, and outside of any package
autoapi_root = "reference/api"
autoapi_template_dir = "_templates/autoapi"
# A class's fields are a recipe's parameters: they are shown with their types and defaults.
autoapi_options = ["members", "undoc-members", "show-inheritance", "show-module-summary"]
autoapi_member_order = "bysource"
autoapi_add_toctree_entry = False
napoleon_google_docstring = False
napoleon_use_ivar = True  # attributes are listed with the members already

_FETCHED = re.compile(
    r"<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)=[\"'](?:https?:)?//"
    r"|url\(\s*[\"']?(?:https?:)?//|@import\s+[\"'](?:https?:)?//"
)
"""A script, style, font or image that a browser would get from elsewhere."""


def fetched(site: Path) -> Iterator[str]:
    """Yield what pages and styles of a built site would fetch from elsewhere."""
    for path in sorted(site.rglob("*")):
        if path.suffix in {".html", ".css"}:
            for match in _FETCHED.finditer(path.read_text(encoding="utf-8")):
                yield f"{path.relative_to(site)} fetches from elsewhere: {match[0]}"


def _check_nothing_is_fetched(app: Sphinx, error: Exception | None) -> None:
    from sphinx.util import logging

    if error is None:
        for problem in fetched(Path(app.outdir)):
            logging.getLogger(__name__).warning("%s", problem)


def setup(app: Sphinx) -> None:
    """Check the site once it is built."""
    app.connect("build-finished", _check_nothing_is_fetched)
