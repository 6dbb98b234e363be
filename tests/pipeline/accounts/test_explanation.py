"""What is said of one account adds up to what was published; bad questions are refused."""

from __future__ import annotations

import dataclasses
import json
from datetime import date

import pytest
from typer.testing import CliRunner

from models.blend import Member
from models.calibration import Calibration
from models.rungs import BASE_RATE
from pipeline import cli, cycle, files, terminal
from pipeline.accounts.explanation import Asked, NotAsked, explanation
from pipeline.calendar import Calendar
from pipeline.morning import morning
from pipeline.refusal import refusals
from pipeline.settings import load
from serve import predictions

NOW, THEN = date(2025, 7, 1), date(2025, 6, 1)


@pytest.fixture(scope="module")
def asked(company):
    """Two mornings under the models of each: the first day's had not seen what came after."""
    with company.inside():
        settings, calendar = load(), Calendar.read(files.CALENDAR)
        found = {}
        for day in (THEN, NOW):
            known = cycle.bundles(settings, day)
            on = morning(files.FACTS, day, settings, calendar)
            found[day] = Asked(day, on, known.models, known.sha256)
        scored = predictions.read(files.CYCLE).predictions
    assert found[THEN].sha256 != found[NOW].sha256
    return settings, found, scored[scored["status"].eq("scored")].set_index("account_id")


def both(asked, name) -> list[str]:
    """Accounts that a target asks about on both mornings."""
    settings, found, _ = asked
    target = settings.targets[name]
    eligible = [
        set(on.morning.observations.loc[lambda rows: target.is_eligible(rows), "account_id"])
        for on in found.values()
    ]
    return sorted(eligible[0] & eligible[1])[:4]


def told(asked, account, name="churn", then=THEN, same=False):
    settings, found, _ = asked
    earlier = found.get(then)
    if same and earlier is not None:
        earlier = dataclasses.replace(earlier, models=found[NOW].models, sha256=found[NOW].sha256)
    return explanation(settings, account, settings.targets[name], found[NOW], earlier)


def test_the_dimensions_add_up_to_the_published_probability(asked):
    scored = asked[2]
    for account, row in scored.head(5).iterrows():
        for name in ("churn", "upsell"):
            found = told(asked, account, name, then=None)
            assert found["probability"] == pytest.approx(row[f"{name}_probability"], abs=1e-12)
            points = sum(of["points"] for of in found["dimensions"])
            assert found["average"] + points == pytest.approx(found["conditional"], abs=1e-12)
            whole = found["conditional"] * found["escape"]
            assert whole == pytest.approx(found["probability"], abs=1e-12)
            logit = found["logit"]["base"] + sum(of["logit"] for of in found["dimensions"])
            assert logit == pytest.approx(found["logit"]["sum"], abs=1e-9)
        assert found["given"] == {"churn": pytest.approx(row["churn_probability"])}
        assert found["escape"] == pytest.approx(1 - row["churn_probability"])


def test_where_nothing_falls_due_nothing_can_happen_first(asked, capsys):
    rows = asked[1][NOW].morning.observations.set_index("account_id")
    account = rows.index[rows["days_to_due"].gt(120) & rows["decided"].isna()][0]
    found = told(asked, account, "upsell", then=None)
    assert found["given"] == {"churn": None} and found["escape"] == 1
    assert found["probability"] == pytest.approx(found["conditional"], abs=1e-12)
    terminal.explanation(found)
    assert "happens first" not in capsys.readouterr().out


