"""Beads of some number and gravity at full resolution, as images of either fidelity."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.discs import Beads, Disc, Gray, seen_beads
from bench.measure import RESULTS
from bench.scenes import NUMBER, all_ids, generated, rendered, session
from scene.microscopy.chain import WHITE

if TYPE_CHECKING:
    from scene.steps.context import StepContext

SIZE = 960
GRAVITY = "synth_chain.feature_generation_steps.5.gravity.2"
SEED = "initial_runtime_state.seed"
RECIPE_SEED = 42
DEFOCUS = "process_conditions.feature_variabilities.Defocus.variability"


@dataclass(frozen=True)
class Square:
    """A part of the image."""

    left: int
    top: int
    edge: int = 192

    def of[Pixels: np.generic](self, image: NDArray[Pixels]) -> NDArray[Pixels]:
        """Return this part of an image."""
        return image[self.top : self.top + self.edge, self.left : self.left + self.edge]


@dataclass(frozen=True)
class View:
    """Beads of one number, fallen by one gravity.

    Parameters
    ----------
    defocus
        Of the technique; None draws it as the recipe does.
    """

    number: int
    gravity: int
    defocus: float | None = None

    @property
    def name(self) -> str:
        """What the view is called in tables."""
        return f"{self.number} beads, gravity {self.gravity}"

    @cache  # noqa: B019
    def beads(self, seed: int = RECIPE_SEED) -> Beads:
        """Return where they are seen."""
        state = self._state("fast", seed)
        ids = state.frame(all_ids(state)).buffers.instance.astype(np.intp)
        scale = SIZE / 96.0
        discs = {}
        for particle in state.specimen.particles:
            x, y, _ = particle.features["location"]
            radius = particle.features["dimensions"][0] / 2
            discs[particle.id] = Disc(x * scale + SIZE / 2, SIZE / 2 - y * scale, radius * scale)
        return seen_beads(ids, discs)

    @cache  # noqa: B019
    def fast(self, seed: int = RECIPE_SEED) -> Gray:
        """Return the denoised image without noise, (960, 960) gray values that are not clipped."""
        self._state("fast", seed)
        return _image()

    def reference(self, square: Square, samples: int, seed: int) -> Gray:
        """Return a part of the image with many samples, denoised; kept from one call to the next.

        Parameters
        ----------
        seed
            Of Cycles.
        """
        assert self.defocus is None
        parts = (self.number, self.gravity, square.left, square.top, square.edge, samples, seed)
        file = RESULTS / "look" / f"{'_'.join(map(str, parts))}_{_code()}.npy"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            image = self._render_reference(square, samples, seed)
            partial = file.with_suffix(".part.npy")
            np.save(partial, image)
            partial.rename(file)
        kept: Gray = np.load(file)
        return kept

    def _render_reference(self, square: Square, samples: int, seed: int) -> Gray:
        import bpy

        self._state("reference", RECIPE_SEED)
        scene = bpy.context.scene
        render, cycles = scene.render, scene.cycles
        render.use_border = True
        render.border_min_x = square.left / SIZE
        render.border_max_x = (square.left + square.edge) / SIZE
        render.border_min_y = 1 - (square.top + square.edge) / SIZE
        render.border_max_y = 1 - square.top / SIZE
        cycles.use_adaptive_sampling = False
        cycles.samples = samples
        cycles.seed = seed
        cycles.use_denoising = True
        cycles.denoiser = "OPENIMAGEDENOISE"
        cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
        cycles.denoising_prefilter = "ACCURATE"
        cycles.denoising_quality = "HIGH"
        return square.of(_image())

    def _state(self, fidelity: str, seed: int) -> StepContext:
        overrides: tuple[str, ...] = ()
        if self.defocus is not None:
            overrides = (f"{DEFOCUS}.location={self.defocus}", f"{DEFOCUS}.scale=0")
        return generated(
            f"{NUMBER}={self.number}",
            f"{GRAVITY}={self.gravity}",
            f"{SEED}={seed}",
            f"render.fidelity={fidelity}",
            *overrides,
        )


def _image() -> Gray:
    with session().captured():
        return rendered().astype(np.float64) * WHITE


@cache
def _code() -> str:
    """Return what tells renders of one version of materials and technique from those of another."""
    digest = hashlib.sha256()
    for folder in ("materials", "measurement_techniques"):
        for file in sorted(Path("scene/prototypes", folder).glob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:8]
