"""Only a whole, verified set of bundles serves, and a bad new one leaves the old one serving."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from models import bundle
from models.bundle import BundleDamaged
from serve import bundles
from serve.bundles import Bundles
from tests.models.chained import TARGETS, features, models


def save(folder, origin="first"):
    """One bundle a target below `folder`, as training leaves them."""
    for target in TARGETS:
        about = {"target": target.model_dump(), "origin": origin}
        bundle.save(models()[target.name], folder / target.name / "serving", about=about)
    return bundles.folders(folder)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    first, second = (tmp_path_factory.mktemp(name) for name in ("first", "second"))
    save(first)
    save(second, "second")
    return first, second


@pytest.fixture
def served(saved, tmp_path):
    return Bundles(bundles.folders(shutil.copytree(saved[0], tmp_path / "artifacts")))


@pytest.fixture
def lies(served):
    return {name: folder for name, folder in served._folders.items()}


def exchange(folder, new):
    shutil.rmtree(folder)
    shutil.copytree(new, folder)


def test_what_serves_is_what_was_saved(served, lies):
    loaded = served.serving
    assert [target.name for target in loaded.targets] == ["churn", "upsell"]
    assert loaded.identities == {name: bundle.identity(folder) for name, folder in lies.items()}
    row = features().iloc[1].to_dict() | {"days_to_due": 5.0, "arr": 100.0}
    expected = models()["churn"].predict(features().iloc[[1]].assign(arr=100.0)).item()
    assert loaded.fast.row(row)["churn_probability"] == expected


def test_a_new_set_takes_over_and_the_old_one_stays_with_who_holds_it(served, lies, saved):
    old = served.serving
    assert not served.refresh()
    for name, folder in lies.items():
        exchange(folder, saved[1] / name / "serving")
    assert served.refresh()
    assert served.serving.manifests["churn"]["about"]["origin"] == "second"
    assert old.manifests["churn"]["about"]["origin"] == "first"
    assert served.refused is None and not served.refresh()


def test_an_edited_cut_or_missing_bundle_leaves_the_old_one_serving(served, lies):
    old = served.serving
    listed = lies["churn"] / "served-00.txt"
    whole = listed.read_bytes()
    manifest = (lies["churn"] / bundle.MANIFEST).read_bytes()
    for content, seal in ((whole, manifest[:-30]), (whole[:50], manifest + b" ")):
        listed.write_bytes(content)
        (lies["churn"] / bundle.MANIFEST).write_bytes(seal)
        assert not served.refresh()
        assert served.serving is old and "churn" in str(served.refused)
    shutil.rmtree(lies["upsell"])
    assert not served.refresh() and served.serving is old


def test_a_pickle_is_never_loaded(served, lies):
    ran = lies["churn"].parent / "ran"
    payload = f"cposix\nsystem\n(S'touch {ran}'\ntR.".encode()
    for name in ("model.pkl", "served-00.txt"):
        (lies["churn"] / name).write_bytes(payload)
        (lies["churn"] / bundle.MANIFEST).touch()
        with pytest.raises(BundleDamaged):
            bundles.load(lies)
    assert not ran.exists()


def test_a_set_that_was_half_way_is_taken_once_it_is_whole(served, lies, saved):
    for name, folder in lies.items():
        exchange(folder, saved[1] / name / "serving")
    late = lies["churn"] / "served-00.txt"
    whole = late.read_bytes()
    late.unlink()
    assert not served.refresh() and "served-00.txt" in str(served.refused)
    late.write_bytes(whole)
    assert served.refresh() and served.refused is None


def test_a_set_that_is_mended_back_to_what_serves_takes_nothing_over(served, lies, saved):
    (lies["churn"] / "served-00.txt").unlink()
    (lies["churn"] / bundle.MANIFEST).unlink()
    assert not served.refresh() and served.refused is not None
    exchange(lies["churn"], saved[0] / "churn" / "serving")
    assert not served.refresh() and served.refused is None


def test_a_sealed_bundle_without_a_model_is_refused(lies):
    def seal(manifest):
        sealed = bundle._sha256(bundle._json(manifest))
        (lies["churn"] / bundle.MANIFEST).write_bytes(bundle._json(manifest | {"seal": sealed}))

    manifest = bundle.manifest(lies["churn"])
    (lies["churn"] / "model.json").write_bytes(b"{}")
    manifest["files"]["model.json"] = bundle._sha256(b"{}")
    seal(manifest)
    with pytest.raises(BundleDamaged, match="does not hold a model"):
        bundles.load(lies)
    seal(manifest | {"about": {}})
    with pytest.raises(BundleDamaged, match="does not say what it predicts"):
        bundles.load(lies)


def test_a_bundle_in_the_folder_of_another_target_is_refused(lies, saved):
    exchange(lies["upsell"], saved[0] / "churn" / "serving")
    with pytest.raises(BundleDamaged, match="predicts churn, not upsell"):
        bundles.load(lies)


def test_a_target_without_what_it_is_given_is_refused(lies):
    with pytest.raises(BundleDamaged, match="do not belong together"):
        bundles.load({"upsell": lies["upsell"]})


def test_targets_over_different_days_are_refused(lies):
    longer = TARGETS[0].model_copy(update={"horizon": 120})
    shutil.rmtree(lies["churn"])
    bundle.save(models()["churn"], lies["churn"], about={"target": longer.model_dump()})
    with pytest.raises(BundleDamaged, match="over the same days"):
        bundles.load(lies)


def test_no_bundle_at_all_is_said(tmp_path):
    with pytest.raises(BundleDamaged, match="holds no bundle"):
        bundles.folders(tmp_path)


def test_requests_are_answered_by_one_set_or_the_other_while_it_is_exchanged(served, lies, saved):
    row = features().iloc[1].to_dict() | {"days_to_due": 5.0, "arr": 100.0}
    expected = served.serving.fast.row(row, intervals=True)

    def ask(_):
        return served.serving.fast.row(row, intervals=True)

    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(ask, place) for place in range(200)]
        for origin in (1, 0, 1):
            for name, folder in lies.items():
                exchange(folder, saved[origin] / name / "serving")
            assert served.refresh()
            found += [pool.submit(ask, place) for place in range(200)]
    assert all(answer.result() == expected for answer in found)
    assert os.listdir(lies["churn"])
