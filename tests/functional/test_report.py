"""The report on a small sweep, from the command line."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, final, override

import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.standins.micrographs import micrograph, with_bar

pytestmark = pytest.mark.blender

MODES = ["real", "categorical", "depth_map", "normal_map", "stylized", "stylized_xray"]

type Orchestrate = Callable[..., Any]


@final
class Page(HTMLParser):
    """What a page shows: its text, its headings, its images, its drawings."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.headings: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.drawings: list[str | None] = []
        self.loaded: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "img":
            self.images.append(given)
        if given.get("role") == "img":
            self.drawings.append(given["aria-label"])
        for key in ("src", "href", "xlink:href"):
            if (target := given.get(key)) and not target.startswith(("data:", "#")):
                self.loaded.append(target)
        if tag not in {"meta", "img", "link"}:
            self._open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    @override
    def handle_data(self, data: str) -> None:
        if not {"style", "svg"} & {*self._open} and data.strip():
            self.text.append(" ".join(data.split()))
            if self._open and self._open[-1] == "h2":
                self.headings.append(self.text[-1])


def is_a_picture(image: Image.Image) -> bool:
    low, high = image.convert("L").getextrema()
    return bool(high - low > 50)


def test_a_report_shows_runs_features_and_times(
    orchestrate: Orchestrate, tiny_sweep: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    # Beads that fill the frame leave little light to each other.
    light = "process_conditions.feature_variabilities.IlluminationStrength.variability.location=6"
    options = ["--output", output, "--executor", "inline", "--no-mlflow"]
    assert orchestrate(tiny_sweep, light, *options).code == 0
    runs = pq.read_table(output / "manifest", columns=["run_id", "index"]).to_pylist()
    lowest = min(runs, key=lambda row: row["index"])["run_id"]
    (output / "runs" / lowest / "stylized.png").unlink()
    done = orchestrate("report", output, "--runs", 3)
    assert (done.code, done.out.strip()) == (0, f"{output}/report/report.html"), done.err

    page = Page((output / "report" / "report.html").read_text(encoding="utf-8"))
    assert page.loaded == []
    text = " ".join(page.text)
    assert "4 runs succeeded" in text
    assert "0 failed" in text
    assert "0 left of 4" in text
    assert "Bead.number 3, 5 ( blueprints.particles.Bead.number )" in text
    assert page.headings == [
        "Contact sheet", "Coverage", "Sampled features", "Image quality", "Pairs of features",
        "Time", "Going on",
    ]  # fmt: skip
    assert "A pixel is 100 nm wide." in text
    assert "in the median, signal-to-noise ratio" in text
    assert "blendsweep 0" in text
    assert "bpy 5.2" in text
    histograms = next(text for text in page.drawings if text and text.startswith("Histograms"))
    assert "defocus" in histograms
    assert "particle size (scene units)" in histograms

    assert len(page.images) == 3 * len(MODES) - 1
    assert page.text.count("missing") == 1
    first = [image["alt"] for image in page.images[:2]]
    assert first == ["real of Bead.number 3, seed 0", "categorical of Bead.number 3, seed 0"]
    for image in page.images:
        source = (image["src"] or "").removeprefix("data:image/webp;base64,")
        with Image.open(io.BytesIO(base64.b64decode(source))) as opened:
            assert opened.size == (240, 240)
            if "real" in (image["alt"] or ""):
                assert is_a_picture(opened)

    found = {}
    for path in (output / "report").glob("*.png"):
        with Image.open(path) as opened:
            found[path.name] = opened.size
            assert is_a_picture(opened), path.name
    assert found.keys() >= {"coverage.png", "features.png", "scatter_matrix.png", "times.png"}
    assert found["contact_sheet.png"][0] > 6 * 240
    assert found["contact_sheet.png"][1] > 3 * 240

    real = tmp_path / "real"
    real.mkdir()
    for seed in range(3):
        Image.fromarray(with_bar(micrograph(seed), 20)).save(real / f"{seed}.png")
    done = orchestrate("report", output, "--real", real, "--to", tmp_path / "beside")
    assert done.code == 0, done.err
    page = Page((tmp_path / "beside" / "report.html").read_text(encoding="utf-8"))
    assert page.loaded == []
    assert page.headings[:2] == ["Contact sheet", "Beside real images"]
    text = " ".join(page.text)
    assert "4 synthetic images against 3 real ones" in text
    assert "A data bar was found in 3 of 3 real images and left out (20 rows at the bottom)" in text
    assert (
        len([i for i in page.images if (i["alt"] or "").startswith(("synthetic", "real of"))]) > 5
    )
    assert (tmp_path / "beside" / "real_contact_sheet.png").exists()
    refused = orchestrate("report", output, "--real", tmp_path / "none")
    assert (refused.code, refused.err.strip()) == (
        2, f"error: {tmp_path / 'none'}: there is no such folder",
    )  # fmt: skip

    refused = orchestrate("report", tmp_path)
    assert refused.code == 2
    assert "no sweep.yaml" in refused.err
