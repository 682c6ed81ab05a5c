"""Bad input: one sentence for each error, exit code 2, nothing started, nothing written."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from orchestrator.__main__ import main
from orchestrator.cli.app import app

type Orchestrate = Callable[..., tuple[int, str]]

SWEEP = "name: s\nrecipe: {recipe}\noverrides: []\n"
NUMBER = "blueprints.particles.Bead.number"
STEPS = "synth_chain.rendering_steps"

SIZE = "process_conditions.feature_variabilities.ParticleDimension.variability"

NINE = [f"{name}: &{name} [{', '.join(9 * [f'*{before}'])}]"
        for before, name in itertools.pairwise("abcdefghi")]  # fmt: skip
BOMB = "\n".join(["a: &a [x]", *NINE])
"""43 million entries, if anybody wrote them out."""

SWEEPS = {
    "malformed YAML": ("name: [", "malformed YAML in line 1"),
    "no mapping": ("- 1", "expected a mapping of keys, got a list"),
    "unknown key": ("recipe: spheres_sem\nworkers: 3", "workers: unknown key"),
    "wrong type": ("recipe: spheres_sem\nexecution: {workers: many}", "execution.workers: "),
    "huge number": ("recipe: spheres_sem\nexecution: {timeout_s: 1e999}", "execution.timeout_s: "),
    "NaN": ("recipe: spheres_sem\nexecution: {timeout_s: .nan}", "execution.timeout_s: "),
    "path as name": ("recipe: spheres_sem\nname: ../../x", "name: "),
    "unknown recipe": ("recipe: spheres", "recipe: unknown recipe 'spheres'; did you mean"),
    "given twice": ("recipe: spheres_sem\nrecipe: x", "the key 'recipe' is given twice"),
    "bomb": (f"{BOMB}\nrecipe: spheres_sem", "stand for too many values"),
}  # fmt: skip

OVERRIDES = {
    f"{NUMBER}=0": "at least 1",
    f"{NUMBER}=-5": "at least 1",
    f"{NUMBER}=1000000000000000000000000": "at most 65535",
    f"{NUMBER}=many": "number",
    f"{NUMBER}={{_target_: $builtins.UniformDistributionInt, low: 0, high: 2}}": "1 to 65535",
    f"{SIZE}.location={{_target_: $builtins.UniformDistribution, low: 2, high: 1}}": "low (2.0)",
    f"{SIZE}.location={{_target_: $builtins.LogUniform, low: 1, high: 1e9}}": "location is 1e+09",
    f"{SIZE}.location={{_target_: os.system}}": f"{SIZE}.location._target_: only '$builtins.'",
    f"{SIZE}={{_target_: $builtins.Empirical}}": "needs a file, or values",
    f"{SIZE}={{_target_: $builtins.Empirical, file: no.csv}}": f"{SIZE}.file: no.csv: no such",
    f"{SIZE}={{_target_: $builtins.Empirical, file: tests}}": "tests: is a folder; give the CSV",
    f"{SIZE}={{_target_: $builtins.Empirical, file: pyproject.toml}}": "pyproject.toml: line ",
    f"{SIZE}={{_target_: $builtins.Mixture, parts: [{{weight: 1}}]}}": "variability: is mis",
    f"{NUMBER}=.nan": "number",
    f"{NUMBER}=[1": "Hydra's grammar",
    f"{NUMBER}": "Hydra's grammar",
    f"{NUMBER}=1,1": "two runs resolve to the same recipe",
    f"{NUMBER}=range(0)": "sweep would be empty",
    "blueprints.particles.Bed.number=3": "did you mean 'Bead'?",
    "render.resolution=[100000,100000]": "at most 16384",
    "render.resolution_percentage=nan": "resolution_percentage",
    f"++{STEPS}.1.output_file_name_prefix=../../x": f"{STEPS}.1.output_file_name_prefix: ",
    f"++{STEPS}.1.subfolder=../x": f"{STEPS}.1.subfolder: must be a relative folder",
    f"++{STEPS}.0.name=../x": f"{STEPS}.0.name: ",
    f"{STEPS}.1.rendering_mode=../x": f"{STEPS}.1.rendering_mode: unknown",
    f"{STEPS}.1._target_=os.system": "_target_",
    f"{STEPS}.1._target_=$plugins.os.system": "_target_",
    "render.max_samples=${oc.env:HOME}": "only references to other keys are allowed",
    "name=../../x": "name",
    "+hydro.run.dir=/x": "unknown key 'hydro'",
    "initial_runtime_state.seed=18446744073709551616": "at most",
    "initial_runtime_state.seed=shuffle(range(3))": "shuffle()",
    r"initial_runtime_state.seed=range\(15\)": "write initial_runtime_state.seed=range(15)",
    r"render.resolution=\[64,64\]": "write render.resolution=[64,64]",
    f"{NUMBER}=1,2 \\": f"write {NUMBER}=1,2",
    NUMBER
    + "=\N{LEFT DOUBLE QUOTATION MARK}3\N{RIGHT DOUBLE QUOTATION MARK}": "is a typographic quote",
    f"{NUMBER}=3\u00a0": "holds a no-break space (U+00A0)",
    f"\ufeff{NUMBER}=3": "U+FEFF",
    NUMBER + "=\N{EN DASH}3": "\N{EN DASH} is a dash of running text; write -",
    f"{NUMBER}=3\n{NUMBER}=4": "line break",
    f"{NUMBER}=0100": "0100 is a whole number with a leading zero",
    f"{NUMBER}=1:40": "number to base 60",
    f"{NUMBER}=range(1,010)": "010 is a whole number with a leading zero",
    f"{STEPS.replace('rendering', 'feature_generation')}.5.gravity[2]=3": "gravity.2=3",
    "name=é": "in quotes",
    "++process_conditions.sets.S.criterion='$IsParticle or'": "S.criterion: expected True, False",
    "++process_conditions.sets.S.criterion=$IsPartcle": "did you mean 'IsParticle'?",
    "++process_conditions.feature_criteria.C={_target_: $builtins.IsEqualTo, comparand: 1, "
    "feature_name: locatoin, default_return_value: false}": "did you mean 'location'?",
    "limit=3": "set it there, or write --limit",
    "": "is empty; an override is KEY=VALUE",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "here"
    made.mkdir()
    return made


@pytest.fixture
def orchestrate(capfd: pytest.CaptureFixture[str]) -> Orchestrate:
    """Run the command line in this process; return its exit code and what it wrote to stderr."""

    def run(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            app([str(text) for text in arguments], prog_name="test")
        return int(ended.value.code or 0), capfd.readouterr().err

    return run


def refused(done: tuple[int, str], folder: Path, expected: str, before: set[Path]) -> None:
    code, told = done
    assert code == 2, told
    assert expected in told, told
    assert all(line.startswith("error: ") for line in told.splitlines()), told
    assert set(folder.rglob("*")) == before


@pytest.mark.parametrize("case", SWEEPS)
def test_bad_sweeps_are_refused(case: str, orchestrate: Orchestrate, folder: Path) -> None:
    text, expected = SWEEPS[case]
    sweep = folder / "sweep.yaml"
    sweep.write_text(text)
    refused(orchestrate(sweep, "--output", folder / "out"), folder, expected, {sweep})


def test_a_sweep_that_is_no_text_is_refused(orchestrate: Orchestrate, folder: Path) -> None:
    sweep = folder / "sweep.yaml"
    sweep.write_bytes(b"name: \xff\xfe")
    refused(orchestrate(sweep, "--output", folder / "out"), folder, "not a UTF-8 text", {sweep})


@pytest.mark.parametrize("override", OVERRIDES)
def test_bad_overrides_are_refused(override: str, orchestrate: Orchestrate, folder: Path) -> None:
    done = orchestrate("sweeps/quickstart.yaml", override, "--output", folder / "out")
    refused(done, folder, OVERRIDES[override], set())


PASTED = {
    "--config-name=spheres_sem": "a sweep file names its recipe",
    "--cfg": "--dry-run prints the runs",
    "\N{EN DASH}dry-run": "write --dry-run",
    "\N{EM DASH}\N{MINUS SIGN}limit": "write --limit",
    "--limit\u00a03": "holds a no-break space",
    " ": "the last character of its line",
}


@pytest.mark.parametrize("argument", PASTED)
def test_traces_of_copying_are_named(
    argument: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["orchestrator", "sweeps/quickstart.yaml", argument])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capfd.readouterr().err
    assert ended.value.code == 2
    assert PASTED[argument] in told
    assert told.startswith("error: command line: ")
    assert told.count("\n") == 1


@pytest.mark.parametrize("option", ["--multirun", "-m"])
def test_multirun_has_no_effect(option: str, capfd: pytest.CaptureFixture[str]) -> None:
    shown = []
    for extra in ([], [option]):
        with pytest.raises(SystemExit) as ended:
            app(["sweeps/sem.yaml", "--dry-run", *extra], prog_name="test")
        assert not ended.value.code
        shown.append(capfd.readouterr().out)
    assert shown[0] == shown[1]
    assert shown[0].endswith("180 runs\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("defaults: [own, _self_]\nname: x", "the recipe includes itself"),
        ("defaults: [BaseRecip, _self_]\nname: x",
         "own.yaml: defaults: unknown recipe 'BaseRecip'; did you mean 'BaseRecipe'?"),
        ("defaults: [../../etc/passwd, _self_]", "unknown recipe '../../etc/passwd'"),
        ("a: ${oc.env:HOME}", "only references to other keys are allowed"),
        ("a: ${a}", "a: Recursive interpolation detected"),
        ("a: [", "malformed YAML in line 1"),
        ("blueprints: {_target_: os.system}", "blueprints"),
        ("defaults: [BaseRecipe, _self_]\nsynth_chain: {rendering_steps: [{_target_: os.system}]}",
         "_target_"),
    ],
)  # fmt: skip
def test_bad_recipes_are_refused(
    text: str, expected: str, orchestrate: Orchestrate, folder: Path
) -> None:
    recipe, sweep = folder / "own.yaml", folder / "sweep.yaml"
    recipe.write_text(text)
    sweep.write_text(SWEEP.format(recipe="own.yaml"))
    done = orchestrate(sweep, "--output", folder / "out")
    refused(done, folder, expected, {recipe, sweep})


@pytest.mark.blender
def test_ten_million_runs_take_no_more_memory_than_ten(
    spawn: Callable[..., subprocess.Popen[str]],
    cheap_sweep: Callable[..., Path],
    tmp_path: Path,
) -> None:
    peaks = []
    for count in (10, 10_000_000):
        log, output = tmp_path / f"log{count}", tmp_path / f"out{count}"
        sweep = cheap_sweep(count, f"synth_chain.rendering_steps.1.file={log}")
        arguments = [sweep, "--output", output, "--no-mlflow", "--executor", "inline"]
        process = spawn(*arguments)
        peak = 0
        while process.poll() is None:
            peak = max(peak, psutil.Process(process.pid).memory_info().rss)
            if count > 10 and log.exists() and len(log.read_text().splitlines()) >= 10:
                process.terminate()
                break
            time.sleep(0.05)
        out, err = process.communicate()
        assert process.returncode == (0 if count == 10 else 130), out + err
        peaks.append(peak / 2**20)
    assert peaks[1] < peaks[0] + 30, peaks
