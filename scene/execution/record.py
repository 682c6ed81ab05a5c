"""The record of one executed recipe: plain data, ready for JSON, pickle and tables."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from scene.imaging.files import FileRecord
from scene.specimen.features import FeatureValue


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run did and which values its scene really used.

    Parameters
    ----------
    seed
        The recipe's seed.
    features
        The measurement technique's features (name to value), its background material's included.
    particle_features
        Names of the particle features that a step set, sorted.
    particles
        One list a column, all of equal length: ``particle_id``, ``blueprint``,
        ``category_color``, ``parent_id`` (None for roots), ``agglomerate_id``, every feature column
        (``dimensions_x``, ...), the pose before the first relaxation (``initial_location_x``,
        ``initial_rotation_x``, ...), ``equivalent_diameter_nm`` (None where a geometry does not
        know it), in recipes that make agglomerates `AGGLOMERATE_COLUMNS`, and, where images were
        rendered, ``visible_pixels``, ``bbox_x``, ``bbox_y``, ``bbox_width``, ``bbox_height``
        (pixels; None for a hidden particle's box), ``touches_border`` and ``occluded_share``.
    visible_particles
        Number of particles with at least one pixel; None if nothing was rendered.
    coverage
        Fraction of pixels that show a particle, in [0, 1]; None if nothing was rendered.
    files
        Every file of the run, sorted by path.
    timings
        Seconds by stage: ``reset``, ``build``, ``specimen`` (reading or storing one that runs
        share), the label of every step that was executed, and ``record``: statistics and
        checksums.
    device
        ``CPU`` or the GPU's name.
    versions
        ``blendsweep``, ``bpy`` and ``python``.
    code
        The code that made the images, component to version, as `scene.recipe.code` has it;
        empty in old records.
    specimen
        The hash that names the specimen, stored or not; None in old records and where it may
        depend on anything.
    variabilities
        Parameters of variabilities that were drawn for the run, ``<name>.<path>`` to number; empty
        in old records.
    rendering
        How ``real`` was rendered: fidelity, samples, denoiser and the law of the noise, as
        `scene.blender.rendering` has it; empty where nothing was rendered, and in old records.
    technique_features
        Names of the measurement technique's features that a step set, sorted; None in old records.
    pixel_size_nm
        Side of a pixel on the specimen in nm; None where nothing was rendered, where a camera with
        a perspective did, and in old records.
    quality
        ``snr``, ``contrast``, ``noise``, ``sharpness`` and ``saturated`` of the image ``real`` of
        all particles, as `scene.imaging.quality` defines them; empty where there is no such image,
        and in old records.
    """

    seed: int
    features: dict[str, FeatureValue]
    particle_features: tuple[str, ...]
    particles: dict[str, list[Any]]
    visible_particles: int | None
    coverage: float | None
    files: tuple[FileRecord, ...]
    timings: dict[str, float]
    device: str
    versions: dict[str, str]
    code: dict[str, str] = dataclasses.field(default_factory=dict)
    specimen: str | None = None
    variabilities: dict[str, float] = dataclasses.field(default_factory=dict)
    rendering: dict[str, str | int | float | None] = dataclasses.field(default_factory=dict)
    technique_features: tuple[str, ...] | None = None
    pixel_size_nm: float | None = None
    quality: dict[str, float | None] = dataclasses.field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the record as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), allow_nan=False), encoding="utf-8")

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `write` wrote.

        Raises
        ------
        ValueError
            If the text is not a run record.
        """
        try:
            data = json.loads(text)
            data["files"] = tuple(FileRecord(**entry) for entry in data["files"])
            data["particle_features"] = tuple(data["particle_features"])
            if (names := data.get("technique_features")) is not None:
                data["technique_features"] = tuple(names)
            data["features"] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in data["features"].items()
            }
            return cls(**data)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a run record: {error}") from error