def test_of_a_model_that_abstains_the_chances_are_the_usual_ones(asked, capsys):
    settings, found, _ = asked
    models = found[NOW].models
    silent = dataclasses.replace(
        models["upsell"],
        rung=BASE_RATE,
        served=Member((), None),
        trees=0.0,
        resampled=(),
        calibration=Calibration("base rate", (-2.0,), ((0.04,),)),
    )
    now = dataclasses.replace(found[NOW], models={**models, "upsell": silent})
    said = [
        explanation(settings, account, settings.targets["upsell"], now, found[THEN])
        for account in both(asked, "churn")
    ]
    assert len(said) > 1
    for one in said:
        assert one["given"] == {"churn": pytest.approx(models["churn"].base_rate)}
        assert one["escape"] == pytest.approx(1 - models["churn"].base_rate)
        assert one["conditional"] * one["escape"] == pytest.approx(one["probability"], abs=1e-12)
        changed = one["changed"]
        parts = sum(of["points"] for of in changed["dimensions"]) + changed["model"]["points"]
        assert parts + changed["escape"] == pytest.approx(changed["points"], abs=1e-12)
    assert len({one["probability"] for one in said}) == 1
    terminal.explanation(said[0])
    assert "the usual" in capsys.readouterr().out


def test_the_health_score_beside_it_is_the_published_one(asked):
    account, row = next(asked[2].iterrows())
    health = told(asked, account)["health"]
    assert health["score"] == pytest.approx(row["health_score"])
    assert health["band"] == row["health_band"]
    assert set(health["dimensions"]) < {
        of["dimension"] for of in told(asked, account)["dimensions"]
    }


@pytest.mark.parametrize("name", ["churn", "upsell"])
@pytest.mark.parametrize("same", [True, False])
def test_what_changed_adds_up_exactly(asked, name, same):
    accounts = both(asked, name)
    assert accounts
    for account in accounts:
        found = told(asked, account, name, same=same)
        changed = found["changed"]
        parts = [of["points"] for of in changed["dimensions"]]
        total = sum(parts) + changed["model"]["points"] + changed["escape"]
        assert total == pytest.approx(changed["points"], abs=1e-12)
        difference = found["probability"] - changed["probability_then"]
        assert changed["points"] == pytest.approx(difference, abs=1e-12)
        assert changed["same_model"] is same
        assert (changed["model"]["points"] == 0) is same
        assert any(parts)


def test_an_account_nobody_asked_about_then_is_not_compared_and_its_health_is_shown(asked):
    settings, found, scored = asked
    rows = found[THEN].morning.observations.set_index("account_id")
    due = rows["days_to_due"].reindex(scored.index)
    account = due[due.ge(90)].index[0]
    said = told(asked, account)
    assert said["changed"] is None
    assert f"falls due in {due[account]} days" in said["not_compared"]
    assert said["health_then"]["score"] is not None


def test_who_is_not_asked_about_is_refused_with_what_is_known(asked):
    rows = asked[1][NOW].morning.observations.set_index("account_id")
    with pytest.raises(NotAsked, match=r"acc_none is no customer on 2025-07-01; \d+ accounts are"):
        told(asked, "acc_none")
    far = rows.index[rows["days_to_due"].gt(90) & rows["decided"].isna()][0]
    with pytest.raises(NotAsked, match=r"falls due in \d+ days; it asks about .* within 90 days"):
        told(asked, far)
    decided = rows.index[rows["decided"].notna()][0]
    with pytest.raises(NotAsked, match="its decision is known"):
        told(asked, decided, "upsell")


def test_an_account_whose_features_failed_is_refused_with_the_reason(asked):
    settings, found, scored = asked
    account = scored.index[0]
    broken = dataclasses.replace(found[NOW].morning, failures={account: "arr is out of range"})
    with pytest.raises(NotAsked, match="arr is out of range"):
        explanation(
            settings, account, settings.targets["churn"],
            dataclasses.replace(found[NOW], morning=broken), None,
        )  # fmt: skip


def test_the_table_for_people_adds_up_but_for_rounding(asked):
    account = both(asked, "upsell")[0]
    rows = terminal.explained(told(asked, account, "upsell"))
    columns = {at: [float(row[at]) for row in rows[1:-2] if row[at]] for at in (1, 2)}
    whole = rows[-1]
    assert float(rows[0][1]) + sum(columns[1]) == pytest.approx(float(whole[1]), abs=0.6)
    assert sum(columns[2]) == pytest.approx(float(whole[2]), abs=0.6)
    assert [row[0] for row in rows[-4:]] == ["churn first", "another model", "", "probability"]


