"""Questions to a data set, asked with Polars.

uv run python examples/queries_polars.py outputs/quickstart
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import polars as pl
import polars.selectors as cs


def tables(output: Path) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Return the runs that succeeded, and all particles; nothing is read yet."""
    runs, particles = (
        # Part files of different sweeps can have different columns.
        pl.concat(
            [pl.scan_parquet(part) for part in sorted((output / table).glob("*.parquet"))],
            how="diagonal_relaxed",
        )
        for table in ("manifest", "particles")
    )
    return runs.filter(pl.col("status") == "succeeded"), particles


def queries(runs: pl.LazyFrame, particles: pl.LazyFrame) -> dict[str, pl.LazyFrame]:
    """Return title to question."""
    numbers = particles.group_by("run_id").agg(particles=pl.len())
    return {
        "Coverage by number of particles": runs.join(numbers, on="run_id")
        .group_by("particles")
        .agg(
            runs=pl.len(),
            coverage=pl.mean("coverage"),
            visible=(pl.col("visible_particles") / pl.col("particles")).mean(),
        )
        .sort("particles"),
        "Particles that the image does not show, and at its border": particles.group_by("blueprint")
        .agg(
            particles=pl.len(),
            hidden=(pl.col("visible_pixels") == 0).sum(),
            at_the_border=pl.sum("touches_border"),
        )
        .sort("blueprint"),
        "The runs that are most out of focus": runs.select(
            "index", "seed", defocus="feature.defocus", image=path_of("real.png")
        )
        .sort("defocus", "index", descending=[True, False])
        .head(5),
        "Sizes of particles, in scene units": particles.join(
            runs.select("run_id", "index", "coverage"), on="run_id"
        )
        .group_by("index", "coverage")
        .agg(
            particles=pl.len(),
            median=pl.median("dimensions_x"),
            nine_tenths_below=pl.quantile("dimensions_x", 0.9, interpolation="linear"),
        )
        .select("index", "particles", "median", "nine_tenths_below", "coverage")
        .sort("index"),
        "Where the time goes, in seconds": runs.select(
            cs.starts_with("time.") - cs.by_name("time.total")
        )
        .unpivot(variable_name="step", value_name="seconds")
        .group_by(pl.col("step").str.strip_prefix("time."))
        .agg(mean=pl.mean("seconds"), longest=pl.max("seconds"))
        .sort(["mean", "step"], descending=[True, False], nulls_last=True)
        .head(5),
    }


def path_of(name: str) -> pl.Expr:
    """Return the path, relative to the output, of the file of a name in each run's folder."""
    path = pl.element().struct.field("path")
    return (
        pl.col("files")
        .list.eval(path.filter(path.str.contains(f"^runs/[^/]+/{re.escape(name)}$")))
        .list.first()
    )


def main() -> None:
    """Print the answers."""
    parser = argparse.ArgumentParser(description="Ask a data set questions with Polars.")
    parser.add_argument("output", type=Path, help="output of a sweep")
    runs, particles = tables(parser.parse_args().output)
    for title, query in queries(runs, particles).items():
        print(title)
        print(query.collect())


if __name__ == "__main__":
    main()
