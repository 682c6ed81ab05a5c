"""Which code made the runs of a data set, and whether another may go on with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from orchestrator.dataset.layout import MANIFEST
from orchestrator.dataset.reader import Reader
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.storage.storage import Storage
from scene.errors import ConfigurationError, Problem
from scene.recipe.code import Code, code_hash, code_of, code_of_versions, differences

if TYPE_CHECKING:
    import pyarrow as pa

    from orchestrator.plan.expansion import Expansion
    from orchestrator.plan.sweep import Sweep

_COLUMNS = ("run_id", "recipe_hash", "status", "code_hash", "code", "versions")


@final
@dataclass(frozen=True, slots=True)
class Made:
    """One code, and how many runs it made."""

    code: Code
    runs: int

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"code_hash": code_hash(self.code), "runs": self.runs, "code": dict(self.code)}


def code_of_sweep(sweep: Sweep, runs: Expansion) -> Code:
    """Return the code that executes a sweep on this machine."""
    texts = [override.text for override in sweep.overrides]
    return code_of(
        [runs.recipe_document, texts, runs[0].recipe], sweep.plugins, sweep.prototype_dirs
    )


def codes_of(data: Reader, *, asked_for: bool = False) -> tuple[Made, ...]:
    """Return which codes made the succeeded runs on record, that of the most runs first.

    Parameters
    ----------
    asked_for
        Whether to count only the runs that the last sweep asks for.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    runs: Counter[str] = Counter()
    codes: dict[str, Code] = {}
    for part in data.tables[MANIFEST].parts(_COLUMNS, damaged=[]):
        wanted = part.filter(pc.equal(part["status"], RunStatus.SUCCEEDED))
        if asked_for:
            wanted = wanted.filter(pa.array(data.plan.asks_for(wanted)))
        for code, count in _distinct(wanted):
            name = code_hash(code)
            codes[name] = code
            runs[name] += count
    return tuple(Made(codes[name], count) for name, count in runs.most_common())


def mixture(made: Sequence[Made]) -> Iterator[str]:
    """Yield a line for each code that differs from the one that made most runs.

    Codes that name other plugins, and agree in all else, do not.
    """
    for other in made[1:]:
        if found := differences(made[0].code, other.code):
            theirs = ", ".join(f"{name} {new}" for name, _, new in found)
            usual = ", ".join(f"{name} {old}" for name, old, _ in found)
            runs = "1 run was" if other.runs == 1 else f"{other.runs} runs were"
            first = "1 run" if made[0].runs == 1 else f"{made[0].runs} runs"
            yield f"other code: {runs} made by {theirs}; {first} by {usual}"


def settled(storage: Storage, code: Code, *, accept: bool) -> list[str]:
    """Hold what a data set was made by against the code that is to go on with it.

    Parameters
    ----------
    accept
        Whether to go on over a difference.

    Returns
    -------
    list
        Hashes of the other codes with which the present one was accepted, for ``sweep.yaml``.

    Raises
    ------
    ConfigurationError
        If another code made runs that are here, and nobody has accepted that.
    """
    data = Reader(storage)
    # A dry run of a new data set does without pyarrow, which `codes_of` loads.
    made = [one.code for one in codes_of(data)] if data.tables[MANIFEST].part_names() else []
    if not made:
        return []
    try:
        sweep = data.sweep
    except ConfigurationError:
        accepted = set()
    else:
        accepted = set(sweep.accepted_code) - {code_hash(code)}
        made.append(sweep.code or code_of_versions(sweep.versions))
    others = {code_hash(other): other for other in made if differences(other, code)}
    found = {
        change: None
        for name, other in others.items()
        if name not in accepted
        for change in differences(other, code)
    }
    if found and not accept:
        changes = ", ".join(f"{name} {old} (now {new})" for name, old, new in found)
        message = (
            f"was made by other code: {changes}; --accept-versions goes on, and every row says "
            "which code made it; another --output begins a data set of its own"
        )
        raise ConfigurationError([Problem(storage.public_uri, "", message)])
    return sorted(accepted | others.keys())


def _distinct(rows: pa.Table) -> Iterator[tuple[Code, int]]:
    """Yield the codes that rows of the manifest name, or the versions of old, with their number."""
    import pyarrow.compute as pc

    for entry in pc.value_counts(rows["code_hash"]).to_pylist():
        if entry["values"] is not None:
            first = pc.index(rows["code_hash"], entry["values"]).as_py()
            parts = rows["code"][first].as_py() or []
            yield {part["component"]: part["version"] for part in parts}, entry["counts"]
    unnamed = rows.filter(pc.is_null(rows["code_hash"]))["versions"].to_pylist()
    found = Counter(tuple(code_of_versions(versions or {}).items()) for versions in unnamed)
    for code, count in found.items():
        yield dict(code), count
