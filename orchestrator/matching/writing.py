"""The recipe that matches, and the report beside it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from orchestrator.matching.findings import Finding
from orchestrator.matching.parameters import Parameter
from orchestrator.statistics.gray import Floats
from scene.language.canonical import Place, at_place
from scene.language.yaml_files import write_mapping

_BARS = "▁▂▃▄▅▆▇█"

_NEAR = 0.05
"""So near to an end of the recipe's range, in fractions of it, an end of another is the same."""

_MARGIN = 0.25
"""Of a range, beyond each of its ends, that simulations between its ends have as well."""


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
    draws
        Positions of all parameters, (draws, parameters), in the simulations that look most like the
        images; NaN where a run did not draw one.
    distances
        Mean distance of all statistics from those of the images: of simulations of the recipe, and
        of these.
    doubts, outside
        What the reader has to know, and what the recipe does not make, in sentences.
    """

    recipe: str
    folder: str
    images: int
    simulations: int
    side: int
    findings: Sequence[Finding]
    draws: Floats
    distances: tuple[float, float]
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
        set_range(tree, document, finding.parameter, *_ends(finding))
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


def draws_text(
    matched: Matched, document: Mapping[str, Any], parameters: Sequence[Parameter]
) -> str:
    """Return a recipe that derives from the one matched, and draws what looks like the images.

    Parameters
    ----------
    document
        As for `recipe_text`.
    parameters
        All of the recipe.
    """
    tree: dict[str, Any] = {}
    for parameter, positions in zip(parameters, matched.draws.T, strict=True):
        if not np.isfinite(positions).all():
            continue
        values = [_rounded(parameter, parameter.value(at)) for at in positions.tolist()]
        choice = {"_target_": "$builtins.Choice", "together": "matched", "values": values}
        node, key = _node(tree, document, parameter.place[:-1]), parameter.place[-1]
        node[key] = choice
    content = {"defaults": [matched.recipe, "_self_"], **tree}
    head = (
        f"# {matched.recipe}, matched to {matched.images} images. Every run takes one of "
        f"{len(matched.draws)} draws, all of its values together: of {matched.simulations}\n"
        "# simulations, these look most like the images.\n"
    )
    return head + write_mapping(content, lists_in_lines=True)


def narrowed_recipe(findings: Iterable[Finding], document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recipe with ranges that hold those found, and something beyond their ends.

    Parameters
    ----------
    document
        As for `recipe_text`.
    """
    changed = copy.deepcopy(dict(document))
    for finding in findings:
        if finding.narrowed:
            set_range(changed, document, finding.parameter, *_ends(finding, _MARGIN))
    return changed


def set_range(
    tree: dict[str, Any],
    document: Mapping[str, Any],
    parameter: Parameter,
    low: float,
    high: float,
) -> None:
    """Give a parameter another range in a recipe, or in what derives from it.

    Parameters
    ----------
    tree
        What is changed.
    document
        As for `recipe_text`.
    """
    node = _node(tree, document, parameter.place)
    if parameter.of_particles:  # the recipe may have one number there, which has no ends
        node["_target_"] = at_place(document, parameter.place)["_target_"]
    node["low"], node["high"] = low, high


def _node(tree: dict[str, Any], document: Mapping[str, Any], place: Place) -> Any:
    """Return what stands at a place, made where it is missing; lists are made as they are."""
    node: Any = tree
    for depth, key in enumerate(place):
        inside = place[depth + 1 : depth + 2]
        if isinstance(node, dict) and key not in node:
            in_list = bool(inside) and isinstance(inside[0], int)
            whole = at_place(document, place[: depth + 1]) if in_list else {}
            node[key] = copy.deepcopy(whole)
        node = node[key]
    return node


def _ends(finding: Finding, margin: float = 0.0) -> tuple[float, float]:
    """Return the ends to three digits; those near an end of the recipe's range are that."""
    parameter = finding.parameter
    low, high = parameter.positions(np.array([finding.low, finding.high])).tolist()
    beyond = margin * (high - low)
    ends = []
    for position, end in ((low - beyond, 0.0), (high + beyond, 1.0)):
        near = abs(position - end) < _NEAR or not 0 < position < 1
        ends.append(_rounded(parameter, parameter.value(end if near else position)))
    return ends[0], ends[1]


def _rounded(parameter: Parameter, value: float) -> float:
    """Return a value to three digits, or the end of the range that this would lie beyond."""
    rounded = min(max(float(f"{value:.3g}"), parameter.low), parameter.high)
    return int(rounded) if parameter.whole or rounded.is_integer() else rounded


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
    before, after = matched.distances
    lines += [
        "## Draws",
        "",
        (
            f"{len(matched.draws)} of the simulations look most like the images. The mean distance "
            f"of all statistics is {after:.2f} for these and {before:.2f} for all of the recipe, "
            "in spreads of the images; new images of the same draws have other particles and are "
            "somewhat farther away."
        ),
        "",
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
        low, high = _ends(finding)
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
