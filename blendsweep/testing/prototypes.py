"""What every prototype must do, as tests for pytest that build and render it in Blender.

A package that offers a prototype subclasses the suite of its kind in one of its test modules::

    from pathlib import Path
    from blendsweep.testing.prototypes import GeometryConformance

    class TestRod(GeometryConformance):
        prototype = "$plugins.shapes.Rod"
        plugins = (Path("my_plugins"),)

The suites render small images, some seconds altogether, on the main thread of pytest's process.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from blendsweep.testing.views import seen
from scene.machine.resources import Resources
from scene.microscopy.color import CHANNELS
from scene.microscopy.electron_surface import ElectronSurface
from scene.microscopy.image_model import ImageModel
from scene.microscopy.raster import Raster
from scene.microscopy.view import View
from scene.prototypes.base import Prototype
from scene.prototypes.geometry import GeometryPrototype
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.particle_features import PARTICLE_FEATURES
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.recipe.registry import Registry
from scene.recipe.schema import RenderSettings
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import DIMENSIONS, MeasurementTechnique, Particle, Specimen
from scene.specimen.streams import Streams
from scene.specimen.values import write

if TYPE_CHECKING:
    from scene.blender.frame import BlenderFrame
    from scene.blender.session import Session

type Features = Mapping[str, FeatureValue]

_IDS = (1, 2, 3)
_BOX = (2.0, 1.5, 1.0)
_SEED = 7


class _PrototypeConformance:
    """Tests of one prototype, beside built-in ones of the other kinds."""

    kind: ClassVar[type[Prototype]]

    shows_in_real: ClassVar[bool] = True
    """Whether a feature may show in `real` alone; those of shapes show in ground truth."""

    prototype: ClassVar[str]
    """Its name in recipes, such as ``$plugins.shapes.Rod``."""

    plugins: ClassVar[Sequence[str | Path]] = ()
    """Folders in which plugin packages are found, beside those of installed distributions."""

    prototypes: ClassVar[Sequence[str | Path]] = ()
    """Libraries of prototypes, where the prototype is a file of one."""

    render: ClassVar[Mapping[str, Any]] = {"resolution": [96, 96], "max_samples": 16}
    """The ``render`` section of the recipe."""

    changed: ClassVar[Features] = {}
    """Feature name to a value that shows in an image, where none of its bounds is one."""

    beside: ClassVar[Features] = {}
    """Values of features that others need to show in an image, such as the strength of an effect
    whose length another one is."""

    largest: ClassVar[Mapping[str, Any]] = {}
    """Further keys of ``render`` with which every bound of a feature gives an image, such as a
    `scene_unit_nm` beside which the largest lengths are small."""

    at_reference: ClassVar[frozenset[str]] = frozenset()
    """Names of the features that show at `reference` alone, which is rendered with 64 samples."""

    unseen: ClassVar[frozenset[str]] = frozenset()
    """Names of the features that show in no image, since they are for simulations."""

    geometry: ClassVar[str] = "sphere"
    material: ClassVar[str] = "sem_polystyrene"
    background: ClassVar[str | None] = "sem_patchy_silicone"
    technique: ClassVar[str] = "secondary_electron_microscope"

    @pytest.fixture
    def bench(self) -> Iterator[_Bench]:
        """Blender, with its messages out of the way, and the specimen of this suite."""
        from scene.blender.session import Session

        session = Session(Resources(cpus=1))
        with session.captured():
            yield _Bench(self, session)

    @classmethod
    def specs(cls) -> tuple[FeatureSpec, ...]:
        """Return the features that the prototype declares."""
        return Registry(cls.plugins, cls.prototypes).prototype(cls.kind, cls.prototype).features

    def test_ids_are_exact(self, bench: _Bench) -> None:
        """Each particle shows its id, and nothing else shows one."""
        frame = bench.frame()
        instance = frame.buffers.instance
        assert set(np.unique(instance).tolist()) == {0, *_IDS}
        shown = instance > 0
        assert np.isfinite(frame.buffers.depth[shown]).all()
        assert np.isinf(frame.buffers.depth[~shown]).all()
        lengths = np.linalg.norm(frame.buffers.normal[shown], axis=-1)
        assert np.allclose(lengths, 1, atol=1e-3), "normals are not of length 1"

    def test_a_particle_s_outline_is_that_of_its_rendered_mask(self, bench: _Bench) -> None:
        """Footprints, which visibility is told by, are computed from the shape, not rendered."""
        for particle_id, footprint in list(bench.frame().footprints()):
            rendered = bench.alone(particle_id).buffers.instance == particle_id
            computed = np.zeros(rendered.shape, bool)
            height, width = footprint.mask.shape
            rows = slice(footprint.top, footprint.top + height)
            computed[rows, footprint.left : footprint.left + width] = footprint.mask
            assert rendered.any()
            differing = int((rendered != computed).sum())
            assert differing <= max(2, rendered.sum() / 100), f"{differing} pixels of {particle_id}"

    def test_the_same_seed_gives_the_same_bytes(self, bench: _Bench) -> None:
        """Another scene, built anew, renders the same pixels."""
        first, second = bench.images(), bench.images()
        assert first.keys() == second.keys()
        for name, image in first.items():
            assert np.array_equal(image, second[name]), f"{name} is not the same twice"

    def test_every_feature_reaches_the_images(self, bench: _Bench) -> None:
        """A feature that is declared and does nothing would be recorded as if it did."""
        rendered = {"fidelity": "reference", "max_samples": 64}
        real = self.shows_in_real
        before = {False: bench.images(self.beside, real=real)}
        if self.at_reference:
            before[True] = bench.images(self.beside, rendered, real=real)
        for spec in (spec for spec in self.specs() if spec.name not in self.unseen):
            value = self.changed.get(spec.name, _other_value(spec))
            late = spec.name in self.at_reference
            features = {**self.beside, spec.name: value}
            after = bench.images(features, rendered if late else {}, real=real)
            same = all(np.array_equal(before[late][name], after[name]) for name in after)
            assert not same, f"{spec.name}={value} shows in no image"

    @classmethod
    def bounds(cls) -> Iterator[dict[str, FeatureValue]]:
        """Yield each bound of a feature, and each text that it may be, alone."""
        for spec in cls.specs():
            for choice in spec.choices:
                yield {spec.name: choice}
            for bound in sorted({spec.minimum, spec.maximum} - {-np.inf, np.inf}):
                value = spec.checked((bound,) * spec.components if spec.components > 1 else bound)
                yield {spec.name: value}

    def test_every_bound_of_a_feature_can_be_built(self, bench: _Bench) -> None:
        """Recipes are allowed every value within the bounds."""
        for features in self.bounds():
            frame = bench.frame(features, self.largest)
            assert set(np.unique(frame.buffers.instance)) <= {0, *_IDS}


class GeometryConformance(_PrototypeConformance):
    """Tests of a geometry prototype."""

    kind = GeometryPrototype
    shows_in_real = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.geometry = getattr(cls, "prototype", cls.geometry)

    def test_the_mesh_fills_its_box_round_the_origin(self, bench: _Bench) -> None:
        """``dimensions`` are the size of the bounding box, unless the geometry says otherwise."""
        vertices, half = bench.vertices(), np.array(bench.box) / 2
        assert np.isfinite(vertices).all()
        if bench.shape.fills_box:
            assert np.allclose(vertices.min(axis=0), -half, atol=1e-5)
            assert np.allclose(vertices.max(axis=0), half, atol=1e-5)
        else:
            assert (vertices.min(axis=0) < 0).all()
            assert (vertices.max(axis=0) > 0).all()
            assert (np.ptp(vertices, axis=0) < 4 * half).all()

    def test_the_mesh_is_closed_and_faces_outwards(self, bench: _Bench) -> None:
        """What is inside is found by the directions of faces, and a volume needs both."""
        sides = bench.triangles()[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        assert np.array_equal(np.unique(sides, axis=0), np.unique(sides[:, ::-1], axis=0))
        assert len(np.unique(sides, axis=0)) == len(sides), "an edge has more than two faces"
        assert bench.filled() > 0, "faces run clockwise as seen from outside"

    def test_what_passes_for_a_sphere_is_one(self, bench: _Bench) -> None:
        """A particle of such a geometry may be drawn as a perfect sphere."""
        if bench.shape.is_sphere(bench.shaping()):
            distance = np.linalg.norm(bench.vertices(), axis=1)
            assert np.allclose(distance, 0.5, atol=1e-4), "vertices lie off the sphere"

    def test_the_volume_fraction_is_that_of_the_mesh(self, bench: _Bench) -> None:
        """Sizes in nm follow from it. A mesh of few faces may be 5 % off what it stands for."""
        told = bench.shape.volume_fraction(bench.shaping())
        if told is not None:
            filled = bench.filled() / np.prod(bench.box)
            assert abs(told - filled) < 0.05 * filled, (
                f"{told} of the box, but {filled:.3f} is full"
            )


class MaterialConformance(_PrototypeConformance):
    """Tests of a material prototype, on particles; or on the substrate, if `on_substrate`."""

    kind = MaterialPrototype

    on_substrate: ClassVar[bool] = False
    """Whether it is made for the substrate rather than for particles."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if hasattr(cls, "prototype"):
            setattr(cls, "background" if cls.on_substrate else "material", cls.prototype)

    @pytest.mark.parametrize("fidelity", ["fast", "reference"])
    def test_both_fidelities_are_rendered(self, bench: _Bench, fidelity: str) -> None:
        """A recipe may ask for either."""
        real = bench.frame(render={"fidelity": fidelity}).real()
        assert real.std() > 0

    def test_what_suits_points_looks_the_same_on_them(self, bench: _Bench) -> None:
        """Spheres of such a material are one object, whose coordinates are not a sphere's own."""
        material = Registry(self.plugins, self.prototypes).prototype(
            MaterialPrototype, self.prototype
        )
        if material.suits_points and not self.on_substrate:
            size = min(bench.volume.sides[:2]) / 6
            grays = []
            for last in (size, 1.0001 * size):  # points, and then meshes
                frame = bench.frame({"dimensions": (size, size, last)})
                shown = frame.buffers.instance > 0
                grays.append(frame.real().astype(float))
            difference = np.abs(grays[1] - grays[0])[shown].mean()
            assert difference < 5, f"points and meshes differ by {difference:.1f} gray levels"

    def test_an_electron_beam_finds_a_surface(self) -> None:
        """Equal features give equal surfaces, whose particles are one material then."""
        material = Registry(self.plugins, self.prototypes).prototype(
            MaterialPrototype, self.prototype
        )
        defaults = {spec.name: spec.default for spec in material.features}
        for features in ({}, *self.bounds()):
            surface = material.electron_surface(defaults | features)
            assert isinstance(surface, ElectronSurface)
            told = [value for value in astuple(surface) if value is not None]
            assert all(0 <= value < np.inf for value in told), surface
            assert {surface} == {material.electron_surface(defaults | features)}


