"""The x-ray view: one render in which every particle adds to every pixel it covers."""

from __future__ import annotations

from collections.abc import Collection

import bpy  # noqa: TID253
import numpy as np
from numpy.typing import NDArray

from scene.blender.camera import camera_axes
from scene.blender.ground_truth import GroundTruth
from scene.blender.render import render_passes
from scene.imaging.shading import FALLOFF, LIGHT, XRAY_BACK_FRACTION, XRAY_RIM, xray_gray
from scene.prototypes.shader import Shader

type Operand = bpy.types.NodeSocket | float

_MOST_SURFACES = 1024


def render_xray(truth: GroundTruth, shown: Collection[bpy.types.Object]) -> NDArray[np.uint8]:
    """Render objects as translucent: (height, width) gray."""
    material = _translucent_material(camera_axes(truth.camera()))
    with truth.scene(shown, material) as scene:
        scene.cycles.transparent_max_bounces = _MOST_SURFACES
        combined = render_passes(scene, truth.size)["Combined"]
    return xray_gray(light=combined[..., 0], body=combined[..., 1], rim=combined[..., 2])


def _translucent_material(axes: NDArray[np.float32]) -> bpy.types.Material:
    """Make a transparent material whose front faces add (light, body, rim) as red, green, blue.

    Nothing is absorbed, so the sums do not depend on the order of the particles. The far wall is
    lit from inside: its normal there is the front's, mirrored at the view axis, and mirroring the
    light instead gives the same cosine.
    """
    right, up, view = axes
    light = LIGHT[0] * right + LIGHT[1] * up + LIGHT[2] * view
    mirrored = 2.0 * LIGHT[2] * view - light
    shader = Shader("Translucent")
    geometry = shader.node("NewGeometry").outputs

    def dot(constant: NDArray[np.float32]) -> bpy.types.NodeSocket:
        inputs = {0: geometry["Normal"], 1: constant.tolist()}
        return shader.node("VectorMath", inputs, operation="DOT_PRODUCT").outputs["Value"]

    def math(operation: str, first: Operand, second: Operand) -> bpy.types.NodeSocket:
        return shader.node("Math", {0: first, 1: second}, operation=operation).outputs["Value"]

    def lit(direction: NDArray[np.float32]) -> bpy.types.NodeSocket:
        return math("POWER", math("MAXIMUM", dot(direction), 0.0), FALLOFF)

    rim = {"Value": dot(view), "From Min": XRAY_RIM[0], "From Max": XRAY_RIM[1]}
    inside = shader.node("MapRange", rim, interpolation_type="SMOOTHSTEP").outputs["Result"]
    front = math("MULTIPLY", lit(light), 1.0 - XRAY_BACK_FRACTION)
    back = math("MULTIPLY", lit(mirrored), XRAY_BACK_FRACTION)
    shade = math("MULTIPLY", math("ADD", front, back), inside)
    channels = {"Red": shade, "Green": inside, "Blue": math("SUBTRACT", 1.0, inside)}
    color = shader.node("CombineColor", channels).outputs["Color"]

    clear = shader.node("BsdfTransparent").outputs["BSDF"]
    shining = shader.node("Emission", {"Color": color}).outputs["Emission"]
    both = shader.node("AddShader", {0: clear, 1: shining}).outputs["Shader"]
    side = shader.node("MixShader", {"Fac": geometry["Backfacing"], 1: both, 2: clear})
    return shader.finish(side.outputs["Shader"])
