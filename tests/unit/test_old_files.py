"""Files of older Blenders: where the inputs of a Principled BSDF were, and where they are."""

from types import SimpleNamespace
from typing import Any

import pytest

from scene.prototypes.library.old_files import repair_materials, todays_socket

TODAY = (
    *("Base Color", "Metallic", "Roughness", "IOR", "Alpha", "Thin Wall", "Normal", "Weight"),
    *("Diffuse Roughness", "Subsurface Weight", "Subsurface Radius", "Subsurface Scale"),
    *("Subsurface IOR", "Subsurface Anisotropy", "Specular IOR Level", "Specular Tint"),
    *("Anisotropic", "Anisotropic Rotation", "Tangent", "Transmission Weight", "Coat Weight"),
    *("Coat Roughness", "Coat IOR", "Coat Tint", "Coat Normal", "Sheen Weight"),
    *("Sheen Roughness", "Sheen Tint", "Emission Color", "Emission Strength"),
)
"""Of Blender 5.2; `test_the_inputs_are_those_of_this_blender` compares."""


class Inputs(list[Any]):
    bl_rna = SimpleNamespace(identifier="NodeInputs")

    def __init__(self, kind: str = "BSDF_PRINCIPLED", **values: float) -> None:
        node = SimpleNamespace(type=kind, inputs=self)
        super().__init__(
            SimpleNamespace(name=name, node=node, is_linked=False, default_value=values.get(name))
            for name in TODAY
        )

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return next(socket for socket in self if socket.name == key)
        return super().__getitem__(key)


@pytest.mark.parametrize(
    ("version", "index", "name"),
    [
        ((3, 2, 0), 0, "Base Color"),
        ((3, 2, 0), 9, "Roughness"),
        ((3, 6, 5), 16, "IOR"),
        ((3, 0, 0), 17, "Transmission Weight"),
        ((3, 6, 0), 21, "Alpha"),
        ((2, 93, 0), 7, "Roughness"),
        ((2, 93, 0), 19, "Alpha"),
        ((2, 90, 0), 18, "Alpha"),
        ((4, 0, 0), 2, "Roughness"),
        ((4, 2, 0), 5, "Normal"),
        ((4, 2, 0), 7, "Subsurface Weight"),
        ((4, 3, 0), 8, "Subsurface Weight"),
        ((5, 2, 45), 9, "Subsurface Weight"),
    ],
)
def test_an_index_means_the_input_that_was_there(
    version: tuple[int, ...], index: int, name: str
) -> None:
    assert todays_socket(Inputs(), index, version) == name


def test_names_that_changed_are_found() -> None:
    assert todays_socket(Inputs(), "Specular", (3, 4, 0)) == "Specular IOR Level"
    assert todays_socket(Inputs(), "Specular", (4, 0, 0)) == "Specular"
    assert todays_socket(Inputs(), "Roughness", (3, 4, 0)) == "Roughness"
    assert todays_socket(Inputs("BUMP"), 9, (3, 4, 0)) == 9
    assert todays_socket(Inputs(), 99, (3, 4, 0)) == 99


@pytest.mark.parametrize("key", [3, "Subsurface Color", 18])
def test_what_is_gone_is_said_so(key: int | str) -> None:
    with pytest.raises(ValueError, match="today's Principled BSDF has no"):
        todays_socket(Inputs(), key, (3, 4, 0))


def reflection(version: tuple[int, ...], **values: float) -> float:
    inputs = Inputs(**values)
    tree = SimpleNamespace(nodes=[SimpleNamespace(type="BSDF_PRINCIPLED", inputs=inputs)])
    repair_materials([None, tree], version)
    index: float = inputs["IOR"].default_value
    return index


def test_old_opaque_materials_reflect_as_they_did() -> None:
    usual = {"Transmission Weight": 0.0, "Specular IOR Level": 0.5, "IOR": 0.6}
    assert reflection((3, 4, 0), **usual) == 1.5
    assert reflection((4, 0, 0), **usual) == 0.6
    assert reflection((3, 4, 0), **usual | {"Transmission Weight": 1.0}) == 0.6
    assert reflection((3, 4, 0), **usual | {"Specular IOR Level": 0.2}) == 0.6
