"""Names that ``_target_`` takes beside ``$builtins.X`` and ``$plugins.package.X``.

Recipes of the predecessor spell some classes by their dotted module paths. These are read by a
fixed table of texts; nothing is ever imported by a name in a recipe.
"""

from __future__ import annotations

_PREFIXES = {
    "synthpic2.recipe.process_conditions.variabilities.": "$builtins.",
    "synthpic2.recipe.process_conditions.feature_criteria.": "$builtins.",
    "synthpic2.recipe.synth_chain.feature_generation_steps.": "$builtins.",
    "synthpic2.recipe.synth_chain.rendering_steps.": "$builtins.",
    "plugins.official.process_conditions.variabilities.": "$plugins.official.",
    "plugins.official.process_conditions.feature_criteria.": "$plugins.official.",
}

_ABSENT = {
    "$builtins.LoadState": (
        "no state can have been saved before a recipe's first step; the same seed makes the same "
        "particles again"
    ),
    "$plugins.RenderAgglomeratesIndividually": (
        "there never was such a step; '$builtins.RenderParticlesIndividually' writes an image of "
        "each particle"
    ),
}


def short_name(target: str) -> str:
    """Return the name that recipes are to use, for a dotted path that the table has.

    >>> short_name("synthpic2.recipe.process_conditions.variabilities.Constant")
    '$builtins.Constant'
    >>> short_name("os.system")
    'os.system'
    """
    for prefix, short in _PREFIXES.items():
        if target.startswith(prefix):
            return short + target.removeprefix(prefix)
    return target


def absence(target: str, what: str) -> str | None:
    """Return the sentence for a name of the predecessor that stands for nothing here."""
    reason = _ABSENT.get(target)
    return None if reason is None else f"unknown {what} {target!r}: {reason}"
