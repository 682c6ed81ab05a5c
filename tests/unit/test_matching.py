"""From micrographs to ranges, on statistics and images made here; nothing is rendered."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from sklearn.ensemble import RandomForestRegressor

from orchestrator.cli.app import app
from orchestrator.dataset.layout import run_folder
from orchestrator.dataset.results import RunResult
from orchestrator.matching.draws import alike
from orchestrator.matching.findings import Finding, finding, outside, population, sentences
from orchestrator.matching.inference import infer, surer
from orchestrator.matching.matching import Written, match
from orchestrator.matching.micrographs import measured, pieces
from orchestrator.matching.numbers import scaled, with_ranges
from orchestrator.matching.parameters import Parameter, parameters_of
from orchestrator.matching.posterior import Judgement, Posterior
from orchestrator.matching.simulations import Simulations, simulated_recipe
from orchestrator.matching.writing import (
    Matched,
    draws_text,
    narrowed_recipe,
    recipe_text,
    report_text,
)
from orchestrator.plan.expansion import Expansion
from orchestrator.plan.run import Run
from orchestrator.plan.sweep import Sweep
from orchestrator.statistics.summary import NAMES, summary
from scene.errors import ConfigurationError
from scene.imaging.files import FileRecord
from scene.language.canonical import at_place
from scene.language.yaml_files import write_mapping
from scene.language.yaml_texts import parse_mapping
from scene.recipe.compose import BUILTIN_RECIPES, Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe
from scene.recipe.varying import drawn_variabilities
from tests.standins.micrographs import eight_bit, micrograph, noise, spheres
from tests.unit.test_report import data_set, result

POWDER = Path(__file__).parents[2] / "examples/detector/recipes/powder.yaml"
SIDE = 112


def parsed(path: Path, *folders: Path) -> tuple[Composition, Recipe]:
    composition = Composition(path, folders)
    return composition, parse(composition.resolve(), str(path), Registry([], []))


@pytest.fixture(scope="module")
def powder() -> tuple[Composition, Recipe]:
    return parsed(POWDER)


def parameter(name: str = "Gamma", **changed: Any) -> Parameter:
    place = ("process_conditions", "feature_variabilities", name, "variability")
    return Parameter(**{"name": name, "place": place, "column": "", "low": 1, "high": 3} | changed)


def found(of: Parameter, low: float, high: float, *, narrowed: bool = True) -> Finding:
    judged = Judgement(error=0.07, coverage=0.9, slope=0.9, offset=0.05, scatter=0.08)
    return Finding(of, judged, low, high, (low + high) / 2, narrowed, "", (0.2, 0.8))


def matched(*findings: Finding, recipe: str = "powder", **changed: Any) -> Matched:
    some: dict[str, Any] = {
        "folder": "real",
        "images": 7,
        "simulations": 90,
        "side": 320,
        "doubts": (),
    }
    empty = {"outside": (), "draws": np.empty((0, 0)), "distances": (2.0, 1.0)}
    return Matched(recipe=recipe, findings=findings, **some | empty | changed)


@given(st.floats(0, 1), st.floats(0.01, 10), st.floats(1.1, 1e4), st.booleans())
def test_a_value_lies_at_its_position(
    position: float, low: float, factor: float, logarithmic: bool
) -> None:
    one = parameter(low=low, high=low * factor, logarithmic=logarithmic)
    value = one.value(position)
    assert one.positions(np.array([value]))[0] == pytest.approx(position, abs=1e-9)
    assert one.value(-1) == low
    assert one.value(2) == pytest.approx(one.high)


def test_whole_numbers_share_the_range_evenly() -> None:
    one = parameter(low=2, high=5, whole=True)
    assert [one.value(n) for n in (0, 0.24, 0.26, 0.74, 0.76, 1)] == [2, 2, 3, 4, 5, 5]
    assert one.positions(np.array([2.0, 5.0])).tolist() == [0.125, 0.875]


def test_parameters_are_what_is_drawn_once_for_each_image(
    powder: tuple[Composition, Recipe],
) -> None:
    by_name = {one.name: one for one in parameters_of(powder[1])}
    gamma, size = by_name["Gamma"], by_name["BeadSize.geometric_mean"]
    assert (gamma.column, gamma.low, gamma.high) == ("feature.gamma", 0.85, 1.25)
    assert size.column == "variability.BeadSize.geometric_mean"
    assert size.logarithmic
    assert by_name["Satellites.high"].whole
    # Of the two that draw a yield, one draws it for the ground, the other for every bead.
    assert by_name["GroundYield"].column == "feature.secondary_electron_yield"
    drawn_for_beads = {"BeadYield", "BeadPatches", "BeadPatchSize", "Embedding"}
    assert not drawn_for_beads & set(by_name)
    assert "AutomaticContrast" not in by_name


def test_simulations_have_the_density_of_the_recipe(powder: tuple[Composition, Recipe]) -> None:
    composition, recipe = powder
    document = with_ranges(parse_mapping(composition.document(), ""), "")
    content = simulated_recipe(document, recipe, 320)
    beads = content["blueprints"]["particles"]
    assert {name: (entry["number"]["low"], entry["number"]["high"])
            for name, entry in beads.items()} == {
        "Bead": (70 / 16, 70.0), "Satellited": (55 / 16, 55.0), "Lump": (65 / 16, 65.0),
    }  # fmt: skip
    small = parse(content, "", Registry([], []))
    assert small.render.resolution == (320, 320)
    assert [step.rendering_mode for step in content_steps(small)] == ["real"]
    (number, *_, last), before = parameters_of(small), parameters_of(recipe)
    assert number.column == "variability.blueprints.particles.Bead.number"
    assert number.positions(np.array([70.0 / 4]))[0] == pytest.approx(0.5)
    assert parameters_of(small)[3:] == before
    assert not last.of_particles


@pytest.mark.parametrize(
    ("number", "tried", "smaller"),
    [
        (100, ("LogUniform", 25, 400), ("LogUniform", 2.5, 40)),
        (1, ("LogUniform", 1, 4), ("LogUniform", 1, 1)),
        (60_000, ("LogUniform", 54_931, 65_535), ("LogUniform", 5_493, 6_554)),
        (
            {"_target_": "$builtins.UniformDistributionInt", "low": 4, "high": 68},
            ("UniformDistributionInt", 4, 68),
            ("UniformDistributionInt", 1, 7),
        ),
    ],
)
def test_a_number_of_particles_is_a_range_that_follows_the_area(
    number: Any, tried: tuple[str, float, float], smaller: tuple[str, float, float]
) -> None:
    recipe = {"blueprints": {"particles": {"Bead": {"number": number}}}, "render": {}}
    ranged = with_ranges(recipe, "")
    for document, expected in ((ranged, tried), (scaled(ranged, 0.1), smaller)):
        found = document["blueprints"]["particles"]["Bead"]["number"]
        assert found["_target_"] == f"$builtins.{expected[0]}"
        assert (found["low"], found["high"]) == pytest.approx(expected[1:], rel=1e-4)
    assert recipe["blueprints"]["particles"]["Bead"]["number"] == number


def content_steps(recipe: Recipe) -> list[Any]:
    return list(recipe.synth_chain.rendering_steps)


def draws(count: int, *, noisy: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return positions, and two statistics of which the first says where they are."""
    rng = np.random.default_rng(seed)
    truth = rng.random(count)
    return truth, np.stack([truth + noisy * rng.normal(size=count), rng.random(count)], axis=1)


