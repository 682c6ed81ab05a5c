"""The patchy ground: flakes are darker than what surrounds them, and their rims brighter."""

from __future__ import annotations

import numpy as np
import pytest

from .conftest import StageFactory, specimen


@pytest.mark.parametrize("fidelity", ["fast", "reference"])
def test_flakes_are_dark_and_their_rims_bright_all_round(
    new_stage: StageFactory, fidelity: str
) -> None:
    stage = new_stage(max_samples=128, fidelity=fidelity)
    stage.sync(specimen(patch_scale=5.0, defocus=0.0, noise_threshold=0.003))
    gray = stage.frame(frozenset()).real().astype(float)
    # One side is lit more than the other: each column is held against its own ground.
    gray /= np.median(gray, axis=0)
    flakes = gray < 0.85
    assert 0.78 < gray[flakes].mean() < 0.84
    # Without rims 0.97, since flakes are not told from noise to the pixel.
    for step in ((0, 3), (0, -3), (3, 0), (-3, 0)):
        beside = np.roll(flakes, step, (0, 1)) & ~flakes
        assert gray[beside].mean() > 0.99
