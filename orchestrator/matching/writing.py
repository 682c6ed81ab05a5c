"""The recipe that matches, and the report beside it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from orchestrator.matching.findings import Finding
from orchestrator.matching.parameters import Parameter
from scene.language.canonical import at_place
from scene.language.yaml_files import write_mapping

_BARS = "▁▂▃▄▅▆▇█"


@final
@dataclass(frozen=True, slots=True)
class Matched:
    """What a match has found.

    Parameters
    ----------
    recipe
        Name of the recipe whose ranges were narrowed.
    folder
        Where the images lie.
    images, simulations
        How many there were.
    side
        Pixels along each side of what was compared.
    findings
        Of each parameter.
    doubts, outside
        What the reader has to know, and what the recipe does not make, in sentences.
    """

    recipe: str
    folder: str
    images: int
    simulations: int
    side: int
    findings: Sequence[Finding]
    doubts: Sequence[str]
    outside: Sequence[str]

    @property
    def narrowed(self) -> list[Finding]:
        """The parameters whose range is narrower than the recipe's."""
        return [finding for finding in self.findings if finding.narrowed]


def recipe_text(matched: Matched, document: Mapping[str, Any]) -> str:
    """Return a recipe that derives from the one matched, with narrower ranges.

    Parameters
    ----------
    document
        The recipe matched, composed, its numbers of particles as ranges: lists are replaced as a
        whole, so they are written as one.
    """
    comments: dict[tuple[str, str], list[str]] = {}
    tree: dict[str, Any] = {}
    for finding in matched.narrowed:
        section, _, name, *_ = map(str, finding.parameter.place)
        comments.setdefault((section, name), []).append(_comment(finding))
        _set(tree, document, finding.parameter, finding)
    content = {"defaults": [matched.recipe, "_self_"], **tree}
    lines = [f"# {line}" for line in _head(matched)]
    section = ""
    for line in write_mapping(content).splitlines():
        name = line.strip().removesuffix(":")
        if line == f"{name}:":
            section = name
        if line == f"    {name}:":
            lines += [f"    # {comment}" for comment in comments[section, name]]
        lines.append(line)
    return "\n".join(lines) + "\n"


def _set(
    tree: dict[str, Any], document: Mapping[str, Any], parameter: Parameter, finding: Finding
) -> None:
    node: Any = tree
    for depth, key in enumerate(parameter.place):
        inside = parameter.place[depth + 1 : depth + 2]
        if isinstance(node, dict) and key not in node:
            in_list = bool(inside) and isinstance(inside[0], int)
            whole = at_place(document, parameter.place[: depth + 1]) if in_list else {}
            node[key] = copy.deepcopy(whole)
        node = node[key]
    if parameter.of_particles:  # the recipe may have one number there, which has no ends
        node["_target_"] = at_place(document, parameter.place)["_target_"]
    low, high = _written(parameter, finding)
    node["low"], node["high"] = low, high


def _written(parameter: Parameter, finding: Finding) -> tuple[float, float]:
    """Return the ends to three digits; those near an end of the recipe's range are that."""
    ends = []
    for value, end in ((finding.low, parameter.low), (finding.high, parameter.high)):
        ends_in_range = parameter.positions(np.array([value, end]))
        near = abs(ends_in_range[0] - ends_in_range[1])
        rounded = end if near < 0.05 else float(f"{value:.3g}")
        rounded = min(max(rounded, parameter.low), parameter.high)
        ends.append(int(rounded) if parameter.whole or rounded.is_integer() else rounded)
    return ends[0], ends[1]


def _comment(finding: Finding) -> str:
    parameter = finding.parameter
    inner = parameter.name.partition(".")[2]
    before = "of" if parameter.of_particles else "was"
    return (
        f"{f'{inner}: ' if inner else ''}about {finding.middle:.3g}; {before} {parameter.low:.3g} "
        f"to {parameter.high:.3g}; {finding.sureness} (typical error "
        f"{finding.judgement.error:.0%} of that range)"
    )


def _head(matched: Matched) -> Iterable[str]:
    yield (
        f"{matched.recipe}, matched to {matched.images} images by {matched.simulations} "
        "simulations. Every range covers all images: where the images"
    )
    yield "differ, or do not tell a value precisely, it is wide. The report says more."
    kept = [finding.parameter.name for finding in matched.findings if not finding.narrowed]
    if kept:
        yield "As in the recipe, since the images differ as much, or do not tell it:"
        line = ""
        for name in kept:
            if len(line) + len(name) > 110:
                yield f"  {line},"
                line = ""
            line += f"{', ' if line else ''}{name}"
        yield f"  {line}"
    if matched.outside:
        yield "The images are outside of what the recipe makes; its ranges are the nearest:"
        yield from (f"  {sentence}" for sentence in matched.outside)


def report_text(matched: Matched) -> str:
    """Return the report, in Markdown."""
    lines = [
        f"# {matched.recipe}, matched to {matched.folder}",
        "",
        (
            f"{matched.images} images, {matched.simulations} simulations, compared in pieces of "
            f"{matched.side} x {matched.side} pixels. {len(matched.narrowed)} of "
            f"{len(matched.findings)} ranges are narrower than before."
        ),
        "",
    ]
    if matched.outside:
        lines += [
            "## What the recipe does not make",
            "",
            "Worst first. What depends on these is the nearest that the recipe has, not the truth.",
            "",
            *(f"- {sentence}" for sentence in matched.outside),
            "",
        ]
    if matched.doubts:
        lines += ["## What to know of the images", "", *(f"- {text}" for text in matched.doubts)]
        lines.append("")
    lines += [
        "## Ranges",
        "",
        (
            "`probability` runs over the recipe's range; before, it was level. `error` is the mean "
            "distance of the median from the truth, in simulations whose truth is known, as a "
            "fraction of that range; 25 % is what guessing its middle gives. `in 90 %` is how many "
            "of those truths lie in intervals of 90 %."
        ),
        "",
        "| parameter | recipe | probability | middle | range | | error | in 90 % |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *map(_row, sorted(matched.findings, key=lambda one: one.judgement.error)),
    ]
    return "\n".join(lines) + "\n"


def _row(finding: Finding) -> str:
    parameter, judgement = finding.parameter, finding.judgement
    if finding.narrowed:
        low, high = _written(parameter, finding)
        shown = f"{low:g} to {high:g}"
    else:
        shown = "as before"
    sureness = finding.sureness
    if finding.end:
        sureness += f"; crowded at the {finding.end} end, the truth may lie beyond"
    return (
        f"| {parameter.name} | {parameter.low:.4g} to {parameter.high:.4g} | "
        f"`{_bars(finding.histogram)}` | {finding.middle:.3g} | {shown} | {sureness} | "
        f"{judgement.error:.0%} | {judgement.coverage:.0%} |"
    )


def _bars(histogram: Sequence[float]) -> str:
    most = max(histogram)
    return "".join(_BARS[min(7, int(8 * part / most))] for part in histogram)