class MeasurementTechniqueConformance(_PrototypeConformance):
    """Tests of a measurement technique prototype."""

    kind = MeasurementTechniquePrototype

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.technique = getattr(cls, "prototype", cls.technique)

    @pytest.mark.parametrize("resolution", [(128, 96), (96, 128)])
    def test_images_have_the_size_that_is_asked_for(
        self, bench: _Bench, resolution: tuple[int, int]
    ) -> None:
        """Width and height, in this order."""
        frame = bench.frame(render={"resolution": resolution})
        assert frame.buffers.instance.shape == resolution[::-1]
        image = frame.real()
        technique = Registry(self.plugins, self.prototypes).prototype(
            MeasurementTechniquePrototype, self.prototype
        )
        assert image.shape[:2] == resolution[::-1]
        assert math.prod(image.shape[2:]) == CHANNELS[technique.color_mode]

    def test_the_volume_has_a_size_and_is_seen(self, bench: _Bench) -> None:
        """Particles are placed in it."""
        assert all(side > 0 for side in bench.volume.sides)
        assert (bench.frame().buffers.instance > 0).any()

    @classmethod
    def image_models(cls) -> list[ImageModel]:
        """Return what computes the image with the features' defaults, and with each bound.

        Nothing where Cycles renders it.
        """
        technique = Registry(cls.plugins, cls.prototypes).prototype(
            MeasurementTechniquePrototype, cls.prototype
        )
        defaults = {spec.name: spec.default for spec in technique.features}
        found: list[ImageModel] = []
        for features in ({}, *cls.bounds()):
            model = technique.image_model(defaults | features)
            if model is not None and model not in found:
                found.append(model)
        return found

    def test_a_computed_signal_is_finite_and_not_negative(self) -> None:
        """Whatever there is to see: particles, bare ground, or nothing at all."""
        for model in self.image_models():
            assert 0 <= model.reach_nm < np.inf, model
            for balls, ground in ((2, _SURFACE), (0, _SURFACE), (2, None), (0, None)):
                view = _view(Raster(20, 16, 8, 100.0), _BALLS[:balls], ground)
                signal = model.signal(view, Streams(_SEED).counted)
                assert signal.dtype == np.float32, model
                assert signal.shape == view.raster.shape, model
                assert np.isfinite(signal).all(), model
                assert (signal >= 0).all(), model

    def test_a_computed_signal_is_the_same_at_any_time_on_any_thread(self) -> None:
        """It depends on the view and on its streams alone, and leaves both as they are."""
        view = _view(Raster(20, 16, 8, 100.0), _BALLS, _SURFACE)
        for model in self.image_models()[:1]:
            with ThreadPoolExecutor(4) as pool:
                signals = pool.map(
                    lambda _, model=model: model.signal(view, Streams(_SEED).counted).tobytes(),
                    range(8),
                )
            assert set(signals) == {model.signal(view, Streams(_SEED).counted).tobytes()}

    def test_nothing_beyond_its_reach_shows_in_a_computed_signal(self) -> None:
        """To 5% of the largest signal, since what is widely spread thins out."""
        for model in self.image_models():
            reach = 12
            raster = Raster(16, 16, 2 * reach, max(model.reach_nm, 1.0) / reach)
            middle, beyond = (32.0, 32.0, 6.0, 6.0), (6.0, 32.0, 5.0, 5.0)
            with_one, with_both = (
                raster.inner(model.signal(_view(raster, balls, _SURFACE), Streams(_SEED).counted))
                for balls in ([middle], [middle, beyond])
            )
            difference = np.abs(with_both - with_one).max() / with_one.max()
            assert difference < 0.05, f"{difference:.0%} of the largest signal with {model}"


