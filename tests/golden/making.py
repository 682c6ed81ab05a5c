"""What stands in ``golden.json``, computed by the code as it is.

Values are chosen so that they come out alike on every machine: whole numbers exactly, and floats
that a processor's instruction set may change in their last bits to ten significant digits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from orchestrator.export.splits import Splits
from orchestrator.plan.checking import expand
from orchestrator.plan.expansion import Expansion, run_id
from orchestrator.plan.loading import load_sweep
from orchestrator.plan.overrides import parse_overrides
from orchestrator.plan.sweep import OverrideText
from scene import official
from scene.execution import chain
from scene.execution.record import RunRecord
from scene.imaging.modes import category_color, category_colors
from scene.language.canonical import canonical
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry, builtin_classes
from scene.specimen.distributions import Constant, Distribution, UniformDistribution
from scene.specimen.specimen import MeasurementVolume
from scene.specimen.streams import Streams
from scene.steps.relax import RelaxationStep, RelaxCollisions, SettleSpheres

if TYPE_CHECKING:
    from scene.blender.session import Session
    from scene.steps.context import StepContext

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]

NUDGE = 1e-5
"""How far particles may move, in scene units, without a pixel of the tiny run changing: more than
two steps of the single precision in which Blender keeps them."""

BLOCK = 16
"""Side in pixels of the squares over which a computed image is averaged, to whole gray values."""

DEPTH_STEPS = 64
"""Steps of one scene unit to which depth is rounded before it is hashed."""

VOLUME = MeasurementVolume((-60.0, -60.0, 0.0), (60.0, 60.0, 51.2))

STEPS = "synth_chain.feature_generation_steps"
SHORT = (f"{STEPS}.5.num_frames=5",)

SPHERES = ROOT / "recipes" / "spheres_sem.yaml"
SWEEPS: dict[str, tuple[Path, tuple[str, ...]]] = {
    "spheres_sem, one of each way to write a value": (
        SPHERES,
        (
            "blueprints.particles.Bead.number=1,65535",
            "initial_runtime_state.seed=0,1099511627776",
            f"{STEPS}.5.gravity.2=-0.1,-100.0,1e-7",
            f"{STEPS}.5.use_gravity=false",
            "+process_conditions.feature_variabilities.New="
            "{feature_name: dimensions, variability: "
            "{_target_: $builtins.Choice, values: [[5, 5.0, 6.5], 'µ', null, true]}}",
            "~process_conditions.feature_variabilities.Defocus",
        ),
    ),
    "spheres_sem, two looks of two specimens": (
        SPHERES,
        ("initial_runtime_state.seed=0,1", "initial_runtime_state.look_seed=null,1"),
    ),
    "tiny": (FOLDER / "tiny.yaml", SHORT),
    "cheap": (
        ROOT / "blendsweep" / "testing" / "cheap.yaml",
        ("synth_chain.rendering_steps.3.value=range(3)",),
    ),
}
"""Name to a recipe and its overrides; `sweeps/sem.yaml` comes on top."""

DOCUMENTS: tuple[dict[str, Any], ...] = (
    {},
    {"b": 1, "a": [True, None, "x"]},
    {"a": 1.0, "b": -0.0, "c": 0.1, "d": 1e-7, "e": 1e300, "f": 2**63},
    {"text": 'µ \u2028 "quoted" 1', "1": {"nested": [[], {}]}},
)
"""Recipes that need no recipe language, for the hash alone."""

DRAWS: dict[str, tuple[dict[str, Any], ...]] = {
    "UniformDistribution3dHomogeneous": ({"location": 5, "scale": 2},),
    "UniformDistribution": (
        {"low": 4, "high": 7},
        {"low": -1, "high": -1, "num_dimensions": 3},
    ),
    "UniformDistributionNdHomogeneous": (
        {"location": -1.5, "scale": 0.5},
        {"location": 0, "scale": 1e6, "num_dimensions": 2},
    ),
    "UniformDistributionInt": ({"low": -3, "high": 3}, {"low": 0, "high": 2**40}),
    "NormalDistribution": (
        {"mean": 1, "standard_deviation": 2, "min": 0, "max": 2},
        {"mean": 0, "standard_deviation": 1, "min": -9, "max": 9, "num_dimensions": 3},
    ),
    "LogNormal3dHomogeneous": (
        {"geometric_mean": 5, "geometric_standard_deviation": 1.5, "min": 5, "max": 6},
        {"geometric_mean": 5, "geometric_standard_deviation": 1.1, "min": 0, "max": 100},
    ),
    "NormalDistribution3dHomogeneous": ({"mean": 5, "standard_deviation": 2, "min": 1, "max": 9},),
    "LogUniform": ({"low": 0.01, "high": 100}, {"low": 1, "high": 2, "num_dimensions": 3}),
    "Weibull3dHomogeneous": ({"scale": 5, "shape": 3, "min": 0, "max": 20},),
    "Mixture": (
        {
            "parts": [
                {"weight": 1, "variability": Constant(value=3)},
                {"weight": 3, "variability": UniformDistribution(low=7, high=9)},
            ]
        },
    ),
    "Empirical": (
        {"values": [5, 1, 2, 3], "factor": 0.5},
        {"values": [1, 2, 6], "fractions": [0, 0.9, 1], "num_dimensions": 3},
    ),
    "Choice": (
        {"values": ["a", 2, [1, 2, 3]]},
        {"values": [1, 2, 3], "probabilities": [0.2, 0.5, 0.3]},
    ),
    "Constant": ({"value": [1, 2, 3]},),
    "UniformlyRandomLocationInMeasurementVolume": ({},),
    "official.ConstantHsvColorAsRgb": ({}, {"hue": 0.1, "saturation": 0.9, "value": 0.4}),
    "official.RandomHsvColorAsRgb": (
        {},
        {"h_min": 0.9, "h_max": 0.95, "s_min": 0.5, "v_max": 0.5, "alpha": 0.25},
    ),
    "official.UniformDistributionInt": (
        {"location": -3, "scale": 7},
        {"location": 0, "scale": 2**40},
    ),
}
"""Distribution to the parameters with which it is drawn from; a new one must be added here."""

KEYS: tuple[tuple[str | int, ...], ...] = (
    ("ParticleDimension", "Bead", 6),
    ("ParticleDimension", "Bead", "6"),
    ("ParticleDimension", "Bead6"),
    ("cycles",),
    (1,),
    ("1",),
    ("µ", 0),
)
SEEDS = (0, 42, 2**31 - 1, 2**40, 2**63 - 1)

IDS = (1, 2, 3, 4, 5, 6, 7, 8, 255, 256, 257, 600, 4096, 65_534, 65_535)

SPLITS = ("train=0.8,val=0.1,test=0.1", "a=1/3,b=1/3,c=1/3")
SPLIT_SEEDS = (*range(40), 20_241_125, 2**40, 2**63 - 1)


def run_ids() -> dict[str, Any]:
    """Return the run ids of some sweeps, and of plain documents."""
    sem = expand(load_sweep(ROOT / "sweeps" / "sem.yaml"))
    found: dict[str, Any] = {
        "sweeps/sem.yaml": {
            "runs": len(sem),
            "recipe_hash": sem.recipe_hash,
            "first": [run.run_id for run in sem[:6]],
            "last": sem[-1].run_id,
        }
    }
    for name, (recipe, texts) in SWEEPS.items():
        axes = parse_overrides([OverrideText(text, "golden") for text in texts])
        found[name] = [run.run_id for run in Expansion(axes, Composition(recipe))]
    found["documents"] = [run_id(canonical(document)) for document in DOCUMENTS]
    return found


def streams() -> dict[str, Any]:
    """Return numbers of some random streams: first and second generator of a key, and integer."""
    found: dict[str, Any] = {}
    for seed in SEEDS:
        made = Streams(seed)
        for key in KEYS:
            raw = [int(made.generator(*key).bit_generator.random_raw()) for _ in range(2)]
            found[f"{seed}: {key!r}"] = [*raw, made.integer(*key)]
    return found


def variability_names() -> set[str]:
    """Return the names of all variabilities that come with Blendsweep, as in `DRAWS`."""
    builtin = {name.removeprefix("$builtins.") for name in builtin_classes(Distribution)}
    bundled = vars(official).items()
    return builtin | {
        f"official.{name}"
        for name, found in bundled
        if isinstance(found, type) and issubclass(found, Distribution)
    }


def draws() -> dict[str, Any]:
    """Return four draws from each variability, floats with ten significant digits."""
    registry = Registry()
    found: dict[str, Any] = {}
    for name, examples in DRAWS.items():
        place = "$plugins" if "." in name else "$builtins"
        cls = registry.find(Distribution, f"{place}.{name}", "variability")
        found[name] = []
        for number, parameters in enumerate(examples):
            source = Streams(42)
            variability = cls.model_validate(parameters)
            drawn = [
                variability.sample(source.generator(name, number, index), VOLUME)
                for index in range(4)
            ]
            found[name].append(_plain(drawn))
    return found


def splits() -> dict[str, Any]:
    """Return the splits of some seeds.

    The last entry pins every bit of where a seed lies among the shares: a first split that ends
    right there leaves the seed out, one that is larger by 2**-64 takes it in.
    """
    found: dict[str, Any] = {"seeds": list(SPLIT_SEEDS)}
    for text in SPLITS:
        found[text] = [Splits.parse(text).of(seed) for seed in SPLIT_SEEDS]
    found["position of seed 7, in units of 2**-64"] = _position(7)
    return found


def colours() -> dict[str, Any]:
    """Return colours of categorical images, and a hash of all of them."""
    table = category_colors()
    return {
        "some": {str(n): "#{:02x}{:02x}{:02x}".format(*category_color(n)) for n in IDS},
        "all": _sha256(table),
    }


def images(
    session: Session, folder: Path, part: str = "images", nudge: float = 0.0
) -> dict[str, Any]:
    """Execute a small run and return its file names and what the images hold.

    Parameters
    ----------
    session
        A warm Blender.
    part
        One of `RENDERED`.
    folder
        A folder that does not exist yet.
    nudge
        How far each particle is moved, in scene units, after relaxation.
    """
    name, overrides = RENDERED[part]
    recipe = parse(Composition(FOLDER / name).resolve(overrides), name, Registry())
    folder.mkdir()
    with session.captured(), _nudged(nudge):
        record = chain.execute(recipe, session, folder)
    return {
        "files": {file.path: file.mode for file in record.files},
        "pixels": {
            file.path: _pixels(folder / file.path)
            for file in record.files
            if file.width and file.mode != "real"
        }
        | ({"real.png": _coarse(folder / "real.png")} if part == "computed images" else {}),
        "particles": _particles(record),
    }


RENDERED = {"images": ("tiny.yaml", SHORT), "computed images": ("computed.yaml", ())}
"""Part to its recipe and overrides."""

PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "run_ids": run_ids,
    "streams": streams,
    "draws": draws,
    "splits": splits,
    "colours": colours,
}
"""What needs no Blender; those of `RENDERED` come on top."""


def _position(seed: int) -> int:
    """Find where a seed lies, by bisection through the splits themselves."""
    low, high = 0, 2**64 - 1
    while low < high:
        middle = (low + high) // 2
        inside = Splits.parse(f"a={middle + 1}/{2**64},b={2**64 - middle - 1}/{2**64}").of(seed)
        low, high = (low, middle) if inside == "a" else (middle + 1, high)
    return low


def _particles(record: RunRecord) -> dict[str, Any]:
    """Return whole columns as they are, and sizes and places to a hundredth."""
    table = record.particles
    exact = ("particle_id", "blueprint", "category_color", "visible_pixels", "bbox_x", "bbox_y")
    exact += ("bbox_width", "bbox_height", "touches_border")
    rough = [f"{name}_{axis}" for name in ("dimensions", "location") for axis in "xyz"]
    return {name: table[name] for name in exact} | {
        name: [round(value, 2) + 0.0 for value in table[name]] for name in rough
    }


def _pixels(path: Path) -> str:
    if path.suffix == ".tiff":
        depth = tifffile.imread(path)
        steps = np.full(depth.shape, -1, dtype=np.int32)
        seen = np.isfinite(depth)
        steps[seen] = np.rint(depth[seen].astype(np.float64) * DEPTH_STEPS)
        return _sha256(steps)
    with Image.open(path) as image:
        return _sha256(np.array(image))


def _coarse(path: Path) -> list[list[int]]:
    """Return the gray values of an image, averaged over squares."""
    with Image.open(path) as image:
        gray = np.array(image, dtype=float)
    rows, columns = (length // BLOCK for length in gray.shape)
    squares = gray.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))
    found: list[list[int]] = np.rint(squares).astype(int).tolist()
    return found


def _sha256(array: NDArray[Any]) -> str:
    head = f"{array.dtype.newbyteorder('<').str} {array.shape} ".encode()
    data = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return hashlib.sha256(head + data).hexdigest()


@contextmanager
def _nudged(distance: float) -> Iterator[None]:
    """Move all particles a little after they came to rest."""
    if not distance:
        yield
        return
    rng = np.random.default_rng(0)

    def nudging(step: type[RelaxationStep]) -> Callable[[Any, StepContext], None]:
        relax = step.execute

        def execute(self: Any, context: StepContext) -> None:
            relax(self, context)
            for particle in context.specimen.particles:
                place: Any = particle.features["location"]
                away = rng.choice([-distance, distance], size=3)
                particle.features["location"] = tuple((np.array(place) + away).tolist())

        return execute

    with ExitStack() as stack:
        for step in (RelaxCollisions, SettleSpheres):
            stack.enter_context(mock.patch.object(step, "execute", nudging(step)))
        yield


def _plain(value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return float(f"{value:.10g}") if isinstance(value, float) else value
