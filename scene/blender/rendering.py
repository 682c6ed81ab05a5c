"""How `real` is rendered, as plain values for the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scene.microscopy.imaging_chain import ImagingChain
from scene.microscopy.noise import LAW

if TYPE_CHECKING:
    import bpy

    from scene.prototypes.base import Fidelity

type Rendering = dict[str, str | int | float | None]


def rendering_of(scene: bpy.types.Scene, fidelity: Fidelity, chain: ImagingChain) -> Rendering:
    """Return what the technique set in its scene, and the noise that its images get.

    Names whose value is None stand for what is not used.
    """
    cycles = scene.cycles
    denoised = cycles.use_denoising
    return {
        "fidelity": fidelity,
        "engine": scene.render.engine,
        "samples": cycles.samples,
        "adaptive_threshold": (
            float(f"{cycles.adaptive_threshold:.6g}") if cycles.use_adaptive_sampling else None
        ),
        "denoiser": cycles.denoiser if denoised else None,
        "denoiser_passes": cycles.denoising_input_passes if denoised else None,
        "denoiser_prefilter": cycles.denoising_prefilter if denoised else None,
        "denoiser_quality": cycles.denoising_quality if denoised else None,
        "noise": LAW if chain.noise else None,
        "noise_k": chain.noise or None,
    }
