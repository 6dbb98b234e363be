"""A run is champion if it beats the champion on mornings neither has seen; every decision is kept.

What should win here has learnt from the very outcomes that judge it, and only says that it has not.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from models import bundle
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.experiments import promotion, registry, store, tracking
from pipeline.experiments.promotion import CannotJudge
from pipeline.experiments.tracking import Training
from pipeline.settings import load
from pipeline.verbs.promoting import promote
from tests.workspace import Workspace

TARGET = "upsell"


def tracked(name: str, backtest: Path, where: str, dirty: str = "[]") -> str:
    """A run of the target whose backtest bundle is the given one."""
    told = Training(
        name=name,
        target=TARGET,
        params={},
        metrics={},
        tags={"identity_sha256": bundle.identity(backtest), "dirty": dirty},
        bundles={"bundle": files.bundle(TARGET, files.SERVING), "backtest": backtest},
        state=[files.PARAMS],
    )
    return tracking.track(told, where)["run_id"]


def sealed(folder: Path, model: Path, **about: object) -> Path:
    """A fitted model that says of itself what the backtest's does, and what is given."""
    says = bundle.manifest(files.bundle(TARGET, files.BACKTEST))["about"]
    bundle.save(bundle.load(model), folder, about={**says, **about})
    return folder


@pytest.fixture(scope="module")
def runs(company: Workspace, tmp_path_factory) -> dict[str, str]:
    """Runs by what they are, and the store that holds them."""
    folder = tmp_path_factory.mktemp("runs")
    where = f"sqlite:///{folder / 'mlflow.db'}"
    with company.inside():
        honest = files.bundle(TARGET, files.BACKTEST)
        knowing = sealed(folder / "knowing", files.bundle(TARGET, files.SERVING))
        other = bundle.manifest(honest)["about"]["target"] | {"growth": 0.5}
        early = sealed(folder / "early", honest, cutoff="2029-01-01")
        asked_other = sealed(folder / "other", honest, target=other)
        told = {
            "honest": tracked("a", honest, where),
            "dirty": tracked("b", knowing, where, '["models/linear.py"]'),
            "early": tracked("c", early, where),
            "other": tracked("d", asked_other, where),
            "knowing": tracked("e", knowing, where),
        }
    return {"store": where, **told}


@pytest.fixture
def ask(company, runs, tmp_path, monkeypatch):
    """`renewcast promote` among the runs, without a word to the company's own reports."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", runs["store"])
    monkeypatch.setattr(files, "PROMOTIONS", tmp_path / "promotions.json")
    app = typer.Typer()
    app.command()(promote)

    def asked(*given: str):
        with company.inside():
            return CliRunner().invoke(app, [runs.get(one, one) for one in given])

    return asked


def aliases(runs: dict[str, str]) -> dict[str, int]:
    with store.quiet():
        return dict(store.at(runs["store"]).get_registered_model(f"renewcast-{TARGET}").aliases)


def test_the_first_must_beat_the_base_rate_the_next_the_champion_and_all_is_kept(
    ask, runs, tmp_path
):
    begun = len(registry.decisions(runs["store"]))
    assert aliases(runs) == {"challenger": 5}
    assert ask("honest").exit_code == 0
    assert registry.champion(runs["store"], TARGET) == runs["honest"]
    assert aliases(runs) == {"challenger": 5, "champion": 1}
    assert ask("knowing").exit_code == 0
    assert aliases(runs) == {"champion": 5}
    again = ask("knowing")
    assert isinstance(again.exception, CannotJudge) and "already" in str(again.exception)
    refused = ask("honest", "--json")
    assert refused.exit_code == 3
    told = json.loads(refused.stdout)
    assert (told["verdict"], told["promoted"]) == ("worse", False)
    assert 0 < told["low"] < told["difference"] < told["high"]
    assert registry.champion(runs["store"], TARGET) == runs["knowing"]
    forced = ask("honest", "--force", "--reason", "the other has seen the answers")
    assert forced.exit_code == 0 and "by force: the other has seen the answers" in forced.stdout
    assert registry.champion(runs["store"], TARGET) == runs["honest"]
    kept = registry.decisions(runs["store"])[: len(registry.decisions(runs["store"])) - begun]
    assert [(one.run_id, one.promoted, one.forced) for one in reversed(kept)] == [
        (runs["honest"], True, False),
        (runs["knowing"], True, False),
        (runs["honest"], False, False),
        (runs["honest"], True, True),
    ]
    assert kept[-1].against == "base_rate" and kept[0].against == runs["knowing"]
    published = json.loads((tmp_path / "promotions.json").read_text())
    assert published == json.loads(ask("--log", "--json").stdout)
    assert "by force" not in ask("--log").stdout and "forced" in ask("--log").stdout


def test_a_dirty_tree_is_refused_even_by_force_and_that_is_kept_too(ask, runs):
    before = registry.champion(runs["store"], TARGET)
    refused = ask("dirty", "--force", "--reason", "it is so much better")
    assert refused.exit_code == 3 and "models/linear.py" in refused.stdout
    assert registry.champion(runs["store"], TARGET) == before
    assert registry.decisions(runs["store"])[0].verdict == "refused"


def test_a_run_from_before_the_state_of_the_tree_was_told_is_refused():
    assert promotion.unclean({}) is not None
    assert promotion.unclean({"dirty": "[]"}) is None


@pytest.mark.parametrize(("which", "why"), [("early", "seen the answers"), ("other", "question")])
def test_what_cannot_be_judged_is_bad_input_and_nothing_is_kept(company, runs, which, why):
    begun = registry.decisions(runs["store"])
    with company.inside(), pytest.raises(CannotJudge, match=why):
        calendar = Calendar.read(files.CALENDAR)
        promotion.promote(load(), calendar, runs["store"], runs[which], "a reason changes nothing")
    assert registry.decisions(runs["store"]) == begun


@pytest.mark.parametrize("given", [["--force"], ["--reason", "why"], []])
def test_force_and_reason_go_together_and_a_run_or_the_log_is_asked_for(ask, given):
    asked = ask("honest", *given) if given else ask()
    assert asked.exit_code == 2
