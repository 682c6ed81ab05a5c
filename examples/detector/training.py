"""Training a detector on data sets: resumable, and the same again for the same seed and machine."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Subset

from examples.detector.crops import Crop, ParticleCrops, read_pictures
from examples.detector.data_sets import place, succeeded
from examples.detector.detector import Detector, device_and_precision, read_checkpoint, restored
from examples.detector.errors import DetectorError
from examples.detector.network import StarNetwork, loss_of

SAVED_EVERY = 60.0  # seconds of work that an interruption costs at most


@dataclass(frozen=True)
class Training:
    """How a detector is trained.

    Parameters
    ----------
    seed
        Of the network's first weights and of every crop.
    steps, batch
        How many batches are learned, and crops a batch.
    rate, decay
        The largest learning rate, which is reached after a tenth of the steps and falls to nothing
        by the last one, and AdamW's weight decay.
    averaging
        The detector's weights are a running mean of the network's; this is how much of it each step
        keeps.
    """

    seed: int = 0
    steps: int = 2500
    batch: int = 8
    rate: float = 2e-3
    decay: float = 1e-4
    averaging: float = 0.995


def train(
    outputs: Sequence[str | Path],
    checkpoint: str | Path,
    settings: Training | None = None,
    *,
    progress: bool = True,
) -> Detector:
    """Train a detector, or go on where its checkpoint stopped.

    Parameters
    ----------
    outputs
        Folders or URIs of data sets whose recipes render `real` and `categorical`.
    checkpoint
        The file that is written every minute and at the end. One of the same data and settings is
        gone on with; a finished one is read.
    settings
        See `Training`.
    progress
        Whether a bar is shown.

    Raises
    ------
    DetectorError
        If the checkpoint is of other data or settings or can't be written, or a data set holds
        nothing to learn from.
    """
    settings = settings or Training()
    state = _State(settings, [facts_of(output) for output in outputs])
    state.restore(Path(checkpoint))
    if state.step < settings.steps:
        check_writable(Path(checkpoint))
        crops = ParticleCrops(
            read_pictures(outputs), settings.seed, settings.steps * settings.batch
        )
        left = Subset(crops, range(state.step * settings.batch, len(crops)))
        # One process prepares crops while the network learns from those before.
        batches = DataLoader(left, settings.batch, num_workers=1, prefetch_factor=8)
        state.learn(batches, Path(checkpoint), progress=progress)
    return state.detector()


def facts_of(output: str | Path) -> dict[str, Any]:
    """Return what a checkpoint keeps of a data set.

    Returns
    -------
    dict
        ``output``, without credentials; ``runs``, their number; ``hash`` of their ids, which follow
        from all that their images depend on; ``recipe`` of the first run, resolved, as JSON.
    """
    runs = succeeded(output)
    ids = "\n".join(sorted(run.run_id for run in runs))
    return {
        "output": place(runs),
        "runs": len(runs),
        "hash": hashlib.sha256(ids.encode()).hexdigest()[:16],
        "recipe": json.dumps(runs[0].recipe()),
    }


class _State:
    """All that training goes on with."""

    def __init__(self, settings: Training, data: list[dict[str, Any]]) -> None:
        self.settings = settings
        self.data = data
        self.device, self.precision = device_and_precision()
        torch.manual_seed(settings.seed)
        self.network = StarNetwork().to(self.device, memory_format=torch.channels_last)
        self.average = AveragedModel(
            self.network, multi_avg_fn=get_ema_multi_avg_fn(settings.averaging), use_buffers=True
        )
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), settings.rate, weight_decay=settings.decay
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)
        self.step, self.seconds, self.loss = 0, 0.0, float("nan")

    def _rate(self, step: int) -> float:
        """Return the part of the learning rate: up for a tenth of the steps, then half a cosine."""
        part = step / self.settings.steps
        return min(10 * part + 0.01, 0.5 + 0.5 * math.cos(math.pi * min(part, 1.0)))

    def about(self) -> dict[str, Any]:
        """Return what the detector says of itself."""
        return {"settings": asdict(self.settings), "data": self.data, "seconds": self.seconds}

    def detector(self) -> Detector:
        """Return the detector that has been learned so far."""
        return Detector(self.average.module, self.about())

    def _parts(self) -> Mapping[str, Any]:
        return {
            "network": self.network,
            "average": self.average,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
        }

    def restore(self, checkpoint: Path) -> None:
        """Take the state from a checkpoint, if there is one."""
        if not checkpoint.exists():
            return
        held = read_checkpoint(checkpoint)
        about = held["about"]
        ours, theirs = asdict(self.settings), about.get("settings", {})
        if ours != theirs:
            names = sorted(ours.keys() | theirs.keys())
            changed = [name for name in names if ours.get(name) != theirs.get(name)]
            said = (f"{name} {theirs.get(name)}, not {ours.get(name)}" for name in changed)
            raise _mismatch(checkpoint, f"with other settings ({'; '.join(said)})")
        data = about.get("data", [])
        if _hashes(self.data) != _hashes(data):
            outputs = ", ".join(facts["output"] for facts in data)
            raise _mismatch(checkpoint, f"on other data, or on other runs of it ({outputs})")
        for name, part in self._parts().items():
            restored(part, held.get(name), checkpoint)
        self.step, self.seconds = held["step"], about["seconds"]

    def save(self, checkpoint: Path) -> None:
        """Write a checkpoint in one move, so that there is always a whole one."""
        held = {name: part.state_dict() for name, part in self._parts().items()}
        partial = _partial(checkpoint)
        with partial.open("wb") as file:  # by itself, PyTorch says not why it can't write
            torch.save(held | {"about": self.about(), "step": self.step}, file)
        partial.replace(checkpoint)

    def learn(self, batches: DataLoader[Crop], checkpoint: Path, *, progress: bool) -> None:
        """Learn from every batch, and save now and then and at the end."""
        self.network.train()
        saved = last = time.perf_counter()
        for batch in self._shown(batches, progress=progress):
            loss = self._learn_from(batch)
            self.step += 1
            now = time.perf_counter()
            self.seconds += now - last  # with the wait for the batch
            last = now
            self.loss = loss if math.isnan(self.loss) else 0.98 * self.loss + 0.02 * loss
            if self.step == self.settings.steps or now - saved > SAVED_EVERY:
                self.save(checkpoint)
                saved = now

    def _learn_from(self, batch: Crop) -> float:
        images, *truth = (tensor.to(self.device, non_blocking=True) for tensor in batch)
        with torch.autocast(self.device.type, dtype=self.precision):
            outputs = self.network(images.contiguous(memory_format=torch.channels_last))
        losses = loss_of(*outputs, *truth)
        loss = losses[0] + losses[1]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.schedule.step()
        self.average.update_parameters(self.network)
        return float(loss.detach())

    def _shown(self, batches: DataLoader[Crop], *, progress: bool) -> Iterator[Crop]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.3f}"),
            TimeRemainingColumn(),
        )
        console = Console(stderr=True)
        quiet = not (progress and console.is_terminal)
        with Progress(*columns, console=console, disable=quiet) as bar:
            task = bar.add_task(
                f"training, seed {self.settings.seed}",
                total=self.settings.steps,
                completed=self.step,
                loss=self.loss,
            )
            for batch in batches:
                yield batch
                bar.update(task, completed=self.step, loss=self.loss)


def check_writable(checkpoint: Path) -> None:
    """Make the folder of a checkpoint, and see that it can be written there.

    Raises
    ------
    DetectorError
        If it can't: better now than after a minute of training.
    """
    partial = _partial(checkpoint)
    try:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        partial.touch()
        partial.unlink()
    except OSError as error:
        raise DetectorError(f"{checkpoint} can't be written: {error.strerror}") from error


def _partial(checkpoint: Path) -> Path:
    return checkpoint.with_name(checkpoint.name + ".part")


def _hashes(data: list[dict[str, Any]]) -> list[str]:
    # In their order, which crops depend on; where a data set lies does not matter.
    return [facts["hash"] for facts in data]


def _mismatch(checkpoint: Path, difference: str) -> DetectorError:
    return DetectorError(f"{checkpoint} was trained {difference}: remove it, or name another file")
