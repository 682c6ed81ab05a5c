"""Every error that a recipe's execution raises on purpose.

::

    BlendsweepError
    ├── ConfigurationError      bad input; carries every problem found
    ├── MissingLibraryError     a system library that bpy needs is not installed
    ├── DeviceError             Cycles can't use a reserved GPU
    ├── ThreadError             Blender belongs to another thread and would crash
    ├── VariabilityError        nothing can be drawn with the parameters drawn for a run
    ├── StepError               a step of the synth chain failed
    ├── SpecimenDamagedError    a stored specimen is not what was stored
    ├── SimulationError         physics gave a senseless result
    ├── DryRunError             a recipe asked for no more than a simulation
    └── RenderError             Blender rendered something other than was asked for

All of them cross process borders: each keeps its constructor's arguments in ``args`` and so
pickles whole.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

COMMAND_LINE = "command line"
"""Source of the problems with what was given on the command line."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one place of the input.

    Parameters
    ----------
    source
        The file, or ``command line``.
    path
        Dotted path of the key inside the source, empty for the source as a whole.
    message
        What is wrong and what would be right, without a full stop.
    """

    source: str
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.source}: {self.path}" if self.path else self.source
        line = f"{where}: {self.message}"
        if line.isprintable():
            return line
        # What would move the cursor, or not be seen, is shown as Python writes it.
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


class BlendsweepError(Exception):
    """Base of all errors that are reported to a person as one sentence."""


class ConfigurationError(BlendsweepError):
    """The input is wrong; nothing was started.

    Parameters
    ----------
    problems
        All problems found, at least one.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class MissingLibraryError(BlendsweepError):
    """System libraries that bpy needs can't be loaded.

    Parameters
    ----------
    packages
        Library name, for instance ``libX11.so.6``, to the Debian package that holds it.
    """

    def __init__(self, packages: dict[str, str]) -> None:
        self.packages = packages
        super().__init__(packages)

    def __str__(self) -> str:
        names = ", ".join(self.packages)
        install = " ".join(dict.fromkeys(self.packages.values()))
        return (
            f"Blender needs system libraries that are not installed: {names}; "
            f"on Debian or Ubuntu: apt-get install {install}"
        )


class DeviceError(BlendsweepError):
    """A GPU is reserved for this worker, but Cycles can't use it."""


class ThreadError(BlendsweepError):
    """Blender belongs to another thread and would crash on this one."""


class RenderError(BlendsweepError):
    """Blender returned from a render without the image it was asked for."""


class SimulationError(BlendsweepError):
    """A simulation moved particles where none can be."""


class DryRunError(BlendsweepError):
    """A step ended the run on purpose: the recipe asked for no more than its simulation."""

    def __str__(self) -> str:
        return "dry run"


class SpecimenDamagedError(BlendsweepError):
    """A stored specimen is not what was stored.

    Parameters
    ----------
    specimen
        Its hash.
    reason
        What is wrong with it, in words.
    """

    def __init__(self, specimen: str, reason: str) -> None:
        self.specimen = specimen
        self.reason = reason
        super().__init__(specimen, reason)

    def __str__(self) -> str:
        return f"the stored specimen {self.specimen} is damaged: {self.reason}"


class VariabilityError(BlendsweepError):
    """The parameters that were drawn for a variability leave nothing that it can draw.

    Parameters
    ----------
    name
        The variability.
    reason
        What is wrong with them.
    """

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(name, reason)

    def __str__(self) -> str:
        place = f"process_conditions.feature_variabilities.{self.name}.variability"
        return f"{place}: {self.reason}"


class StepError(BlendsweepError):
    """A step of the synth chain raised.

    Parameters
    ----------
    step
        Path and name of the step, for instance
        ``synth_chain.rendering_steps.1 (RenderParticlesTogether.real)``.
    error_type
        Type name of the original error.
    message
        Text of the original error.
    """

    def __init__(self, step: str, error_type: str, message: str) -> None:
        self.step = step
        self.error_type = error_type
        self.message = message
        super().__init__(step, error_type, message)

    def __str__(self) -> str:
        return f"{self.step}: {self.error_type}: {self.message}"


def unknown(what: str, name: object, valid: Iterable[str], where: str = "") -> str:
    """Return the sentence for a name that does not exist, with the nearest that does.

    >>> unknown("set", "AllParticels", ["AllParticles", "Empty"])
    "unknown set 'AllParticels'; did you mean 'AllParticles'?"
    >>> unknown("key", "nmae", ["name"], where="in blueprints")
    "unknown key 'nmae' in blueprints; did you mean 'name'?"
    """
    valid = sorted(valid)
    start = f"unknown {what} {str(name)!r}" + (f" {where}" if where else "")
    # Capitals and look-alike characters are what a person sees last.
    alike = {_folded(other): other for other in reversed(valid)}
    close = difflib.get_close_matches(_folded(str(name)), alike, n=1, cutoff=0.6)
    if close:
        return f"{start}; did you mean {alike[close[0]]!r}?"
    if not valid:
        return f"{start}; there are none to choose from"
    shown = ", ".join(valid[:12]) + (", ..." if len(valid) > 12 else "")
    return f"{start}; valid are: {shown}"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().strip()
