"""How `real` is made, as plain values for the record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

from scene.blender.image_formation import ImageFormation
from scene.microscopy.imaging_chain import ImagingChain
from scene.microscopy.noise import LAW

if TYPE_CHECKING:
    import bpy

    from scene.prototypes.base import Fidelity

type Plain = str | int | float | None
type Rendering = dict[str, Plain]


def rendering_of(
    scene: bpy.types.Scene, fidelity: Fidelity, formation: ImageFormation
) -> Rendering:
    """Return who makes the image, with which settings, and what is done to it afterwards.

    That is either Cycles with what the technique set in its scene, or a ``model``. Of the imaging
    chain it has what differs from doing nothing, by the names of features. Names whose value is
    None stand for what is not used.
    """
    chain, model = formation.chain, formation.model
    made_by = _by_cycles(scene) if model is None else {"model": type(model).__name__}
    noise = {"noise": LAW if chain.noise else None, "noise_k": chain.noise or None}
    return {"fidelity": fidelity} | made_by | noise | dict(_settings(chain))


def _by_cycles(scene: bpy.types.Scene) -> Rendering:
    cycles = scene.cycles
    denoised = cycles.use_denoising
    return {
        "engine": scene.render.engine,
        "samples": cycles.samples,
        "adaptive_threshold": (
            float(f"{cycles.adaptive_threshold:.6g}") if cycles.use_adaptive_sampling else None
        ),
        "denoiser": cycles.denoiser if denoised else None,
        "denoiser_passes": cycles.denoising_input_passes if denoised else None,
        "denoiser_prefilter": cycles.denoising_prefilter if denoised else None,
        "denoiser_quality": cycles.denoising_quality if denoised else None,
    }


def _settings(chain: ImagingChain) -> Iterator[tuple[str, Plain]]:
    """Yield name and value of what a stage of the chain has set."""
    for stage in (getattr(chain, field.name) for field in fields(chain)):
        if is_dataclass(stage):
            for setting in fields(stage):
                value = getattr(stage, setting.name)
                if value != setting.default:
                    yield setting.name, value
