"""Several boosters read as one, so that a row is walked through all of them in a single call.

LightGBM's own text knows models with several classes, whose trees take turns: class 0, class 1, …
Written so, boosters that are to be averaged become the classes of one model. Each class adds up
its own trees in their own order: the raw scores are those of the single boosters to the last bit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from models import gradient

if TYPE_CHECKING:
    import lightgbm as lgb

ONE_CLASS = "num_class=1\nnum_tree_per_iteration=1\n"
OWN = r"(?m)^(feature_infos|monotone_constraints)=.*\n"  # of a fit, and not read in predicting
END = "end of trees\n\npandas_categorical:null\n"
NO_TREE = "num_leaves=1\nnum_cat=0\nleaf_value=0\nis_linear=0\nshrinkage=1\n\n\n"


class NotWoven(ValueError):
    """Boosters cannot be read as the classes of one model."""


def woven(boosters: Sequence[lgb.Booster]) -> lgb.Booster:
    """One booster whose raw score of a row is an array, one entry for each of `boosters`.

    Boosters that stopped early are filled up with trees that add nothing. Raises NotWoven unless
    each has one class and all read the same columns.
    """
    texts = [_cut(gradient.text(booster)) for booster in boosters]
    head = texts[0][0]
    read = {re.sub(OWN, "", other) for other, _ in texts}
    if len(read) > 1 or ONE_CLASS not in head:
        raise NotWoven(
            f"{len(boosters)} boosters read {len(read)} sets of columns, or have several classes: "
            "only fits of one outcome on the same columns can be averaged"
        )
    count, rounds = len(texts), max(len(trees) for _, trees in texts)
    bodies = [
        trees[at] if at < len(trees) else NO_TREE for at in range(rounds) for _, trees in texts
    ]
    numbered = [f"Tree={place}\n{body}" for place, body in enumerate(bodies)]
    sizes = " ".join(str(len(tree.encode())) for tree in numbered)
    classes = head.replace(ONE_CLASS, f"num_class={count}\nnum_tree_per_iteration={count}\n")
    return gradient.from_text(f"{classes}tree_sizes={sizes}\n\n{''.join(numbered)}{END}")


def logits(whole: lgb.Booster, matrix: np.ndarray, threads: int = 1) -> np.ndarray:
    """The raw score of each row (down) under each booster (across)."""
    if not len(matrix):
        return np.empty((0, whole.num_model_per_iteration()))
    scores = whole.predict(matrix, raw_score=True, num_threads=threads)
    return np.asarray(scores).reshape(len(matrix), -1)


def _cut(text: str) -> tuple[str, list[str]]:
    """What stands before the trees, the objective apart, and the text of each tree."""
    head, _, rest = text.partition("tree_sizes=")
    sizes, _, body = rest.partition("\n\n")
    content, start, trees = body.encode(), 0, []
    for size in map(int, sizes.split()):
        _, _, tree = content[start : start + size].decode().partition("\n")
        trees.append(tree)
        start += size
    return re.sub(r"(?m)^objective=.*\n", "", head), trees