def test_what_statistics_show_is_told_and_its_intervals_are_honest() -> None:
    truth, statistics = draws(300, noisy=0.1)
    posterior = Posterior(statistics, truth)
    assert posterior.judgement.error < 0.1
    others, shown = draws(200, noisy=0.1, seed=1)
    low, middle, high = posterior.quantiles(posterior.weights(shown), (0.05, 0.5, 0.95)).T
    assert np.abs(middle - others).mean() == pytest.approx(posterior.judgement.error, abs=0.02)
    held = (low <= others) & (others <= high)
    assert 0.86 <= held.mean() <= 0.95
    assert posterior.judgement.coverage == pytest.approx(held.mean(), abs=0.06)


def test_what_statistics_do_not_show_is_said_to_be_unknown() -> None:
    truth, _ = draws(300, noisy=0)
    posterior = Posterior(np.random.default_rng(5).random((300, 2)), truth)
    assert posterior.judgement.error > 0.2
    kept = finding(parameter(), posterior, np.full((4, 2), 0.5), np.arange(4))
    assert not kept.narrowed
    assert kept.sureness == "hardly told"


def test_a_range_covers_all_images_however_many_pieces_they_have() -> None:
    truth, statistics = draws(300, noisy=0.02)
    posterior = Posterior(statistics, truth)
    # One image at 0.3, another at 0.7 of which 29 pieces were measured.
    pieces_of = np.array([[0.3, 0.5]] + 29 * [[0.7, 0.5]])
    one = parameter(low=0, high=1)
    both = finding(one, posterior, pieces_of, np.array([0] + 29 * [1]))
    assert both.narrowed
    assert both.low < 0.3 < 0.7 < both.high
    assert both.middle == pytest.approx(0.5, abs=0.03)
    assert both.high - both.low < 0.65
    assert both.sureness == "well told"
    last = finding(one, posterior, np.array([[0.99, 0.5]]), np.zeros(1, int))
    assert last.end == "upper"


