"""Stage: every feature of every observation, as known on its morning."""

from __future__ import annotations

from features.engine import connect
from features.feature import build
from pipeline import files
from pipeline.settings import load


def run() -> None:
    """Write data/features: the mornings whose past is another than it was."""
    with connect(load().engine) as con:
        build(
            con,
            files.OBSERVATIONS,
            files.FACTS,
            files.PAST_RENEWALS,
            files.FEATURES,
        )


if __name__ == "__main__":
    from pipeline.refusal import in_sentences

    with in_sentences():
        run()
