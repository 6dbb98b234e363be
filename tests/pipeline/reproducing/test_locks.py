"""Two accounts of the same stages, and where they part."""

from __future__ import annotations

from dataclasses import replace

from pipeline.reproducing import locks, recorded
from pipeline.reproducing.locks import Difference, Made

THEN = {
    "score": Made("score", deps={"artifacts": "m1"}, outs={"data/cycle": "p1"}, counts={}),
    "train@churn": Made(
        "train",
        deps={"data/tables": "t1", "features": "c1"},
        params={"seed": 1},
        outs={"artifacts/churn": "b1", "runs/churn.json": "r1"},
        counts={"artifacts/churn": 5},
    ),
    "ingest": Made("ingest", deps={"exports": "e1"}, outs={"data/tables": "t1"}),
    "card": Made("card", deps={"artifacts/churn": "b1"}, outs={"reports/card.md": "x"}),
}
ORDER = ["ingest", "train@churn", "score"]


def changed(stage: str, **parts) -> dict[str, Made]:
    was = THEN[stage]
    return {
        **THEN,
        stage: replace(was, **{name: {**getattr(was, name), **of} for name, of in parts.items()}),
    }


def test_stages_stand_after_those_they_read_from_folders_above_and_below_too():
    assert locks.before(THEN, "score") == ORDER


def test_equal_accounts_count_the_files_and_leave_records_of_runs_out():
    seen = locks.compared(THEN, changed("train@churn", outs={"runs/churn.json": "r2"}), ORDER)
    assert seen.same == {"data/tables": 1, "artifacts/churn": 5, "data/cycle": 1}
    assert not (seen.inputs or seen.results or seen.followed or seen.skipped)


def test_another_input_is_named_and_what_hangs_on_it_follows():
    now = changed("ingest", deps={"exports": "e2"}, outs={"data/tables": "t2"})
    now["train@churn"] = replace(
        THEN["train@churn"],
        deps={"data/tables": "t2", "features": "c1"},
        outs={"artifacts/churn": "b2"},
    )
    seen = locks.compared(THEN, now, ["ingest", "train@churn"])
    assert seen.inputs == [Difference("file", "exports", "e1", "e2")]
    assert seen.followed == ["data/tables", "artifacts/churn"]
    assert not seen.results


def test_another_parameter_and_other_code_are_named_with_both_values():
    now = changed(
        "train@churn", deps={"features": "c2"}, params={"seed": 2}, outs={"artifacts/churn": "b2"}
    )
    assert locks.compared(THEN, now, ORDER[:2]).inputs == [
        Difference("parameter", "seed", 1, 2),
        Difference("file", "features", "c1", "c2"),
    ]


def test_an_account_older_than_what_it_would_read_is_not_compared():
    now = changed("score", deps={"artifacts": "m2"}, outs={"data/cycle": "p2"})
    seen = locks.compared(THEN, now, ORDER)
    assert seen.skipped == ["score"]
    assert not (seen.results or seen.followed)


def test_a_lock_is_read_with_dotted_names_and_a_lock_of_nothing_is_empty():
    text = """
        stages:
          train@churn:
            cmd: train
            deps: [{path: features, md5: c1.dir, nfiles: 3}]
            params: {params.yaml: {targets.churn: {horizon: 90}, seed: 1}}
            outs:
            - {path: runs/churn.json, md5: r1}
            - {path: artifacts/churn, md5: b1.dir, nfiles: 5}
    """
    (made,) = locks.read(text).values()
    assert made.params == {"targets.churn.horizon": 90, "seed": 1}
    assert made.counts == {"runs/churn.json": 1, "artifacts/churn": 5}
    assert locks.runs(locks.read(text)) == {"runs/churn.json": "r1"}
    assert locks.read("") == {}


def test_parameters_of_a_lock_go_before_those_of_the_tree_and_the_rest_stays():
    text = "seed: 1 # a comment\nwiden: {48: 2.4}\nledger: {url: sqlite:///x}\n"
    assert recorded.with_leaves(text, {"seed": 1, "widen.48": 2.4}) == text
    changed = recorded.with_leaves(text, {"seed": 2, "widen.48": 2.5, "new.111": 3})
    assert changed == "seed: 2\nwiden:\n  48: 2.5\nledger:\n  url: sqlite:///x\nnew:\n  111: 3\n"