@pytest.mark.parametrize(
    ("images", "pieces", "shared", "widest"),
    [(1, 1, 0.0, 0.6), (1, 4, 0.0, 0.5), (16, 4, 0.0, 0.42), (16, 4, 0.12, 0.5)],
)
def test_a_range_holds_the_value_of_images_that_agree(
    images: int, pieces: int, shared: float, widest: float
) -> None:
    # What each piece shows by chance averages out, what other values of the instrument do not.
    judged = Judgement(0.12, 0.9, slope=0.5, offset=0.25, scatter=0.08)
    by_chance = math.sqrt(0.16**2 - shared**2)
    owners = np.repeat(np.arange(images), pieces)
    rng = np.random.default_rng(2)
    held, widths = [], []
    for truth in rng.uniform(0.3, 0.7, 300):
        told = truth + shared * rng.normal() + by_chance * rng.normal(size=len(owners))
        low, middle, high = population(0.25 + 0.5 * told, owners, judged)
        assert low <= middle <= high
        held.append(low <= truth <= high)
        widths.append(high - low)
    assert 0.8 <= np.mean(held) <= 1
    assert np.mean(widths) < widest


def test_a_range_holds_nine_tenths_of_images_that_differ() -> None:
    judged = Judgement(0.05, 0.9, slope=1, offset=0, scatter=0.05)
    values = np.random.default_rng(3).normal(0.5, 0.1, 4000)
    owners = np.repeat(np.arange(4000), 2)
    seen = values[owners] + 0.05 * np.random.default_rng(4).normal(size=8000)
    low, middle, high = population(seen, owners, judged)
    # Somewhat more: half of the error is taken for one that all images share.
    assert np.mean((low <= values) & (values <= high)) == pytest.approx(0.93, abs=0.02)
    assert middle == pytest.approx(0.5, abs=0.01)


def test_what_crowds_beyond_an_end_leaves_the_outermost_part() -> None:
    judged = Judgement(0.05, 0.9, slope=1, offset=0, scatter=0.05)
    owners = np.arange(9)
    for medians, ends in ((np.full(9, 1.3), (0.95, 1, 1)), (np.full(9, -0.3), (0, 0, 0.05))):
        assert population(medians, owners, judged) == pytest.approx(ends, abs=0.02)
    # However far beyond, and however sure.
    certain = Judgement(0, 0.9, slope=1, offset=0, scatter=0)
    for far in (-40.0, 0.0, 0.4, 1.0, 40.0):
        low, middle, high = population(np.full(9, far), owners, certain)
        assert low <= middle <= high
        assert middle == pytest.approx(min(max(far, 0), 1), abs=0.01)


