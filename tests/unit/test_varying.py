"""Parameters of variabilities that are variabilities themselves, drawn once a run."""

from __future__ import annotations

import copy
import pickle
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from scene.errors import ConfigurationError, VariabilityError
from scene.execution.context import step_context
from scene.execution.record import RunRecord
from scene.execution.run_summary import drawn_features
from scene.execution.stopwatch import Stopwatch
from scene.language.fields import Int, Real, Text
from scene.language.number_places import number_places
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.specimen_hash import specimen_of
from scene.recipe.varying import drawn_variabilities, varying_parameters
from scene.specimen.distributions import Distribution
from scene.specimen.distributions.numbers import Positive
from scene.specimen.specimen import MeasurementVolume
from scene.specimen.streams import Streams

ROOT = Path(__file__).parents[2]
ENTRIES = "process_conditions.feature_variabilities"
SIZE = f"{ENTRIES}.ParticleDimension.variability"
DEFOCUS = f"{ENTRIES}.Defocus.variability"
VOLUME = MeasurementVolume((-60, -60, 0), (60, 60, 51.2))

type Tree = dict[str, Any]


@pytest.fixture(scope="module")
def spheres() -> Tree:
    return Composition(ROOT / "recipes" / "spheres_sem.yaml").resolve()


def of(target: str, **parameters: Any) -> Tree:
    return {"_target_": f"$builtins.{target}", **parameters}


def between(low: Any, high: Any) -> Tree:
    return of("UniformDistribution", low=low, high=high)


def log_normal(mean: Any = 5, low: Any = 1, high: Any = 20, deviation: Any = 1.2) -> Tree:
    return of(
        "LogNormal3dHomogeneous",
        geometric_mean=mean,
        geometric_standard_deviation=deviation,
        min=low,
        max=high,
    )


def mixture(**weights: Any) -> Tree:
    parts = [{"weight": weight, "variability": log_normal(between(4, 6))}
             for weight in weights.values()]  # fmt: skip
    return of("Mixture", parts=parts)


def changed(recipe: Tree, **values: Any) -> Tree:
    """Return a recipe with values at dotted keys, in which __ stands for a dot."""
    made = copy.deepcopy(recipe)
    for key, value in values.items():
        node: Any = made
        *parents, last = key.replace("__", ".").split(".")
        for parent in parents:
            node = node[int(parent) if isinstance(node, list) else parent]
        node[int(last) if isinstance(node, list) else last] = value
    return made


def drawn(recipe: Tree, **start: int) -> dict[str, float]:
    state = recipe["initial_runtime_state"] | start
    made = parse(recipe | {"initial_runtime_state": state}, "r.yaml", Registry())
    found = dict(drawn_variabilities(made).parameters)
    assert tuple(sorted(found)) == varying_parameters(made)
    return found


# -- Numbers of particles ---------------------------------------------------------------------

NUMBER = "blueprints.particles.Bead.number"


def numbered(recipe: Tree, number: Any) -> Tree:
    return changed(recipe, **{NUMBER: number})


def test_a_number_of_particles_is_drawn_for_each_specimen(spheres: Tree) -> None:
    recipe = numbered(spheres, of("UniformDistributionInt", low=20, high=400))
    numbers = [drawn(recipe, seed=seed)[NUMBER] for seed in range(40)]
    assert 20 <= min(numbers) < 80
    assert 340 < max(numbers) <= 400
    assert drawn(recipe, seed=0) == drawn(recipe, seed=0, look_seed=7)
    assert drawn(numbered(spheres, 20)) == {}


def test_a_number_of_particles_is_rounded_and_what_it_is_drawn_from_is_drawn(spheres: Tree) -> None:
    recipe = numbered(spheres, of("LogUniform", low=1.5, high=between(2, 9)))
    made = parse(recipe, "r.yaml", Registry())
    found = drawn_variabilities(made)
    assert set(found.parameters) == {NUMBER, f"{NUMBER}.high"}
    assert found.numbers == {"Bead": found.parameters[NUMBER]}
    assert isinstance(found.numbers["Bead"], int)
    assert found.numbers["Bead"] <= round(found.parameters[f"{NUMBER}.high"])
    assert made.blueprints.particles["Bead"].most == 9


