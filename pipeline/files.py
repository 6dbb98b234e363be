"""Where things lie: the only module that knows, relative to the top of the clone."""

from __future__ import annotations

from pathlib import Path

PARAMS = Path("params.yaml")
STAGES = Path("dvc.yaml")
LOCK = Path("requirements/core.txt")
STAGES_LOCK = Path("dvc.lock")
FORGOTTEN = Path("forgotten.json")
CODE = ("features", "models", "serve", "pipeline", "simulation")

RAW = Path("data/raw")
TABLES = Path("data/tables")
FACTS = Path("data/facts")
OBSERVED = Path("data/observed")
LABELS = Path("data/labels")
FEATURES = Path("data/features")
HELDOUT = Path("data/heldout.parquet")
CYCLE = Path("data/cycle")
RECORD = Path("data/record")

OBSERVATIONS = OBSERVED / "observations.parquet"
PAST_RENEWALS = OBSERVED / "past_renewals.parquet"
RENEWALS = OBSERVED / "renewals.parquet"
CALENDAR = OBSERVED / "calendar.json"

BACKTEST, SERVING = "backtest", "serving"  # learnt before the held-out cutoff, and from everything
ARTIFACTS = Path("artifacts")
RUNS = Path("runs")
TRACKING = Path("mlflow.db")

DATA_REPORT = Path("reports/data")
COMPARISON = Path("reports/comparison.json")
PROMOTIONS = Path("reports/promotions.json")
METRICS = Path("reports/metrics.json")
PLOTS = Path("reports/plots")
SEARCHES = Path("searches")
REPORT = Path("reports/renewcast")
PREDICTED = Path("reports/predicted")  # of the replay; SEALED is of the ledger
SEALED = Path("reports/sealed")
GATE = Path("reports/gate")
CARDS = Path("reports/cards")


BASELINES = "baselines"  # the simple models of a target, as of the held-out cutoff


def bundle(target: str, cutoff: str) -> Path:
    """The model of a target, as of one of the cutoffs."""
    return ARTIFACTS / target / cutoff


def baselines(target: str) -> Path:
    """The folder of a target's simple models, a bundle each."""
    return ARTIFACTS / target / BASELINES
