from __future__ import annotations

import itertools
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.plan.checking import expand
from orchestrator.plan.expansion import Expansion, run_id
from orchestrator.plan.loading import load_sweep
from orchestrator.plan.overrides import parse_overrides
from orchestrator.plan.sweep import OverrideText
from scene.errors import ConfigurationError
from scene.language.canonical import canonical, canonical_json
from scene.recipe.compose import Composition

RECIPE = """\
a: 1
b: x
c: {d: 2.5, e: [1, 2, 3], f: '${a}', g: 'text-${a}-${b}'}
h: {i: {j: null}}
k: ['${c.e}', true]
n: '0'
m: '${c.e.${n}}'
t: {_target_: A, x: 1, y: {_target_: B, z: 2}}
u: '${t.y}'
"""
RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(scope="module")
def composition(tmp_path_factory: pytest.TempPathFactory) -> Composition:
    path = tmp_path_factory.mktemp("recipes") / "small.yaml"
    path.write_text(RECIPE)
    return Composition(path)


def expansion(composition: Composition, *texts: str, limit: int | None = None) -> Expansion:
    axes = parse_overrides([OverrideText(text, "test") for text in texts])
    return Expansion(axes, composition, limit)


def test_null_stands_for_the_seed_wherever_it_is_among_the_values(tmp_path: Path) -> None:
    start = "initial_runtime_state: {seed: 7, look_seed: null}\n"
    (tmp_path / "recipe.yaml").write_text(f"{start}ground: '${{initial_runtime_state.look_seed}}'")
    composition = Composition(tmp_path / "recipe.yaml")
    key = "initial_runtime_state.look_seed"
    alone = {text: expansion(composition, f"{key}={text}")[0] for text in ("0", "null", "1")}
    for order in itertools.permutations(alone):
        runs = list(expansion(composition, f"{key}={','.join(order)}"))
        assert [run.run_id for run in runs] == [alone[text].run_id for text in order]
        assert [run.recipe for run in runs] == [alone[text].recipe for text in order]


@pytest.mark.parametrize(
    "units", ["500,1000,2000", "1000,500,2e3", "500,2000,1000", "range(999,1002)"]
)
@pytest.mark.parametrize("further", [(), ("render.size=1,2",), ("render.size=1,2", "z=1,2")])
def test_the_default_of_an_optional_key_is_left_out_wherever_it_is_among_the_values(
    tmp_path: Path, units: str, further: tuple[str, ...]
) -> None:
    text = "render: {size: 1}\nz: 3\nlength: '${render.scene_unit_nm}'\n"
    (tmp_path / "recipe.yaml").write_text(text)
    composition = Composition(tmp_path / "recipe.yaml")
    runs = expansion(composition, f"render.scene_unit_nm={units}", *further)
    for position, run in enumerate(runs):
        overrides = [f"{key}={value}" for key, value in run.overrides]
        assert run.recipe == composition.resolve(overrides)
        assert run.run_id == run_id(run.recipe)
        assert ("scene_unit_nm" in run.recipe["render"]) == (run.recipe["length"] != 1000)
        assert runs.resolver.text(runs.choice(position)) == canonical_json(run.recipe).encode()
    # No combination of values was resolved anew: planning stays fast.
    assert all(runs.resolver.patches(n, 10) is not None for n in range(len(runs.axes)))


def test_a_value_may_lack_what_others_set(composition: Composition) -> None:
    runs = list(expansion(composition, "+new={a:1},{b:1},{a:2}"))
    assert [run.recipe["new"] for run in runs] == [{"a": 1}, {"b": 1}, {"a": 2}]
    assert [run.run_id for run in runs] == [run_id(run.recipe) for run in runs]


