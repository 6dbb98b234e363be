"""Whether what customers write in tickets says more than how many they open: an ablation.

`python -m benchmarks.text` trains with and without a theme of ticket texts on development seeds of
the family `linear`, whose tickets carry a tone, and judges on another company of that family. The
theme is one column: subject and body of the tickets opened in the 91 days before the morning, as
TF-IDF of words and pairs, and a ridge logit of the outcome on them. In training rows the column is
out-of-fold by account; for the judged company it is learnt from all training rows.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from benchmarks import judging
from benchmarks.grades import interval
from benchmarks.worlds import World, world
from features.feature import families
from models import metrics
from models.folds import account_groups
from models.ladder import train
from models.target import learnable
from pipeline import files
from pipeline.morning import INDEX
from pipeline.settings import Settings, load

FAMILY, TARGET, THEME = "linear", "churn", "ticket_text"
SIZES = {200: 4, 1_000: 4}
JUDGE_SEED, JUDGE_ACCOUNTS = 99, 4_000
WINDOW, GROUPS = 91, 5


def written(made: World, rows: pd.DataFrame) -> pd.Series:
    """What each account wrote in the days before each morning, known by then."""
    told = made.tickets.sort_values("recorded_at").drop_duplicates("ticket_id", keep="first")
    opened, known = (pd.to_datetime(told[name]) for name in ("opened_at", "recorded_at"))
    texts = told.assign(
        opened=opened,
        known=known,
        text=told["subject"].fillna("") + ". " + told["body"].fillna(""),
    )[["account_id", "opened", "known", "text"]]
    near = rows[INDEX].merge(texts, on="account_id")
    since = near["as_of"] - pd.Timedelta(days=WINDOW)
    near = near[near["opened"].between(since, near["as_of"], inclusive="left")]
    near = near[near["known"] < near["as_of"]]
    joined = near.groupby(INDEX)["text"].agg(" ".join)
    return joined.reindex(pd.MultiIndex.from_frame(rows[INDEX])).fillna("")


def learner() -> Pipeline:
    """TF-IDF of words and pairs of words, and a ridge logit."""
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=5, sublinear_tf=True)
    return make_pipeline(words, LogisticRegression(C=0.3, max_iter=500))


def themes(
    texts: pd.Series, labels: pd.DataFrame, judged: pd.Series
) -> tuple[np.ndarray, np.ndarray]:
    """The column for the training rows, out-of-fold, and for the judged ones; no text: missing."""
    outcome, weight = labels["outcome"].astype(bool).to_numpy(), labels["weight"].to_numpy()
    groups = account_groups(texts.index, GROUPS, seed=0)
    there, column = texts.ne("").to_numpy(), np.full(len(texts), np.nan)

    def fit(rows: np.ndarray) -> Pipeline:
        weights = {"logisticregression__sample_weight": weight[rows]}
        return learner().fit(texts[rows], outcome[rows], **weights)

    for group in range(GROUPS):
        aside = there & (groups == group)
        column[aside] = fit(there & (groups != group)).decision_function(texts[aside])
    seen = judged.ne("").to_numpy()
    told = np.full(len(judged), np.nan)
    told[seen] = fit(there).decision_function(judged[seen])
    return column, told


def company(made: World, judge: World, settings: Settings) -> dict[str, float]:
    """The change in AUC and log-loss that the theme brings to one company's model."""
    target = settings.targets[TARGET]
    labels, asked = (
        learnable(one.labels[TARGET][files.SERVING], target, settings.targets)
        for one in (made, judge)
    )
    chosen = families(settings.features.families)
    columns = [column for family in chosen.values() for column in family]
    given, fresh = (
        one.features.loc[pd.MultiIndex.from_frame(rows[INDEX]), columns]
        for one, rows in ((made, labels), (judge, asked))
    )
    own, theirs = themes(written(made, labels), labels, written(judge, asked))
    told = judging.training(made, TARGET, settings)
    wider = chosen | {"support": [*chosen["support"], THEME]}
    outcome, weight = asked["outcome"].astype(bool).to_numpy(), asked["weight"].to_numpy()
    found = {}
    for name, rows, known, groups in (
        ("without", given, fresh, chosen),
        ("with", given.assign(**{THEME: own}), fresh.assign(**{THEME: theirs}), wider),
    ):
        model = train(rows, labels, **(told | {"families": groups}))
        p = model.predict(known).to_numpy()
        found[f"{name}_auc"] = metrics.auc(p, outcome, weight)
        found[f"{name}_log_loss"] = float(metrics.log_loss(p, outcome, weight))
    there = ~np.isnan(theirs)
    found["theme_auc"] = metrics.auc(theirs[there], outcome[there], weight[there])
    return found


def main() -> None:
    """Print the mean change over companies, by size."""
    settings = load()
    judge = world(FAMILY, JUDGE_SEED, JUDGE_ACCOUNTS, settings=settings, cutoffs=(files.SERVING,))
    for accounts, count in SIZES.items():
        found = []
        for seed in range(count):
            made = world(FAMILY, seed, accounts, settings=settings, cutoffs=(files.SERVING,))
            found.append(company(made, judge, settings))
        rows = pd.DataFrame(found)
        print(f"{accounts} accounts, {count} companies; the theme alone: AUC", end=" ")
        print(f"{rows['theme_auc'].mean():.3f}")
        for metric in ("auc", "log_loss"):
            change = rows[f"with_{metric}"] - rows[f"without_{metric}"]
            mean, low, high = interval(change.to_list())
            print(f"  {metric} {mean:+.4f} ({low:+.4f} to {high:+.4f})")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
