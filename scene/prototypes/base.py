"""What a prototype is: named features, and a way to build it in Blender.

A prototype's module is imported wherever its features are needed, the driver included, so it
imports bpy only inside the functions that build.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import ClassVar, Literal

from scene.specimen.features import FeatureSpec

type Fidelity = Literal["fast", "reference"]
"""How literally an image follows the published figures of its look.

``reference`` takes every material and integrator setting as it was published, the noise of few
samples included. ``fast`` looks the same for a fraction of the time: few samples, a denoiser, and
noise of the same kind added to what it gives.
"""


class Prototype(ABC):
    """Common to all prototypes; each has a file of its own, named like the prototype."""

    features: ClassVar[tuple[FeatureSpec, ...]]
    """The features this prototype understands."""

    unavailable: ClassVar[Mapping[str, str]] = {}
    """Features that it should have but has not, and why, which goes on after the name."""