def test_weights_are_the_shares_of_what_is_seen_in_the_leaves_of_an_image() -> None:
    rng = np.random.default_rng(11)
    statistics, shown = rng.random((90, 3)), rng.random((4, 3))
    posterior = Posterior(statistics, statistics[:, 0])
    forest = RandomForestRegressor(200, min_samples_leaf=4, max_features=1 / 3, random_state=0).fit(
        statistics, statistics[:, 0]
    )
    expected = np.zeros((4, 90))
    for tree, chosen in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        leaves = tree.apply(statistics[chosen].astype(np.float32))
        for image, leaf in enumerate(tree.apply(shown.astype(np.float32))):
            inside = chosen[leaves == leaf]
            np.add.at(expected[image], inside, 1 / len(inside) / 200)
    np.testing.assert_allclose(posterior.weights(shown), expected, atol=1e-12)


def test_a_value_that_an_image_does_not_allow_to_be_measured_is_no_obstacle() -> None:
    truth, statistics = draws(200, noisy=0.02)
    statistics[::3, 1] = np.nan
    posterior = Posterior(statistics, truth)
    weights = posterior.weights(np.array([[0.5, np.nan]]))
    assert weights.sum() == pytest.approx(1)
    assert posterior.quantiles(weights, (0.5,))[0, 0] == pytest.approx(0.5, abs=0.1)


def test_the_recipe_written_is_the_other_one_with_narrower_ranges(
    powder: tuple[Composition, Recipe], tmp_path: Path
) -> None:
    composition, recipe = powder
    document = with_ranges(parse_mapping(composition.document(), ""), "")
    ranged = parse(with_ranges(composition.resolve(), ""), "", Registry([], []))
    by_name = {one.name: one for one in parameters_of(ranged)}
    narrowed = [
        found(by_name["Lump.number"], 20, 71.26),
        found(by_name["Gamma"], 0.95123, 1.1),
        found(by_name["BeadSize.geometric_mean"], 2.31, 3),
        found(by_name["BeadLocation.parts.1.weight"], 0.1, 0.2),
        found(by_name["Satellites.high"], 3, 5),
    ]
    kept = found(by_name["Contrast"], 0.6, 1.05, narrowed=False)
    text = recipe_text(matched(*narrowed, kept), document)
    (tmp_path / "mine.yaml").write_text(text)
    mine, same = parsed(tmp_path / "mine.yaml", POWDER.parent)

    now = {one.name: (one.low, one.high) for one in parameters_of(same)}
    expected = {one.name: (one.low, one.high) for one in parameters_of(recipe)} | {
        "Gamma": (0.951, 1.1),
        "BeadSize.geometric_mean": (2.3, 3),  # an end this near is the recipe's own
        "BeadLocation.parts.1.weight": (0.1, 0.2),
        "Satellites.high": (3, 5),
        "Lump.number": (20, 71.3),
    }
    assert now == expected
    before, after = composition.resolve(), mine.resolve()
    for tree in (before, after):
        del tree["blueprints"]["particles"]["Lump"]["number"]
        for name in ("Gamma", "BeadSize", "BeadLocation", "Satellites"):
            del tree["process_conditions"]["feature_variabilities"][name]
    assert before == after
    assert "# about 1.03; was 0.85 to 1.25; well told" in text
    assert "    # number: about 45.6; of 16.2 to 260; well told" in text
    assert "Contrast" in text
    assert all(len(line) <= 160 for line in text.splitlines())


def test_the_second_round_has_ranges_that_hold_those_found(
    powder: tuple[Composition, Recipe],
) -> None:
    composition, _ = powder
    document = with_ranges(parse_mapping(composition.document(), ""), "")
    before = parameters_of(parse(with_ranges(composition.resolve(), ""), "", Registry([], [])))
    by_name = {one.name: one for one in before}
    findings = [
        found(by_name["Gamma"], 0.95, 1.05),
        found(by_name["BeadLocation.parts.1.weight"], 0.1, 0.2),
        found(by_name["Bead.number"], 20, 40),
        found(by_name["Satellites.high"], 2, 5),
        found(by_name["Contrast"], 0.6, 0.7, narrowed=False),
    ]
    narrowed = narrowed_recipe(findings, document)
    state = {"initial_runtime_state": {"seed": 0}}
    now = {one.name: one for one in parameters_of(parse(narrowed | state, "", Registry([], [])))}
    assert (now["Gamma"].low, now["Gamma"].high) == pytest.approx((0.925, 1.075), abs=0.01)
    assert (now["Bead.number"].low, now["Bead.number"].high) == (17.5, 47.6)  # a quarter of logs
    assert (now["Satellites.high"].low, now["Satellites.high"].high) == (2, 6)
    kept = {one.name for one in before} - {finding.parameter.name for finding in findings[:4]}
    assert all(now[name] == by_name[name] for name in kept)
    weight = now["BeadLocation.parts.1.weight"]
    assert 0.05 < weight.low < 0.1 < 0.2 < weight.high < 0.3


