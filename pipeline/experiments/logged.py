"""A bundle as MLflow keeps and loads a model: `mlflow.pyfunc.load_model`, `mlflow models serve`.

What MLflow loads is the bundle itself, verified file by file, through this module: there is no
pickle in it, and no second copy of the learner. It therefore loads where the clone is importable.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from models import bundle
from models.blend import Model

if TYPE_CHECKING:
    from mlflow.models.signature import ModelSignature

NEEDS = ("lightgbm", "numpy", "pandas", "scipy", "threadpoolctl")
SAID = ("probability", "low", "high")


class Unsigned(RuntimeError):
    """A logged model did not come back from the store as it was logged."""


class Logged:
    """One bundle behind MLflow's `predict`: a frame of features in, a frame of SAID out."""

    def __init__(self, folder: Path) -> None:
        self._model: Model = bundle.load(folder)

    def predict(self, model_input: pd.DataFrame, params: object = None) -> pd.DataFrame:
        """The probability of the outcome with its 80 % interval, on the frame's own index.

        Of a target that is learnt among those who escape others it is the probability given that
        they do, as in the bundle. A category that training never met counts as missing.
        """
        ends = self._model.interval(model_input)
        return pd.DataFrame({"probability": self._model.predict(model_input)}).join(ends)


def _load_pyfunc(data_path: str) -> Logged:
    """What MLflow calls; raises BundleDamaged before anything is loaded."""
    return Logged(Path(data_path))


def signature(folder: Path) -> ModelSignature:
    """What a bundle reads, numbers as doubles, for any may be missing, and categories as strings;
    and what it says."""
    from mlflow.models.signature import ModelSignature
    from mlflow.types.schema import ColSpec, DataType, Schema, TensorSpec

    known = bundle.load(folder).encoding
    read: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.string if column in known.categories else DataType.double, column)
        for column in known.columns
    ]
    said: list[ColSpec | TensorSpec] = [ColSpec(DataType.double, name) for name in SAID]
    return ModelSignature(Schema(read), Schema(said))


def save(folder: Path, to: Path, **about: Any) -> None:
    """Write a bundle into the new folder `to` as MLflow lays out a model.

    `about`: what MLflow's own record of the model says of it (`run_id`, `model_id`, `metadata`).
    """
    import mlflow.pyfunc
    from mlflow.models import Model as Described

    mlflow.pyfunc.save_model(
        to,
        loader_module=__name__,
        data_path=str(folder),
        mlflow_model=Described(**about),
        signature=signature(folder),
        pip_requirements=[f"{name}=={version(name)}" for name in NEEDS],
    )


def check(found: Path, folder: Path) -> None:
    """Raise Unsigned if the model that a store gave back into the folder `found` has another
    signature than the bundle in `folder` asks for, or other files."""
    from mlflow.models import Model as Described

    read = Described.load(str(found)).signature
    if read is None or read != signature(folder):
        raise Unsigned(f"the model logged from {folder} came back with another signature: {read}")
    held = found / "data" / folder.name
    if bundle.identity(held) != bundle.identity(folder):
        raise Unsigned(f"the model logged from {folder} came back with other files: {held}")
