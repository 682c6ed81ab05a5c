"""The documentation's pictures of MLflow's pages: ``docs/images/mlflow-*.png``, of a real sweep.

``just screenshots`` renders the sweep where it is missing, and takes the pictures. They show the
output's path, so choose one that reads well: ``just screenshots --output /data/beads``.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from bench.mlflow_ui import Browser, browsing, chromium, served

IMAGES = Path(__file__).parents[1] / "docs" / "images"
LARGEST = 300_000
"""Most bytes of a picture."""

NAME = "beads"
SWEEP = {
    "name": NAME,
    "recipe": "spheres_sem",
    "overrides": [
        "blueprints.particles.Bead.number=100,300,600",
        "synth_chain.feature_generation_steps.5.gravity.2=-100,-10000",
        "initial_runtime_state.seed=range(2)",
        "render.resolution_percentage=20",
    ],
}
COLUMNS = (
    "Bead.number",
    "gravity.2",
    "seed",
    "coverage",
    "visible_particles",
    "defocus",
    "time/total",
)
QUERY = "params.`Bead.number` = '600' and metrics.coverage > 0.3"


def main() -> None:
    """Render the sweep where it is missing, then take every picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("outputs/screenshots"))
    parser.add_argument("--executor", default="ray")
    arguments = parser.parse_args()
    chromium()
    output = arguments.output.absolute()
    with tempfile.TemporaryDirectory() as folder:
        sweep = Path(folder, f"{NAME}.yaml")
        sweep.write_text(yaml.safe_dump(SWEEP), encoding="utf-8")
        command = [sys.executable, "-m", "orchestrator", str(sweep), "--output", str(output)]
        subprocess.run([*command, "--executor", arguments.executor], check=True)
        experiment, parent, children = runs_of(output / "mlflow.db")
        with (
            served(output / "mlflow.db", Path(folder, "log")) as address,
            browsing(address, experiment) as browser,
        ):
            photograph(browser, parent, children)


def runs_of(database: Path) -> tuple[str, Any, list[Any]]:
    """Return the experiment's id, the parent run, and its children by name."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{database}")
    experiment = client.get_experiment_by_name(NAME).experiment_id
    runs = client.search_runs([experiment])
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    children = [run for run in runs if run is not parent]
    return str(experiment), parent, sorted(children, key=lambda run: str(run.info.run_name))


def photograph(browser: Browser, parent: Any, children: list[Any]) -> None:
    """Take every picture."""
    browser.open_runs()
    browser.show_columns(*COLUMNS)
    browser.table(len(COLUMNS))
    save(browser, "table")
    many = [child for child in children if child.data.params["Bead.number"] == "600"]
    browser.search(QUERY, found=len(many) + 1)
    save(browser, "filter", height=420)
    browser.open_comparison([child.info.run_id for child in children])
    save(browser, "parallel", height=600)
    browser.show_scatter("Bead.number", "coverage")
    save(browser, "scatter", height=640)
    browser.open_run(many[0].info.run_id)
    browser.unfold()
    browser.page.get_by_text("Child runs", exact=True).wait_for(
        state="hidden"
    )  # it has none: all is loaded
    save(browser, "run")
    browser.open_image(many[0].info.run_id, "preview.jpg")
    save(browser, "preview", height=420)
    browser.open_run(parent.info.run_id)
    browser.page.get_by_text(str(children[-1].info.run_name)).wait_for()
    browser.unfold()
    save(browser, "sweep")
    browser.open_image(parent.info.run_id, "report/contact_sheet.png")
    browser.page.get_by_text("report.html").wait_for()  # the folder has opened
    save(browser, "report")


def save(browser: Browser, name: str, height: int | None = None) -> None:
    """Write what the browser shows as ``docs/images/mlflow-<name>.png``, in 256 colours at most."""
    page = browser.page
    page.mouse.move(0, 0)
    width, full = page.viewport_size["width"], page.viewport_size["height"]  # type: ignore[index]
    clip = {"x": 0.0, "y": 0.0, "width": float(width), "height": float(height or full)}
    data = page.screenshot(clip=clip, animations="disabled")  # type: ignore[arg-type]
    for colours in (256, 128, 64, 32):
        picture = Image.open(io.BytesIO(data)).convert("RGB").quantize(colours)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", optimize=True)
        if buffer.tell() < LARGEST:
            break
    path = IMAGES / f"mlflow-{name}.png"
    path.write_bytes(buffer.getvalue())
    print(f"{path.name}: {buffer.tell() // 1000} kB")


if __name__ == "__main__":
    main()
