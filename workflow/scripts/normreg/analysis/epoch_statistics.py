"""Numbers that say something about a curve over epochs, each computed from the curve of one run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from normreg.analysis.summary import LAST


@dataclass(frozen=True)
class Statistic:
    """A named number of a curve.

    Attributes:
        text: what it is, for people, with {} for the epoch where it begins.
        of: the number, from the values of all epochs, float (E,), and that epoch, 1 to E. It has the values' unit.
    """

    text: str
    of: Callable[[np.ndarray, int], float]


def lowest(values: np.ndarray, start: int) -> float:
    """The lowest value from epoch `start` on."""
    return float(values[start - 1 :].min())


def drop(values: np.ndarray, start: int) -> float:
    """How far the last value is below the highest one from epoch `start` on."""
    return float(values[start - 1 :].max() - values[-1])


def rises(values: np.ndarray, start: int) -> float:
    """The sum of all moves upward from one epoch to the next, after epoch `start`. A curve that only falls has 0."""
    return float(np.diff(values[start - 1 :]).clip(min=0).sum())


def largest_rise(values: np.ndarray, start: int) -> float:
    """The largest move upward from one epoch to the next, after epoch `start`. A curve that only falls has 0."""
    return float(np.diff(values[start - 1 :]).clip(min=0).max(initial=0))


def fall(values: np.ndarray, start: int) -> float:
    """How far the last value is below that of epoch `start`."""
    return float(values[start - 1] - values[-1])


def change(values: np.ndarray, start: int) -> float:
    """The mean of the last five epochs minus the mean of the five that end with epoch `start`."""
    return float(values[-LAST:].mean() - values[max(start - LAST, 0) : start].mean())


STATISTICS: Mapping[str, Statistic] = {
    "lowest": Statistic("lowest value from epoch {} on", lowest),
    "drop": Statistic("highest value from epoch {} on, minus the last value", drop),
    "rises": Statistic("sum of upward moves after epoch {}", rises),
    "largest_rise": Statistic("largest upward move after epoch {}", largest_rise),
    "fall": Statistic("value at epoch {} minus the last value", fall),
    "change": Statistic("mean of the last five epochs minus that of the five up to epoch {}", change),
}
