"""What images of a recipe can show of a particle: whether it is too small, or too large."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

from scene.prototypes.magnification import MAGNIFICATION, PIXELS_PER_UNIT
from scene.specimen.distributions import FeatureDistribution
from scene.specimen.features import FeatureSpec

type Features = Mapping[str, FeatureSpec]


@final
@dataclass(frozen=True, slots=True)
class Sight:
    """Scale and field of a recipe's images, as far as they are known before anything is drawn.

    Parameters
    ----------
    resolution
        (width, height) of the images at 100 %: a preview of fewer pixels changes nothing.
    scene_unit_nm
        Length of a scene unit in nm.
    lowest, highest
        Bounds of the magnification.
    """

    resolution: tuple[int, int]
    scene_unit_nm: float
    lowest: float
    highest: float

    def problem(self, sizes: Iterable[tuple[float, ...]]) -> str | None:
        """Return why no image can show a particle, or the whole of one; None if one may.

        Parameters
        ----------
        sizes
            The extremes of the particles' bounding boxes (x, y, z) in scene units, at least one.
        """
        sizes = list(sizes)
        largest, smallest = max(map(max, sizes)), min(map(min, sizes))
        pixel = 1 / (PIXELS_PER_UNIT * self.highest)
        plain = max(self.resolution) / PIXELS_PER_UNIT
        field = plain / self.lowest
        if largest < pixel:
            return (
                f"particles of at most {self._length(largest)} are smaller than a pixel of "
                f"{self._length(pixel)}{_at(self.highest)}"
            )
        # An image that is too small without any magnification is someone's quick trial.
        if field < smallest <= plain:
            return (
                f"particles of at least {self._length(smallest)} are larger than the image, which "
                f"shows {self._length(field)}{_at(self.lowest)}"
            )
        return None

    def _length(self, units: float) -> str:
        return f"{units:g} scene units ({units * self.scene_unit_nm:g} nm)"


def sight_of(
    resolution: tuple[int, int],
    scene_unit_nm: float,
    technique: Features | None,
    drawn: Iterable[FeatureDistribution],
) -> Sight | None:
    """Return what a recipe's images can show; None if that is not known before they are made.

    Parameters
    ----------
    resolution, scene_unit_nm
        As of `Sight`.
    technique
        Features of the measurement technique. Its camera is known if it has `MAGNIFICATION`.
    drawn
        What features are drawn from.
    """
    if technique is None or technique.get(MAGNIFICATION.name) != MAGNIFICATION:
        return None
    return Sight(resolution, scene_unit_nm, *extremes_of(MAGNIFICATION, drawn))


def extremes_of(spec: FeatureSpec, drawn: Iterable[FeatureDistribution]) -> tuple[float, float]:
    """Return the least and the largest value that a recipe may give a plain number.

    Parameters
    ----------
    spec
        The number.
    drawn
        What features are drawn from; without an entry, it keeps its default.
    """
    entries = [entry for entry in drawn if entry.feature_name == spec.name]
    if not entries:
        default = float(str(spec.default))
        return default, default
    cases = [case for entry in entries for _, case in entry.variability.cases()]
    values = [value for case in cases for value in case.extremes()]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if not numbers:  # a plugin's distribution does not say
        return spec.minimum, spec.maximum
    return min(numbers), max(numbers)


def _at(magnification: float) -> str:
    return "" if magnification == MAGNIFICATION.default else f" at magnification {magnification:g}"
