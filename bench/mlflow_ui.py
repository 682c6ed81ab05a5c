"""MLflow's pages as a user sees them: the real ``mlflow ui``, and Debian's Chromium to look at it.

For the tests of what the pages show, and for the documentation's pictures of them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, final

import psutil
from playwright.sync_api import Locator, Page, sync_playwright

START_S = 120.0
"""Longest time for MLflow's start: its imports alone take ten seconds on a busy machine."""

WAIT_S = 60.0
"""Longest time for something to appear on a page."""

# No sandbox: it needs what containers lack. The others keep Chromium from calling its maker.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# What a user clicks once: the pages for model training, and no panel for questions to a model.
_QUIET = """
localStorage.setItem("mlflow.workflowType_v1", '"machine_learning"');
localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
"""

# The grid's column ids are such as: attributes.`Source`, params.`seed`, metrics.`coverage`.
_COLUMNS = """
[...document.querySelectorAll(".ag-header-cell[col-id]")].filter(
    head => /`/.test(head.getAttribute("col-id")) && !/attributes/.test(head.getAttribute("col-id"))
)
"""
_TABLE = """
() => [...document.querySelectorAll(".ag-pinned-left-cols-container .ag-row")]
    .sort((one, other) => one.getAttribute("row-index") - other.getAttribute("row-index"))
    .map(row => {
        const id = row.getAttribute("row-id"), cells = {};
        for (const cell of document.querySelectorAll(`.ag-row[row-id="${id}"] .ag-cell`)) {
            const name = /`(.*)`/.exec(cell.getAttribute("col-id"));
            if (name) cells[name[1]] = cell.innerText.trim();
        }
        return [row.querySelector("a").innerText.trim(), cells];
    })
"""


class NoBrowserError(RuntimeError):
    """There is no Chromium on this machine."""


