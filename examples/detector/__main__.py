"""``python -m examples.detector``."""

from __future__ import annotations

from examples.detector.app import main

if __name__ == "__main__":
    main()
