"""An entry of a recipe's ``feature_variabilities``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, final, override

from pydantic import Field

from scene.language.element import CheckContext, Configurable
from scene.specimen.distributions.base import Distribution


@final
class FeatureDistribution(Configurable):
    """A feature and what it is drawn from, an entry of ``feature_variabilities``."""

    feature_name: Annotated[str, Field(min_length=1)]
    variability: Distribution

    @override
    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        for key, message in self.variability.check(context):
            yield f"variability.{key}", message