def test_of_two_rounds_the_one_that_tells_more_is_believed() -> None:
    one = parameter()
    wide, narrow = found(one, 1, 2), found(one, 1.2, 1.4)
    vague = Judgement(error=0.05, coverage=0.9, slope=0.1, offset=0.4, scatter=0.01)
    sharp = Judgement(error=0.05, coverage=0.9, slope=0.8, offset=0.1, scatter=0.05)
    assert surer([wide], [dataclasses.replace(narrow, judgement=vague)]) == [wide]
    better = dataclasses.replace(narrow, judgement=sharp)
    assert surer([wide], [better]) == [better]
    assert surer([wide], []) == [wide]


def statistics_of(*images: np.ndarray) -> np.ndarray:
    return np.array([summary(image).vector for image in images])


def test_draws_that_look_like_the_images_are_found() -> None:
    quiet, loud = (
        statistics_of(*(spheres_with(level, 10 * level + n) for n in range(15)))
        for level in (3, 14)
    )
    simulated = np.concatenate([loud[:12], quiet[:12]])
    assert alike(simulated, quiet[12:], np.arange(3)).tolist()[-1] == 23
    assert np.mean(alike(simulated, quiet[12:], np.arange(3)) >= 12) >= 0.8
    # Of two kinds of images, both have some, however many pieces were measured of each.
    both = alike(simulated, np.concatenate([loud[12:13], quiet[12:]]), np.array([0, 1, 1, 1]))
    assert 0.3 <= np.mean(both >= 12) <= 0.7
    # What is known of the scale counts; what can't be measured is no obstacle.
    scales = np.where(np.arange(24) % 2, 1.0, 2.0)
    assert np.mean(alike(simulated, quiet[12:], np.arange(3), scales) % 2) >= 0.8
    simulated[:, NAMES.index("rim")] = np.nan
    assert len(alike(simulated, quiet[12:], np.arange(3))) >= 10


@pytest.mark.parametrize(("simulations", "kept"), [(4, 4), (50, 10), (400, 20), (5000, 60)])
def test_one_simulation_in_twenty_is_kept_at_most_sixty(simulations: int, kept: int) -> None:
    rng = np.random.default_rng(2)
    near = alike(
        rng.random((simulations, len(NAMES))), rng.random((1, len(NAMES))), np.zeros(1, int)
    )
    assert len(near) == kept


def test_a_recipe_of_draws_has_values_that_were_simulated_together(
    powder: tuple[Composition, Recipe], tmp_path: Path
) -> None:
    composition, _ = powder
    whole = parse(with_ranges(composition.resolve(), ""), "", Registry([], []))
    document, ranged = (
        with_ranges(parse_mapping(composition.document(), ""), ""),
        parameters_of(whole),
    )
    draws = np.random.default_rng(4).random((12, len(ranged)))
    draws[3, 5] = np.nan  # a step of some runs alone draws it
    text = draws_text(matched(draws=draws), document, ranged)
    (tmp_path / "mine_draws.yaml").write_text(text)
    composed = Composition(tmp_path / "mine_draws.yaml", (POWDER.parent,)).resolve()
    values = {one.name: at_place(composed, one.place).get("values") for one in ranged}
    assert values.pop(ranged[5].name) is None
    for column, one in enumerate(ranged):
        if one.name in values:
            told = one.positions(np.array(values[one.name], float))
            assert told == pytest.approx(draws[:, column], abs=0.5 / 7 if one.whole else 0.02)

    names = ("BeadSize.geometric_mean", "Satellites.high", "Bead.number")
    rows = set(zip(*(values[name] for name in names), strict=True))
    seen = set()
    for seed in range(20):
        composed["initial_runtime_state"] = {"seed": seed}
        drawn = drawn_variabilities(parse(composed, "", Registry([], [])))
        (row,) = [
            row
            for row in rows
            if row[:2] == tuple(drawn.parameters[name] for name in names[:2])
            and round(row[2]) == drawn.numbers["Bead"]
        ]
        seen.add(row)
    assert len(seen) > 5


