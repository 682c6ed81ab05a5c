r"""Instance networks from scratch at equal training time: ours, Mask R-CNN, Cellpose and StarDist.

All learn crops of the same pictures, at the same scales and under the same cameras, on every core;
preparing what they learn is not counted. The project has none of the others' packages, and what is
not installed is reported as that::

    uv run --group detector --with torchvision==0.29.2 --with cellpose==3.0.9 \
        --with stardist==0.9.2 --with tensorflow==2.21.0 \
        python -m bench.detectors OUTPUT REAL [--only NAME ...] [--minutes 8]

OUTPUT is a data set, REAL a folder with `images` and `masks` that nobody trains on. Figures and
label images are kept in ``outputs/bench/detectors``, so that candidates can be measured apart.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.measure import RESULTS, Row, progress, publish
from bench.networks import cellpose, mask_rcnn, ours, stardist

KEPT = RESULTS / "detectors"

CANDIDATES = {
    "ours": (ours, "GPL-3.0-or-later", ["torch"]),
    "mask-rcnn": (mask_rcnn, "BSD-3-Clause", ["torchvision"]),
    "cellpose": (cellpose, "BSD-3-Clause", ["cellpose"]),
    "stardist": (stardist, "BSD-3-Clause, TensorFlow Apache-2.0", ["stardist", "tensorflow"]),
}
"""What is compared: how it is trained, its licence, and the packages that it needs."""


def measured(name: str, output: str, real: Path, minutes: float) -> Row:
    """Train a candidate, judge what it finds, and keep the label images."""
    from examples.detector import micrographs
    from examples.detector.evaluation import evaluate
    from examples.detector.scores import pooled

    train, licence, packages = CANDIDATES[name]
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    pairs = micrographs.annotated_folder(real)
    trained = train(output, 60 * minutes)
    shutil.rmtree(KEPT / name, ignore_errors=True)
    (KEPT / name).mkdir(parents=True)
    start = time.perf_counter()
    for pair in pairs:
        labels = trained.find(micrographs.read_micrograph(pair.image))
        micrographs.write_labels(KEPT / name / f"{pair.stem}.png", labels)
    took = (time.perf_counter() - start) / len(pairs)
    scores = pooled(list(evaluate(real, KEPT / name).judged.values()))
    figures = [
        f"AP50 {scores.ap50:.3f}, AP75 {scores.ap75:.3f}, F1 {scores.f1:.3f}",
        f"count error {scores.count_error:.1%}, {trained.steps} steps",
        f"{trained.steps * trained.batch} crops in {trained.seconds:.0f} s, {took:.1f} s an image",
    ]
    what = f"{name} ({versions}; {trained.parameters / 1e6:.2f} million parameters; {licence})"
    return Row(what, ", ".join(figures))


def main() -> None:
    """Train, judge, and print the table of all that were."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", help="data set to train on")
    parser.add_argument("real", type=Path, help="folder with images/ and masks/ to judge by")
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    parser.add_argument("--minutes", type=float, default=8.0, help="of training, for each")
    asked = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    settings = [asked.output, str(asked.real), asked.minutes]
    rows: dict[str, Row] = {}
    for path in KEPT.glob("*.json"):
        *theirs, what, figures = json.loads(path.read_text(encoding="utf-8"))
        if theirs == settings:
            rows[path.stem] = Row(what, figures)
    for name in asked.only:
        try:
            with progress(f"{name}, {asked.minutes:g} minutes"):
                row = measured(name, asked.output, asked.real, asked.minutes)
        except PackageNotFoundError as error:
            rows.setdefault(name, Row(name, f"{error.name} is not installed"))
            continue
        rows[name] = row
        kept = json.dumps([*settings, row.what, row.found])
        (KEPT / f"{name}.json").write_text(kept, encoding="utf-8")
    question = f"networks from scratch, {asked.minutes:g} minutes each on {asked.output}"
    publish("detectors", question, [rows[name] for name in CANDIDATES if name in rows])


if __name__ == "__main__":
    main()
