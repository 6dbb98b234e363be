"""Links from the documentation to files of the clone."""

from __future__ import annotations

from pipeline.documents.beyond import named
from tests.workspace import ROOT


def test_a_link_to_a_file_of_the_clone_is_a_name_on_the_site_and_others_stay():
    page = (
        "[the license](../LICENSE), [`LICENSE`](../LICENSE), [words](glossary.md), "
        "[nowhere](../nowhere.md), ![drawn](../LICENSE)"
    )
    assert named(page, "limits.md", ROOT) == (
        "the license (`LICENSE`), `LICENSE`, [words](glossary.md), "
        "[nowhere](../nowhere.md), ![drawn](../LICENSE)"
    )


def test_a_link_between_pages_in_folders_stays():
    assert named("[w](../glossary.md)", "reference/tables.md", ROOT) == "[w](../glossary.md)"
