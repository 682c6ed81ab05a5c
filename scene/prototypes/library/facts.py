"""What is known of a library's files once Blender has opened them, as plain data."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from pydantic import ConfigDict, TypeAdapter

from scene.microscopy.color import ColorMode
from scene.prototypes.library.folder import PrototypeFile, content_hash
from scene.prototypes.library.metaball import Metaball
from scene.specimen.enclosure import Triangles
from scene.specimen.features import FeatureSpec

_INSPECTION = "scene.blender.inspection"
"""Module that a process of its own runs; only there a file is opened before a run starts."""

_LONGEST_S = 600.0


@final
@dataclass(frozen=True, slots=True)
class TechniqueFacts:
    """What a file's scene is.

    Parameters
    ----------
    resolution
        Of its images, (width, height) in pixels.
    max_samples
        Most samples of a pixel.
    color_mode
        What a pixel holds.
    develops
        Whether Blender's view transform makes the image. Gray images of the view Raw go through
        the imaging chain, of which the file has none.
    volume, volume_growth
        Corners (lower, upper) of the measurement volume at that resolution, and by how much each
        coordinate grows with every pixel that is added to the larger side: drivers may see to that.
    volume_surface
        Its surface as `MeasurementVolume` has it; none where it is a box.
    """

    resolution: tuple[int, int]
    max_samples: int
    color_mode: ColorMode
    develops: bool
    volume: tuple[float, float, float, float, float, float]
    volume_growth: tuple[float, float, float, float, float, float]
    volume_surface: Triangles = ()


@final
@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file holds.

    Parameters
    ----------
    problems
        Why it can't be used, each in one sentence that names the file; nothing else is known then.
    features
        Those that recipes can set.
    unavailable
        Names of the others, and why their links lead nowhere.
    true_size
        Whether a geometry's shape depends on its size.
    metaball
        Of a geometry that grows together with others.
    has_one_index
        Whether a material has exactly one index of refraction.
    technique
        Of a measurement technique.
    """

    problems: tuple[str, ...] = ()
    features: tuple[FeatureSpec, ...] = ()
    unavailable: dict[str, str] = field(default_factory=dict)
    true_size: bool = False
    metaball: Metaball | None = None
    has_one_index: bool = True
    technique: TechniqueFacts | None = None


FACTS = TypeAdapter(list[FileFacts], config=ConfigDict(ser_json_inf_nan="constants"))
"""Reads and writes facts as JSON."""

FILES = TypeAdapter(list[PrototypeFile])
"""The same for the files that they are about."""

_known: dict[tuple[PrototypeFile, str], FileFacts] = {}


def facts_of(files: Iterable[PrototypeFile]) -> list[FileFacts]:
    """Return what is known of files, those that are new opened together in a process of its own.

    Facts are kept for as long as this process lives; a file that has changed is opened again.

    Raises
    ------
    ValueError
        If a YAML file can't be used, or Blender ended over a file; the text is one sentence.
    OSError
        If a file can't be read.
    """
    asked = [((file, content_hash(file.path)), file) for file in files]
    new = {key: file for key, file in asked if key not in _known}
    for file in new.values():
        file.settings()  # which is as wrong here as there, and needs no Blender
    if new:
        _known.update(zip(new, _inspected(list(new.values())), strict=True))
    return [_known[key] for key, _ in asked]


def _inspected(files: list[PrototypeFile]) -> list[FileFacts]:
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder, "files.json"), Path(folder, "facts.json")
        asked.write_bytes(FILES.dump_json(files))
        command = [sys.executable, "-m", _INSPECTION, str(asked), str(answer)]
        try:
            ended = subprocess.run(
                command, capture_output=True, text=True, timeout=_LONGEST_S, check=False
            )
        except subprocess.TimeoutExpired:
            ended = None
        if answer.is_file():
            return FACTS.validate_json(answer.read_bytes())
    if len(files) > 1:  # which of them was it?
        return [facts for file in files for facts in _inspected([file])]
    last = ended.stderr.strip().splitlines()[-1:] if ended else [f"no end after {_LONGEST_S:g} s"]
    raise ValueError(f"{files[0].path} can't be opened by Blender: {''.join(last) or 'it crashed'}")
