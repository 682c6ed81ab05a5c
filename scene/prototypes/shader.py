"""A material's shader nodes, in few words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    import bpy


def indices_of_refraction(material: bpy.types.Material) -> Iterator[bpy.types.NodeSocketFloat]:
    """Yield the inputs of a material's nodes that hold one."""
    for node in material.node_tree.nodes:
        yield from (socket for socket in node.inputs if socket.name == "IOR")


@final
class Shader:
    """A new material whose nodes are made one after another.

    Parameters
    ----------
    name
        The material's.
    """

    def __init__(self, name: str) -> None:
        import bpy

        self.material = bpy.data.materials.new(name)
        self._tree = self.material.node_tree
        self._tree.nodes.clear()

    def node(
        self, kind: str, inputs: Mapping[Any, Any] | None = None, **settings: object
    ) -> bpy.types.Node:
        """Return a new node.

        Parameters
        ----------
        kind
            Name of its type in Blender without ``ShaderNode``: ``Math``, ``BsdfDiffuse``, ...
        inputs
            Name or index of an input to its value, or to another node's output to link it with.
        settings
            Attributes of the node.
        """
        import bpy

        made = self._tree.nodes.new(f"ShaderNode{kind}")
        for name, setting in settings.items():
            setattr(made, name, setting)
        for place, given in (inputs or {}).items():
            if isinstance(given, bpy.types.NodeSocket):
                self._tree.links.new(given, made.inputs[place])
            else:
                made.inputs[place].default_value = given
        return made

    def principled(self, inputs: Mapping[str, Any]) -> bpy.types.Material:
        """Return the material, a Principled surface: roughness 0.5, IOR 1.45, the rest neutral."""
        usual = {"Roughness": 0.5, "IOR": 1.45}
        return self.finish(self.node("BsdfPrincipled", {**usual, **inputs}).outputs["BSDF"])

    def finish(self, shown: bpy.types.NodeSocket, what: str = "Surface") -> bpy.types.Material:
        """Return the material, whose surface, or volume, shows a node's output."""
        self.node("OutputMaterial", {what: shown})
        return self.material


def gray(value: float) -> tuple[float, float, float, float]:
    """Return a gray as the color that Blender takes, opaque."""
    return value, value, value, 1.0
