"""Train a particle detector on data sets alone, and measure it on micrographs that it never saw.

::

    uv run --group detector python -m examples.detector --help

Data sets are read with `blendsweep` as anybody's own code would read them; nothing of the project
knows of this package.
"""