@pytest.mark.parametrize("low", [1, 65_535])
def test_the_least_and_the_largest_number_of_particles_can_be_drawn(
    spheres: Tree, low: int
) -> None:
    made = numbered(spheres, of("UniformDistributionInt", low=low, high=low))
    assert drawn(made) == {NUMBER: low}


@pytest.mark.parametrize(
    ("number", "place", "message"),
    [
        (of("LogUniform", low=0.5, high=9), "", "must be in 1 to 65535, and 0.5 to 9 may be drawn"),
        (of("UniformDistributionInt", low=9, high=65_536), "", "and 9 to 65536 may be drawn"),
        (of("LogUniform", low=9, high=3), "", "low (9.0) must not be above high (3.0)"),
        (of("Choice", values=["few"]), "", "has to draw one number, and may draw 'few'"),
        (of("LogUniforn", low=1, high=9), "._target_", "did you mean '$builtins.LogUniform'?"),
        ({"low": 1}, "", "has no _target_"),
        ("many", "", "expected a whole number, got 'many'"),
        (0, "", "must be at least 1, got 0"),
        (2.5, "", "expected a whole number, got 2.5"),
    ],
)
def test_what_is_no_number_of_particles_is_reported(
    spheres: Tree, number: Any, place: str, message: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse(numbered(spheres, number), "r.yaml", Registry())
    (problem,) = raised.value.problems
    assert problem.path == f"{NUMBER}{place}"
    assert message in problem.message


def test_the_most_that_may_be_drawn_have_to_fit_together(spheres: Tree) -> None:
    half = of("UniformDistributionInt", low=1, high=40_000)
    recipe = numbered(spheres, half)
    particles = recipe["blueprints"]["particles"]
    particles["More"] = particles["Bead"]
    with pytest.raises(ConfigurationError, match="at most 65535 particles in all, got 80000"):
        parse(recipe, "r.yaml", Registry())


# -- Drawing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variability", "places"),
    [
        (log_normal(), []),
        (log_normal(between(4, 6)), ["geometric_mean"]),
        (log_normal(between(4, 6), high=between(9, 12)), ["geometric_mean", "max"]),
        (log_normal(between(4, between(5, 6))), ["geometric_mean", "geometric_mean.high"]),
        (
            log_normal(of("NormalDistribution3dHomogeneous", mean=between(4, 5),
                          standard_deviation=1, min=3, max=6)),
            ["geometric_mean", "geometric_mean.mean"],
        ),
        (
            mixture(a=between(0, 1), b=1),
            ["parts.0.variability.geometric_mean", "parts.0.weight",
             "parts.1.variability.geometric_mean"],
        ),
        (mixture(a=2), ["parts.0.variability.geometric_mean"]),
        (of("Empirical", values=[3, 4, 5], factor=between(1, 2), num_dimensions=3), ["factor"]),
        (
            of("UniformDistributionNdHomogeneous", location=4, scale=1,
               num_dimensions=of("UniformDistributionInt", low=3, high=3)),
            ["num_dimensions"],
        ),
    ],
)  # fmt: skip
def test_any_number_of_a_variability_can_be_drawn_once_a_run(
    spheres: Tree, variability: Tree, places: list[str]
) -> None:
    recipe = changed(spheres, **{SIZE: variability})
    found = drawn(recipe, seed=3)
    assert sorted(found) == [f"ParticleDimension.{place}" for place in places]
    assert drawn(recipe, seed=3) == found
    others = [drawn(recipe, seed=seed) for seed in range(4, 7)]
    assert all(other != found for other in others) or not places or "factor" not in str(places)


