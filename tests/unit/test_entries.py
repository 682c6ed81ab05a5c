"""What MLflow calls a run and its values."""

from __future__ import annotations

import pytest

from orchestrator.common.names import short_keys
from orchestrator.tracking import mlflow_mapping as entries

GRAVITY = "synth_chain.feature_generation_steps.5.gravity.2"
NUMBER = "blueprints.particles.Bead.number"
SEED = "initial_runtime_state.seed"


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ([NUMBER, GRAVITY, SEED], ["Bead.number", "gravity.2", "seed"]),
        (["render.resolution_percentage", "number"], ["render.resolution_percentage", "number"]),
        (["a.Defocus.variability.scale"], ["Defocus.variability.scale"]),
        (["a.3.value", "a.4.value"], ["a.3.value", "a.4.value"]),
        (["a.3.seed"], ["a.3.seed"]),
        (["x.b.n", "y.b.n", "z.0.n"], ["x.b.n", "y.b.n", "n"]),
        (["a.variability.0", "3"], ["a.variability.0", "3"]),
    ],
)
def test_params_have_short_names_of_their_own(keys: list[str], names: list[str]) -> None:
    assert list(short_keys(keys, {}, entries.entity_name).values()) == names


def test_a_name_that_is_taken_is_not_given_again() -> None:
    known = {NUMBER: "Bead.number"}
    assert short_keys(["x.Bead.number", NUMBER], known, entries.entity_name) == {
        "x.Bead.number": "x.Bead.number",
        NUMBER: "Bead.number",
    }


def test_a_runs_name_tells_what_differs() -> None:
    names = short_keys([NUMBER, GRAVITY, SEED])
    pairs = {NUMBER: "600", GRAVITY: "-100", SEED: "1", "render.max_samples": "4"}
    row = {
        "index": 7,
        "overrides": [{"key": key, "value": value} for key, value in pairs.items()],
    }
    name = entries.run_name(row, names, {NUMBER, GRAVITY, SEED})
    assert name == "0007 number=600 gravity.2=-100 seed=1"


def test_two_keys_with_one_last_word_are_told_apart_in_a_runs_name() -> None:
    names = {"x.Bead.number": "Bead.number", "x.Rod.number": "Rod.number"}
    row = {"index": 0, "overrides": [{"key": key, "value": "1"} for key in names]}
    assert entries.run_name(row, names, set(names)) == "0000 Bead.number=1 Rod.number=1"


def test_features_that_are_no_numbers_are_tags() -> None:
    row = {"feature.hide": True, "feature.text": "a|b", "feature.size": 3, "feature.gone": None}
    assert entries.metrics(row) == {"size": 3.0}
    versions: dict[str, str] = {}
    row |= {"status": "succeeded", "recipe": "r", "device": "CPU", "versions": versions}
    tags = entries.tags(row, "out")
    found = {key: value for key, value in tags.items() if ".feature." in key}
    assert found == {"blendsweep.feature.hide": "true", "blendsweep.feature.text": "a|b"}


def test_a_feature_does_not_take_the_name_of_a_count() -> None:
    row = {"coverage": 0.5, "feature.coverage": 0.25, "time.total": float("nan")}
    assert entries.metrics(row) == {"coverage": 0.5, "feature/coverage": 0.25}


def test_scale_and_quality_are_metrics_where_they_are_known() -> None:
    row = {"pixel_size_nm": 12.5, "quality.snr": 7.0, "quality.contrast": None}
    assert entries.metrics(row) == {"pixel_size_nm": 12.5, "quality/snr": 7.0}


def test_the_command_of_a_run_on_an_object_store_names_what_to_copy() -> None:
    row = {
        "run_id": "ab",
        "sweep": "s",
        "recipe": "r",
        "status": "succeeded",
        "overrides": [{"key": "k", "value": "a|b"}],
    }
    note = entries.run_note(row, "s3://bucket/runs/ab", ["/my plugins"])
    assert "python -m scene recipe.yaml --output DIR --plugins '/my plugins'" in note
    assert "after copying `recipe.yaml`" in note
    assert "| `k` | `a\\|b` |" in note


def test_tags_name_the_specimen_of_a_run_that_has_one() -> None:
    row = {"status": "succeeded", "recipe": "beads", "device": "CPU", "versions": {}}
    assert entries.tags(row | {"specimen": "ab" * 16}, "out/1")["blendsweep.specimen"] == "ab" * 16
    assert "blendsweep.specimen" not in entries.tags(row, "out/1")
