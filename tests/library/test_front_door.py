"""``import blendsweep``: one run, a sweep and its data, from any thread and any event loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import blendsweep as bs

pytestmark = pytest.mark.blender

type Script = Callable[..., list[str]]

START = """
import asyncio, gc, sys, threading
from pathlib import Path
import blendsweep as bs

SMALL = [
    "render.resolution=[48,48]",
    "render.max_samples=4",
    "synth_chain.feature_generation_steps.5.num_frames=5",
    "blueprints.particles.Bead.number=5",
]
"""


def test_every_name_that_is_offered_is_there() -> None:
    for name in dir(bs):
        assert getattr(bs, name) is not None
    assert bs.__version__.count(".") == 2
    with pytest.raises(AttributeError, match="module 'blendsweep' has no attribute 'rnu'"):
        _ = bs.rnu  # type: ignore[attr-defined]


def test_one_run_has_its_arrays_and_takes_its_temporary_folder_with_it(script: Script) -> None:
    code = """
run = bs.render("spheres_sem", SMALL)
assert run.image("real").shape == run.instances.shape == run.depth.shape == (48, 48)
assert set(run.instances.flat) <= {0, *run.particles["particle_id"].to_pylist()}
assert run.particles.num_rows == 5
assert 0 <= run.features["defocus"] <= 1
assert run._repr_png_().startswith(b"\\x89PNG")
assert "visible particles" in run._repr_html_()

again = bs.render("spheres_sem", SMALL, output="kept")
for file in run.files:
    assert file.mode == "state" or file == again.file(file.path)

folder = run.path()
assert folder.is_dir()
del run
gc.collect()
assert not folder.exists() and not folder.parent.exists()
assert Path("kept/real.png").is_file()
print(sorted(path.name for path in Path().iterdir()))
"""
    assert script(START + code) == ["['kept']"]


def test_what_is_wrong_is_said_with_the_argument_s_name(
    script: Script, cheap_recipe: Path, probe_plugins: Path
) -> None:
    code = """
def refused(*arguments, **named):
    try:
        bs.render(*arguments, **named)
    except bs.BlendsweepError as error:
        print(f"{type(error).__name__}: {error}")

Path("full").mkdir()
Path("full/file").touch()
refused("spheres_sem", ["render.max_samples=none"])
refused("spheres_sem", ["render.max_sample=4"])
refused("spheres_sem", ["render.max_samples=1,2"])
refused("spheres_sem", SMALL, output="full")
refused(sys.argv[1], ["synth_chain.rendering_steps.0.kind=raise"], plugins=[sys.argv[2]])
assert sorted(path.name for path in Path().iterdir()) == ["full"]
"""
    *bad, failed = script(START + code, cheap_recipe, probe_plugins)
    assert [line.split(": ")[:2] for line in bad[1:]] == [
        ["ConfigurationError", "overrides"],
        ["ConfigurationError", "overrides"],
        ["ConfigurationError", "output"],
    ]
    assert "render.max_samples" in bad[0]
    assert "did you mean 'max_samples'?" in bad[1]
    assert failed.startswith(
        "StepError: synth_chain.rendering_steps.0 (Fault): ValueError: a fault that was asked for"
    )


def test_calls_from_threads_and_from_within_an_event_loop(script: Script) -> None:
    code = """
def work():
    print(bs.render("spheres_sem", SMALL).image().shape)

for _ in range(2):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
work()

async def main():
    work()
    await asyncio.gather(*(asyncio.to_thread(work) for _ in range(2)))

asyncio.run(main())
"""
    assert script(START + code) == ["(48, 48)"] * 6


SWEEP = """
recipe, plugins = sys.argv[1:]
FAULT, STRIPES = "synth_chain.rendering_steps.0", "synth_chain.rendering_steps.3"
content = {"name": "demo", "recipe": recipe, "plugins": [plugins], "overrides": []}
options = {"output": "out", "executor": "inline", "mlflow": False}
"""


def test_a_sweep_gives_counts_failures_and_its_data(
    script: Script, cheap_recipe: Path, probe_plugins: Path
) -> None:
    code = """
seen = []
result = bs.run(content, [f"{STRIPES}.value=range(3)"], progress=seen.append, **options)
assert (result.succeeded, result.failed, result.complete, result.failures) == (3, 0, True, ())
assert seen[-1].done == 3
values = [run.values[f"{STRIPES}.value"] for run in result.data.runs(status="succeeded")]
assert values == [0, 1, 2]
assert [int(run.image("stripes").max()) for run in result.data] == values

sweep = bs.load_sweep(content, [f"{STRIPES}.value=range(4)"], **options)
result = bs.run(sweep)
assert (result.counts.skipped, result.counts.done, len(result.data)) == (3, 1, 4)
assert "3 were done before" in str(result)

result = bs.run(content, [f"{FAULT}.kind=none,raise"], **options)
assert (result.succeeded, result.failed) == (1, 1)
(failure,) = result.failures
(run,) = result.data.runs(status="failed")
assert run.run_id == failure.run_id
assert "a fault that was asked for" in run.error
assert len(list(bs.open_dataset("out").runs(all_runs=True))) == 5  # none is the default

for wrong in (lambda: bs.run(sweep, ["a=1"]), lambda: bs.run("nowhere.yaml"),
              lambda: bs.open_dataset("nowhere"), lambda: bs.run(content, executor="threads")):
    try:
        wrong()
    except bs.ConfigurationError as error:
        print(error)
"""
    lines = script(START + SWEEP + code, cheap_recipe, probe_plugins)
    assert len(lines) == 4
    assert lines[0].startswith("arguments: overrides and options are given to load_sweep")
    assert "nowhere.yaml" in lines[1]
    assert "nowhere" in lines[2]
    assert lines[3].startswith("arguments: executor: ")


def test_the_shipped_sweep_runs_by_its_name_with_progress_on_a_plain_stream(
    script: Script,
) -> None:
    code = """
result = bs.run("quickstart", SMALL, limit=1, executor="inline", mlflow=False, progress="auto")
assert result.data.uri == str(Path("outputs/quickstart").absolute())
"""
    assert "1/1 runs done" in script(START + code)[-1]


def test_a_stop_lets_the_run_in_flight_finish(
    script: Script, cheap_recipe: Path, probe_plugins: Path
) -> None:
    code = """
stop = threading.Event()
values = [f"{STRIPES}.value=range(3)"]
result = bs.run(content, values, stop=stop, progress=lambda counts: stop.set(), **options)
assert not result.complete and result.counts.left > 0
assert bs.run(content, values, **options).succeeded == 3
"""
    assert script(START + SWEEP + code, cheap_recipe, probe_plugins) == []


def test_no_signal_handler_is_left_or_set(
    script: Script, cheap_recipe: Path, probe_plugins: Path
) -> None:
    code = """
import signal
signals = (signal.SIGINT, signal.SIGTERM)
before = [signal.getsignal(number) for number in signals]
seen = []
look = lambda counts: seen.append([signal.getsignal(number) for number in signals])
bs.run(content, progress=look, **options)
assert seen and all(handlers == before for handlers in seen)
assert [signal.getsignal(number) for number in signals] == before
"""
    assert script(START + SWEEP + code, cheap_recipe, probe_plugins) == []
