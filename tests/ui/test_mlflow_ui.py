"""A finished sweep in MLflow's pages, as a person sees them in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.mlflow_ui import Browser, browsing, served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.blender,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of SQLAlchemy inside MLflow
]

NUMBER = "blueprints.particles.Bead.number"
OVERRIDES = [
    "render.resolution=[48,48]",
    "render.max_samples=4",
    "synth_chain.feature_generation_steps.5.num_frames=5",
    f"{NUMBER}=10,40",
    "initial_runtime_state.seed=range(2)",
]


@dataclass(frozen=True, slots=True)
class Finished:
    """A sweep of 2 numbers x 2 seeds, what it said at its end, and a browser on MLflow's pages."""

    output: Path
    parent: Any
    children: list[Any]
    browser: Browser
    address: str
    told: str


@pytest.fixture(scope="module")
def finished(
    orchestrate: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("ui")
    sweep, output = folder / "tiny.yaml", folder / "out"
    sweep.write_text(
        yaml.safe_dump({"name": "tiny", "recipe": "spheres_sem", "overrides": OVERRIDES})
    )
    done = orchestrate(sweep, "--output", output, "--executor", "inline")
    assert done.code == 0, done.out + done.err

    from mlflow import MlflowClient

    database = output / "mlflow.db"
    client = MlflowClient(f"sqlite:///{database}")
    experiment = str(client.get_experiment_by_name("tiny").experiment_id)
    runs = client.search_runs([experiment])
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    children = sorted((r for r in runs if r is not parent), key=lambda run: run.info.run_name)
    with served(database, folder / "ui.log") as address, browsing(address, experiment) as browser:
        yield Finished(output, parent, children, browser, address, done.out)


def test_the_table_nests_the_children_and_has_columns_of_values_and_features(
    finished: Finished,
) -> None:
    browser = finished.browser
    columns = ("Bead.number", "seed", "coverage", "defocus", "visible_particles")
    browser.open_runs()
    browser.show_columns(*columns)
    table = browser.table(len(columns))
    assert [name for name, _ in table] == [
        "tiny",
        *(
            f"{index:04d} number={10 + 30 * (index // 2)} seed={index % 2}"
            for index in (3, 2, 1, 0)
        ),
    ]
    values = dict(table)
    for child in finished.children:
        cells = values[child.info.run_name]
        data = child.data.params | child.data.metrics
        assert [float(cells[column]) for column in columns] == [
            pytest.approx(float(data[column]), rel=0.01) for column in columns
        ]
    browser.search("params.`Bead.number` = '40' and metrics.coverage > 0", found=3)


def test_children_are_compared_by_numbers(finished: Finished) -> None:
    browser = finished.browser
    browser.open_comparison([child.info.run_id for child in finished.children])
    # Of the overridden keys only those that differ.
    assert {"Bead.number", "seed"} <= set(browser.parallel())
    assert "num_frames" not in browser.parallel()
    plot = browser.show_scatter("Bead.number", "coverage")
    assert plot["types"] == ["linear", "linear"]
    assert sorted((float(x), y) for x, y in zip(plot["x"], plot["y"], strict=True)) == sorted(
        (float(child.data.params["Bead.number"]), child.data.metrics["coverage"])
        for child in finished.children
    )


def test_a_child_shows_its_preview_and_how_to_make_it_again(finished: Finished) -> None:
    browser, child = finished.browser, finished.children[0]
    browser.open_run(child.info.run_id)
    folder = finished.output / "runs" / child.data.tags["blendsweep.run_id"]
    text = browser.text()
    assert "Finished" in text
    assert f"python -m scene {folder}/recipe.yaml --output DIR" in text
    assert NUMBER in text
    width, height = browser.open_image(child.info.run_id, "preview.jpg")
    assert width > height > 0


def test_the_parent_shows_its_sweep_and_its_manifest(finished: Finished) -> None:
    browser, parent = finished.browser, finished.parent
    browser.open_run(parent.info.run_id)
    text = browser.text()
    assert "Finished" in text
    assert "tiny manifest" in text
    assert f"pandas.read_parquet('{finished.output}/manifest')" in text
    for child in finished.children:
        browser.page.get_by_text(child.info.run_name).wait_for()
    browser.open_artifact(parent.info.run_id, "sweep.yaml")
    browser.page.get_by_text("recipe_hash").wait_for()
    width, height = browser.open_image(parent.info.run_id, "report/contact_sheet.png")
    assert width > 300
    assert height > 300


def test_the_address_at_the_sweeps_end_leads_to_its_runs(finished: Finished) -> None:
    (page,) = re.findall(r"then http://127\.0\.0\.1:5000/(\S+)$", finished.told, re.MULTILINE)
    browser = finished.browser
    browser.page.goto(f"{finished.address}/{page}")
    for child in finished.children:
        browser.page.get_by_text(child.info.run_name).wait_for()
