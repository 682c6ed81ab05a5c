"""Sinks of installed packages: made like our own, and one sentence for what is broken."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.common import entry_points as module
from orchestrator.common.entry_points import with_installed
from orchestrator.tracking.sinks import ENTRY_POINTS, SINKS
from scene.errors import ConfigurationError

type Offer = Callable[[str, str], None]

OFFERED = """
def make(context):
    return None

NUMBER = 3
"""


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Offer]:
    (tmp_path / "offered_sinks.py").write_text(OFFERED)
    (tmp_path / "broken_sinks.py").write_text("import sys\nsys.exit('no\\n licence')\n")
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, value: str) -> None:
        point = EntryPoint(name, value, ENTRY_POINTS)
        object.__setattr__(point, "dist", SimpleNamespace(name="other-sinks"))
        monkeypatch.setattr(module, "entry_points", lambda **_: EntryPoints([point]))

    yield make
    for name in ("offered_sinks", "broken_sinks"):
        sys.modules.pop(name, None)


def test_a_sink_of_an_installed_package_comes_after_ours(offer: Offer) -> None:
    offer("lab", "offered_sinks:make")
    found = with_installed(ENTRY_POINTS, SINKS)
    assert list(found) == [*SINKS, "lab"]
    assert found["lab"](None) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("lab", "offered_sinks:gone", "it fails to load: AttributeError: module 'offered_sinks'"),
        ("lab", "absent_sinks:make", "it fails to load: ModuleNotFoundError: No module named"),
        ("lab", "broken_sinks:make", "it fails to load: SystemExit: no licence"),
        ("lab", "offered_sinks:NUMBER", "it must name a callable, not 3"),
        ("mlflow", "offered_sinks:make", "there is another 'mlflow' already; rename one of them"),
    ],
)
def test_a_broken_one_is_named_in_one_sentence(
    name: str, value: str, why: str, offer: Offer
) -> None:
    offer(name, value)
    with pytest.raises(ConfigurationError) as caught:
        with_installed(ENTRY_POINTS, SINKS)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"installed package other-sinks: {ENTRY_POINTS}: {name}: {why}")