numbers = st.one_of(st.integers(-1000, 1000), st.floats(-1e6, 1e6).filter(lambda x: x == x))
words = st.sampled_from(["x", "y", "'q,r'", "null", "true", "1.50", "[1,2]", "{z:1}", "${c.e}"])
values = st.lists(numbers.map(repr) | words, min_size=1, max_size=4, unique=True)
sweeps = st.dictionaries(
    st.sampled_from(["a", "b", "c.d", "c.e.1", "h.i", "h.i.j", "+new"]), values, max_size=3
)
kinds = st.sampled_from(
    ["5", "{z:1}", "{_target_:A,x:2}", "{_target_:B,z:3}", "{_target_:B,x:{_target_:A}}"]
)
sweeps_of_kinds = st.dictionaries(
    st.sampled_from(["t", "t.x", "t.y", "t.y.z", "u"]),
    st.lists(kinds, min_size=1, max_size=3, unique=True),
    max_size=2,
)
choosers = st.lists(st.sampled_from(["'0'", "'1'", "'2'"]), max_size=3, unique=True)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sweep=sweeps | sweeps_of_kinds, chooser=choosers)
def test_runs_are_the_product_rightmost_fastest_resolved_as_one_by_one(
    composition: Composition, sweep: dict[str, list[str]], chooser: list[str]
) -> None:
    sweep = sweep | ({"n": chooser} if chooser else {})
    texts = [f"{key}={','.join(options)}" for key, options in sweep.items()]
    axes = parse_overrides([OverrideText(text, "test") for text in texts])
    choices = itertools.product(*(range(len(axis.values)) for axis in axes))
    try:
        expected = [
            canonical(composition.resolve([a.assignment(i) for a, i in zip(axes, c, strict=True)]))
            for c in choices
        ]
    except ConfigurationError:
        return  # some values do not fit their place
    runs = Expansion(axes, composition)
    actual = list(runs)
    assert len(runs) == len(expected)
    assert [run.recipe for run in actual] == expected
    assert [run.index for run in actual] == list(range(len(runs)))
    assert [run.run_id for run in actual] == [run_id(recipe) for recipe in expected]
    for run in actual:
        for (key, text), value in zip(run.overrides, run.values.values(), strict=True):
            assert key in run.values
            assert isinstance(text, str)
            assert value is None or isinstance(value, bool | int | float | str)


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.floats() | st.text(max_size=5)))
def test_ids_do_not_depend_on_the_order_of_keys(recipe: dict[str, object]) -> None:
    reverse = dict(reversed(recipe.items()))
    assert run_id(canonical(recipe)) == run_id(canonical(reverse))


def test_ids_tell_values_apart_but_not_spellings() -> None:
    assert run_id(canonical({"a": -100})) == run_id(canonical({"a": -100.0}))
    different = [{"a": v} for v in (1, "1", True, None, 1.5, [1], {"b": 1})]
    assert len({run_id(canonical(recipe)) for recipe in different}) == len(different)


def test_sequence_protocol(composition: Composition) -> None:
    runs = expansion(composition, "a=1,2", "b=x,y,z")
    assert [run.values for run in runs[1:3]] == [{"a": 1, "b": "y"}, {"a": 1, "b": "z"}]
    assert runs[-1].overrides == (("a", "2"), ("b", "z"))
    assert runs.swept_keys == ("a", "b")
    with pytest.raises(IndexError):
        runs[6]
    assert len(expansion(composition, "a=1,2", "b=x,y", limit=3)) == 3


def test_keys_that_meet_in_one_place_are_resolved_together(composition: Composition) -> None:
    runs = expansion(composition, "a=1,2", "b=x,y")
    assert [run.recipe["c"]["g"] for run in runs] == [
        "text-1-x",
        "text-1-y",
        "text-2-x",
        "text-2-y",
    ]


def test_references_that_another_key_chooses(composition: Composition) -> None:
    runs = expansion(composition, "n='0','2','1'", "c.e.2=3,9")
    assert [run.recipe["m"] for run in runs] == [1, 1, 3, 9, 2, 2]


def test_values_that_refer_to_other_keys(composition: Composition) -> None:
    runs = expansion(composition, "a=1,2", "c.d=${a},7")
    assert [run.recipe["c"]["d"] for run in runs] == [1, 7, 2, 7]


def one_by_one(composition: Composition, *texts: str) -> list[str]:
    """Return the run ids of all combinations, each resolved anew."""
    axes = parse_overrides([OverrideText(text, "test") for text in texts])
    choices = itertools.product(*([a.assignment(i) for i in range(len(a.values))] for a in axes))
    return [run_id(canonical(composition.resolve(choice))) for choice in choices]


@pytest.mark.parametrize(
    "texts",
    [
        # First and last value of both keys read alike in the text that both are part of.
        ("a=1,2,'1'", "b=0,1,'0'"),
        # First and last list have the entry in common that the other key refers to.
        ("c.e=[1,2,3],[1,5,3],[1,2,4]", "b=x,${c.e.1},z"),
        ("h.i.j=1,true,2", "c.e.0=0,false,3"),
        ("b='5','1e3','true',5",),
        ("n='1'", "a=1,2"),
    ],
)
def test_what_can_not_be_told_from_the_ends_of_a_range_is_resolved(
    composition: Composition, texts: tuple[str, ...]
) -> None:
    found = [run.run_id for run in expansion(composition, *texts)]
    assert found == one_by_one(composition, *texts)
    assert len(set(found)) > 1


