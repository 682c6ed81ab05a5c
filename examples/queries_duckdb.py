"""Questions to a data set, asked in SQL.

uv run python examples/queries_duckdb.py outputs/quickstart
"""

from __future__ import annotations

import argparse
from pathlib import Path

import duckdb

QUERIES = {
    "Coverage by number of particles": """
        WITH numbers AS (SELECT run_id, count(*) AS particles FROM particles GROUP BY run_id)
        SELECT particles, count(*) AS runs, avg(coverage) AS coverage,
               avg(visible_particles / particles) AS visible
        FROM runs JOIN numbers USING (run_id)
        GROUP BY particles ORDER BY particles
    """,
    "Particles that the image does not show, and at its border": """
        SELECT blueprint, count(*) AS particles,
               count(*) FILTER (visible_pixels = 0) AS hidden,
               count(*) FILTER (touches_border) AS at_the_border
        FROM particles GROUP BY blueprint ORDER BY blueprint
    """,
    "The runs that are most out of focus": """
        SELECT "index", seed, "feature.defocus" AS defocus,
               list_filter(files, lambda file: file.path = 'runs/' || run_id || '/real.png')[1].path
                   AS image
        FROM runs ORDER BY defocus DESC, "index" LIMIT 5
    """,
    "Sizes of particles, in scene units": """
        SELECT runs."index", count(*) AS particles, median(dimensions_x) AS median,
               quantile_cont(dimensions_x, 0.9) AS nine_tenths_below, coverage
        FROM particles JOIN runs USING (run_id)
        GROUP BY runs."index", coverage ORDER BY runs."index"
    """,
    "Where the time goes, in seconds": """
        SELECT substr(step, 6) AS step, avg(seconds) AS mean, max(seconds) AS longest
        FROM (UNPIVOT runs ON COLUMNS('^time[.]') INTO NAME step VALUE seconds)
        WHERE step <> 'time.total'
        GROUP BY step ORDER BY mean DESC, step LIMIT 5
    """,
}


def connected(output: Path) -> duckdb.DuckDBPyConnection:
    """Return a connection with views of the runs that succeeded and of their particles."""
    connection = duckdb.connect()
    for table in ("manifest", "particles"):
        # Part files of different sweeps can have different columns.
        parts = connection.read_parquet(f"{output}/{table}/*.parquet", union_by_name=True)
        parts.create_view(table)
    connection.execute("CREATE VIEW runs AS SELECT * FROM manifest WHERE status = 'succeeded'")
    return connection


def main() -> None:
    """Print the answers."""
    parser = argparse.ArgumentParser(description="Ask a data set questions with DuckDB.")
    parser.add_argument("output", type=Path, help="output of a sweep")
    connection = connected(parser.parse_args().output)
    for title, query in QUERIES.items():
        print(title)
        connection.sql(query).show()


if __name__ == "__main__":
    main()
