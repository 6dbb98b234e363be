"""A bundle gives back the same bits, or is refused before anything of it is loaded."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from models import bundle, gradient
from models.bundle import BundleDamaged
from models.ladder import train
from tests.models.fitted import blend, small_bundle
from tests.models.panel import FAMILIES, GAP_DAYS, SETTINGS, SIGNS, Churn, panel


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return small_bundle(tmp_path_factory.mktemp("bundles") / "churn")


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


@pytest.fixture
def nothing_is_loaded(monkeypatch):
    def refuse(_):
        raise AssertionError("a model was loaded before its bundle was verified")

    monkeypatch.setattr(gradient, "from_text", refuse)


def test_a_model_read_back_predicts_the_same_bits(saved):
    features = panel(100, 1, seed=7).features.assign(industry="mining")
    loaded = bundle.load(saved)
    assert loaded.predict(features).equals(blend().predict(features))
    assert loaded.interval(features).equals(blend().interval(features))
    assert loaded.report == blend().report
    assert loaded.rung == blend().rung


def test_saved_again_after_reading_it_is_the_same_bundle(saved, tmp_path):
    about = bundle.manifest(saved)["about"]
    bundle.save(bundle.load(saved), tmp_path / "again", about=about)
    assert bundle.identity(tmp_path / "again") == bundle.identity(saved)


def test_an_abstaining_model_is_a_bundle_too(tmp_path):
    world = panel(20, 2)
    model = train(
        world.features,
        world.labels,
        name="churn",
        target=Churn(),
        settings=SETTINGS,
        signs=SIGNS,
        seed=1,
        gap_days=GAP_DAYS,
        families=FAMILIES,
    )
    bundle.save(model, tmp_path / "b", about={})
    assert bundle.manifest(tmp_path / "b")["rung"] == "base rate"
    loaded = bundle.load(tmp_path / "b")
    assert loaded.predict(world.features).equals(model.predict(world.features))
    assert loaded.interval(world.features).equals(model.interval(world.features))
    assert loaded.unlearnt == model.unlearnt > 0


def test_the_manifest_says_where_the_model_comes_from(saved):
    assert bundle.manifest(saved)["about"] == {"target": "churn"}
    assert bundle.columns(saved) == sorted(panel(2, 1).features.columns)
    other = bundle.manifest(saved)["files"]
    assert "model.json" in other and "served-01.txt" in other


def test_another_origin_is_another_identity(saved, tmp_path):
    bundle.save(blend(), tmp_path / "b", about={"target": "churn", "params_sha256": "x"})
    assert bundle.identity(tmp_path / "b") != bundle.identity(saved)


@pytest.mark.parametrize("name", ["served-00.txt", "model.json", "resampled-02-00.txt"])
def test_one_changed_byte_is_found_before_loading(copy, name, nothing_is_loaded):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(BundleDamaged, match=name):
        bundle.load(copy)


def test_a_cut_file_is_found_before_loading(copy, nothing_is_loaded):
    whole = (copy / "served-00.txt").read_bytes()
    (copy / "served-00.txt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleDamaged, match="served-00.txt was damaged"):
        bundle.load(copy)


def test_a_file_too_many_or_too_few_is_refused(copy, nothing_is_loaded):
    (copy / "extra.txt").write_text("tree")
    with pytest.raises(BundleDamaged, match="extra.txt is not listed"):
        bundle.load(copy)
    (copy / "extra.txt").unlink()
    (copy / "served-00.txt").unlink()
    with pytest.raises(BundleDamaged, match="lacks served-00.txt"):
        bundle.load(copy)


def test_a_changed_or_unreadable_manifest_is_refused(copy):
    path = copy / bundle.MANIFEST
    whole = path.read_bytes()
    for content in (
        whole.replace(b'"churn"', b'"upsell"'),
        whole.replace(b'"seal"', b' "seal"'),
        whole[:-40],
        b"[]",
        b"\xff",
        b"{}",
    ):
        path.write_bytes(content)
        with pytest.raises(BundleDamaged, match=bundle.MANIFEST):
            bundle.load(copy)
    path.unlink()
    with pytest.raises(BundleDamaged, match="no MANIFEST.json"):
        bundle.identity(copy)


@pytest.mark.parametrize("name", ["../model.json", "/etc/hostname.txt", "a/b.txt", "MODEL.TXT"])
def test_a_manifest_that_points_elsewhere_is_refused(copy, name, nothing_is_loaded):
    manifest = bundle.manifest(copy)
    manifest["files"][name] = manifest["files"].pop("model.json")
    seal = bundle._sha256(bundle._json(manifest))
    (copy / bundle.MANIFEST).write_bytes(bundle._json(manifest | {"seal": seal}))
    with pytest.raises(BundleDamaged, match="no plain file name"):
        bundle.load(copy)


def test_a_link_in_the_place_of_a_file_is_refused(copy, tmp_path, nothing_is_loaded):
    (copy / "model.json").rename(tmp_path / "model.json")
    os.symlink(tmp_path / "model.json", copy / "model.json")
    with pytest.raises(BundleDamaged, match="not a plain file"):
        bundle.load(copy)


def test_a_bundle_of_another_format_is_refused(copy):
    manifest = bundle.manifest(copy) | {"format": 99}
    seal = bundle._sha256(bundle._json(manifest))
    (copy / bundle.MANIFEST).write_bytes(bundle._json(manifest | {"seal": seal}))
    with pytest.raises(BundleDamaged, match="format 99"):
        bundle.load(copy)


def test_a_bundle_never_overwrites(saved):
    with pytest.raises(FileExistsError, match="not empty"):
        bundle.save(blend(), saved, about={})


def test_no_clock_and_no_path_of_this_machine_stands_in_a_bundle(saved):
    for path in saved.iterdir():
        assert str(saved.parent) not in path.read_text()
        assert "num_threads" not in path.read_text()
    assert set(json.loads((saved / bundle.MANIFEST).read_text())) == {
        "format",
        "about",
        "rung",
        "files",
        "seal",
    }
