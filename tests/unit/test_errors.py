"""Our own errors cross process borders whole, and say where to look."""

from __future__ import annotations

import pickle

import pytest

from scene import errors


@pytest.mark.parametrize(
    "error",
    [
        errors.ConfigurationError([errors.Problem("a.yaml", "b.c", "is wrong")]),
        errors.MissingLibraryError({"libX11.so.6": "libx11-6"}),
        errors.DeviceError("no GPU"),
        errors.StepError("synth_chain.rendering_steps.1 (SaveState)", "OSError", "disk full"),
        errors.RenderError("no image"),
        errors.DryRunError(),
    ],
)
def test_errors_pickle_whole(error: errors.BlendsweepError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_every_error_has_a_row_above() -> None:
    own = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.BlendsweepError)
    ]
    assert errors.__doc__ is not None
    assert [name for name in own if name not in errors.__doc__] == []


def test_a_problem_tells_file_and_path() -> None:
    assert str(errors.Problem("a.yaml", "b.c", "is wrong")) == "a.yaml: b.c: is wrong"
    assert str(errors.Problem("a.yaml", "", "is empty")) == "a.yaml: is empty"


def test_a_missing_library_is_named_with_its_package() -> None:
    error = errors.MissingLibraryError({"libX11.so.6": "libx11-6", "libXi.so.6": "libxi6"})
    assert "libX11.so.6, libXi.so.6" in str(error)
    assert "apt-get install libx11-6 libxi6" in str(error)


@pytest.mark.parametrize(
    ("name", "valid", "sentence"),
    [
        ("AllParticels", ["AllParticles", "Empty"], "; did you mean 'AllParticles'?"),
        ("zzz", ["a", "b"], "; valid are: a, b"),
        ("zzz", [], "; there are none to choose from"),
    ],
)
def test_an_unknown_name_comes_with_the_nearest(name: str, valid: list[str], sentence: str) -> None:
    assert errors.unknown("set", name, valid) == f"unknown set {name!r}{sentence}"


def test_a_problem_is_one_line_that_a_terminal_shows() -> None:
    text = str(errors.Problem("a\nb.yaml", "k\x1b[2J", "ünï: '\udc80'\r"))
    assert text == r"a\nb.yaml: k\x1b[2J: ünï: '\udc80'\r"
