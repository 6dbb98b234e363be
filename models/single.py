"""One row, or a block of columns, straight to probabilities: the path of the service.

The arithmetic is that of `Model.predict`, `Model.interval` and serve.scorer, step by step and to
the last bit, laid out so that one row costs microseconds: all boosters of a model are one
(models/woven.py) and all columns of its linear part are put on their scale at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import isnan, nan

import numpy as np

from models import woven
from models.blend import Member, Model
from models.chain import chain
from models.encoding import Encoding
from models.plain import Column, Plain, Value, length, missing
from models.ruler import Ruler
from models.target import Target

ENDS = ("probability", "low", "high")
LEVEL = 0.8  # of the intervals, as in Model.interval
BLOCK = 512  # rows whose numbers stay in the processor's cache
ASKED_BY = ("days_to_due", "arr")


class Fits:
    """Some members of a model, read at once: the blended logit of each on the same rows."""

    def __init__(self, members: Sequence[Member], trees: float, ruler: Ruler | None) -> None:
        sizes = {len(member.boosters) for member in members}
        if len(sizes) > 1:
            raise woven.NotWoven(f"members have {sorted(sizes)} boosters: train them alike")
        self._trees, self._ruler = trees, ruler
        self._each = sizes.pop() if trees > 0 else 0
        self._boosters = (
            woven.woven([booster for member in members for booster in member.boosters])
            if self._each
            else None
        )
        lines = [member.linear for member in members if member.linear is not None]
        self._intercepts = np.array([[line.intercept] for line in lines])
        self._coefficients = np.array([line.coefficients for line in lines])
        self._members = len(members)

    def logits(self, matrix: np.ndarray) -> np.ndarray:
        """One row for each member, one column for each row of the matrix."""
        total = np.zeros((self._members, len(matrix)))
        if self._boosters is not None:
            scores = woven.logits(self._boosters, matrix)
            mean = added(scores.reshape(len(matrix), self._members, self._each), 2) / self._each
            total = total + self._trees * mean.T
        if self._ruler is not None and self._trees < 1:
            sums = self._ruler.sums(matrix, self._coefficients)
            total = total + (1 - self._trees) * (self._intercepts + sums)
        return total


def added(parts: np.ndarray, axis: int) -> np.ndarray:
    """The sum along an axis, part after part: numpy's own adds eight parts of one row in another
    order than those of many rows."""
    return np.add.accumulate(parts, axis=axis).take(-1, axis=axis)


class Single:
    """One model, laid out for speed."""

    def __init__(self, model: Model) -> None:
        self._calibration, self._widen = model.calibration, model.widen
        self._unlearnt = model.unlearnt
        self.abstains, self.base_rate = model.abstains, model.base_rate
        linear = model.served.linear
        self._ruler = None if linear is None else Ruler(linear.scale, len(model.encoding.columns))
        self._served = Fits((model.served,), model.trees, self._ruler)
        self._refits = model.resampled if len(model.resampled) > 1 else ()
        self._trees = model.trees

    @cached_property
    def _resampled(self) -> Fits:
        """Made when an interval is first asked for: most services never do."""
        return Fits(self._refits, self._trees, self._ruler)

    def alone(self, matrix: np.ndarray, intervals: bool) -> dict[str, np.ndarray]:
        """The probability of each row, with its low and high end if asked for."""
        if len(matrix) <= BLOCK:
            return self._block(matrix, intervals)
        starts = range(0, len(matrix), BLOCK)
        parts = [self._block(matrix[start : start + BLOCK], intervals) for start in starts]
        return {end: np.concatenate([part[end] for part in parts]) for end in parts[0]}

    def _block(self, matrix: np.ndarray, intervals: bool) -> dict[str, np.ndarray]:
        (z,) = self._served.logits(matrix)
        found = {"probability": self._calibration.probability(z)}
        if intervals:
            deviation = np.zeros(len(z))
            if self._refits:
                fits = self._resampled.logits(matrix)
                middle = added(fits, 0) / len(fits)
                square = added((fits - middle) ** 2, 0) / (len(fits) - 1)
                deviation = np.sqrt(square) * self._widen
            found["low"], found["high"] = self._calibration.bounds(
                z, deviation, LEVEL, self._unlearnt
            )
        return found


class Fast:
    """All targets of a chain, from plain features to `churn_probability`, `churn_low`, …

    Safe under threads: nothing is changed by a call. A feature that is missing is None or NaN; whom
    a target does not ask about has no probability for it.
    """

    def __init__(self, models: Mapping[str, Model], targets: Sequence[Target]) -> None:
        names = {target.name: target for target in targets}
        self.targets = tuple(targets)
        self._ordered = sorted(targets, key=lambda target: len(chain(target, names)))
        self._given = {target.given for target in targets}
        self._models = {target.name: Single(models[target.name]) for target in targets}
        self._readers: list[Plain] = []
        self._reader: dict[str, int] = {}
        read: list[Encoding] = []
        for target in targets:
            encoding = models[target.name].encoding
            alike = [_reads_alike(encoding, other) for other in read]
            if not any(alike):
                read.append(encoding)
                self._readers.append(Plain(encoding))
                alike.append(True)
            self._reader[target.name] = alike.index(True)
        self.columns = tuple(sorted({column for one in read for column in one.columns}))

    def row(
        self, features: Mapping[str, Value], *, decided: bool = False, intervals: bool = False
    ) -> dict[str, float | None]:
        """One observation, from its features by name; None for a target that does not ask about it.

        Who is asked follows from `days_to_due`, `arr` and `decided`, as in a batch. Raises
        MissingColumns or UnusableColumn with every column at once.
        """
        lacking = [column for column in (*self.columns, *ASKED_BY) if column not in features]
        if lacking:
            raise missing(dict.fromkeys(lacking), features)
        matrices = [reader.row(features) for reader in self._readers]
        days, arr = RULE.row(features)[0].tolist()
        asked = {one.name: is_asked(one, days, arr, decided) for one in self.targets}
        found = self._chained(matrices, asked, 1, intervals)
        single = {name: of.item() for name, of in found.items()}
        return {name: None if isnan(of) else of for name, of in single.items()}

    def table(
        self,
        features: Mapping[str, Column],
        *,
        decided: Sequence[bool] | np.ndarray | None = None,
        intervals: bool = False,
    ) -> dict[str, np.ndarray]:
        """Many observations by column: an array a result, NaN where a target does not ask."""
        lacking = [column for column in (*self.columns, *ASKED_BY) if column not in features]
        if lacking:
            raise missing(dict.fromkeys(lacking), features)
        known = {name: features[name] for name in (*self.columns, *ASKED_BY)}
        if decided is not None:
            known["decided"] = decided  # type: ignore[assignment]
        rows = length(known)
        matrices = [reader.table(features) for reader in self._readers]
        days, arr = RULE.table(features).T
        said = np.zeros(rows, dtype=bool) if decided is None else np.asarray(decided, dtype=bool)
        asked = {one.name: is_asked(one, days, arr, said) for one in self.targets}
        return self._chained(matrices, asked, rows, intervals)

    def unseen(self, features: Mapping[str, Column]) -> dict[str, int]:
        """How many rows of each text column hold a value that training never met."""
        return {
            column: n for reader in self._readers for column, n in reader.unseen(features).items()
        }

    def _chained(
        self,
        matrices: Sequence[np.ndarray],
        asked: Mapping[str, np.ndarray],
        rows: int,
        intervals: bool,
    ) -> dict[str, np.ndarray]:
        """serve.scorer's chain: each target takes its share of what those before it left over."""
        ends = ENDS if intervals else ENDS[:1]
        turned = {"probability": "probability", "low": "high", "high": "low"}
        left: dict[str | None, dict[str, np.ndarray]] = {None: {end: np.ones(rows) for end in ends}}
        usual: dict[str | None, float] = {None: 1.0}
        found: dict[str, dict[str, np.ndarray]] = {}
        for target in self._ordered:
            name, before, mean = target.name, left[target.given], usual[target.given]
            model, matrix, who = self._models[name], matrices[self._reader[name]], asked[name]
            if who.all():
                alone = model.alone(matrix, intervals)
                taken = alone
            else:
                alone = {end: np.full(rows, nan) for end in ends}
                taken = {end: np.zeros(rows) for end in ends}
                if who.any():
                    some = model.alone(matrix[who], intervals)
                    for end in ends:
                        alone[end][who] = taken[end][who] = some[end]
            if model.abstains:
                found[name] = {end: np.minimum(alone[end] * mean, before[end]) for end in ends}
            else:
                found[name] = {end: alone[end] * before[end] for end in ends}
            if name not in self._given:
                continue
            if model.abstains:
                taken = {end: np.where(who, found[name][end], 0.0) for end in ends}
                left[name] = {
                    end: np.maximum(before[end] - taken[turned[end]], 0.0) for end in ends
                }
            else:
                left[name] = {end: before[end] * (1 - taken[turned[end]]) for end in ends}
            usual[name] = mean * (1 - model.base_rate)
        return {
            f"{target.name}_{end}": found[target.name][end]
            for target in self.targets
            for end in ends
        }


RULE = Plain(Encoding(ASKED_BY, {}, {}))


def is_asked(
    target: Target,
    days_to_due: float | np.ndarray,
    arr: float | np.ndarray,
    decided: bool | np.ndarray,
) -> np.ndarray:
    """`Target.is_eligible` on plain numbers, NaN where unknown."""
    if target.eligible == "due":
        asked = np.less(days_to_due, target.horizon)
    else:
        asked = np.logical_not(decided)
    return asked if target.growth is None else np.logical_and(asked, np.equal(arr, arr))


def _reads_alike(one: Encoding, other: Encoding) -> bool:
    return one.columns == other.columns and one.categories == other.categories