def test_the_report_has_every_parameter_and_what_the_recipe_does_not_make() -> None:
    one, other = found(parameter("A"), 1.5, 2), found(parameter("B"), 1, 3, narrowed=False)
    text = report_text(matched(one, other, outside=("Noise is outside.",), doubts=("a.png.",)))
    assert "| A | 1 to 3 | `▃█` | 1.75 | 1.5 to 2 | well told | 7% | 90% |" in text
    assert "| B | 1 to 3 | `▃█` | 2 | as before |" in text
    assert "- Noise is outside." in text
    assert "- a.png." in text


def test_statistics_that_no_simulation_has_are_named_the_farthest_first() -> None:
    rng = np.random.default_rng(3)
    made = rng.uniform(1, 2, (100, len(NAMES)))
    seen = np.full((5, len(NAMES)), 1.5)
    seen[:, NAMES.index("noise")] = 9
    seen[:, NAMES.index("gray_50")] = 200
    seen[:2, NAMES.index("rim")] = 9  # two of five are not most
    told = outside(made, seen)
    assert [one.words for one in told] == ["The median gray value", "Noise"]
    assert sentences(told)[1].startswith(
        "Noise is outside of what the recipe makes: 9 in the images, 1"
    )


@settings(deadline=None, max_examples=30)
@given(st.integers(96, 700), st.integers(96, 700), st.integers(6, 20))
def test_pieces_are_squares_that_do_not_overlap(height: int, width: int, sixteenths: int) -> None:
    side = min(16 * sixteenths, height // 16 * 16, width // 16 * 16)
    image = np.zeros((height, width), np.uint8)
    cut = pieces(image, side)
    assert 1 <= len(cut) <= 9
    for piece in cut:
        assert piece.shape == (side, side)
        piece += 1
    assert image.max() == 1


def write(folder: Path, images: list[np.ndarray]) -> Path:
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number}.png")
    return folder


def spheres_with(noisiness: float, seed: int) -> np.ndarray:
    made = spheres(11, spread=0.3, shape=(SIDE, SIDE), seed=seed).levels
    levels = ndimage.gaussian_filter(made, 0.8)
    return eight_bit(levels + noisiness * noise((SIDE, SIDE), seed=seed))


def test_the_noise_of_images_is_inferred(tmp_path: Path) -> None:
    one = parameter("ReadNoise", low=2, high=20)
    positions = np.random.default_rng(1).random((150, 1))
    vectors = [
        summary(spheres_with(one.value(float(at)), seed)).vector
        for seed, at in enumerate(positions[:, 0])
    ]
    simulated = Simulations(positions, np.array(vectors), np.full(150, 10.0), failed=2)
    positions = np.column_stack([positions, np.where(positions < 0.9, np.nan, 0.5)])
    simulated = dataclasses.replace(simulated, positions=positions)
    real = measured(
        str(write(tmp_path / "real", [spheres_with(8, 100 + n) for n in range(5)])), 320
    )
    assert real.side == SIDE
    (told,), doubts = infer(real, simulated, [one, parameter("Seldom")])
    assert told.narrowed
    assert told.low < 8 < told.high
    assert told.middle == pytest.approx(8, rel=0.15)
    assert doubts == ["Seldom was drawn in too few runs to be told."]


