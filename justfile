# Every check of the project. `just` alone lists them; `uv run --dev just` works without an installed just.

# Every `uv run` below takes the development packages along.
export UV_DEV := "1"

EXPORT := "--quiet --no-header --no-dev --no-default-groups --no-emit-project --format requirements-txt"

default:
    @just --list --unsorted

# The tests that CI runs.
test *ARGS:
    uv run pytest {{ARGS}}

# Formatting, lint rules, types and import contracts.
lint:
    uv run ruff format --check .
    uv run ruff check .
    uv run mypy
    uv run lint-imports
    uv export {{EXPORT}} | diff deploy/requirements.txt -

# Rewrite what the formatter and the safe fixes can.
format:
    uv run ruff format .
    uv run ruff check --fix .

# The marked longer rounds.
test-slow *ARGS:
    uv run pytest -m "slow and not autoscale" --timeout 7200 {{ARGS}}

# From recipes to a detector's figures on annotated micrographs, which docs/realism.md shows: an hour and a quarter on two cores.
sim2real REAL_DIR *ARGS:
    uv run --group detector python -m examples.detector sim2real {{quote(REAL_DIR)}} --page docs/realism.md {{ARGS}}

# What of the data earns that, on small data sets: about an hour.
ablation REAL_DIR *ARGS:
    uv run --group detector python -m examples.detector ablation {{quote(REAL_DIR)}} --page docs/realism.md {{ARGS}}

# The tests of what needs PyTorch, some 3 GB, which this installs into the project's environment.
test-torch *ARGS:
    uv run --group detector pytest -m torch tests/examples tests/docs {{ARGS}}

# Everything that the tutorial asks its reader to type or save, in its order: about a minute.
tutorial *ARGS:
    uv run pytest -m slow --timeout 1800 tests/docs/test_tutorial.py {{ARGS}}

# A cluster that grows and shrinks, on Ray's stand-in for a cloud. Ends every Ray of this machine.
autoscale *ARGS:
    uv run pytest -m autoscale --timeout 900 -s tests/deploy {{ARGS}}

# Sweeps killed and resumed many times, slow faults, longer fuzzing: about half an hour.
faults *ARGS:
    uv run pytest -m slow --timeout 7200 -s --durations=0 tests/faults {{ARGS}}

# Write tests/golden/golden.json anew; LINE stands in CHANGELOG.md and says what changed for whom.
golden LINE="":
    uv run python -m tests.golden {{quote(LINE)}}

# Break the code on purpose, a mutation at a time, and see that a test fails: some minutes.
mutants *ARGS:
    uv run python -m tests.mutants {{ARGS}}

# The documentation site, in site/; any warning is an error.
docs *ARGS:
    rm -rf site docs/reference/api
    uv run --group docs sphinx-build -q -W --keep-going -b html docs site {{ARGS}}

# Build the site and show it on http://localhost:8000.
docs-serve: docs
    uv run python -m http.server 8000 --bind 127.0.0.1 --directory site

# Every module with what it is for.
modules:
    @uv run python docs/modules.py

# Four runs from recipe to manifest, in a minute or two.
quickstart:
    uv run python -m orchestrator sweeps/quickstart.yaml

# The README's commands on a bare system, by a user without root; needs root and debootstrap to build it.
fresh *ARGS:
    uv run python -m bench.fresh {{ARGS}}

# Every benchmark, about an hour; tables land in outputs/bench. Or some: just bench look real
bench *NAMES="whole_run features relaxation ellipsoids modes real look microscope transmission warm workers specimens orchestration memory first_image scale exports shapes fused":
    for name in {{NAMES}}; do uv run --group bench python -m bench.$name || exit 1; done

# The pictures of MLflow's pages in docs/images, of a sweep that is rendered for them (minutes).
screenshots *ARGS:
    uv run python -m bench.screenshots {{ARGS}}

# Pin the resolution for machines that are set up without uv.
requirements:
    uv export {{EXPORT}} > deploy/requirements.txt

# Unpack the system libraries that come along from Debian's packages again (network).
libraries:
    uv run python deploy/unpack_libraries.py
