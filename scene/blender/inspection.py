"""Opening files of prototype libraries, in a process of its own that runs nothing in them.

::

    python -m scene.blender.inspection FILES.json FACTS.json
"""

from __future__ import annotations

import sys
from pathlib import Path

from scene.blender.session import Session
from scene.machine.resources import Resources
from scene.prototypes.library.examine import examined
from scene.prototypes.library.facts import FACTS, FILES, FileFacts
from scene.prototypes.library.folder import PrototypeFile


def inspect(files: list[PrototypeFile]) -> list[FileFacts]:
    """Return what is known of each file."""
    session = Session(Resources())
    found = []
    for file in files:
        found.append(examined(file))
        session.reset()
    return found


if __name__ == "__main__":
    asked, answer = map(Path, sys.argv[1:])
    facts = inspect(FILES.validate_json(asked.read_bytes()))
    answer.write_bytes(FACTS.dump_json(facts))
