"""The microscope that the page on recipes shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scene.recipe.registry import Registry
from scene.recipe.schema import RenderSettings
from scene.specimen.specimen import MeasurementTechnique, Specimen
from scene.specimen.streams import Streams

from .conftest import bead

if TYPE_CHECKING:
    from scene.blender.session import Session

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"


def test_it_shows_heights(session: Session, tmp_path: Path) -> None:
    from scene.blender.stage import Stage

    text = PAGE.read_text(encoding="utf-8").partition("### A microscope of your own\n")[2]
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    package = tmp_path / "microscopes"
    package.mkdir()
    (package / "__init__.py").write_text(code, encoding="utf-8")
    with session.captured():
        session.reset()
        settings = RenderSettings(resolution=(400, 400), resolution_percentage=10)
        stage = Stage(session, Registry([tmp_path]), settings, Streams(1))
        name = "$plugins.microscopes.ForceMicroscope"
        features = {"white_height": 20_000.0, "magnification": 2.0, "flagging": 900.0}
        technique = MeasurementTechnique("Force", name, None, dict(features))
        stage.sync(Specimen([bead(1, (0.0, 0.0, 5.0), 10.0)], [technique]))
        frame = stage.frame(frozenset({1}))
        real, depth = frame.real(), frame.buffers.depth
    assert stage.pixel_size_nm() == 500.0
    seen = np.isfinite(depth)
    assert (real[20, 20], real[0, 0]) == (pytest.approx(127, abs=2), 0)
    inner = seen & (frame.buffers.normal[..., 2] > 0.6)
    gray = (60.0 - depth[inner]) * 1000.0 / 20_000.0 * 255
    np.testing.assert_allclose(real[inner], gray, atol=5)
