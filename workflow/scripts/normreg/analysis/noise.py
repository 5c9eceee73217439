"""How much runs differ by chance: over seeds, and because of the choice of the test images."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from normreg.analysis.agreement import Classes
from normreg.analysis.inference import LEAST_SEEDS, LEVEL, Pool, rounding
from normreg.analysis.summary import by_seed, effects_of, engines_by_seed

SAMPLING_QUANTITY = "test_accuracy"  # that of predictions.npz


@dataclass(frozen=True)
class Spread:
    """The spread of a value over seeds. A number is None if the seeds are too few for it. See `spread`."""

    residual_sd: float | None = None
    residual_low: float | None = None
    residual_high: float | None = None
    within_sd: float | None = None
    correlation: float | None = None
    correlation_low: float | None = None
    correlation_high: float | None = None
    paired_sd: float | None = None
    independent_sd: float | None = None
    least_difference: float | None = None


@dataclass(frozen=True)
class Repeats:
    """Absolute differences of two runs of one condition with different seeds, over all such pairs of runs."""

    repeat_pairs: int = 0
    repeat_median: float | None = None
    repeat_95: float | None = None
    repeat_largest: float | None = None


@dataclass(frozen=True)
class Sampling:
    """The variance of the accuracy of one run on a new test set, in two parts. SDs are in points. See `sampling`."""

    test_runs: int = 0
    test_set_share: float | None = None
    test_set_sd: float | None = None
    training_sd: float | None = None


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
        heads: dict[str, Any] = {"quantity": quantity, "conditions": len(conditions), "seeds": len(kept)}
        heads |= {"left_out": len(values) - len(kept), "engines": " and ".join(sorted(set(engines))) or None}
        found = sampling(_groups(classes)) if quantity == SAMPLING_QUANTITY else Sampling()
        array = kept.to_numpy()
        rows.append({**heads, **asdict(repeats(array)), **asdict(spread(array)), **asdict(found)})
    return pd.DataFrame(rows)


def spread(values: np.ndarray) -> Spread:
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
    if seeds < LEAST_SEEDS:
        return Spread()
    within = float(values.var(axis=0, ddof=1).mean())
    if conditions < 2 or np.ptp(values, axis=0).max() <= rounding(values):
        return Spread(within_sd=within**0.5)
    pool = Pool(values)
    residual, freedom = pool.variance, pool.freedom
    between = conditions * float(values.mean(axis=1).var(ddof=1))
    low, high = (freedom * residual / stats.chi2.isf([LEVEL / 2, 1 - LEVEL / 2], freedom)) ** 0.5
    reach = float(stats.t.isf(LEVEL / 2, freedom)) * (2 * residual / seeds) ** 0.5
    correlations = _correlation(between, residual, seeds, conditions)
    doubled = (2 * residual) ** 0.5, (2 * within) ** 0.5
    return Spread(residual**0.5, float(low), float(high), within**0.5, *correlations, *doubled, reach)


def _correlation(between: float, residual: float, seeds: int, conditions: int) -> tuple[float, float, float]:
    """ICC(3,1) and its 95 % interval, from the mean squares of seeds and residuals (Shrout and Fleiss 1979)."""
    if residual == 0:
        return 1.0, 1.0, 1.0
    more, ratio = conditions - 1, between / residual
    freedom = seeds - 1, (seeds - 1) * more
    low, high = ratio / stats.f.isf(LEVEL / 2, *freedom), ratio * stats.f.isf(LEVEL / 2, *reversed(freedom))
    value, bottom, top = ((f - 1) / (f + more) for f in (ratio, low, high))
    return float(value), float(bottom), float(top)


def repeats(values: np.ndarray) -> Repeats:
    """What two runs of one condition differ by if only the seed differs ("A/A"), from `values` (n, k)."""
    pairs = list(combinations(range(len(values)), 2))
    if not pairs:
        return Repeats()
    apart = np.abs(np.concatenate([values[one] - values[other] for one, other in pairs]))
    return Repeats(apart.size, float(np.median(apart)), float(np.quantile(apart, 0.95)), float(apart.max()))


def sampling(groups: Sequence[np.ndarray]) -> Sampling:
    """The share of the variance of an accuracy that is due to the choice of the test images.

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
    if not groups:
        return Sampling()
    runs, images = (float(np.mean([group.shape[axis] for group in groups])) for axis in (0, 1))
    of_image, of_run, rest = np.mean([_mean_squares(group) for group in groups], axis=0)
    fixed = max(of_image - rest, 0.0) / runs / images
    training = max(of_run - rest, 0.0) / images + rest / images
    count = sum(len(group) for group in groups)
    if fixed + training == 0:
        return Sampling(count)
    share = float(fixed / (fixed + training))
    return Sampling(count, share, 100 * float(fixed) ** 0.5, 100 * float(training) ** 0.5)


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
