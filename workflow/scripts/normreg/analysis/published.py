"""Compares the published values of a study with measured ones: the same quantities, computed in the same way."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from normreg.analysis.verdicts import PublishedVerdict

LEAST_SEEDS = 3  # with fewer, the spread of seeds is unknown
# How much the last-five means of two published runs of one configuration differ, in points: satyajitghana none and l1,
# ashxjain l1-bn and l1l2-bn.
SAME_CONFIGURATION_DIFFERED = (0.06, 0.10)
# Columns of summary.csv. Each is compared with this key of a study's published results.
_PUBLISHED_AS = {
    "final_accuracy": "final",
    "best_accuracy": "best",
    "last5_accuracy": "last5_accuracy",
    "last5_loss": "last5_loss",
}


def compare(published: Mapping[str, Mapping[str, Any]], summary: pd.DataFrame) -> pd.DataFrame:
    """A row per condition and quantity: the published value, the measured mean and range over seeds, the difference.

    Args:
        published: the study file's values per condition (`best`, `final`, `last5_accuracy`, `last5_loss`, `from`).
            `printed_epochs` is there if a log was cut off. Then best and last five are shown but not compared.
        summary: see `summary.summarise`.

    Returns:
        Columns condition, penalty, norm, quantity, published, measured, measured_low, measured_high, seeds, difference
        (measured minus published), verdict, from, note. Conditions without published values have only measured ones.
        A verdict needs at least three seeds.
    """
    rows = []
    for name, runs in summary.groupby("condition", sort=False):
        values = published.get(str(name), {})
        first = runs.iloc[0]
        for quantity, key in _PUBLISHED_AS.items():
            row = {"condition": name, "penalty": first["penalty"], "norm": first["norm"], "quantity": quantity}
            row |= _compare_one(_published_value(values.get(key)), runs[quantity].to_numpy(float))
            if values.get("printed_epochs") and quantity != "final_accuracy":
                row |= {"difference": None, "verdict": None}  # the log was cut off: these are not the same epochs
            rows.append(row | {"from": values.get("from"), "note": values.get("note")})
    return pd.DataFrame(rows)


def _published_value(value: float | Sequence[float] | None) -> float | None:
    """A number itself, or the mean of a list. None if nothing was published."""
    if value is None:
        return None
    return float(np.mean(value))


def _compare_one(value: float | None, measured: np.ndarray) -> dict[str, Any]:
    mean = float(measured.mean())
    return {
        "published": value,
        "measured": mean,
        "measured_low": float(measured.min()),
        "measured_high": float(measured.max()),
        "seeds": len(measured),
        "difference": None if value is None else mean - value,
        "verdict": None if value is None else verdict(value, measured),
    }


def verdict(value: float, measured: np.ndarray) -> PublishedVerdict | None:
    """Whether `value` could be one more seed: is it in the 95 % prediction interval of `measured`? None below 3 seeds.

    The interval is mean +- t * s * sqrt(1 + 1/n) for normal values (Hahn and Meeker 1991, "Statistical Intervals"). The
    test images are the same in all runs, so their sampling error plays no role.
    """
    count = len(measured)
    if count < LEAST_SEEDS:
        return None
    reach = stats.t.ppf(0.975, count - 1) * measured.std(ddof=1) * np.sqrt(1 + 1 / count)
    inside = abs(value - measured.mean()) <= reach
    return PublishedVerdict.WITHIN if inside else PublishedVerdict.OUTSIDE
