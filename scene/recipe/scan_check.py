"""Whether a recipe's scan distorts images beyond what is allowed, whatever is drawn."""

from __future__ import annotations

from collections.abc import Mapping

from scene.imaging.size import rendered_size
from scene.microscopy.raster import Raster
from scene.microscopy.scan import Scan, displacements, reach_px
from scene.prototypes.magnification import MAGNIFICATION, PIXELS_PER_UNIT
from scene.recipe.schema import RenderSettings
from scene.recipe.sight import extremes_of
from scene.specimen.distributions import FeatureDistribution
from scene.specimen.features import FeatureSpec


def scan_problem(
    render: RenderSettings,
    technique: Mapping[str, FeatureSpec],
    drawn: Mapping[str, FeatureDistribution],
) -> tuple[str, str] | None:
    """Return the name of the variability to blame, and the sentence; None if images may be made.

    Parameters
    ----------
    render
        Size and scale of the images.
    technique
        Features of the measurement technique. One that lacks any of the scan's, or
        `MAGNIFICATION`, is not checked.
    drawn
        What features are drawn from, by name.
    """
    known = (*Scan.FEATURES, MAGNIFICATION)
    if any(technique.get(spec.name) != spec for spec in known):
        return None
    extremes = {spec.name: extremes_of(spec, drawn.values()) for spec in known}
    magnification, _ = extremes.pop(MAGNIFICATION.name)
    scan = Scan(**{name: _nearest_to_zero(*bounds) for name, bounds in extremes.items()})
    size = rendered_size(render.resolution, render.resolution_percentage)
    pixel = max(render.resolution) / max(size) / PIXELS_PER_UNIT / magnification
    raster = Raster(*size, margin=0, pixel_nm=pixel * render.scene_unit_nm)
    try:
        reach_px(raster, scan)
    except ValueError as error:
        parts = displacements(raster, scan)
        largest = max(parts, key=parts.__getitem__)
        name = next(name for name, entry in drawn.items() if entry.feature_name == largest)
        return name, str(error)
    return None


def _nearest_to_zero(low: float, high: float) -> float:
    return min(max(low, 0.0), high)
