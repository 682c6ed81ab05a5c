"""Write ``golden.json`` anew: ``just golden 'LINE OF THE CHANGELOG'``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from scene.blender.session import Session
from scene.machine.resources import Resources
from tests.golden import file, making


def main() -> None:
    parts = {name: make() for name, make in making.PARTS.items()}
    with tempfile.TemporaryDirectory() as folder:
        session = Session(Resources(cpus=1))
        for part, (recipe, _) in making.RENDERED.items():
            parts[part] = making.images(session, Path(folder) / part, part)
            for nudge in (making.NUDGE, -making.NUDGE):
                moved = making.images(session, Path(folder) / f"{part} {nudge}", part, nudge)
                if moved != parts[part]:
                    sys.exit(
                        f"a pixel of {recipe} is near a rounding edge: take another seed there"
                    )
    try:
        changes = file.write(parts, " ".join(sys.argv[1:]))
    except ValueError as error:
        sys.exit(str(error))
    print("\n".join(changes) or "golden.json is up to date")


main()