def test_images_that_do_not_do_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "real"
    folder.mkdir()
    (folder / "broken.png").write_bytes(b"no image")
    Image.fromarray(micrograph(9)[:50]).save(folder / "small.png")
    with pytest.raises(ConfigurationError) as refused:
        measured(str(folder), 320)
    assert "broken.png: can't be read as an image" in str(refused.value)
    assert "small.png: is 300 x 50 pixels, fewer than 96 x 96" in str(refused.value)
    colour = np.stack([micrograph(7)] * 3, axis=-1)
    colour[..., 0] = 255 - colour[..., 0]
    Image.fromarray(colour).save(folder / "colour.png")
    doubts = " ".join(measured(str(folder), 320).doubts)
    assert "There is only 1 image; with fewer than 5, others may well" in doubts
    assert "colour.png is colourful" in doubts
    assert "broken.png" in doubts


EMPTY = """
blueprints:
  measurement_techniques:
    SEM: {measurement_technique_prototype_name: scanning_electron_microscope}
  particles: {}
synth_chain: {}
"""
CHOSEN = """
defaults: [spheres_sem_physical, _self_]
blueprints:
  particles:
    Bead: {number: {_target_: $builtins.Choice, values: [20, 40]}}
"""
TEXTS = [
    (["--to", "{}/mine.txt"], "give a name that ends in .yaml"),
    (["--to", "{}/there.yaml"], "exists and is not overwritten"),
    (["--to", "{}/other.yaml"], "other_draws.yaml exists and is not overwritten"),
    (["--to", "{}/none/mine.yaml"], "there is no folder"),
    (["--budget", "20 parsecs"], "expected a time such as 90s, 20m or 1.5h"),
    (["--recipe", str(POWDER)], "is found by it only in the same folder"),
    (["--recipe", "{}/empty.yaml"], "so there is nothing to match"),
    (["--recipe", "{}/chosen.yaml"], "blueprints.particles.Bead.number: can't be matched"),
]


@pytest.mark.parametrize(("given", "said"), TEXTS)
def test_bad_input_gets_a_sentence_and_nothing_is_written(
    given: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "there.yaml").write_text("mine")
    (tmp_path / "other_draws.yaml").write_text("mine")
    (tmp_path / "empty.yaml").write_text(EMPTY)
    (tmp_path / "chosen.yaml").write_text(CHOSEN)
    there = set(tmp_path.iterdir())
    usual = ["--recipe", "spheres_sem_physical", "--to", f"{tmp_path}/mine.yaml"]
    with pytest.raises(SystemExit) as ended:
        app(
            ["match", str(tmp_path), *usual, *(text.format(tmp_path) for text in given)],
            prog_name="test",
        )
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in error
    assert len(error.splitlines()) == 1
    assert set(tmp_path.iterdir()) == there


def test_a_folder_without_images_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no image"):
        match(
            str(tmp_path), "spheres_sem_physical", str(tmp_path / "mine.yaml"),
            seconds=60, simulations=50, side=320, say=print,
        )  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_shipped_recipes_have_something_to_match() -> None:
    for name, many in (("spheres_sem_physical", 30), ("powder_sem", 30), ("sintered_sem", 5)):
        composition, recipe = parsed(BUILTIN_RECIPES / f"{name}.yaml")
        assert len(parameters_of(recipe)) >= many
        document = with_ranges(parse_mapping(composition.document(), ""), "")
        content = simulated_recipe(document, recipe, 320)
        again = parse_mapping(write_mapping(content), "")
        assert parse(again, "", Registry([], [])).render.size == (320, 320)


DRAWN = {"BeadSize": "AllParticles", "Contrast": "AllMeasurementTechniques"}
RECIPE = """
defaults: [spheres_sem_physical, _self_]
synth_chain:
  feature_generation_steps:
    - {_target_: $builtins.InvokeBlueprints, affected_set_name: AllMeasurementTechniqueBlueprints}
    - {_target_: $builtins.InvokeBlueprints, affected_set_name: AllParticleBlueprints}
""" + "".join(
    "    - {_target_: $builtins.TriggerFeatureUpdate, feature_variability_name: "
    f"{name}, affected_set_name: {of}}}\n"
    for name, of in DRAWN.items()
)


