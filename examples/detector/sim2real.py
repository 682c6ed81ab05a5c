"""From recipes to figures on micrographs: data, detectors of several seeds, predictions, tables.

Every stage does what is left of it, so that an interruption costs minutes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from examples.detector.evaluation import Evaluation, evaluate
from examples.detector.prediction import Detect
from examples.detector.prediction_folder import claim
from examples.detector.realism import by_detector, by_diameter, by_image
from examples.detector.stages import (
    LEAST_DIAMETER,
    Rendered,
    Train,
    draw,
    micrographs_of,
    predict,
    render,
)
from examples.detector.tables import check_page, made, publish, spread

SWEEPS = tuple(
    Path(__file__).with_name("sweeps") / f"{name}.yaml"
    for name in ("powder", "spheres", "clusters")
)
"""What the detector is trained on."""

TRAINED = "trained on renders alone"
TABLES = ("detectors", "images", "sizes")


def sim2real(
    real: Path,
    output: Path,
    seeds: int,
    train: Train,
    baselines: Mapping[str, Detect],
    *,
    sweeps: Sequence[Path] = SWEEPS,
    page: Path | None = None,
    command: str = "just sim2real REAL_DIR",
    progress: bool = True,
) -> Path:
    """Train detectors on data sets and measure them on micrographs; return the page of tables.

    Parameters
    ----------
    real
        Folder with ``images`` and ``masks``, which no training sees.
    output
        Folder of detectors, predictions, overlays and tables.
    seeds
        Number of detectors, which differ in nothing but the seed.
    train
        Trains one.
    baselines
        What to compare them with, by name.
    sweeps
        Data sets to train on, each made where its sweep says.
    page
        Page to bring up to date; by default ``tables.md`` in `output`.
    command
        What the tables say they were made by.
    progress
        Whether it is shown.

    Raises
    ------
    BlendsweepError
        If something is wrong with the input; then nothing was started.
    """
    micrographs = micrographs_of(real)
    page = page or output / "tables.md"
    check_page(page, TABLES)
    claim(output, "a study of detectors")
    rendered = [render(sweep, progress=progress) for sweep in sweeps]
    data = [one.output for one in rendered]
    predictions = output / "predictions"
    folders: dict[str, list[Path]] = {TRAINED: []}
    minutes = []
    for seed in range(seeds):
        checkpoint = output / f"seed-{seed}.pt"
        trained = train(data, checkpoint, seed)
        minutes.append(trained.seconds / 60)
        folder = predictions / checkpoint.stem
        folders[TRAINED].append(predict(trained.detect, micrographs, folder, [checkpoint]))
        draw(micrographs, folder, real, output / "overlays" / folder.name)
    for name, detect in baselines.items():
        folders[name] = [predict(detect, micrographs, predictions / name)]
    studied: dict[str, list[Evaluation]] = {}
    for name, some in folders.items():
        studied[name] = [evaluate(real, folder, LEAST_DIAMETER) for folder in some]
    tables = [by_detector(studied), by_image(studied), by_diameter(studied)]
    tables[0] = f"{made(command)}. {_cost(rendered, minutes)}\n\n{tables[0]}"
    publish(page, dict(zip(TABLES, tables, strict=True)))
    return page


def _cost(rendered: Sequence[Rendered], minutes: Sequence[float]) -> str:
    images = sum(one.images for one in rendered)
    rendering = sum(one.seconds for one in rendered) / 60
    number = len(minutes)
    trained = f"{number} detectors, each" if number > 1 else "one detector,"
    return (
        f"{images} images, rendered in {rendering:.1f} minutes of one core; "
        f"{trained} trained for {spread(minutes, 1)} minutes."
    )
