"""The cost of the images beside `real`, and of everything round the steps."""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import at_most, paired, publish, seconds, shown
from bench.scenes import NUMBER, RESOURCES, all_ids, generated, resolved, session
from scene.imaging.writing import write_image

if TYPE_CHECKING:
    import bpy

BEADS = 600
FLAT_MODES = ("categorical", "depth_map", "normal_map", "stylized")
MEMORY = Path("/dev/shm")
"""Files go where no disk is timed."""

REAL_STEP = "~synth_chain.rendering_steps.1"


class Runs:
    """Whole runs without `real`, executed and published by a worker of this process."""

    def __init__(self, folder: Path) -> None:
        from orchestrator.execution.worker import Worker, WorkerSettings

        self._worker = Worker(WorkerSettings(str(folder)), RESOURCES, "bench")
        self._seeds = itertools.count()
        self.last: dict[str, float] = {}

    def execute(self) -> None:
        """Execute a run with the next seed."""
        from orchestrator.dataset.results import Attempt
        from orchestrator.plan.run import Run

        seed = next(self._seeds)
        document = resolved(f"{NUMBER}={BEADS}", REAL_STEP, f"initial_runtime_state.seed={seed}")
        outcome = self._worker.execute(Attempt(Run(seed, f"{seed:016d}", document, (), {}), 1))
        if outcome.record is None:
            raise RuntimeError(outcome.failure)
        timings = dict(outcome.record.timings)
        total = (outcome.finished_at - outcome.started_at).total_seconds()
        steps = sum(s for label, s in timings.items() if label not in {"reset", "build", "record"})
        modes = {label.partition(".")[2]: s for label, s in timings.items() if "." in label}
        self.last = {
            "modes": sum(modes[mode] for mode in FLAT_MODES),
            "xray": modes["stylized_xray"],
            "beside": total - steps,
            **modes,
        }

    def figure(self, name: str) -> Callable[[], float]:
        """Return a function that gives a figure of the last run."""
        return lambda: self.last[name]


def bare_buffers_and_encoding(folder: Path, *, written: bool) -> Callable[[], float]:
    """Return a function that times one bare render of the buffers plus encoding the PNGs.

    Blender hands buffers over in an EXR file; unless `written`, it renders them for nobody.
    """
    from scene.imaging.modes import Categorical, DepthMap, NormalMap, Stylized

    def measure() -> float:
        state = generated(f"{NUMBER}={BEADS}")
        frame = state.frame(all_ids(state))
        with session().captured():
            images = {}
            for mode in (Categorical(), DepthMap(), NormalMap(), Stylized()):
                images |= mode.render(frame)
            with frame.buffers_scene() as scene:
                rendering = seconds(
                    lambda: render_bare(scene, folder / "bare.exr", written=written)
                )
        pngs = {name: image for name, image in images.items() if name != "depth"}
        encoding = seconds(
            lambda: [write_image(folder / f"{name}.png", image) for name, image in pngs.items()]
        )
        return rendering + encoding

    return measure


def render_bare(scene: bpy.types.Scene, file: Path, *, written: bool) -> None:
    """Render a scene as it stands, by Blender's operator and nothing else."""
    import bpy

    from scene.blender.render import to_multilayer_exr

    with to_multilayer_exr(scene, file):
        bpy.ops.render.render(write_still=written, scene=scene.name)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    with tempfile.TemporaryDirectory(prefix="blendsweep-bench-", dir=MEMORY) as name:
        folder = Path(name)
        runs = Runs(folder / "out")
        kinds = (*FLAT_MODES, "modes", "xray", "beside")
        found = paired(
            parser.parse_args().rounds,
            bare=bare_buffers_and_encoding(folder, written=True),
            unwritten=bare_buffers_and_encoding(folder, written=False),
            run=lambda: seconds(runs.execute),
            **{kind: runs.figure(kind) for kind in kinds},
        )
    rows = [
        shown("bare render of the buffers to an EXR file, and encoding of their PNGs",
              found["bare"]),
        shown("the same without writing the EXR file", found["unwritten"]),
        *(shown(mode, found[mode]) for mode in FLAT_MODES),
        at_most("categorical + depth_map + normal_map + stylized", found["modes"], 1.5),
        at_most("the same over bare", found["modes"].over(found["bare"]), 1.3, ""),
        shown("the same over bare without the EXR file",
              found["modes"].over(found["unwritten"]), ""),
        at_most("stylized_xray", found["xray"], 0.5),
        at_most("a run beside its steps: reset, build, record, preview, publish",
                found["beside"], 0.5),
    ]  # fmt: skip
    publish("modes", f"the images beside real, {BEADS} beads, 960 x 960", rows)


if __name__ == "__main__":
    main()