@final
class StandIn:
    """In place of `run_sweep`: images whose noise says what the contrast is, without Blender.

    Parameters
    ----------
    most
        Runs that are made in one call; the others are left.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.rendered = 0

    def __call__(self, sweep: Sweep, runs: Expansion, **how: Any) -> Any:
        del how
        folder = Path(sweep.output)
        there = {path.name for path in (folder / "runs").glob("*")}
        for run in [run for run in runs if run.run_id not in there][: self.most]:
            self.rendered += 1
            position = (run.index * 0.618) % 1
            path = folder / run_folder(run.run_id)
            path.mkdir(parents=True)
            image = spheres_with(2 + 18 * position, run.index)
            Image.fromarray(image).save(path / "real.png")
        done = [result_of(run) for run in runs if (folder / run_folder(run.run_id)).exists()]
        data_set(folder, done)
        return SimpleNamespace(complete=len(done) == len(runs), failed=0)


def result_of(run: Run) -> RunResult:
    """Return what is recorded of a run of the stand-in."""
    usual = result(run.index)
    assert usual.outcome.record is not None
    record = dataclasses.replace(
        usual.outcome.record,
        features={"contrast": 0.6 + 0.45 * ((run.index * 0.618) % 1)},
        variabilities={
            "BeadSize.geometric_mean": 1.4 + (run.index * 0.317) % 3,
            "BeadSize.geometric_standard_deviation": 1.05 + (run.index * 0.777) % 1,
            "blueprints.particles.Bead.number": 4 + (run.index * 0.531) % 1 * 50,
        },
        files=(FileRecord("real", "real.png", "", 0, SIDE, SIDE),),
    )
    outcome = dataclasses.replace(
        usual.outcome, attempt=dataclasses.replace(usual.outcome.attempt, run=run), record=record
    )
    return dataclasses.replace(usual, run=run, outcome=outcome)


def test_a_match_goes_on_where_it_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beads.yaml").write_text(RECIPE)
    real = write(tmp_path / "real", [spheres_with(2 + 18 * 0.3, 200 + n) for n in range(5)])
    to, kept = tmp_path / "mine.yaml", tmp_path / "mine.match"
    (kept / "round-1").mkdir(parents=True)
    (kept / "round-1/simulated.yaml").write_text("of a recipe that could not be run")
    stand_in = StandIn(most=70)
    monkeypatch.setattr("orchestrator.matching.simulations.run_sweep", stand_in)

    def matched_now() -> Written:
        return match(
            str(real), str(tmp_path / "beads.yaml"), str(to),
            seconds=1000, simulations=180, side=320, say=lambda _: None,
        )  # fmt: skip

    for rendered in (70, 108 + 70):
        with pytest.raises(KeyboardInterrupt):
            matched_now()
        assert not to.exists()
        assert stand_in.rendered == rendered
    done = matched_now()
    assert stand_in.rendered == 180
    assert done.matched.simulations == 180
    before, after = done.matched.distances
    assert after < before / 2
    assert f"is {after:.2f} for these and {before:.2f}" in (kept / "report.md").read_text()
    _, mine = parsed(to)
    contrast, *_ = [one for one in parameters_of(mine) if one.name == "Contrast"]
    assert contrast.low <= 0.6 + 0.45 * 0.3 <= contrast.high < 0.95
    (told,) = [one for one in done.matched.findings if one.parameter.name == "Contrast"]
    assert told.narrowed
    assert "| Contrast | 0.6 to 1.05 |" in (kept / "report.md").read_text()
    drawn = Composition(done.draws).resolve()
    variability = drawn["process_conditions"]["feature_variabilities"]["Contrast"]["variability"]
    assert variability["together"] == "matched"
    assert np.median(variability["values"]) == pytest.approx(0.6 + 0.45 * 0.3, abs=0.03)

    # Without the files, the same command finds the same, and renders and measures nothing.
    texts = to.read_text(), done.draws.read_text()
    to.unlink()
    done.draws.unlink()
    monkeypatch.setattr("orchestrator.matching.simulations.summary", None)
    matched_now()
    assert stand_in.rendered == 180
    assert (to.read_text(), done.draws.read_text()) == texts

    # Simulations of another recipe are not mixed with these.
    to.unlink()
    done.draws.unlink()
    (tmp_path / "beads.yaml").write_text(RECIPE + "render: {scene_unit_nm: 200}\n")
    with pytest.raises(ConfigurationError, match="holds simulations of another recipe"):
        matched_now()