def test_a_quoted_value_stays_text(composition: Composition) -> None:
    (run,) = expansion(composition, "b='5'")
    assert run.recipe["b"] == "5"
    assert run.values == {"b": "5"}


def test_deleting_and_adding(composition: Composition) -> None:
    (run,) = expansion(composition, "~h", "++c.new=[1,2]")
    assert "h" not in run.recipe
    assert run.recipe["c"]["new"] == [1, 2]
    assert run.overrides == (("c.new", "[1,2]"),)


def test_ten_million_runs_take_neither_time_nor_memory(composition: Composition) -> None:
    tracemalloc.start()
    start = time.process_time()
    runs = expansion(composition, "c.d=range(10_000_000)".replace("_", ""), "b=x,y")
    last = runs[len(runs) - 1]
    seconds = time.process_time() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(runs) == 20_000_000
    assert last.values == {"c.d": 9_999_999, "b": "y"}
    assert last.recipe["c"]["d"] == 9_999_999
    assert peak < 20_000_000
    assert seconds < 10


def test_of_a_long_list_every_entry_counts(composition: Composition) -> None:
    lists = [[*range(150)], [*range(149), 7], [*range(1, 150), True], [*range(1, 151)], [1] * 150]
    texts = [str(entries).replace("True", "true") for entries in lists]
    runs = list(expansion(composition, f"c.e={','.join(texts)}", "a=1,2"))
    assert len({run.run_id for run in runs}) == 10
    assert [run.recipe["c"]["e"] for run in runs[::2]] == lists
    assert [run.run_id for run in runs] == [run_id(run.recipe) for run in runs]


def test_a_word_that_chooses_a_key_is_not_taken_for_a_copy_of_it(tmp_path: Path) -> None:
    path = tmp_path / "nested.yaml"
    path.write_text("words: {p: p, q: other, r: r}\nword: p\nnamed: '${words.${word}}'\n")
    runs = expansion(Composition(path), "word=p,q,r")
    assert [run.recipe["named"] for run in runs] == ["p", "other", "r"]
    assert [run.run_id for run in runs] == [run_id(run.recipe) for run in runs]


def test_many_words_cost_no_resolution_each(tmp_path: Path) -> None:
    path = tmp_path / "words.yaml"
    path.write_text("a: 1\nb: x\nc: {d: '${b}', e: '${a}'}\n")
    words = [f"w{n}" for n in range(3000)]
    runs = expansion(Composition(path), f"b={','.join(words)}", "a=1,2")
    start = time.process_time()
    assert len({runs.run_id(n) for n in range(len(runs))}) == 6000
    assert time.process_time() - start < 5
    assert runs[2 * 1234].recipe["b"] == "w1234"
    assert runs[5].run_id == run_id(runs[5].recipe)


def test_runs_share_nothing_that_differs(composition: Composition) -> None:
    runs = list(expansion(composition, "c.e.0=range(5)"))
    assert [run.recipe["c"]["e"] for run in runs] == [[n, 2, 3] for n in range(5)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=(1", "is not an override in Hydra's grammar"),
        ("a", "is not an override in Hydra's grammar"),
        ("a=glob(*)", "glob\\(\\) needs a config group"),
        ("a=interval(0,1)", "interval\\(\\) has no end of values; use range"),
        ("a=shuffle(1,2)", "shuffle\\(\\) would give other runs"),
        ("a=shuffle([1,2])", "shuffle\\(\\) would give other runs"),
        ("a=range(0)", "gives no value"),
        ("~a=1,2", "a deleted key has no values"),
        ("a/b=1", "names a config group"),
        ("a", "it has no '='"),
        ("=1", "names no key"),
        ("a = 1", "no blanks in it or around it; write a=1"),
        ("a['b'].c=1", "come after a dot: a.b.c=1"),
        ("a=1,", "it ends too early"),
        ("a=1,,2", "',' does not belong there$"),
        ("a=1;2", "';' does not belong .* written in quotes"),
        ("a=linspace(0,1)", r"no function linspace\(\); there are choice"),
        ("a=choice()", r"grammar: choice\(\): empty choice"),
        ("a={b:1,c:{b:2},b:3}", "the key 'b' is given twice"),
        (r"a=range\(15\)", r"write a=range\(15\), or"),
        (r"a=\[1,2\]", r"write a=\[1,2\], or"),
        (r"a=[1\,2]", r"write a=\[1,2\], or"),
        (r"a=-100\,-10", "write a=-100,-10, or"),
        (r"a=5\ 6", "write a=5 6, or"),
        (r"a\=5", "write a=5, or"),
        ("a=5\\", "write a=5, or"),
    ],
)
def test_what_a_sweep_can_not_take(text: str, expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        parse_overrides([OverrideText(text, "file.yaml", "overrides.0")])


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (r"x\,y", "x,y"),
        (r"x\ y", "x y"),
        (r"x\=y", "x=y"),
        (r"x\:on", "x:on"),
        (r"x\\,y", ("x\\", "y")),
        (r"f\(1\)", "f(1)"),
        (r"C:\Users", r"C:\Users"),
        ("'range(1)'", "range(1)"),
        ("{x:a:b,y:a:c}", {"x": "a:b", "y": "a:c"}),
        ("[{x:1},{x:2}]", [{"x": 1}, {"x": 2}]),
        ("{x:{y:1},z:{y:1}}", {"x": {"y": 1}, "z": {"y": 1}}),
    ],
)
def test_what_hydra_takes_for_a_value_is_one(
    composition: Composition, written: str, value: object
) -> None:
    runs = expansion(composition, f"b={written}")
    values = value if isinstance(value, tuple) else (value,)
    assert [run.recipe["b"] for run in runs] == list(values)


