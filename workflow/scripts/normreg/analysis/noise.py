"""How much runs differ by chance: over seeds, and because of the choice of the test images."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import scipy

from normreg.analysis.agreement import Classes
from normreg.analysis.inference import LEAST_SEEDS, Pool, rounding
from normreg.analysis.plan import LEVEL
from normreg.analysis.summary import by_seed, effects_of, engines_by_seed

SAMPLING_QUANTITY = "test_accuracy"  # that of predictions.npz


# The columns of `noise.csv` from `spread`, `repeats` and `sampling`. None: there are too few seeds for a number.
_Row = dict[str, float | None]
SPREAD = (
    *("residual_sd", "residual_low", "residual_high", "within_sd"),
    *("correlation", "correlation_low", "correlation_high", "paired_sd", "independent_sd", "least_difference"),
)
REPEATS = ("repeat_median", "repeat_95", "repeat_largest")
SAMPLING = ("test_set_share", "test_set_sd", "training_sd")


def describe(summary: pd.DataFrame, classes: Classes) -> pd.DataFrame:
    """`noise.csv` without its column `run`: a row for each quantity. Only distinct conditions and complete seeds count.

    A condition of which a run diverged is left out. A seed is complete if all its runs are there and one engine trained
    them.

    Args:
        summary: see `summary.summarise`.
        classes: the predicted classes of the distinct conditions.
    """
    unfinished = set(summary.loc[summary["diverged_epoch"].notna(), "condition"])
    conditions = [name for name in dict.fromkeys(classes.conditions) if name not in unfinished]
    own = summary[summary["condition"].isin(conditions)]
    rows = []
    for quantity in dict.fromkeys([*effects_of(summary), SAMPLING_QUANTITY]):
        values = by_seed(own, quantity)[conditions]
        one_engine = engines_by_seed(own)[conditions].nunique(axis=1) == 1
        kept = values[values.notna().all(axis=1) & one_engine]
        engines = own.loc[own["seed"].isin(kept.index), "engine"]
        row: dict[str, Any] = {
            "quantity": quantity,
            "conditions": len(conditions),
            "seeds": len(kept),
            "left_out": len(values) - len(kept),
            "engines": " and ".join(sorted(set(engines))) or None,
        }
        row |= repeats(kept.to_numpy()) | spread(kept.to_numpy())
        rows.append(row | sampling(_groups(classes) if quantity == SAMPLING_QUANTITY else []))
    return pd.DataFrame(rows)


def spread(values: np.ndarray) -> _Row:
    """The spread of `values` (n, k) of n seeds in k conditions: two-way analysis of variance without replication.

    - `within_sd`: SD of the seeds of one condition, all conditions together. Its square is V.
    - `residual_sd`: SD of a run after the means of its condition and of its seed are removed. Its square is the mean
      square MS of the residuals, with f = (n - 1)(k - 1) degrees of freedom. The 95 % interval is that of chi-square.
    - `correlation` of the seeds across conditions: ICC(3,1) of Shrout and Fleiss (1979), (S - MS) / (S + (k - 1) MS)
      with the mean square S of seeds, and their F interval. It can be negative. It equals 1 - MS / V, so it is also the
      share of variance that pairing saves.
    - `paired_sd`: SD of a difference of two conditions with one seed, sqrt(2 MS). `independent_sd`: with two seeds,
      sqrt(2 V).
    - `least_difference`: half of the 95 % interval of a difference of two conditions over these n paired seeds,
      t(0.975, f) sqrt(2 MS / n) (Fisher's least significant difference).

    With fewer than three seeds nothing is given. With one condition, or without any spread, only `within_sd` is.
    """
    seeds, conditions = values.shape
    unknown: _Row = dict.fromkeys(SPREAD)
    if seeds < LEAST_SEEDS:
        return unknown
    within = float(values.var(axis=0, ddof=1).mean())
    if conditions < 2 or np.ptp(values, axis=0).max() <= rounding(values):
        return unknown | {"within_sd": within**0.5}
    pool = Pool(values)
    residual, freedom = pool.variance, pool.freedom
    between = conditions * float(values.mean(axis=1).var(ddof=1))
    low, high = (freedom * residual / scipy.stats.chi2.isf([LEVEL / 2, 1 - LEVEL / 2], freedom)) ** 0.5
    reach = float(scipy.stats.t.isf(LEVEL / 2, freedom)) * (2 * residual / seeds) ** 0.5
    correlation, least, most = _correlation(between, residual, seeds, conditions)
    return {
        "residual_sd": residual**0.5,
        "residual_low": float(low),
        "residual_high": float(high),
        "within_sd": within**0.5,
        "correlation": correlation,
        "correlation_low": least,
        "correlation_high": most,
        "paired_sd": (2 * residual) ** 0.5,
        "independent_sd": (2 * within) ** 0.5,
        "least_difference": reach,
    }


def _correlation(between: float, residual: float, seeds: int, conditions: int) -> tuple[float, float, float]:
    """ICC(3,1) and its 95 % interval, from the mean squares of seeds and residuals (Shrout and Fleiss 1979)."""
    if residual == 0:
        return 1.0, 1.0, 1.0
    more, ratio = conditions - 1, between / residual
    freedom = seeds - 1, (seeds - 1) * more
    low, high = ratio / scipy.stats.f.isf(LEVEL / 2, *freedom), ratio * scipy.stats.f.isf(LEVEL / 2, *reversed(freedom))
    value, bottom, top = ((f - 1) / (f + more) for f in (ratio, low, high))
    return float(value), float(bottom), float(top)


def repeats(values: np.ndarray) -> _Row:
    """What two runs of one condition differ by if only the seed differs ("A/A"), from `values` (n, k).

    Absolute differences of single runs, over all `repeat_pairs` pairs of seeds in all conditions.
    """
    apart = np.concatenate([[], *(np.abs(one - other) for one, other in combinations(values, 2))])
    if not apart.size:
        return {"repeat_pairs": 0, **dict.fromkeys(REPEATS)}
    found = float(np.median(apart)), float(np.quantile(apart, 0.95)), float(apart.max())
    return {"repeat_pairs": apart.size, **dict(zip(REPEATS, found, strict=True))}


def sampling(groups: Sequence[np.ndarray]) -> _Row:
    """The share of the variance of an accuracy, of `test_runs` runs, that is due to the choice of the test images.

    The error of run r on image i (1 or 0) is y_ir = mu + a_i + r_r + e_ir, with images and runs drawn at random. The
    mean squares of I images and R runs give the variances by the method of moments (Searle, Casella and McCulloch,
    "Variance Components", 1992, chapter 4; Brennan, "Generalizability Theory", 2001, chapter 3):

        e = MS_rest;  a = (MS_image - MS_rest) / R;  r = (MS_run - MS_rest) / I

    and 0 where this is negative. One run on a new test set of I images has an accuracy of variance

        a / I + r + e / I.

    The first term is the test set's: the difficulty of its images, shared by all runs. More seeds do not make it
    smaller. It is `test_set_share` of the sum, 0 to 1. The other two are what training again changes if the test set
    stays: `training_sd`.

    Args:
        groups: errors bool (R, I) of runs with equal settings, one array a condition. Mean squares are averaged over
            them. Groups of one run, or of no image, say nothing.
    """
    groups = [group for group in groups if min(group.shape) > 1]
    count = sum(len(group) for group in groups)
    unknown: _Row = {"test_runs": count, **dict.fromkeys(SAMPLING)}
    if not groups:
        return unknown
    runs, images = (float(np.mean([group.shape[axis] for group in groups])) for axis in (0, 1))
    of_image, of_run, rest = np.mean([_mean_squares(group) for group in groups], axis=0)
    fixed = max(of_image - rest, 0.0) / runs / images
    training = max(of_run - rest, 0.0) / images + rest / images
    if fixed + training == 0:
        return unknown
    found = float(fixed / (fixed + training)), 100 * float(fixed) ** 0.5, 100 * float(training) ** 0.5
    return {"test_runs": count, **dict(zip(SAMPLING, found, strict=True))}


def _mean_squares(wrong: np.ndarray) -> tuple[float, float, float]:
    """Mean squares of images, of runs and of the rest, of errors (R, I). Sums of counts need no table of numbers."""
    runs, images = wrong.shape
    by_image, by_run = wrong.sum(axis=0, dtype=float), wrong.sum(axis=1, dtype=float)
    total = float(by_run.sum())
    center = total**2 / (runs * images)
    image, run = float((by_image**2).sum()) / runs - center, float((by_run**2).sum()) / images - center
    rest = total - center - image - run  # the squares of 0 and 1 are themselves, so their sum is `total`
    return image / (images - 1), run / (runs - 1), rest / ((images - 1) * (runs - 1))


def _groups(classes: Classes) -> list[np.ndarray]:
    """Errors of each condition's runs. With one seed, the conditions are taken as runs of one experiment."""
    wrong = classes.wrong
    if len(set(classes.seeds)) == 1:
        return [wrong]
    return [wrong[classes.rows_of(name)] for name in dict.fromkeys(classes.conditions)]
