"""What of a user's data may be shown in a file or on a screen: nothing that names a person."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORDS = """
    name mail email phone mobile fax contact person firstname lastname forename surname street
    address zip postcode birth birthday dob ssn iban card passport tax vat ip login username user
    member distinct actor respondent requester submitter assignee agent owner author manager subject
    body comment description text note message feedback domain url linkedin
    account company customer client organisation tenant workspace parent id number no"""
NAMING = frozenset(_WORDS.split())
THINGS = {"product", "plan", "feature", "event", "module", "item"}
FEW = 50
LONGEST = 32
_PLAIN = re.compile(r"[-+€$£]? ?[\d.,: TZ/+%-]{1,32}")


def shown(words: Sequence[str], values: Sequence[str], distinct: int, filled: int) -> str:
    """A value of a column as it may be shown: as it is, or only its shape.

    `words` are those of the column's name, `values` some that stand in it, `distinct` how many
    different ones in its `filled` rows. Days, amounts and one of a few categories stand as they
    are; ids, free text and whatever is named like a person or a customer are masked.

    >>> shown(["created"], ["2024-03-01"], 900, 900), shown(["plan"], ["Pro"], 3, 50)
    ('2024-03-01', 'Pro')
    >>> shown(["customer"], ["ann@x.org"], 3, 50), shown(["phone"], ["030 1234"], 9, 9)
    ('xxx@x.xxx', '999 9999')
    """
    if not values:
        return ""
    value = " ".join(values[0].split())
    value = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
    category = distinct <= FEW and 2 * distinct <= filled
    return value if _harmless(words, values, category) else shape(value)


def shape(text: str) -> str:
    """The text with x for each letter and 9 for each digit.

    >>> shape("Zoë +49 30")
    'xxx +99 99'
    """
    return "".join("9" if c.isdigit() else "x" if c.isalnum() else c for c in text)


def _harmless(words: Sequence[str], values: Sequence[str], category: bool) -> bool:
    said = set(words)
    if NAMING & said - ({"name"} if said & THINGS else set()):
        return False
    if any("@" in value for value in values):
        return False
    if category and all(len(value) <= LONGEST for value in values):
        return True
    return all(_PLAIN.fullmatch(value) for value in values)
