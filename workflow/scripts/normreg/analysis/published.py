"""Compares the published values of a study with measured ones: the same quantities, computed in the same way."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from normreg.analysis.verdicts import PublishedVerdict

LEAST_SEEDS = 3  # with fewer, the spread of seeds is unknown
LEVEL = 0.05  # of a published value that is one more seed, the chance to be outside the interval
FEW_SEEDS, NO_SPREAD, UNKNOWN = "too few seeds", "all seeds have the same value", "nothing measured"
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
_NOTHING = dict.fromkeys(("measured", "measured_low", "measured_high", "half_width", "difference", "verdict"))


def compare(block: Mapping[str, Any], summary: pd.DataFrame) -> pd.DataFrame:
    """A row per condition and quantity: the published value, the measured mean and range over seeds, the difference.

    A published value is shown but not compared if it is not of the same epochs as the measured one.

    Args:
        block: the study file's `published`: `epochs` of the published runs, and `conditions` with their values.
        summary: see `summary.summarise`.

    Returns:
        Columns condition, penalty, norm, quantity, published, best_epochs (of a published best accuracy: all epochs
        that have it, the first one first), measured, measured_low, measured_high, seeds, half_width (of the 95 %
        prediction interval of one more seed, see `half_width`), difference (measured minus published), verdict,
        no_verdict (why a published value has none), engines (that trained the seeds), diverged (runs that diverged),
        from, note. Conditions without published values have only measured ones. Seeds whose value is unknown do not
        count.
    """
    rows = []
    for name, runs in summary.groupby("condition", sort=False):
        values = {"epochs": block["epochs"], **block["conditions"].get(str(name), {})}
        first = runs.iloc[0]
        for quantity, key in _PUBLISHED_AS.items():
            row = {"condition": name, "penalty": first["penalty"], "norm": first["norm"], "quantity": quantity}
            row["best_epochs"] = _best_epochs(values) if key == "best" else None
            other = _other_epochs(values, quantity, int(first["epochs"]))
            row |= _compare_one(_published_value(values.get(key)), runs[quantity].to_numpy(float), other)
            row |= {"engines": ", ".join(sorted(set(runs["engine"]))), "diverged": runs["diverged_epoch"].count()}
            rows.append(row | {"from": values.get("from"), "note": values.get("note")})
    return pd.DataFrame(rows)


def _published_value(value: float | Sequence[float] | None) -> float | None:
    """A number itself, or the mean of a list. None if nothing was published."""
    if value is None:
        return None
    return float(np.mean(value))


def _best_epochs(values: Mapping[str, Any]) -> str | None:
    if values.get("best_epoch") is None:
        return None
    return ", ".join(str(epoch) for epoch in (values["best_epoch"], *values.get("also_best_epochs", ())))


def _other_epochs(values: Mapping[str, Any], quantity: str, epochs: int) -> str | None:
    """Says why a published value is not of the same epochs as the value of a run of `epochs`. None if it is."""
    if values["epochs"] != epochs:
        return f"the published run had {values['epochs']} epochs, this run has {epochs}"
    if values.get("printed_epochs") and quantity != "final_accuracy":
        return f"the published log ends after epoch {values['printed_epochs']}"
    return None


def _compare_one(value: float | None, measured: np.ndarray, other_epochs: str | None) -> dict[str, Any]:
    measured = measured[~np.isnan(measured)]
    if not len(measured):
        return {"published": value, "seeds": 0, "no_verdict": None if value is None else UNKNOWN} | _NOTHING
    mean, reach = float(measured.mean()), half_width(measured)
    row: dict[str, Any] = {
        "published": value,
        "measured": mean,
        "measured_low": float(measured.min()),
        "measured_high": float(measured.max()),
        "seeds": len(measured),
        "half_width": reach,
        "difference": None,
        "verdict": None,
        "no_verdict": other_epochs,
    }
    if value is None:
        return row | {"no_verdict": None}
    if other_epochs:
        return row
    row["difference"] = mean - value
    if reach is None:
        return row | {"no_verdict": FEW_SEEDS if len(measured) < LEAST_SEEDS else NO_SPREAD}
    return row | {"verdict": verdict(value, mean, reach)}


def half_width(measured: np.ndarray) -> float | None:
    """Half the width of the 95 % prediction interval for one more seed: t * s * sqrt(1 + 1/n) for normal values.

    Source: Hahn and Meeker 1991, "Statistical Intervals". The test images are the same in all runs, so their sampling
    error plays no role. None below three seeds. None too if all values are equal: then a seed more may well differ.
    """
    count = len(measured)
    if count < LEAST_SEEDS or np.ptp(measured) == 0:
        return None
    return float(stats.t.ppf(1 - LEVEL / 2, count - 1) * measured.std(ddof=1) * np.sqrt(1 + 1 / count))


def verdict(value: float, mean: float, reach: float) -> PublishedVerdict:
    """Whether `value` could be one more seed: is it in the prediction interval `mean` +- `reach`?"""
    return PublishedVerdict.WITHIN if abs(value - mean) <= reach else PublishedVerdict.OUTSIDE


def count_outside(comparison: pd.DataFrame) -> tuple[int, int, float]:
    """Verdicts of a table of `compare`: how many there are, how many are "outside", how many of these to expect.

    The expected number is that of published values that are all one more seed of the same training: 5 %.
    """
    given = int(comparison["verdict"].notna().sum())
    return given, int((comparison["verdict"] == PublishedVerdict.OUTSIDE).sum()), LEVEL * given
