"""The x-ray view: one render in which every particle adds to every pixel it covers."""

from __future__ import annotations

from collections.abc import Collection

import bpy  # noqa: TID253
import numpy as np
from numpy.typing import NDArray

from scene.blender.buffers import camera_axes
from scene.blender.ground_truth import GroundTruth
from scene.blender.render import render_passes
from scene.imaging.shading import FALLOFF, LIGHT, XRAY_BACK_SHARE, XRAY_RIM, xray_gray

_MOST_SURFACES = 1024


def render_xray(truth: GroundTruth, shown: Collection[bpy.types.Object]) -> NDArray[np.uint8]:
    """Render objects as translucent: (height, width) gray."""
    material = _translucent_material(camera_axes(truth.camera()))
    try:
        with truth.scene(shown, material) as scene:
            scene.cycles.transparent_max_bounces = _MOST_SURFACES
            combined = render_passes(scene, truth.settings.size)["Combined"]
    finally:
        bpy.data.materials.remove(material)
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
    build = _ShaderBuilder("Translucent")
    normal = build.node("ShaderNodeNewGeometry").outputs["Normal"]
    rim_begin, rim_end = XRAY_RIM

    body = build.node("ShaderNodeMapRange")
    body.interpolation_type = "SMOOTHSTEP"
    body.inputs["From Min"].default_value = rim_begin
    body.inputs["From Max"].default_value = rim_end
    build.link(build.dot(normal, view), body.inputs["Value"])
    inside = body.outputs["Result"]

    front = build.math("MULTIPLY", build.lit(normal, light), 1.0 - XRAY_BACK_SHARE)
    back = build.math("MULTIPLY", build.lit(normal, mirrored), XRAY_BACK_SHARE)
    shade = build.math("MULTIPLY", build.math("ADD", front, back), inside)

    channels = build.node("ShaderNodeCombineColor")
    build.link(shade, channels.inputs["Red"])
    build.link(inside, channels.inputs["Green"])
    build.link(build.math("SUBTRACT", 1.0, inside), channels.inputs["Blue"])
    build.finish(channels.outputs["Color"])
    return build.material


class _ShaderBuilder:
    """Short words for the nodes that the x-ray material is made of."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        # Nothing is lit here; as lamps, the particles would cost a light tree.
        self.material.cycles.emission_sampling = "NONE"
        self._tree = self.material.node_tree
        self._tree.nodes.clear()

    def node(self, kind: str) -> bpy.types.ShaderNode:
        return self._tree.nodes.new(kind)

    def link(self, source: bpy.types.NodeSocket, target: bpy.types.NodeSocket) -> None:
        self._tree.links.new(source, target)

    def math(
        self,
        operation: str,
        first: bpy.types.NodeSocket | float,
        second: bpy.types.NodeSocket | float,
    ) -> bpy.types.NodeSocket:
        made = self.node("ShaderNodeMath")
        made.operation = operation
        for operand, target in zip((first, second), made.inputs, strict=False):
            if isinstance(operand, float):
                target.default_value = operand
            else:
                self.link(operand, target)
        return made.outputs["Value"]

    def dot(
        self, vector: bpy.types.NodeSocket, constant: NDArray[np.float32]
    ) -> bpy.types.NodeSocket:
        made = self.node("ShaderNodeVectorMath")
        made.operation = "DOT_PRODUCT"
        made.inputs[1].default_value = constant.tolist()
        self.link(vector, made.inputs[0])
        return made.outputs["Value"]

    def lit(self, normal: bpy.types.NodeSocket, light: NDArray[np.float32]) -> bpy.types.NodeSocket:
        return self.math("POWER", self.math("MAXIMUM", self.dot(normal, light), 0.0), FALLOFF)

    def finish(self, color: bpy.types.NodeSocket) -> None:
        clear = self.node("ShaderNodeBsdfTransparent")
        shining = self.node("ShaderNodeEmission")
        self.link(color, shining.inputs["Color"])
        front = self.node("ShaderNodeAddShader")
        self.link(clear.outputs["BSDF"], front.inputs[0])
        self.link(shining.outputs["Emission"], front.inputs[1])
        side = self.node("ShaderNodeMixShader")
        self.link(self.node("ShaderNodeNewGeometry").outputs["Backfacing"], side.inputs["Fac"])
        self.link(front.outputs["Shader"], side.inputs[1])
        self.link(clear.outputs["BSDF"], side.inputs[2])
        output = self.node("ShaderNodeOutputMaterial")
        self.link(side.outputs["Shader"], output.inputs["Surface"])
