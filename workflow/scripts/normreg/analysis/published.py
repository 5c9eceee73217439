"""Compares the published values of a study with measured ones: the same quantities, computed in the same way."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from normreg.analysis.inference import LEAST_SEEDS, NO_SPREAD, Estimate, one_more
from normreg.analysis.plan import LEVEL
from normreg.analysis.quantities import QUANTITIES
from normreg.analysis.summary import by_seed
from normreg.analysis.verdicts import PublishedVerdict

FEW_SEEDS, UNKNOWN = "too few seeds", "nothing measured"
BEST_OF = 3  # runs, of which the best may have been published
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


def compare(block: Mapping[str, Any], summary: pd.DataFrame) -> pd.DataFrame:
    """A row per condition and quantity: the published value, the measured mean and range over seeds, the difference.

    A published value is shown but not compared if it is not of the same epochs as the measured one.

    Args:
        block: the study file's `published`: `epochs` of the published runs, and `conditions` with their values.
        summary: see `summary.summarise`.

    Returns:
        Columns condition, penalty, norm, quantity, published, best_epochs (of a published best accuracy: all epochs
        that have it, the first one first), measured, measured_low, measured_high, seeds, half_width (of the 95 %
        prediction interval of one more seed, see `inference.one_more`), difference (measured minus published), verdict,
        best_of_3 (the same verdict on the best of `BEST_OF` more seeds), no_verdict (why a published value has none),
        engines (that trained the seeds), diverged (runs that diverged), from, note. Conditions without published values
        have only measured ones. Seeds whose value is unknown do not count.
    """
    rows = []
    for name, runs in summary.groupby("condition", sort=False):
        values = {"epochs": block["epochs"], **block["conditions"].get(str(name), {})}
        first = runs.iloc[0]
        who = {"condition": name, "penalty": first["penalty"], "norm": first["norm"]}
        who |= {"engines": ", ".join(sorted(set(runs["engine"]))), "diverged": runs["diverged_epoch"].count()}
        who |= {"from": values.get("from"), "note": values.get("note")}
        for quantity, key in _PUBLISHED_AS.items():
            # A published list, of the last five epochs, is compared as its mean.
            value = None if values.get(key) is None else float(np.mean(values[key]))
            row = {"quantity": quantity, "published": value}
            row["best_epochs"] = _best_epochs(values) if key == "best" else None
            other = _other_epochs(values, quantity, int(first["epochs"]))
            rows.append({**who, **row, **_compare_one(value, runs[quantity].to_numpy(float), other, quantity)})
    return pd.DataFrame(rows)


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


def _compare_one(value: float | None, measured: np.ndarray, other_epochs: str | None, quantity: str) -> dict[str, Any]:
    found, known = one_more(measured), not np.isnan(measured).all()
    row: dict[str, Any] = {
        "measured": found.difference if known else None,
        "measured_low": np.nanmin(measured) if known else None,
        "measured_high": np.nanmax(measured) if known else None,
        "seeds": found.seeds,
        "half_width": found.interval()[1] - found.difference if found.testable else None,
        "difference": found.difference - value if known and value is not None and not other_epochs else None,
        "verdict": None,
        "best_of_3": None,
        "no_verdict": None if value is None else _no_verdict(found, other_epochs),
    }
    if value is not None and row["no_verdict"] is None:
        p, better = found.p_of(value), (value > found.difference) == QUANTITIES[quantity].better_up
        row["verdict"] = PublishedVerdict.OUTSIDE if p < LEVEL else PublishedVerdict.WITHIN
        of_best = p < LEVEL / BEST_OF if better else p < LEVEL
        row["best_of_3"] = PublishedVerdict.OUTSIDE if of_best else PublishedVerdict.WITHIN
    return row


def _no_verdict(found: Estimate, other_epochs: str | None) -> str | None:
    """Why it is not said whether a published value could be one more seed. None if it is said."""
    if not found.seeds:
        return UNKNOWN
    if other_epochs or found.testable:
        return other_epochs
    return FEW_SEEDS if found.seeds < LEAST_SEEDS else NO_SPREAD


def count_outside(comparison: pd.DataFrame) -> tuple[int, int, int, float]:
    """Verdicts of a table of `compare`: how many, how many "outside" of one more seed, and of the best of `BEST_OF`.

    The last number is how many are expected outside if all published values are one more seed of the same training.
    """
    given = int(comparison["verdict"].notna().sum())
    outside = [int((comparison[name] == PublishedVerdict.OUTSIDE).sum()) for name in ("verdict", "best_of_3")]
    return given, outside[0], outside[1], LEVEL * given


def offset(comparison: pd.DataFrame, summary: pd.DataFrame) -> tuple[float, float, float] | None:
    """Published minus measured final accuracy, as a mean over the conditions that are compared, and its chance range.

    A published study is one more seed: its runs may share what a seed shares. So the mean over conditions of a seed is
    one value, and the range is the prediction interval of one more such value, minus their mean. One test for a
    whole study. None: nothing is compared, or there are too few seeds.
    """
    own = comparison[(comparison["quantity"] == "final_accuracy") & comparison["difference"].notna()]
    found = one_more(by_seed(summary, "final_accuracy")[list(own["condition"])].mean(axis=1, skipna=False).to_numpy())
    if own.empty or not found.testable:
        return None
    low, high = found.interval()
    value = float(own["published"].mean())
    return value - found.difference, low - found.difference, high - found.difference
