"""All features of a run's objects, as CSV files that spreadsheets read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from scene.imaging.modes import category_color
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import BLUEPRINT_NAME
from scene.specimen.values import values
from scene.steps.context import StepContext

PARTICLE_FILE = Path("particle_features.csv")
TECHNIQUE_FILE = Path("measurement_technique_features.csv")


def save_features(context: StepContext) -> None:
    """Write the features of particles and technique to the run's folder, as they are now.

    ``particle_features.csv`` has a row for each particle and a column for each feature that any of
    them has; ``measurement_technique_features.csv`` a row for each feature, name and value. Vectors
    are written as ``(x, y, z)``. Rendering steps change nothing, so the first one to ask writes.
    """
    if any(file.path == PARTICLE_FILE.as_posix() for file in context.files):
        return
    particles = [
        {BLUEPRINT_NAME: particle.blueprint}
        | values(particle.features, context.particle_features[particle.blueprint].values())
        | {"category_color": "#{:02x}{:02x}{:02x}".format(*category_color(particle.id))}
        for particle in context.specimen.particles
    ]
    names = dict.fromkeys(name for own in particles for name in own)
    rows = [
        [str(particle.id), *(_text(own.get(name, "")) for name in names)]
        for particle, own in zip(context.specimen.particles, particles, strict=True)
    ]
    context.write_file("features", PARTICLE_FILE, _table([["particle_id", *names], *rows]))
    of_techniques = [
        (name, _text(value))
        for technique in context.specimen.techniques
        for name, value in (
            {BLUEPRINT_NAME: technique.blueprint}
            | values(technique.features, context.technique_features.values())
        ).items()
    ]
    context.write_file("features", TECHNIQUE_FILE, _table(of_techniques))


def _text(value: FeatureValue) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(repr, value))})"
    return value if isinstance(value, str) else repr(value)


def _table(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