_SURFACE = ElectronSurface(0.3, 20.0, 300.0, 0.1, 500.0, absorption_density=0.5)
_BALLS = [(14.0, 14.0, 6.0, 6.0), (24.0, 18.0, 9.0, 7.0)]


def _view(
    raster: Raster,
    balls: Sequence[tuple[float, float, float, float]],
    ground: ElectronSurface | None,
) -> View:
    """Return a view that can't be changed."""
    view = seen(raster, balls, ground=ground, particles=_SURFACE)
    for array in (view.height, view.buffers.depth, view.buffers.normal, view.buffers.instance):
        array.flags.writeable = False
    return view


def _box(shape: GeometryPrototype) -> tuple[float, float, float]:
    """Return the size of particles whose mesh is looked at."""
    if not shape.true_size:
        return 1.0, 1.0, 1.0
    has_one_size = any(spec.name == DIMENSIONS and spec.equal for spec in shape.features)
    return (_BOX[0],) * 3 if has_one_size else _BOX


class _Bench:
    """Three particles in a row in the measurement volume, rendered as often as it takes."""

    def __init__(self, suite: _PrototypeConformance, session: Session) -> None:
        self._suite = suite
        self._session = session
        self._registry = Registry(suite.plugins, suite.prototypes)
        self.shape = self._registry.prototype(GeometryPrototype, suite.geometry)
        self.box = _box(self.shape)
        self.volume = self._technique().volume(self._settings({}).resolution)

    def frame(
        self, features: Features | None = None, render: Mapping[str, Any] | None = None
    ) -> BlenderFrame:
        """Return a view of the particles in a scene that is built anew."""
        from scene.blender.stage import Stage

        self._session.reset()
        settings = self._settings(render or {})
        self.volume = self._technique().volume(settings.resolution)
        self._stage = Stage(self._session, self._registry, settings, Streams(_SEED))
        self._stage.sync(self._specimen(features or {}))
        return self._stage.frame(frozenset(_IDS))

    def alone(self, particle_id: int) -> BlenderFrame:
        """Return a view of one particle in the scene of the last frame."""
        return self._stage.frame(frozenset({particle_id}))

    def images(
        self,
        features: Features | None = None,
        render: Mapping[str, Any] | None = None,
        *,
        real: bool = True,
    ) -> dict[str, NDArray[Any]]:
        """Return what is rendered of them."""
        frame = self.frame(features, render)
        buffers = frame.buffers
        return ({"real": frame.real()} if real else {}) | {
            "instance": buffers.instance,
            "depth": buffers.depth,
            "normal": buffers.normal,
        }

    def shaping(self) -> dict[str, FeatureValue]:
        """Return the features that the geometry's mesh depends on, with their defaults."""
        values = {spec.name: spec.default for spec in self.shape.features}
        return values | ({DIMENSIONS: self.box} if self.shape.true_size else {})

    def vertices(self) -> NDArray[np.float64]:
        """Return the (N, 3) vertices of the geometry's mesh, with its features' defaults."""
        return np.array([tuple(vertex.co) for vertex in self._mesh().vertices])

    def triangles(self) -> NDArray[np.int64]:
        """Return the (N, 3) vertices of the mesh's triangles."""
        mesh = self._mesh()
        mesh.calc_loop_triangles()
        return np.array([tuple(triangle.vertices) for triangle in mesh.loop_triangles])

    def filled(self) -> float:
        """Return the volume that the geometry's mesh encloses; negative if it is inside out."""
        corners = self.vertices()[self.triangles()]
        first, second, third = np.moveaxis(corners, 1, 0)
        return float((first * np.cross(second, third)).sum()) / 6

    def _mesh(self) -> Any:
        self._session.reset()
        return self.shape.build(self.shaping())

    def _technique(self) -> MeasurementTechniquePrototype:
        return self._registry.prototype(MeasurementTechniquePrototype, self._suite.technique)

    def _settings(self, render: Mapping[str, Any]) -> RenderSettings:
        return RenderSettings.model_validate({**self._suite.render, **render})

    def _specimen(self, features: Features) -> Specimen:
        suite = self._suite
        (left, front, bottom), (width, depth, _) = self.volume.lower, self.volume.sides
        size = min(width, depth) / 6
        specs = {spec.name: spec for spec in (*self.shape.features, *PARTICLE_FEATURES)}
        particles = []
        for place, particle_id in enumerate(_IDS):
            x = left + width * (1 + place) / 4
            # Turned and stretched: what holds along the axes alone is not good enough.
            own: dict[str, FeatureValue] = {
                "dimensions": (size, size * (1 + place / 4), size),
                "location": (x, front + depth / 2, bottom + size),
                "rotation": (0.1, 0.2 * place, 0.3),
            }
            for name, value in features.items():
                if name in specs:
                    write(own, specs, name, value)
                else:
                    own[name] = value
            particles.append(Particle(particle_id, "P", place, suite.geometry, suite.material, own))
        technique = MeasurementTechnique("T", suite.technique, suite.background, dict(features))
        return Specimen(particles, [technique])


def _other_value(spec: FeatureSpec) -> FeatureValue:
    """Return a value other than the default: a bound if there is one."""
    if spec.kind == "boolean":
        return not spec.default
    if spec.kind == "string":
        others = [choice for choice in spec.choices if choice != spec.default]
        return others[0] if others else f"{spec.default} other"
    default: Any = spec.default if isinstance(spec.default, tuple) else (spec.default,)
    for bound in (spec.minimum, spec.maximum):
        if np.isfinite(bound) and any(value != bound for value in default):
            value: Any = (bound,) * spec.components
            break
    else:
        value = tuple(number + 1 for number in default)
    return spec.checked(value if spec.components > 1 else value[0])
