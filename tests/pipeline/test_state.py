"""What is committed, and what is not."""

from __future__ import annotations

import contextlib

import pytest

from pipeline import state
from tests.pipeline.reproducing.toy import commit, run

WRITTEN = {
    "params.yaml": "seed: 1\n",
    "dvc.lock": "",
    "data/.gitignore": "/raw\n",
    "raw.dvc": "",
    "features/usage.py": "",
    "README.md": "",
}


@pytest.fixture
def clone(tmp_path):
    for name, text in WRITTEN.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    run(tmp_path, "git", "init", "-q")
    commit(tmp_path, "as it stands")
    with contextlib.chdir(tmp_path):
        yield tmp_path


def test_a_committed_tree_is_clean_and_names_its_commit(clone):
    now = state.state()
    assert (now.commit, now.dirty) == (run(clone, "git", "rev-parse", "HEAD").strip(), ())
    assert now.cpu


def test_what_an_experiment_and_dvc_write_does_not_make_it_dirty(clone):
    for name in ("params.yaml", "dvc.lock", "data/.gitignore", "raw.dvc"):
        (clone / name).write_text("changed\n")
    (clone / "features/notes.txt").write_text("not code")
    (clone / "scratch.py").write_text("not in a folder of the code")
    assert state.state().dirty == ()


def test_a_changed_a_removed_and_a_new_module_are_named(clone):
    (clone / "features/usage.py").write_text("changed = True\n")
    (clone / "README.md").unlink()
    (clone / "features/été deux.py").write_text("")
    assert state.state().dirty == ("README.md", "features/usage.py", "features/été deux.py")


@pytest.mark.parametrize("below", [".", "features"])
def test_outside_the_top_of_a_clone_there_is_no_commit(clone, tmp_path_factory, below):
    place = clone / below if below != "." else tmp_path_factory.mktemp("nowhere")
    with contextlib.chdir(place):
        assert (state.state().commit, state.state().dirty) == (None, (state.NO_CLONE,))
