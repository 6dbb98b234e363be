"""Stage: the model of one target, as of the held-out cutoff and as of the data's end.

As of the held-out cutoff the baselines are learnt, too: they are compared, and never published.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from threadpoolctl import threadpool_limits

from features.feature import families, signs
from features.publication import published, read_frame
from models import bundle
from models.baselines import baselines
from models.blend import Model
from models.chain import chain
from models.ladder import train
from models.target import learnable
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.experiments.telling import Learnt, tell
from pipeline.identity import identity
from pipeline.settings import load

INDEX = ["account_id", "as_of"]


def run(name: str) -> None:
    """Write artifacts/<target>, one bundle a cutoff, and runs/<target>.json of the tracked run."""
    tell(learn(name))


def learn(name: str) -> Learnt:
    """Write artifacts/<target>, one bundle a cutoff, and return what is to be told of them."""
    settings, calendar = load(), Calendar.read(files.CALENDAR)
    target, hashes = settings.targets[name], identity("train", name)
    chosen = families(settings.features.families)
    columns = [column for family in chosen.values() for column in family]
    features = read_frame(files.FEATURES).set_index(INDEX)[columns]
    told = {
        cutoff: learnable(
            read_frame(files.LABELS / name / f"{cutoff}.parquet"), target, settings.targets
        )
        for cutoff in (files.BACKTEST, files.SERVING)
    }

    given: dict[str, Any] = {
        "name": name,
        "target": target,
        "settings": settings.learning,
        "signs": signs(settings.features.families),
        "seed": settings.seed,
        "gap_days": target.horizon + settings.contracts.grace + calendar.delay,
        "families": chosen,
    }

    def learnt(cutoff: str) -> Model:
        return train(features, told[cutoff], **given)

    # the trees are grown outside Python's lock; the limit holds until both models are there
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(len(told)) as pool:
        models = dict(zip(told, pool.map(learnt, told), strict=True))
        simple = baselines(features, told[files.BACKTEST], **given)
    with published(files.ARTIFACTS / name) as folder:
        chained = [one.result for one in chain(target, settings.targets)]
        described = {**hashes, "target": target.model_dump(), "chain": chained}
        about = {
            cutoff: {**described, "cutoff": str(rows["by"].max().date())}
            for cutoff, rows in told.items()
        }
        for cutoff, model in models.items():
            bundle.save(model, folder / cutoff, about=about[cutoff])
        for kind, model in simple.items():
            bundle.save(model, folder / files.BASELINES / kind, about={**described, "kind": kind})
    return Learnt(name, settings, calendar, features, chosen, models, about, hashes)


if __name__ == "__main__":
    from pipeline.refusal import in_sentences

    with in_sentences():
        run(sys.argv[1])
