"""Whether a microscope that looks through its specimen can do so."""

from __future__ import annotations

from collections.abc import Iterator

from scene.prototypes.material import MaterialPrototype
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.recipe.blueprint_checks import PARTICLES, TECHNIQUES
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe

type Path = tuple[str | int, ...]

_MATERIAL = "material_prototype_name"
_BACKGROUND = "background_material_prototype_name"


def opaque_materials(recipe: Recipe, registry: Registry) -> Iterator[tuple[Path, str]]:
    """Yield the (path, message) of each material that the recipe's microscope can't see through.

    Cycles shows whatever a material does, so only where the image is computed.
    """
    ((name, blueprint),) = recipe.blueprints.measurement_techniques.items()
    technique = blueprint.measurement_technique_prototype_name
    prototype = registry.prototype(MeasurementTechniquePrototype, technique)
    if not prototype.looks_through or recipe.render.fidelity not in prototype.computed_at:
        return
    for key, particles in recipe.blueprints.particles.items():
        if _density(particles.material_prototype_name, registry) is None:
            message = (
                f"{technique!r} looks through particles, but the material "
                f"{particles.material_prototype_name!r} does not say how dense it is; choose one "
                "that does, such as tem_amorphous, or set render.fidelity to reference"
            )
            yield ("blueprints", PARTICLES, key, _MATERIAL), message
    background = blueprint.background_material_prototype_name
    if background is not None and _density(background, registry) != 0:
        message = (
            f"{technique!r} is lit from below, so its background material has to be vacuum, or "
            f"null, got {background!r}; film_thickness gives it a support film"
        )
        yield ("blueprints", TECHNIQUES, name, _BACKGROUND), message


def _density(material: str, registry: Registry) -> float | None:
    prototype = registry.prototype(MaterialPrototype, material)
    defaults = {spec.name: spec.default for spec in prototype.features}
    return prototype.electron_surface(defaults).absorption_density
