"""What an address may ask of the list."""

from __future__ import annotations

from serve.web.question import Question


def test_an_address_reads_back_as_the_question_that_wrote_it():
    asked = Question(band="high", owner="Ines & Co", due_from="2025-07-01", sort="due", page=3)
    told = dict(part.split("=") for part in asked.query().split("&"))
    assert told["owner"] == "Ines+%26+Co"
    assert Question.of({**told, "owner": "Ines & Co"}) == asked


def test_what_an_address_cannot_mean_falls_back_to_what_is_usual():
    odd = {"sort": "drop table", "size": "9999", "page": "٣", "band": "purple",
           "due_from": "2025-13-01", "status": "nonsense", "nobody": "asks"}  # fmt: skip
    assert Question.of(odd) == Question()


def test_another_filter_begins_at_the_first_page():
    assert Question(page=4).but(band="low").page == 1
