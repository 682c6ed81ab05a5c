"""All that a plugin needs: ``from blendsweep.plugins import RenderingMode``.

A plugin package offers classes that derive from one of the bases here:

- `Distribution`: what feature values are drawn from
- `Criterion`, `FeatureCriterion`: questions about one object, of which sets are made
- `ObjectSet`: which objects a step works on
- `FeatureGenerationStep`, `RenderingStep`: steps of the synth chain
- `RenderingMode`: images of a frame
- `GeometryPrototype`, `ProceduralGeometry` with its `TriangleMesh`, `FusedGeometry` with its
  `FusedPart`, `MaterialPrototype`, `MeasurementTechniquePrototype`

Nothing here imports bpy, since plugins are loaded where recipes are checked, too. A plugin imports
it inside the functions that use it.
"""

from scene.errors import BlendsweepError, RenderError, SimulationError
from scene.imaging.footprint import Footprint
from scene.imaging.frame import Frame, Image, RenderingMode
from scene.language.element import CheckContext, Members
from scene.language.fields import (
    Bool,
    FileNamePart,
    Identifier,
    Int,
    Real,
    RelativeFolder,
    Text,
    Vector,
)
from scene.microscopy.electron_surface import ElectronSurface
from scene.microscopy.geometry import GeometryBuffers
from scene.microscopy.image_model import ImageModel
from scene.microscopy.imaging_chain import IMAGING_FEATURES, ImagingChain
from scene.microscopy.raster import Raster
from scene.microscopy.view import View
from scene.prototypes.base import Fidelity
from scene.prototypes.few_samples import render_few_samples
from scene.prototypes.geometry import (
    FusedGeometry,
    GeometryPrototype,
    Neighbour,
    ProceduralGeometry,
)
from scene.prototypes.magnification import MAGNIFICATION, magnify
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.technique import (
    MEASUREMENT_VOLUME,
    SUBSTRATE,
    Container,
    MeasurementTechniquePrototype,
)
from scene.shapes.fused import FusedPart
from scene.shapes.mesh import TriangleMesh
from scene.specimen.criteria import Criterion, FeatureCriterion
from scene.specimen.distributions import Distribution
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.owners import Owner
from scene.specimen.sets import ObjectSet
from scene.specimen.specimen import MeasurementTechnique, MeasurementVolume, Particle, Specimen
from scene.specimen.streams import Streams
from scene.steps.base import FeatureGenerationStep, RenderingStep
from scene.steps.context import StepContext

__all__ = [
    "IMAGING_FEATURES",
    "MAGNIFICATION",
    "MEASUREMENT_VOLUME",
    "SUBSTRATE",
    "BlendsweepError",
    "Bool",
    "CheckContext",
    "Container",
    "Criterion",
    "Distribution",
    "ElectronSurface",
    "FeatureCriterion",
    "FeatureGenerationStep",
    "FeatureSpec",
    "FeatureValue",
    "Fidelity",
    "FileNamePart",
    "Footprint",
    "Frame",
    "FusedGeometry",
    "FusedPart",
    "GeometryBuffers",
    "GeometryPrototype",
    "Identifier",
    "Image",
    "ImageModel",
    "ImagingChain",
    "Int",
    "MaterialPrototype",
    "MeasurementTechnique",
    "MeasurementTechniquePrototype",
    "MeasurementVolume",
    "Members",
    "Neighbour",
    "ObjectSet",
    "Owner",
    "Particle",
    "ProceduralGeometry",
    "Raster",
    "Real",
    "RelativeFolder",
    "RenderError",
    "RenderingMode",
    "RenderingStep",
    "SimulationError",
    "Specimen",
    "StepContext",
    "Streams",
    "Text",
    "TriangleMesh",
    "Vector",
    "View",
    "magnify",
    "render_few_samples",
]
