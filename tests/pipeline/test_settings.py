"""params.yaml: one reader, no key that nobody knows, every fault at once."""

from __future__ import annotations

import pytest
import yaml

from pipeline.settings import BadParams, load
from tests.workspace import ROOT


def changed(tmp_path, change):
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    change(params)
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(params, sort_keys=False))
    return path


def test_the_parameters_of_the_repository_are_read(tmp_path):
    settings = load(ROOT / "params.yaml")
    assert list(settings.targets) == ["churn", "upsell", "downsell"]
    assert settings.targets["upsell"].given == "churn"


def test_unknown_keys_are_refused_wherever_they_stand_and_all_are_named(tmp_path):
    def change(params):
        params["sead"] = 1
        params["targets"]["churn"]["horizont"] = 90
        params["learning"]["gradient"]["leaves"] = "many"

    with pytest.raises(BadParams) as refused:
        load(changed(tmp_path, change))
    for place in ("sead", "targets.churn.horizont", "learning.gradient.leaves"):
        assert place in str(refused.value)


def test_a_missing_value_is_refused_because_no_code_holds_defaults(tmp_path):
    with pytest.raises(BadParams, match="contracts.grace: Field required"):
        load(changed(tmp_path, lambda params: params["contracts"].pop("grace")))


@pytest.mark.parametrize(
    "change", [{"given": "nobody"}, {"given": "upsell"}, {"horizon": 180}], ids=str
)
def test_a_target_is_given_another_loss_over_the_same_days(tmp_path, change):
    with pytest.raises(BadParams, match="over the same"):
        load(changed(tmp_path, lambda params: params["targets"]["upsell"].update(change)))


def test_a_health_measure_that_is_no_feature_is_refused(tmp_path):
    def change(params):
        measures = params["health"]["dimensions"]["depth"]["measures"]
        measures["feature_usage"] = measures.pop("features_used_28d")

    with pytest.raises(BadParams, match="feature_usage"):
        load(changed(tmp_path, change))


SPOILT = {
    "a tab": ("\tgrace: 30", "it is no YAML: found character that cannot start"),
    "a stray bracket": ("  grace: [30", "it is no YAML: did not find expected"),
    "a day that is none": ("  grace: 2025-02-30", "it is no YAML: day is out of range"),
    "a letter that is not UTF-8": ("  grace: 30 # für", "it is not UTF-8"),
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_file_that_cannot_be_read_is_refused_with_the_line(tmp_path, spoil):
    line, message = SPOILT[spoil]
    path = tmp_path / "params.yaml"
    path.write_bytes(f"seed: 1\ncontracts:\n{line}\n".encode("latin-1"))
    with pytest.raises(BadParams, match=rf"params.yaml line [34]: {message}"):
        load(path)


def test_every_key_that_stands_there_twice_is_named_at_any_level(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("seed: 1\nlearning:\n  gradient: {leaves: 3, leaves: 4}\nseed: 2\n")
    with pytest.raises(BadParams) as refused:
        load(path)
    assert str(refused.value).splitlines() == [
        f"{path} line 3: leaves stands there twice: keep one of the two",
        f"{path} line 4: seed stands there twice: keep one of the two",
    ]


def test_without_params_the_message_says_where_to_stand(tmp_path):
    with pytest.raises(BadParams, match="top of the clone"):
        load(tmp_path / "params.yaml")
