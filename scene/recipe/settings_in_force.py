"""The render settings of a run: those of its recipe, but for what its steps have set."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from scene.language.messages import in_sentences, schema_problems
from scene.prototypes.image_settings import (
    COLOR_DEPTH,
    CYCLES_SAMPLES,
    RESOLUTION_PERCENTAGE,
    RESOLUTION_X,
    RESOLUTION_Y,
)
from scene.recipe.schema import RenderSettings
from scene.specimen.features import FeatureValue


def settings_in_force(
    render: RenderSettings, features: Mapping[str, FeatureValue]
) -> RenderSettings:
    """Return the settings with a technique's features, where it holds any, in their place.

    Parameters
    ----------
    render
        The recipe's.
    features
        What the technique holds.

    Raises
    ------
    ValueError
        If they don't go together; the text is one sentence.
    """
    width, height = render.resolution
    wanted = {
        "resolution": (features.get(RESOLUTION_X, width), features.get(RESOLUTION_Y, height)),
        "resolution_percentage": features.get(RESOLUTION_PERCENTAGE, render.resolution_percentage),
        "max_samples": features.get(CYCLES_SAMPLES, render.max_samples),
        "bit_depth": int(str(features.get(COLOR_DEPTH, render.bit_depth))),
    }
    stated = {key: getattr(render, key) for key in wanted}
    if wanted == stated:
        return render
    try:
        return RenderSettings.model_validate(render.model_dump() | wanted)
    except ValidationError as error:
        told = in_sentences(error, RenderSettings)
        raise ValueError("; ".join(text for _, text in schema_problems(told))) from None
