"""Puts the comparison with real images together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from orchestrator.dataset.dataset import DataSet
from orchestrator.report.contact_sheet import SheetRow, Tile
from orchestrator.report.figures import Picture
from orchestrator.report.real.figures import curves, distances
from orchestrator.report.real.looks import Look, looks, real_images, synthetic_images
from orchestrator.report.real.sentences import doubts, giveaways
from orchestrator.report.sample import Sample
from orchestrator.statistics.comparison import Comparison, compare

MOST_ROWS = 6


@final
@dataclass(frozen=True, slots=True)
class Beside:
    """The section that shows synthetic images beside real ones.

    Parameters
    ----------
    folder
        Where the real images lie.
    synthetic, real
        How many there are of each.
    doubts
        What the reader has to know about them, in sentences.
    giveaways
        What gives the synthetic ones away, in sentences, the worst first.
    together
        How far the sets are apart in all statistics, in sentences.
    rows
        Pictures of both.
    pictures
        The figures, and what each shows.
    """

    folder: str
    synthetic: int
    real: int
    doubts: Sequence[str]
    giveaways: Sequence[str]
    together: str
    rows: Sequence[SheetRow]
    pictures: Mapping[str, Picture]


def beside_real(data: DataSet, sample: Sample, folder: str) -> Beside:
    """Compare a data set's images with those in a folder.

    Raises
    ------
    ConfigurationError
        If one of the two has no image that can be compared.
    """
    images, left_out = real_images(folder)
    real, synthetic = looks(images, synthetic_images(data, sample))
    comparison = compare([look.summary for look in real], [look.summary for look in synthetic])
    return Beside(
        folder=folder,
        synthetic=len(synthetic),
        real=len(real),
        doubts=[*left_out, *doubts(real, synthetic)],
        giveaways=giveaways(comparison),
        together=_together(comparison),
        rows=_rows(synthetic, real),
        pictures={
            "Gray values, noise, power spectra, sharpness, radial profiles and sizes of synthetic "
            "and real images": curves(synthetic, real),
            "All statistics of synthetic and real images, the farthest apart first": distances(
                comparison, synthetic, real
            ),
        },
    )


def _together(comparison: Comparison) -> str:
    mean = (
        f"The mean distance of all statistics is {comparison.distance:.2f}, in their spreads among "
        "the real images. "
    )
    if math.isnan(comparison.density):
        return f"{mean}Density and coverage need three real images."
    count = comparison.neighbours
    neighbours = f"{count} neighbour{'' if count == 1 else 's'}"
    return (
        f"{mean}Coverage is {comparison.coverage:.2f}, the fraction of the real images that have a "
        f"synthetic one near them; density is {comparison.density:.2f}, how many real images a "
        "synthetic one lies near. Both are about 1 for two samples of the same, and 0 if the sets "
        f"are apart (Naeem et al. 2020, of {len(comparison.used)} statistics, "
        f"{neighbours})."
    )


def _rows(synthetic: Sequence[Look], real: Sequence[Look]) -> list[SheetRow]:
    count = min(MOST_ROWS, len(synthetic), len(real))
    pairs = zip(_spread(synthetic, count), _spread(real, count), strict=True)
    return [
        SheetRow(
            "",
            [f"run {made.micrograph.name}", f"real: {seen.micrograph.name}"],
            [
                Tile("synthetic", made.whole),
                Tile("its middle, 1:1", made.detail),
                Tile("real", seen.whole),
                Tile("middle of the real one, 1:1", seen.detail),
            ],
        )
        for made, seen in pairs
    ]


def _spread(looks: Sequence[Look], count: int) -> list[Look]:
    places = np.linspace(0, len(looks) - 1, count).round().astype(int)
    return [looks[int(place)] for place in places]
