"""The runs of a data set as exports take them: in a fixed order, in bounded memory."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from orchestrator.dataset.arrow import united
from orchestrator.dataset.dataset import DataSet
from orchestrator.dataset.layout import MANIFEST, PARTICLES, recipe_file
from orchestrator.dataset.recorded_run import RecordedRun
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.run_files import INSTANCES, RunFilesError
from orchestrator.dataset.schema import PARTICLE
from orchestrator.dataset.tables import RUN_ID, read_errors_told
from orchestrator.export.image_names import image_names
from orchestrator.export.splits import Splits
from scene.errors import COMMAND_LINE, ConfigurationError, Problem, unknown
from scene.imaging.files import FileRecord
from scene.language.yaml_texts import parse_mapping

_AHEAD = 8
"""This many runs' files are fetched ahead where each takes a round trip."""

type Ids = NDArray[np.bytes_]


@final
@dataclass(frozen=True, slots=True)
class Example:
    """One succeeded run.

    Parameters
    ----------
    run
        What is on record of it.
    images
        Name to image, without those that show one particle alone.
    table
        Its rows of the particles table, in the order of their ids.
    """

    run: RecordedRun
    images: Mapping[str, FileRecord]
    table: pa.Table
    fetched: dict[str, Future[bytes]] = field(default_factory=dict)

    def image(self, name: str) -> FileRecord:
        """Return what is on record of an image.

        Raises
        ------
        RunFilesError
            If the run has no such image.
        """
        if name not in self.images:
            present = ", ".join(sorted(self.images)) or "no images"
            raise RunFilesError(f"run {self.run.run_id} has no image {name!r}; it has {present}")
        return self.images[name]

    def read(self, name: str) -> bytes:
        """Return an image's bytes, which are those on record.

        Raises
        ------
        RunFilesError
            If the run has no such image, or it is missing or damaged.
        """
        if name in self.fetched:
            return self.fetched.pop(name).result()
        return self.run.read(self.image(name).path)

    def particles(self, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return the particles as plain values; columns that the table lacks are left out."""
        present = [name for name in self.table.schema.names if name != "run_id"]
        if columns is not None:
            present = [name for name in columns if name in present]
        found: list[dict[str, Any]] = self.table.select(present).to_pylist()
        return found

    @property
    def scale(self) -> dict[str, float]:
        """The side of a pixel in nm, by its name in exports; empty where it is not known."""
        size = self.run.pixel_size_nm
        return {} if size is None else {"pixel_size_nm": size}

    def described(self) -> dict[str, Any]:
        """Return what annotations say of the run: index, seed, specimen, values, features."""
        run = self.run
        specimen = {} if run.specimen is None else {"specimen": run.specimen}
        return {
            "run_id": run.run_id,
            "index": run.index,
            "seed": run.seed,
            **specimen,
            "values": run.values,
            "features": run.features,
        }


@final
class Source:
    """The succeeded runs of a data set, ordered by index and run id.

    Parameters
    ----------
    data
        The data set.
    splits
        Where runs go.
    image
        Name of the image that is learned from.
    all_runs
        Whether to take runs, too, that the last sweep does not ask for.

    Attributes
    ----------
    image_names : tuple of str
        The images that runs have, `image` first and ``instances`` second.
    blueprints : tuple of str
        Names of the particles' blueprints, sorted.

    Raises
    ------
    ConfigurationError
        If there is no run to export, or no such image.
    """

    def __init__(
        self, data: DataSet, splits: Splits, image: str = "real", *, all_runs: bool = False
    ) -> None:
        self.data = data
        self.splits = splits
        self.image = image
        with read_errors_told(data.storage):
            self._choose(all_runs=all_runs)
            counts, hashes = self._images_and_recipes()
            self._names = image_names(counts)
            self._check_images({self._names[path]: count for path, count in counts.items()})
            rest = sorted({*self._names.values()} - {image, INSTANCES})
            self.image_names = (image, INSTANCES, *rest)
            self.blueprints = tuple(sorted(self._blueprints(hashes)))

    @cached_property
    def manifest_schema(self) -> pa.Schema:
        """Columns of the manifest."""
        return self.data.tables[MANIFEST].schema()

    @cached_property
    def particles_schema(self) -> pa.Schema:
        """Columns of the particles table, those that annotations need among them."""
        return united(pa.schema(list(PARTICLE.items())), self.data.tables[PARTICLES].schema())

    def ids_of(self, split: str) -> Ids:
        """Return the run ids of one split, in order."""
        chosen: Ids = self._ids[self._codes == self.splits.names.index(split)]
        return chosen

    def seeds_of(self, split: str) -> int:
        """Return how many different seeds the runs of a split have."""
        return len(np.unique(self._seeds[self._codes == self.splits.names.index(split)]))

    def pixel_sizes(self) -> dict[str, float]:
        """Return the side of a pixel in nm by run id, of the runs for which it is known."""
        found: dict[str, float] = {}
        for part in self.data.tables[MANIFEST].parts(["run_id", "pixel_size_nm"]):
            own = self._own(part.filter(pc.is_valid(part["pixel_size_nm"])))
            sizes = own["pixel_size_nm"].to_pylist()
            found.update(zip(own["run_id"].to_pylist(), sizes, strict=True))
        return found

    def examples(self, ids: Ids, fetch: Sequence[str] = ()) -> Iterator[Example]:
        """Yield runs.

        Parameters
        ----------
        ids
            Which, in which order.
        fetch
            Images that will be read: from an object store, they are fetched ahead.
        """
        examples = map(self._example, self.data.runs_of(ids))
        if self.data.storage.folder is not None or not fetch:
            yield from examples
            return
        with ThreadPoolExecutor(_AHEAD) as pool:
            waiting: deque[Example] = deque()
            for example in examples:
                for name in example.images.keys() & fetch:
                    path = example.images[name].path
                    example.fetched[name] = pool.submit(example.run.read, path)
                waiting.append(example)
                if len(waiting) > _AHEAD:
                    yield waiting.popleft()
            yield from waiting

    def _example(self, run: RecordedRun) -> Example:
        images = {
            self._names.get(file.path, file.path): file  # the same run may be recorded anew
            for file in run.files
            if file.width is not None and file.particle_id is None
        }
        table = run.particles
        return Example(run, images, table if len(table) else self.particles_schema.empty_table())

    def _choose(self, *, all_runs: bool) -> None:
        """Note which runs are exported, and to which split each belongs."""
        index = self.data.index()
        chosen = index.chosen(RunStatus.SUCCEEDED, all_runs=all_runs)
        if not chosen.any():
            message = f"holds no succeeded run of the sweep {self.data.sweep.name} yet"
            if failed := int((~index.succeeded).sum()):
                message += f"; {failed} failed, and `status` names the causes"
            if others := int(index.succeeded.sum()):
                message += f"; --all-runs takes the {others} succeeded runs of other sweeps"
            raise ConfigurationError([Problem(self.data.uri, "", message)])
        self._ids, self._seeds = index.ids[chosen], index.seeds[chosen]
        codes = [self.splits.names.index(self.splits.of(int(seed))) for seed in self._seeds]
        self._codes = np.array(codes, np.int32)

    def _images_and_recipes(self) -> tuple[Counter[str], set[str]]:
        """Return how many runs have which image, by its path, and the hashes of their recipes."""
        counts: Counter[str] = Counter()
        hashes: set[str] = set()
        for part in self.data.tables[MANIFEST].parts(["run_id", "recipe_hash", "files"]):
            own = self._own(part)
            hashes.update(filter(None, own["recipe_hash"].unique().to_pylist()))
            counts.update(_image_paths(own["files"]))
        return counts, hashes

    def _own(self, rows: pa.Table) -> pa.Table:
        """Return the rows of the runs that are exported."""
        ids = np.array(rows["run_id"].to_pylist(), RUN_ID)
        return rows.filter(pa.array(np.isin(ids, self._ids)))

    def _check_images(self, having: Mapping[str, int]) -> None:
        """Refuse an image, or a data set without masks, before anything is written.

        Parameters
        ----------
        having
            Name of an image to how many runs have it.
        """
        problems = []
        count, masked = len(self._ids), having.get(INSTANCES, 0)
        valid = having.keys() - {INSTANCES}
        message = None
        if self.image == INSTANCES:
            message = f"{INSTANCES} holds the masks; give an image to learn from"
        elif self.image not in having:
            message = unknown("image", self.image, valid, where=f"in {self.data.uri}")
            if "did you mean" in message:
                message += f" there are: {', '.join(sorted(valid))}"
        elif having[self.image] < count:
            whole = sorted(name for name in valid if having[name] == count)
            message = f"only {having[self.image]} of {count} runs have an image "
            message += f"{self.image!r}; all have: {', '.join(whole) or 'none'}"
        if message is not None:
            problems.append(Problem(COMMAND_LINE, "--image", message))
        if masked < count:
            which = f"only {masked} of {count} runs have" if masked else "no run has"
            message = f"{which} instances.png, which the rendering mode categorical writes for "
            problems.append(Problem(self.data.uri, "", f"{message}all particles"))
        if problems:
            raise ConfigurationError(problems)

    def _blueprints(self, recipe_hashes: set[str]) -> set[str]:
        """Return the blueprints that recipes declare and those that particles name."""
        found: set[str] = set()
        for recipe_hash in recipe_hashes:
            try:
                name = recipe_file(recipe_hash)
                recipe = parse_mapping(self.data.storage.read(name).decode(), name)
                found.update(recipe["blueprints"]["particles"])
            except (FileNotFoundError, KeyError, TypeError, ValueError, ConfigurationError):
                continue
        for part in self.data.tables[PARTICLES].parts(["run_id", "blueprint"]):
            pairs = part.group_by(["run_id", "blueprint"]).aggregate([])
            found.update(self._own(pairs)["blueprint"].unique().to_pylist())
        return found


def _image_paths(files: pa.ChunkedArray) -> dict[str, int]:
    """Return how many runs have which image of a set, by its path in the run's folder."""
    flat = files.combine_chunks().flatten()
    shown = pc.is_valid(flat.field("width"))
    if "particle_id" in {entry.name for entry in flat.type}:
        shown = pc.and_(shown, pc.is_null(flat.field("particle_id")))
    paths = flat.filter(shown).field("path")
    counts = pc.value_counts(pc.replace_substring_regex(paths, "^runs/[^/]*/", ""))
    return {entry["values"]: entry["counts"] for entry in counts.to_pylist()}