def test_parameters_follow_their_own_distribution(spheres: Tree) -> None:
    recipe = parse(changed(spheres, **{SIZE: log_normal(between(4, 6))}), "r.yaml", Registry())
    entry = recipe.process_conditions.feature_variabilities["ParticleDimension"]

    def numbers(seed: int) -> float:
        inner: list[float] = []

        def draw(place: Any, variability: Distribution) -> float:
            generator = Streams(seed).counted("variability", "ParticleDimension", *place)
            inner.append(float(variability.sample(generator, VOLUME)))  # type: ignore[arg-type]
            return inner[-1]

        entry.variability.drawn(draw)
        return inner[0]

    means = np.sort([numbers(seed) for seed in range(400)])
    uniform = (means - 4) / 2
    steps = np.arange(401) / 400
    assert max((steps[1:] - uniform).max(), (uniform - steps[:-1]).max()) < 1.95 / 20
    assert drawn(changed(spheres, **{SIZE: log_normal(between(4, 6))}), seed=7) == {
        "ParticleDimension.geometric_mean": numbers(7)
    }


def test_a_particles_own_draw_is_the_one_that_it_has_without(spheres: Tree) -> None:
    recipe = changed(spheres, **{f"{SIZE}.location": between(4, 6)})
    (location,) = drawn(recipe).values()

    def sizes(document: Tree) -> list[float]:
        made = parse(document, "r.yaml", Registry())
        context = step_context(made, None, Path(), Stopwatch())  # type: ignore[arg-type]
        for step in made.synth_chain.feature_generation_steps[1:3]:
            step.execute(context)
        return [p.features["dimensions"][0] for p in context.specimen.particles]  # type: ignore[index]

    plain = np.array(sizes(spheres))
    assert sizes(recipe) == pytest.approx(plain - 5 + location, abs=1e-9)
    assert sizes(changed(spheres, **{f"{SIZE}.location": location})) == sizes(recipe)


def test_the_looks_of_a_specimen_share_what_its_particles_are_drawn_from(spheres: Tree) -> None:
    both = changed(spheres, **{f"{SIZE}.location": between(4, 6),
                               f"{DEFOCUS}.location": between(0, 0.5)})  # fmt: skip
    size, defocus = "ParticleDimension.location", "Defocus.location"
    found = [drawn(both, seed=1, look_seed=look) for look in range(3)]
    assert len({one[size] for one in found}) == 1
    assert len({one[defocus] for one in found}) == 3
    other = drawn(both, seed=2, look_seed=0)
    assert other[size] != found[0][size]
    assert other[defocus] == found[0][defocus]
    assert drawn(both, seed=1) == {size: found[0][size], defocus: found[1][defocus]}


def test_a_specimens_hash_covers_how_its_parameters_are_drawn(spheres: Tree) -> None:
    def name(**values: Any) -> str | None:
        return specimen_of(parse(changed(spheres, **values), "r.yaml", Registry()))

    size, look = f"{SIZE}.location", {"initial_runtime_state.look_seed": 5}
    first = name(**{size: between(4, 6)})
    assert first == name(**{size: between(4, 6)}, **look)
    assert first == name(**{size: between(4, 6), f"{DEFOCUS}.location": between(0, 0.5)})
    assert len({first, name(), name(**{size: between(4, 7)}), name(**{size: 5})}) == 3


def test_a_parameter_does_not_depend_on_what_else_is_drawn(spheres: Tree) -> None:
    one = drawn(changed(spheres, **{f"{SIZE}.location": between(4, 6)}))
    two = drawn(
        changed(spheres, **{f"{SIZE}.location": between(4, 6), f"{SIZE}.scale": between(0, 1),
                            f"{DEFOCUS}.scale": between(0, 0.5)})
    )  # fmt: skip
    assert two | one == two
    assert len(set(two.values())) == 3


def test_what_no_step_uses_is_not_drawn(spheres: Tree) -> None:
    entry = {"feature_name": "dimensions", "variability": log_normal(between(4, 6))}
    recipe = changed(spheres, **{f"{ENTRIES}.Spare": entry})
    assert drawn(recipe) == {}


