"""The axes of one panel of a response: where values stand, what is cut, and how a value that is cut is written."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from normreg.analysis.quantities import Quantity
from normreg.analysis.verdicts import ResponseLevel

ABSENT = "absent"  # the place of the reference on the axis
_WIDER = 4.0  # a value that would make the axis more than this many times as long is cut
_LOG = 5.0  # positive values whose ratio is at least this are on a log axis


@dataclass(frozen=True)
class Arranged:
    """The rows of one curve in the order of the axis, and where they stand on it.

    Attributes:
        rows: of `responses.csv`, from left to right.
        at: their places.
        absent: the place of the reference of a strength, left of all values. None where each value has its own.
        ends: of the axis.
        log: whether the axis is one of powers of ten.
    """

    rows: pd.DataFrame
    at: np.ndarray
    absent: float | None
    ends: tuple[float, float]
    log: bool

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "Arranged":
        """Arranges the rows of one curve and quantity."""
        rows = rows.iloc[np.argsort(places(rows)[0], kind="stable")]
        at, log = places(rows)
        step = float(np.diff(at).min()) if len(at) > 1 else 1.0
        step = max(step, (at[-1] - at[0]) / 12)
        absent = float(at[0] - 1.3 * step) if rows["level"].iloc[0] == ResponseLevel.STRENGTH else None
        first = float(at[0] if absent is None else absent)
        return cls(rows, at, absent, (first - 0.5 * step, float(at[-1] + 0.6 * step)), log)

    @property
    def texts(self) -> list[str]:
        """The values as the axis has them: of keys that move together the first alone."""
        return [str(value).split(" / ")[0] for value in self.rows["value"]]

    def numbers(self, seeds: pd.DataFrame) -> np.ndarray:
        """The differences of single seeds, one seed in each row, from the curve's rows of `response_seeds.csv`."""
        table = seeds.pivot(index="value", columns="seed", values="number").reindex(self.rows["value"])
        return np.asarray(table, dtype=float).T


def places(rows: pd.DataFrame) -> tuple[np.ndarray, bool]:
    """Where the values stand on the axis, and whether this is a log axis. Texts stand in order, one apart."""
    x = rows["x"].to_numpy(float)
    if np.isnan(x).any():
        return np.arange(len(x), dtype=float), False
    log = bool((x > 0).all() and x.max() >= _LOG * x.min())
    return (np.log10(x) if log else x), log


def limits(rows: pd.DataFrame, quantity: Quantity) -> tuple[float, float]:
    """Ends of the axis: 0, the zone of the margin, and all values but those that are far worse than the others.

    The nearer half of the values and all that are better are inside. Others are added, the nearest first, until one
    would make the axis too long. Over strengths its length so far is that of the first half: a few strong penalties
    fall off a cliff, step by step. Over anything else it grows with each value.
    """
    margin = float(rows["margin"].iloc[0])
    ends = rows[["difference", "low", "high"]].to_numpy(float)
    better = (rows["difference"].to_numpy(float) > 0) == quantity.better_up
    known = ~np.isnan(ends).all(axis=1)
    low, high = -1.6 * margin, 1.6 * margin
    bottoms, tops = np.nanmin(ends[known], axis=1, initial=low), np.nanmax(ends[known], axis=1, initial=high)
    far = np.where(better[known], 0.0, np.maximum(-bottoms, tops))
    limit = np.inf
    for rank, index in enumerate(np.argsort(far, kind="stable"), start=1):
        wider = float(min(low, bottoms[index])), float(max(high, tops[index]))
        if rank > (len(far) + 1) // 2 and far[index]:
            steady = rows["level"].iloc[0] == ResponseLevel.STRENGTH and np.isfinite(limit)
            limit = limit if steady else _WIDER * (high - low)
            if wider[1] - wider[0] > limit:
                break
        low, high = wider
    room = 0.12 * (high - low)
    return low - room, high + room


def short(difference: float, quantity: Quantity) -> str:
    """The number beside the mark of a value outside the axis."""
    digits = 1 if abs(difference) >= 10 else 2 if quantity.percent else 3
    return f"{difference:+.{digits}f}".replace("-", "−")
