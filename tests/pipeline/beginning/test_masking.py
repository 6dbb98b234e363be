"""What names a person, a customer or a row is shown by its shape; days and amounts as they are."""

from __future__ import annotations

import pytest

from pipeline.beginning.masking import shown
from pipeline.beginning.names import words


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("Contact E-Mail", "ann@example.com"),
        ("Full Name", "Ann Birch"),
        ("Phone", "030 1234567"),
        ("Organization", "Cedar"),
        ("customer_id", "4711"),
        ("Distinct ID", "u-17"),
        ("VAT ID", "DE123"),
        ("subject", "Ann cannot log in"),
        ("reference", "ann@example.com"),
    ],
)
def test_no_letter_and_no_digit_of_it_is_shown_however_often_it_stands(column, value):
    mask = shown(words(column), [value], 3, 500)
    assert len(mask) == len(value) and not set(mask) & set(value) - set(" @.-x9")


def test_free_text_is_masked_whatever_its_column_is_called():
    assert shown(["remark"], ["Zoë is leaving"], 400, 500) == "xxx xx xxxxxxx"


@pytest.mark.parametrize(
    ("column", "value", "distinct"),
    [
        ("Start Date", "31/12/2024", 400),
        ("MRR", "1,200.50", 400),
        ("Plan Name", "Team", 3),
        ("status", "open", 4),
    ],
)
def test_days_amounts_and_categories_stand_as_they_are(column, value, distinct):
    assert shown(words(column), [value], distinct, 500) == value