def test_what_particles_and_microscope_share_has_the_specimens_root(spheres: Tree) -> None:
    defocus = changed(spheres, **{f"{DEFOCUS}.location": between(0, 0.5)})
    alone = drawn(defocus, look_seed=9)
    steps = defocus["synth_chain"]["feature_generation_steps"]
    (own,) = (step for step in steps if "Defocus" in step.values())
    steps.append(own | {"affected_set_name": "Empty"})
    assert drawn(defocus, look_seed=9) == alone


def test_the_example_of_the_page_gives_each_image_other_sizes(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    section = page.partition("### Distributions that differ from image to image")[2]
    (tmp_path / "r.yaml").write_text(section.partition("```yaml\n")[2].partition("```")[0])
    recipe = Composition(tmp_path / "r.yaml").resolve()
    found = [drawn(recipe, seed=seed) for seed in range(20)]
    means = {one["ParticleDimension.geometric_mean"] for one in found}
    deviations = {one["ParticleDimension.geometric_standard_deviation"] for one in found}
    assert len(means) == len(deviations) == 20
    assert 4 <= min(means) < 4.7
    assert 6.3 < max(means) < 7
    assert 1.05 <= min(deviations) < max(deviations) < 1.4


# -- What is wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "place", "message"),
    [
        ({f"{SIZE}.location": between(7, 4)}, f"{SIZE}.location",
         "low (7.0) must not be above high (4.0)"),
        ({f"{SIZE}.location": of("UniformDistribtion", low=1, high=2)}, f"{SIZE}.location._target_",
         "did you mean '$builtins.UniformDistribution'?"),
        ({f"{SIZE}.location": of("UniformDistribution", low=1, hgh=2)}, f"{SIZE}.location.hgh",
         "did you mean 'high'?"),
        ({f"{SIZE}.location": of("UniformDistribution", low=1)}, f"{SIZE}.location.high",
         "is missing"),
        ({f"{SIZE}.scale": between(-1, 4)}, f"{SIZE}.scale",
         "must be at least 0.0, got -1.0, where scale is -1"),
        ({SIZE: log_normal(between(4, 6), between(2, 5), between(4, 9))}, SIZE,
         "min (5) must be below max (4), where min is 5 and max is 4 and geometric_mean is 4"),
        ({SIZE: log_normal(between(4, 60), 2, 10)}, SIZE,
         "min (2) and max (10), where geometric_mean is 60"),
        ({SIZE: log_normal(between(between(1, 3), between(2, 4)))}, f"{SIZE}.geometric_mean",
         "low (3.0) must not be above high (2.0), where low is 3 and high is 2"),
        ({SIZE: log_normal(between(4, 6)) | {"mean": 3}}, f"{SIZE}.mean", "unknown key 'mean'"),
        ({SIZE: mixture(a=between(-1, 1))}, f"{SIZE}.parts.0.weight",
         "must be at least 0.0, got -1.0, where parts.0.weight is -1"),
        ({SIZE: mixture(a=between(0, 1))}, SIZE,
         "one of the weights must be greater than 0, where parts.0.weight is 0"),
        ({f"{SIZE}.location": of("UniformlyRandomLocationInMeasurementVolume")}, f"{SIZE}.location",
         "location takes one number, not a location"),
        ({f"{SIZE}.location": of("Choice", values=["a", 3])}, f"{SIZE}.location",
         "has to draw one number, and may draw 'a'"),
        ({f"{SIZE}.location": of("Constant", value=[1, 2, 3])}, f"{SIZE}.location",
         "has to draw one number, and may draw (1, 2, 3)"),
        ({SIZE: of("Constant", value=between(4, 6))}, f"{SIZE}.value",
         "a value that is drawn itself can't stand here"),
        ({SIZE: of("Choice", values=[between(4, 6)])}, f"{SIZE}.values.0",
         "a value that is drawn itself can't stand here"),
        ({f"{ENTRIES}.ParticleDimension.feature_name": between(4, 6)},
         f"{ENTRIES}.ParticleDimension.feature_name", "expected a text"),
        ({"blueprints.particles.Bead.number": between(0, 6)}, "blueprints.particles.Bead.number",
         "must be in 1 to 65535"),
        ({f"{SIZE}.location": between(-4, 7)},
         "synth_chain.feature_generation_steps.2.feature_variability_name",
         f"box in scene units), where {SIZE}.location is -4"),
        ({f"{SIZE}.location": between(1, 400)},
         "synth_chain.feature_generation_steps.2.feature_variability_name",
         f"larger all round than the measurement volume of 120 x 120 x 51.2, where {SIZE}.location"
         " is 400"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_parameter_is_known_before_anything_runs(
    spheres: Tree, values: Tree, place: str, message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(changed(spheres, **values), "r.yaml", Registry())
    found = {problem.path: problem.message for problem in caught.value.problems}
    near = {path: text for path, text in found.items() if path.startswith(place)}
    assert any(message in text for text in near.values()), found
    assert not any("Value error" in text for text in found.values())


# -- Plugins ----------------------------------------------------------------------------------

PLUGIN = """
from typing import Annotated
from pydantic import Field
from blendsweep.plugins import Distribution, Real

class Bimodal(Distribution):
    small: float
    large: Annotated[Real, Field(gt=0)]
    def sample(self, rng, volume):
        return (self.small if rng.random() < 0.5 else self.large,) * 3

class Scaled(Distribution):
    of: Distribution
    factor: Real = 1.0
    def sample(self, rng, volume):
        return tuple(self.factor * r for r in self.of.sample(rng, volume))
    def extremes(self):
        return tuple(tuple(self.factor * r for r in value) for value in self.of.extremes())
"""


@pytest.fixture
def plugins(tmp_path: Path, write_plugin: Callable[..., Any]) -> Path:
    write_plugin(tmp_path, "shapes", textwrap.dedent(PLUGIN))
    return tmp_path


@pytest.mark.parametrize(
    ("variability", "places"),
    [
        ({"_target_": "$plugins.shapes.Bimodal", "small": between(3, 4), "large": 8}, ["small"]),
        (
            {"_target_": "$plugins.shapes.Scaled", "factor": between(1, 2),
             "of": log_normal(between(4, 5))},
            ["factor", "of.geometric_mean"],
        ),
        ({"_target_": "$plugins.shapes.Scaled", "of": log_normal(between(4, 5))},
         ["of.geometric_mean"]),
        (
            log_normal({"_target_": "$plugins.shapes.Bimodal", "small": between(4, 5), "large": 6}),
            ["geometric_mean", "geometric_mean.small"],
        ),
    ],
)  # fmt: skip
def test_numbers_of_a_plugins_distribution_can_be_drawn(
    spheres: Tree, plugins: Path, variability: Tree, places: list[str]
) -> None:
    recipe = parse(changed(spheres, **{SIZE: variability}), "r.yaml", Registry([plugins]))
    found = drawn_variabilities(recipe)
    assert sorted(found.parameters) == [f"ParticleDimension.{place}" for place in places]
    sample = found.distributions["ParticleDimension"].variability.sample
    size: Any = sample(np.random.default_rng(1), VOLUME)
    assert len(set(size)) == 1
    assert 2 < size[0] < 20


@pytest.mark.parametrize(
    ("parameters", "place", "message"),
    [
        ({"small": between(3, 4), "large": -1}, "large", "must be greater than 0"),
        ({"small": between(3, 4), "large": between(-1, 1)}, "large", "where large is -1"),
        ({"small": between(3, 4)}, "large", "is missing"),
        ({"small": {"_target_": "$plugins.shapes.Bimodal"}, "large": 1}, "small.small", "missing"),
    ],
)
def test_numbers_of_a_plugins_distribution_are_checked(
    spheres: Tree, plugins: Path, parameters: Tree, place: str, message: str
) -> None:
    recipe = changed(spheres, **{SIZE: {"_target_": "$plugins.shapes.Bimodal"} | parameters})
    with pytest.raises(ConfigurationError) as caught:
        parse(recipe, "r.yaml", Registry([plugins]))
    found = {problem.path: problem.message for problem in caught.value.problems}
    assert message in found[f"{SIZE}.{place}"]


def test_a_draw_that_no_check_foresees_fails_with_a_sentence(spheres: Tree, plugins: Path) -> None:
    """One from a plugin that does not say between which extremes it draws."""
    low = {"_target_": "$plugins.shapes.Bimodal", "small": 1.5, "large": 1.5}
    entry = {"feature_name": "subdivisions",
             "variability": of("UniformDistributionInt", low=low, high=3)}  # fmt: skip
    step = of("TriggerFeatureUpdate", feature_variability_name="Level",
              affected_set_name="AllParticles")  # fmt: skip
    recipe = changed(spheres, **{f"{ENTRIES}.Level": entry})
    recipe["synth_chain"]["feature_generation_steps"].append(step)
    sound = parse(recipe, "r.yaml", Registry([plugins]))
    with pytest.raises(VariabilityError) as caught:
        drawn_variabilities(sound)
    assert str(caught.value) == (
        f"{ENTRIES}.Level.variability: low: expected a whole number, got 1.5, where low is 1.5"
    )
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


# -- Places -----------------------------------------------------------------------------------


class Part(BaseModel):
    weight: Positive
    name: str = ""


class Everything(BaseModel):
    a: float = 0
    b: Real | None = None
    c: tuple[Int, ...] = ()
    d: tuple[Real, Text, Part] | None = None
    e: list[Part] = []
    f: Part | None = None
    g: Any = None
    h: bool = False
    i: Text = ""
    j: dict[str, float] = {}


ONCE = {"_target_": "x"}


@pytest.mark.parametrize(
    ("parameters", "places"),
    [
        ({"a": ONCE, "b": ONCE}, {("a",), ("b",)}),
        ({"c": [1, ONCE, ONCE]}, {("c", 1), ("c", 2)}),
        ({"d": [ONCE, ONCE, {"weight": ONCE, "name": ONCE}], "e": ONCE},
         {("d", 0), ("d", 2, "weight")}),
        ({"e": [{"weight": 1}, {"weight": ONCE}]}, {("e", 1, "weight")}),
        ({"f": {"weight": ONCE}, "g": ONCE, "h": ONCE, "i": ONCE}, {("f", "weight")}),
        ({"a": {"x": 1}, "b": [ONCE], "z": ONCE, "d": [1, 2, 3, ONCE]}, set()),
    ],
)  # fmt: skip
def test_numbers_are_found_by_the_types_of_fields(parameters: Tree, places: set[Any]) -> None:
    assert set(number_places(Everything, parameters)) == places


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["low", "high", "parts", "weight"]), inner, max_size=3)
    | st.builds(lambda target, parameters: of(target) | parameters,
                st.sampled_from(["UniformDistribution", "Mixture", "Choice", "Nothing"]),
                st.dictionaries(st.sampled_from(["low", "high", "values", "parts"]), inner)),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(ANY, st.sampled_from(["location", "scale", ""]))
def test_whatever_stands_for_a_number_is_drawn_or_reported(
    spheres: Tree, value: Any, key: str
) -> None:
    place = f"{SIZE}.{key}" if key else SIZE
    try:
        recipe = parse(changed(spheres, **{place: value}), "r.yaml", Registry())
    except ConfigurationError as error:
        for problem in error.problems:
            assert "\n" not in problem.message
            assert "Value error" not in problem.message
            assert "fails in" not in problem.message
    else:
        drawn_variabilities(recipe)


def test_a_summary_shows_what_was_drawn(spheres: Tree) -> None:
    recipe = parse(changed(spheres, **{SIZE: mixture(a=1)}), "r.yaml", Registry())
    record = RunRecord(0, {}, (), {}, None, None, (), {}, "CPU", {})
    shown = dict(zip(*2 * [iter(drawn_features(recipe, record))], strict=True))
    described = shown["dimensions: no particle has it"].strip()
    assert described.startswith("from ParticleDimension: Mixture(parts=(MixturePart(weight=1, ")
    single = parse(changed(spheres, **{SIZE: log_normal(between(4, 6))}), "r.yaml", Registry())
    (mean,) = drawn_variabilities(single).parameters.values()
    assert f"geometric_mean={mean:g}" in "".join(drawn_features(single, record))


NUMBERS = st.floats(0.5, 9) | st.integers(1, 9)
FORMS: dict[str, tuple[str, ...]] = {
    "UniformDistribution": ("low", "high"),
    "LogUniform": ("low", "high"),
    "UniformDistributionInt": ("low", "high"),
    "NormalDistribution3dHomogeneous": ("mean", "standard_deviation", "min", "max"),
    "LogNormal3dHomogeneous": ("geometric_mean", "geometric_standard_deviation", "min", "max"),
    "Weibull3dHomogeneous": ("scale", "shape", "min", "max"),
}


def forms(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    """Return distributions some of whose numbers are drawn."""
    number = NUMBERS | inner
    plain = (
        st.fixed_dictionaries(
            {"_target_": st.just(f"$builtins.{name}")} | dict.fromkeys(keys, number)
        )
        for name, keys in FORMS.items()
    )
    part = st.fixed_dictionaries({"weight": number, "variability": inner})
    mixed = st.lists(part, min_size=1, max_size=3).map(lambda parts: of("Mixture", parts=parts))
    values = st.lists(number, min_size=2, max_size=4)
    measured = st.builds(lambda v, n: of("Empirical", values=v, factor=n, num_dimensions=3),
                         values, number)  # fmt: skip
    return st.one_of(*plain, mixed, measured)


@pytest.mark.parametrize(
    ("high", "problem"),
    [
        (of("UniformDistribution", low=2, high=5), "any number from 2 to 5 may be drawn"),
        (of("UniformDistribution3dHomogeneous", location=2, scale=3), "from 2 to 5"),
        (of("Empirical", values=[2, 5]), "any number from 2 to 5 may be drawn"),
        (of("UniformDistributionInt", low=2, high=5), None),
        (of("Choice", values=[2, 5.0]), None),
        (of("Choice", values=[[2, 2], [5, 5]]), None),
        (of("UniformDistribution", low=3, high=3), None),
    ],
)
def test_what_takes_whole_numbers_takes_none_that_is_drawn_between_them(
    spheres: Tree, high: Tree, problem: str | None
) -> None:
    drawn = of("UniformDistributionInt", low=1, high=high)
    document = changed(spheres, **{SIZE: of("LogUniform", low=drawn, high=9, num_dimensions=3)})
    if problem is None:
        assert drawn_variabilities(parse(document, "r.yaml", Registry())).parameters
        return
    with pytest.raises(ConfigurationError) as raised:
        parse(document, "r.yaml", Registry())
    (found,) = raised.value.problems
    assert found.path.endswith("variability.low.high")
    assert "high takes whole numbers, and" in found.message
    assert problem in found.message


RANGES = st.tuples(NUMBERS, NUMBERS).map(lambda ends: between(min(ends), max(ends)))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    variability=st.recursive(RANGES, forms, max_leaves=6), key=st.sampled_from(["", ".location"])
)
def test_what_is_sound_before_the_start_can_be_drawn(
    spheres: Tree, variability: Tree, key: str
) -> None:
    try:
        recipe = parse(changed(spheres, **{f"{SIZE}{key}": variability}), "r.yaml", Registry())
    except ConfigurationError as error:
        assert not any("Value error" in problem.message for problem in error.problems)
        return
    found = drawn_variabilities(recipe)
    assert tuple(sorted(found.parameters)) == varying_parameters(recipe)
    sizes = recipe.process_conditions.feature_variabilities["ParticleDimension"].variability
    own = found.distributions["ParticleDimension"].variability
    ends = np.array(sizes.extremes())
    drawn_sizes = np.array([own.sample(np.random.default_rng(n), VOLUME) for n in range(20)])
    assert ends.min() - 1e-9 <= drawn_sizes.min()
    assert drawn_sizes.max() <= ends.max() + 1e-9