class TestExpand:
    """The up-front checks, on the recipe of the tutorial."""

    @pytest.fixture
    def write(self, tmp_path: Path) -> Callable[..., Path]:
        def write(*overrides: str) -> Path:
            path = tmp_path / "sem.yaml"
            document = {
                "recipe": "spheres_sem",
                "recipe_dirs": [str(RECIPES)],
                "overrides": list(overrides),
            }
            path.write_text(yaml.safe_dump(document))
            return path

        return write

    def problems(self, path: Path, *overrides: str) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            expand(load_sweep(path, overrides, command_line=True))
        return [str(problem) for problem in caught.value.problems]

    def test_a_value_that_does_not_fit_is_told_where_it_was_given(
        self, write: Callable[..., Path]
    ) -> None:
        number = "blueprints.particles.Bead.number"
        steps = "synth_chain.feature_generation_steps"
        path = write(f"{number}=abc", f"++{steps}.5={{num_frames: 0}}")
        assert self.problems(path, "render.resolution=[96]", "+x=1", f"{steps}.0.extra.a=1") == [
            f"command line: {steps}.0.extra.a=1: unknown key 'extra' in {steps}.0; valid are: "
            f"_target_, affected_set_name (to add a key, write +{steps}.0.extra.a=...)"
        ]
        assert self.problems(path, "render.resolution=[96]", "+x=1") == [
            f"{path}: overrides.0: {number}: expected a whole number, got 'abc'",
            "command line: render.resolution=[96]: render.resolution.1: is missing",
            f"{path}: overrides.1: {steps}.5.num_frames: must be at least 1, got 0",
            "command line: +x=1: x: unknown key 'x'; valid are: blueprints, "
            "initial_runtime_state, name, process_conditions, render, sets, synth_chain",
        ]

    def test_of_many_values_that_do_not_fit_three_are_told(
        self, write: Callable[..., Path]
    ) -> None:
        number = "blueprints.particles.Bead.number"
        told = self.problems(write(f"{number}=range(0.5,50.5)"), "render.max_samples=0,9,-1")
        samples = "command line: render.max_samples=0,9,-1: render.max_samples: must be at least 1"
        assert [line for line in told if "command" in line] == [
            f"{samples}, got 0",
            f"{samples}, got -1",
        ]
        numbers = [line.partition("number, ")[2] for line in told if number in line]
        assert numbers == [
            "got 0.5",
            "got 1.5",
            "got 2.5 (and so on, for 47 more of the values looked at)",
        ]

    def test_what_the_recipe_itself_has_wrong_is_told_there(
        self, write: Callable[..., Path], tmp_path: Path
    ) -> None:
        recipe = tmp_path / "wrong.yaml"
        recipe.write_text("defaults: [spheres_sem, _self_]\nrender: {max_samples: 0}\n")
        path = write("render={resolution_percentage:50}")
        path.write_text(path.read_text().replace("recipe: spheres_sem", "recipe: wrong"))
        (told,) = self.problems(path)
        assert told == f"{recipe}: render.max_samples: must be at least 1, got 0"

    def test_a_dry_run_is_refused(self, write: Callable[..., Path]) -> None:
        step = "synth_chain.feature_generation_steps.5.dry_run"
        path = write(f"+{step}=false,true")
        assert self.problems(path) == [
            f"{path}: overrides.0: {step}: a dry run makes no images, so a sweep has no use for "
            "it; execute the recipe by python -m scene, or set this to false"
        ]

    def test_rendering_without_a_step_before_is_told_once(self, write: Callable[..., Path]) -> None:
        (told,) = self.problems(write("synth_chain.feature_generation_steps=[]"))
        assert "rendering_steps.1: there are no measurement techniques to render with" in told

    def test_the_tutorial(self, write: Callable[..., Path]) -> None:
        runs = expand(
            load_sweep(
                write(
                    "blueprints.particles.Bead.number=100,200,300,400,500,600",
                    "initial_runtime_state.seed=range(15)",
                    "synth_chain.feature_generation_steps.5.gravity.2=-100,-10000",
                )
            )
        )
        assert len(runs) == len({run.run_id for run in runs}) == 180
        last = runs[179].recipe
        assert last["blueprints"]["particles"]["Bead"]["number"] == 600
        assert last["synth_chain"]["feature_generation_steps"][5]["gravity"] == [0, 0, -10000]
        variabilities = last["process_conditions"]["feature_variabilities"]
        assert variabilities["BackgroundPatchSeed"]["variability"]["value"] == 14

    @pytest.mark.parametrize(
        "overrides",
        [
            ("initial_runtime_state.seed=range(1e8)",),
            ("initial_runtime_state.seed=range(0,1e15)", "render.max_samples=range(1,1000000)"),
            (f"initial_runtime_state.seed={','.join(map(str, range(20_000)))}",),
            ("+name=" + ",".join(f"a{n}" for n in range(5_000)),),
        ],
    )
    def test_the_first_run_of_any_sweep_is_there_at_once(
        self, write: Callable[..., Path], overrides: tuple[str, ...]
    ) -> None:
        start = time.process_time()
        runs = expand(load_sweep(write(*overrides), limit=1))
        assert len(runs) == 1
        assert runs[0].run_id == run_id(runs[0].recipe)
        assert time.process_time() - start < 20

    @pytest.mark.parametrize(
        ("overrides", "told"),
        [
            (("initial_runtime_state.seed=range(100000001)",), "100,000,001"),
            (
                ("initial_runtime_state.seed=range(1e15)", "render.max_samples=range(1,1e6)"),
                "more than 10^15",
            ),
        ],
    )
    def test_more_runs_than_a_sweep_can_have(
        self, write: Callable[..., Path], overrides: tuple[str, ...], told: str
    ) -> None:
        path = write(*overrides)
        (problem,) = self.problems(path)
        assert problem == (
            f"{path}: overrides: the sweep has {told} runs, and may have at most "
            "100,000,000: give fewer values, or --limit N for the first N runs"
        )
        assert len(expand(load_sweep(path, limit=100_000_000))) == 100_000_000
        with pytest.raises(ConfigurationError, match="at most 100,000,000"):
            expand(load_sweep(path, limit=100_000_001))

    def test_keys_that_do_not_exist_are_all_named_at_their_place(
        self, write: Callable[..., Path]
    ) -> None:
        path = write("blueprints.particles.Bead.numbr=1,2", "initial_runtime_state.seed=1")
        first, second = self.problems(path, "rendr.max_samples=1")
        assert first.startswith(f"{path}: overrides.0: ")
        assert "did you mean 'number'?" in first
        assert second.startswith("command line: rendr.max_samples=1: ")

    def test_every_value_is_checked(self, write: Callable[..., Path]) -> None:
        path = write("blueprints.particles.Bead.number=10,0,-5", "initial_runtime_state.seed=0,-1")
        text = "\n".join(self.problems(path))
        assert "blueprints.particles.Bead.number: must be at least 1, got 0" in text
        assert "blueprints.particles.Bead.number: must be at least 1, got -5" in text
        assert "initial_runtime_state.seed: must be at least 0, got -1" in text

    def test_every_key_of_a_large_sweep_is_checked(self, write: Callable[..., Path]) -> None:
        path = write("initial_runtime_state.seed=range(1000000)", "render.max_samples=1,0")
        (problem,) = self.problems(path)
        assert "render.max_samples: must be at least 1, got 0" in problem

    @pytest.mark.parametrize(
        "overrides",
        [
            ("initial_runtime_state.seed=1,1.0",),
            ("initial_runtime_state.seed=range(1000)", "render.max_samples=1,2,1"),
            ("initial_runtime_state={seed:1},{seed:2}", "initial_runtime_state.seed=1,2"),
            # More values than are looked at before the sweep starts, and neither of the two among
            # those that are.
            (f"initial_runtime_state.seed={','.join(map(str, range(1199)))},1,5000",),
        ],
    )
    def test_runs_with_the_same_recipe(
        self, write: Callable[..., Path], overrides: tuple[str, ...]
    ) -> None:
        text = "\n".join(self.problems(write(*overrides)))
        assert "two runs resolve to the same recipe" in text
