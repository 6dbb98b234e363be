"""The list: every filter and order against the plain reading of the frame."""

from __future__ import annotations

import pytest

from serve.api.renewals import Wanted
from serve.listing import Listing
from serve.web.listing import answer, of_account
from serve.web.question import SORTS, Question
from tests.serve.web.shelves import endings, predictions, sealable

ROWS = predictions(90)


def listing(rows=ROWS, before=None):
    return Listing(rows, sealable(rows), endings(rows), before)


LISTING = listing(before={"acc_00002": 0.01, "acc_00003": 0.5})
EVERYONE = Question(status="all")


def ids(question: Question) -> list[str]:
    return [row["account_id"] for row in answer(LISTING, question, whole=True).rows]


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({"status": "scored"}, ROWS["status"].eq("scored")),
        ({"owner": "Ines"}, ROWS["owner"].eq("Ines")),
        ({"owner": "unknown"}, ROWS["owner"].isna()),
        ({"band": "high"}, ROWS["risk_band"].eq("high")),
        ({"health": "red"}, ROWS["health_band"].eq("red")),
        ({"agreement": "differ"}, ROWS["agreement"].isin(["model_riskier", "health_riskier"])),
        ({"warning": "yes"}, ROWS["early_warning"].fillna(False).astype(bool)),
        ({"warning": "unknown"}, ROWS["early_warning"].isna()),
        ({"cycle": "2025-08"}, ROWS["target_cycle"].eq("2025-08")),
        ({"due_until": "2025-07-11"}, ROWS["due_date"].lt("2025-07-11")),
        ({"due_from": "2025-07-11"}, ROWS["due_date"].ge("2025-07-11")),
        ({"q": "COMPANY 7"}, ROWS["name"].str.lower().str.contains("company 7")),
        ({"plan": "nothing of the kind"}, ROWS["name"].isna()),
    ],
)
def test_a_filter_leaves_what_has_its_value(asked, kept):
    found = ids(EVERYONE.but(**asked))
    assert sorted(found) == sorted(ROWS.loc[kept, "account_id"])
    assert found or asked.get("plan")


def test_filters_narrow_together_and_the_counts_say_what_each_would_leave():
    asked = Question(segment="SMB", band="high")
    told = answer(LISTING, asked)
    assert told.total == len(ids(asked)) == told.counts["band"]["high"]
    for band, count in told.counts["band"].items():
        if band != "unknown":
            assert answer(LISTING, asked.but(band=band)).total == count


@pytest.mark.parametrize("sort", SORTS)
def test_an_order_puts_the_unknown_last(sort):
    column = {"at_risk": "arr_at_risk", "risk": "churn_probability", "due": "due_date",
              "arr": "arr_due", "health": "health_score", "expand": "upsell_probability",
              "trend": "trend", "name": "name"}[sort]  # fmt: skip
    found = [row[column] for row in answer(LISTING, EVERYONE.but(sort=sort), whole=True).rows]
    known = [value for value in found if value is not None]
    assert found[: len(known)] == known
    keys = [str(value).lower() for value in known] if sort in ("name", "due") else known
    assert keys == sorted(keys, reverse=sort not in ("due", "health", "name"))


def test_the_order_of_the_rows_given_does_not_matter():
    shuffled = ROWS.sample(frac=1, random_state=3)
    other, plain = Listing(shuffled, sealable(ROWS), endings(shuffled)), listing()
    for sort in SORTS:
        asked = EVERYONE.but(sort=sort)
        assert answer(other, asked, True).rows == answer(plain, asked, True).rows


def test_the_pages_are_the_whole_list_once():
    asked = EVERYONE.but(size=25)
    pages = [answer(LISTING, Question(status="all", size=25, page=page)) for page in range(1, 5)]
    assert [row["account_id"] for page in pages for row in page.rows] == ids(asked)
    assert pages[0].pages == 4
    assert answer(LISTING, Question(status="all", page=99)).question.page == 4


def test_the_trend_is_against_the_morning_before_and_unknown_without_one():
    rows = {row["account_id"]: row for row in answer(LISTING, EVERYONE, whole=True).rows}
    told = rows["acc_00002"]
    assert told["trend"] == pytest.approx(told["churn_probability"] - 0.01)
    assert rows["acc_00004"]["trend"] is None


def test_the_quadrants_part_the_scored_and_a_quarter_is_likely_to_grow():
    counts = answer(LISTING, Question()).counts["quadrant"]
    assert sum(counts.values()) == (ROWS["status"] == "scored").sum()
    likely = counts["expand"] + counts["secure_first"]
    assert likely / sum(counts.values()) == pytest.approx(0.25, abs=0.02)
    for row in answer(LISTING, Question(quadrant="expand"), whole=True).rows:
        assert row["risk_band"] == "low" and row["upsell_probability"] >= LISTING.grows_from


def test_unknown_money_is_counted_and_not_taken_for_nothing():
    told = answer(LISTING, EVERYONE)
    assert told.arr == pytest.approx(ROWS["arr_due"].sum())
    assert told.arr_unknown == ROWS["arr_due"].isna().sum() > 0


def test_an_empty_publication_has_an_empty_list():
    none = listing(ROWS.iloc[:0])
    told = answer(none, Question())
    assert (told.rows, told.total, told.pages) == ([], 0, 1)
    assert of_account(LISTING, "nobody") == []
    assert none.grows_from is None


@pytest.mark.parametrize(
    ("page", "interface"),
    [
        (Question(), Wanted(status="scored", sort="-arr_at_risk")),
        (Question(sort="risk", band="high"),
         Wanted(status="scored", risk_band="high", sort="-churn_probability")),
        (Question(sort="due", due_from="2025-07-05", due_until="2025-08-01"),
         Wanted(status="scored", due_from="2025-07-05", due_until="2025-08-01", sort="due_date")),
        (EVERYONE.but(sort="name", owner="unknown"), Wanted(owner="unknown", sort="name")),
        (EVERYONE.but(sort="health", health="unknown"),
         Wanted(health_band="unknown", sort="health_score")),
        (EVERYONE.but(sort="expand", agreement="model_riskier"),
         Wanted(agreement="model_riskier", sort="-upsell_probability")),
    ],
)  # fmt: skip
def test_the_page_and_the_interface_find_the_same_in_the_same_order(page, interface):
    places = LISTING.find(interface.view()).places
    assert ids(page) == list(LISTING.columns["account_id"][places]) != []