def test_a_model_that_abstains_says_so_and_gives_no_reasons(asked, capsys):
    settings, found, scored = asked
    churn = found[NOW].models["churn"]
    silent = dataclasses.replace(
        churn, served=Member((), None), resampled=(), trees=0.0, rung="base rate",
        report=churn.report | {"why": "7 positives, at least 10 are needed"},
    )  # fmt: skip
    on = dataclasses.replace(found[NOW], models=found[NOW].models | {"churn": silent})
    said = explanation(settings, scored.index[0], settings.targets["churn"], on, None, "no run")
    assert said["probability"] == pytest.approx(said["average"])
    assert said["reasons"] == said["against"] == []
    terminal.explanation(said)
    assert "tells no account from another: 7 positives" in capsys.readouterr().out


@pytest.fixture
def run(company):
    """The verb in this process; gives its exit code, output and errors."""

    def verb(*arguments):
        with company.inside():
            done = CliRunner().invoke(cli.app, ["explain", *arguments])
        said = done.stderr if done.exception is None else f"{done.stderr}{done.exception}"
        return done.exit_code, done.stdout, said

    return verb


def test_the_verb_prints_json_for_programs_and_a_table_for_people(asked, run):
    account = both(asked, "churn")[0]
    code, out, err = run(account, "--as-of", str(NOW), "--json")
    assert code == 0, err
    assert json.loads(out)["since"] == str(THEN)
    assert json.loads(out)["changed"]["same_model"] is False
    code, out, err = run(account, "--as-of", str(NOW), "--since", str(THEN))
    assert code == 0, err
    assert f"{account}, churn within 90 days of {NOW}" in out
    assert "another model" in out and "What raises it" in out and "causes it" in out


def test_without_a_model_of_last_month_the_comparison_is_left_out_with_the_reason(
    asked, run, monkeypatch
):
    account = both(asked, "churn")[0]
    monkeypatch.setattr("pipeline.accounts.explanation.previous", lambda _: date(2024, 2, 1))
    code, out, err = run(account, "--as-of", str(NOW))
    assert code == 0, err
    assert "Not compared with an earlier morning: no model was learnt before 2024-02-01" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["acc_none", "--as-of", "2025-07-01"], "acc_none is no customer on 2025-07-01"),
        (
            ["acc_00001", "--as-of", "2025-07-01", "--target", "churns"],
            "choose among churn, upsell",
        ),
        (["acc_00001", "--as-of", "2025-07-01", "--since", "2025-07-01"], "must lie before"),
        (["acc_00001", "--as-of", "2025-07-01", "--since", "2024-02-01"], "no model was learnt"),
        (["acc_00001", "--as-of", "2024-02-01"], "no model was learnt before 2024-02-01"),
        (["acc_00001", "--as-of", "2025-09-01"], "the data end before 2025-07-01"),
        (["acc_00001", "--as-of", "July"], "July"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_with_one_message(run, arguments, said):
    """What is raised here is what `main` turns into exit 2 (tests/pipeline/test_cli.py)."""
    code, out, err = run(*arguments)
    assert code != 0 and out == "" and said in " ".join(err.replace("│", " ").split())


def test_the_refusals_of_the_verb_exit_with_2():
    assert issubclass(NotAsked, refusals()) and issubclass(cycle.NoBundle, refusals())


def test_the_reasons_are_those_of_the_cycle(asked, company):
    with company.inside():
        published = cycle.score(load(), NOW, 90).frame.set_index("account_id")
    some = published[published["status"].eq("scored")].head(20)
    assert some["reason_1"].str.contains("similar accounts").any()
    for account, row in some.iterrows():
        reasons = [row[name] for name in ("reason_1", "reason_2", "reason_3") if row[name]]
        assert told(asked, account, then=None)["reasons"] == reasons
