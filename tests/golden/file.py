"""The golden file: reading, comparing, and writing it anew."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("golden.json")
CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"

ABOUT = {
    "about": (
        "What users rely on from one version to the next, literally. A change of any value is "
        "a decision: `just golden 'LINE'` writes this file anew, where LINE stands in "
        "CHANGELOG.md and says what changed for whom. Read the difference before committing it."
    ),
    "run_ids": (
        "Hashes over text: the same on every machine. With another id, a resumed sweep makes "
        "every run again."
    ),
    "streams": (
        "For each seed and key: the first 64 raw bits of the key's first and second generator, "
        "and its integer. Integer arithmetic: the same on every machine."
    ),
    "draws": (
        "Four draws of each variability, one list for each set of parameters in making.py. "
        "Floats have ten digits, since a machine's logarithm may differ in the last bits."
    ),
    "splits": "Exact fractions: the same on every machine.",
    "colours": "Integer arithmetic: the same on every machine.",
    "images": (
        "tiny.yaml. Hashes of pixels, not of files, since a PNG's bytes are its compressor's. "
        "Depth and normals differ in their last bits between instruction sets, so depth is "
        "rounded to 1/64, the images have 8 bits anyway, and the run was picked for having no "
        "pixel near a rounding edge: a test moves all particles by 1e-5, and another renders "
        "without AVX2. `real` is left out: light paths differ as a whole between instruction "
        "sets."
    ),
    "computed images": (
        "computed.yaml, in the same way, and with `real`: averages over squares of 16 x 16 pixels, "
        "as whole gray values."
    ),
}


def load() -> dict[str, Any]:
    """Return the golden values by part."""
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


def check(part: str, found: Mapping[str, Any]) -> None:
    """Hold what the code gives now against the golden values of one part.

    Raises
    ------
    AssertionError
        With each difference, and what to do about it.
    """
    changes = list(differences(load()[part], json.loads(json.dumps(found)), part))
    assert not changes, (
        "\n".join(changes)
        + "\n\nData sets made by earlier versions do not go together with this any more. If that "
        "is meant, say in CHANGELOG.md what changed for whom, and run: just golden 'THAT LINE'"
    )


def differences(golden: Any, found: Any, place: str) -> Iterator[str]:
    """Yield a line for each value that is not the golden one."""
    if isinstance(golden, dict) and isinstance(found, dict):
        for key in golden | found:
            here = f"{place} > {key}"
            if key not in golden:
                yield f"{here}: has no golden value, now {found[key]!r}"
            elif key not in found:
                yield f"{here}: was {golden[key]!r}, is gone"
            else:
                yield from differences(golden[key], found[key], here)
    elif golden != found or type(golden) is not type(found):
        yield f"{place}: was {golden!r}, now {found!r}"


def write(parts: Mapping[str, Any], line: str) -> list[str]:
    """Write the golden file anew and return what changed.

    Raises
    ------
    ValueError
        If something changed and `line` does not stand in the changelog.
    """
    before = load() if FILE.exists() else {}
    found = json.loads(json.dumps(parts))
    changes = [
        change
        for part, values in found.items()
        for change in differences(before.get(part, {}), values, part)
    ]
    if not changes:
        return []
    if not line or line not in CHANGELOG.read_text(encoding="utf-8"):
        raise ValueError(
            "\n".join(changes) + f"\n\nnothing written: {line!r} does not stand in CHANGELOG.md; "
            "give the line there that says what changed"
        )
    content = {"about": ABOUT, "changelog": line, **found}
    FILE.write_text(_compact(content, "") + "\n", encoding="utf-8")
    return changes


def _compact(value: Any, indent: str) -> str:
    """Return JSON with one line for each list and each short value."""
    if not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = indent + "  "
    lines = [
        f"{inner}{json.dumps(key, ensure_ascii=False)}: {_compact(item, inner)}"
        for key, item in value.items()
    ]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
