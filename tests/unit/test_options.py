"""Each option of a sweep is declared once, and everything else agrees with that."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.plan.loading import load_sweep
from orchestrator.plan.options import Option, declared
from orchestrator.plan.settings import SweepFile
from scene.errors import ConfigurationError

OPTIONS = {name: option for name, (_, option) in declared().items()}
DOCS = Path(__file__).parents[2] / "docs"


def default_of(option: Option) -> object:
    """Return the default of the key that an option wins over."""
    *above, last = option.place
    model: type = SweepFile
    for key in above:
        model = model.model_fields[key].annotation  # type: ignore[attr-defined]
    return model.model_fields[last].default  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_has_a_key_and_its_help_tells_that_keys_default(name: str) -> None:
    default = default_of(OPTIONS[name])
    shown = re.search(r"\[default: (.*)\]", OPTIONS[name].help)
    if isinstance(default, int | float | str) and not isinstance(default, bool):
        assert shown is not None
        assert shown[1] == (default if isinstance(default, str) else f"{default:g}")
    else:
        # What is given in words depends on the machine or on the sweep.
        assert shown is None or default is None


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_is_in_the_pages(name: str) -> None:
    spelled = OPTIONS[name].flag or f"--{name.replace('_', '-')}"
    assert any(spelled in page.read_text() for page in DOCS.glob("*.md"))


def test_an_option_that_does_not_exist_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"arguments: worker: .* did you mean 'workers'?"):
        load_sweep("quickstart", worker=2)  # type: ignore[call-arg]