@contextmanager
def served(database: Path, log: Path) -> Iterator[str]:
    """Run ``mlflow ui`` on a free port over a data set's database; yield its address.

    Parameters
    ----------
    database
        ``mlflow.db`` of a data set.
    log
        Receives what MLflow writes.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(port), "--workers", "1"]
    # Without it MLflow starts eight processes for jobs that no data set has.
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--backend-store-uri", f"sqlite:///{database}"],
            stdout=file,
            stderr=file,
            env=os.environ | quiet | {"DO_NOT_TRACK": "true"},
            cwd=log.parent,
        )
    try:
        deadline = time.monotonic() + START_S
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"mlflow ui did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield address
    finally:
        _end(process)


def _answers(address: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=2):
        return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    family: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in psutil.wait_procs(family, 5)[1]:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def chromium() -> str:
    """Return the path of Chromium.

    Raises
    ------
    NoBrowserError
        If there is none.
    """
    found = shutil.which("chromium")
    if found is None:
        raise NoBrowserError(
            "there is no browser to look at MLflow's pages with: "
            "install Debian's package chromium (apt-get install chromium)"
        )
    return found


@final
class Browser:
    """Chromium on MLflow's pages of one experiment.

    Parameters
    ----------
    page
        An empty page.
    address
        Of the running ``mlflow ui``.
    experiment
        Id of the experiment.
    """

    def __init__(self, page: Page, address: str, experiment: str) -> None:
        self.page = page
        self._address = address
        self._experiment = experiment

    def open_runs(self) -> None:
        """Open the table of runs, with the only sweep's children below it."""
        self._go(f"experiments/{self._experiment}/runs")
        self.rows.first.wait_for()
        # Beside the name of a run that has children is a button without text.
        self.page.locator("[data-component-id*=runnamecellrenderer]").first.click()
        self.page.locator(".ag-pinned-left-cols-container .ag-row").nth(1).wait_for()

    @property
    def rows(self) -> Locator:
        """The rows of the table of runs."""
        return self.page.locator(".ag-pinned-left-cols-container .ag-row")

    def search(self, query: str, found: int) -> None:
        """Filter the table of runs; wait until `found` match, parents included."""
        box = self.page.get_by_placeholder("metrics.rmse").first
        box.fill(query)
        box.press("Enter")
        box.press("Home")
        self.page.get_by_text(f"{found} matching run").wait_for()

    def show_columns(self, *names: str) -> None:
        """Show params and metrics in the table of runs instead of the columns that are empty."""
        self.page.locator("[data-component-id*=columnselector]").first.click()
        box = self.page.get_by_placeholder("Search columns")
        for name in ("Dataset", "Source", "Models", *names):
            box.fill(name)
            whole = re.compile(rf"^{re.escape(name)}$")
            self.page.locator("[class*=tree-title]", has_text=whole).first.click()
        self.page.keyboard.press("Escape")
        box.wait_for(state="hidden")

    def table(self, columns: int) -> list[tuple[str, dict[str, str]]]:
        """Return the table of runs from top to bottom: names, and values by column.

        Parameters
        ----------
        columns
            How many columns of params and metrics to wait for.
        """
        self.page.wait_for_function(f"{_COLUMNS}.length >= {columns}")
        rows: list[tuple[str, dict[str, str]]] = self.page.evaluate(_TABLE)
        return [(name, cells) for name, cells in rows]

    def open_comparison(self, runs: Sequence[str]) -> None:
        """Open the page that compares runs, as "Compare" above the table does."""
        ids, experiments = json.dumps(list(runs)), json.dumps([self._experiment])
        self._go(f"compare-runs?runs={ids}&experiments={experiments}")
        self._panel("Parallel Coordinates Plot").locator(".js-plotly-plot").wait_for()

    def parallel(self) -> list[str]:
        """Return the axes of the plot in parallel coordinates."""
        plot = self._panel("Parallel Coordinates Plot").locator(".js-plotly-plot")
        labels: list[str] = plot.evaluate("plot => plot.data[0].dimensions.map(axis => axis.label)")
        return labels

    def show_scatter(self, x: str, y: str) -> Mapping[str, Any]:
        """Show a scatter plot; return its axes' ``titles`` and its points as ``x`` and ``y``."""
        self.page.get_by_role("tab", name="Scatter Plot").click()
        panel = self._panel("Scatter Plot")
        for axis, name in (("x", x), ("y", y)):
            panel.locator(f"#{axis}-axis-selector").click()
            self.page.get_by_role("option", name=name, exact=True).click()
            panel.locator(f".{axis}title", has_text=name).wait_for()
        points: dict[str, Any] = panel.locator(".js-plotly-plot").evaluate(
            """plot => ({
                titles: [plot.layout.xaxis.title.text, plot.layout.yaxis.title.text],
                types: [plot._fullLayout.xaxis.type, plot._fullLayout.yaxis.type],
                x: plot.data[0].x, y: plot.data[0].y,
            })"""
        )
        return points

    def open_run(self, run: str) -> None:
        """Open a run's overview."""
        self._go(f"experiments/{self._experiment}/runs/{run}")
        self.page.get_by_text("About this run").wait_for()
        self.page.get_by_text(run).first.wait_for()

    def unfold(self) -> None:
        """Show the whole description."""
        self.page.get_by_text("Show more", exact=True).first.click()
        self.page.get_by_text("Show less", exact=True).first.wait_for()

    def text(self) -> str:
        """Return the page's text, of what is folded up too."""
        return self.page.locator("body").text_content() or ""

    def open_artifact(self, run: str, path: str) -> None:
        """Open one of a run's artifacts."""
        self._go(f"experiments/{self._experiment}/runs/{run}/artifacts/{path}")
        self.page.get_by_text(f"artifacts/{path}").first.wait_for()

    def open_image(self, run: str, path: str) -> tuple[int, int]:
        """Open one of a run's images; return its width and height once it is shown."""
        self.open_artifact(run, path)
        image = self.page.locator("img[src^='blob:'], img[src*='get-artifact']").first
        image.wait_for()
        size: list[int] = image.evaluate(
            """async image => {
                await image.decode();
                return [image.naturalWidth, image.naturalHeight];
            }"""
        )
        return size[0], size[1]

    def open_metrics(self, run: str) -> None:
        """Open the charts of a run's metrics."""
        self._go(f"experiments/{self._experiment}/runs/{run}/model-metrics")

    def _go(self, path: str) -> None:
        # A page of its own each time: what another page leaves behind is not to be found again.
        self.page.goto("about:blank")
        self.page.goto(f"{self._address}/#/{path}")

    def _panel(self, tab: str) -> Locator:
        return self.page.get_by_role("tabpanel", name=tab)


@contextmanager
def browsing(address: str, experiment: str) -> Iterator[Browser]:
    """Start Chromium; it ends with the block.

    Parameters
    ----------
    address
        Of the running ``mlflow ui``.
    experiment
        Id of the experiment to look at.
    """
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(_ARGUMENTS))
        stack.callback(browser.close)
        page = browser.new_page(viewport={"width": 1500, "height": 860})
        page.set_default_timeout(WAIT_S * 1000)
        page.add_init_script(_QUIET)
        yield Browser(page, address, experiment)
