"""Estimates a contrast of conditions from seeds: by a paired t-test, or from the residuals of all conditions.

A contrast is a weighted sum of conditions whose weights sum to 0. With one value for each seed and condition, a seed
has one value of the contrast. Its mean over seeds is the estimate. There are two ways to find its standard error:

- **paired**: from the spread of the contrast over seeds, with n - 1 degrees of freedom. It assumes only that these
  values are normal and independent.
- **blocked**: from the residuals of all conditions (analysis of variance with seeds as blocks, Montgomery, "Design and
  Analysis of Experiments", randomized complete block design). It has (n - 1)(k - 1) degrees of freedom, and so it is
  more precise. It also assumes that all conditions have the same spread, and that effects do not vary from seed to seed
  more than that. `Pool.objection` checks both.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from normreg.analysis.verdicts import Objection

LEVEL = 0.05  # of intervals, and of every test
LEAST_SEEDS = 3  # two differences say too little about their spread
LEAST_CONDITIONS = 3  # with two conditions, both ways are the same
# If a check's p-value is below these, the paired t-test is used. The calibration includes this choice.
VARIES_LEVEL, SPREADS_LEVEL = 0.10, 0.01
_EQUAL = 1e-5  # relative to a value: more than the rounding of summary.csv, less than one image in a five-epoch mean


@dataclass(frozen=True)
class Estimate:
    """A contrast: its mean over `seeds` seeds, the standard error of this mean, and the degrees of freedom of that.

    `error` is 0 if the values do not differ at all. Then there is no interval and no test.
    """

    seeds: int
    difference: float
    error: float
    freedom: int

    @property
    def testable(self) -> bool:
        """Whether there are enough seeds and some spread."""
        return self.seeds >= LEAST_SEEDS and self.error > 0

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Student's interval that misses the true value with probability `level`."""
        reach = float(stats.t.isf(level / 2, self.freedom)) * self.error
        return self.difference - reach, self.difference + reach

    def p(self) -> float:
        """The two-sided p-value of "the true value is 0"."""
        return float(2 * stats.t.sf(abs(self.difference) / self.error, self.freedom))

    def p_equivalence(self, margin: float) -> float:
        """The p-value of "the true value is `margin` or more away from 0": two one-sided tests (Schuirmann 1987)."""
        return float(stats.t.sf((margin - abs(self.difference)) / self.error, self.freedom))


def paired(values: np.ndarray, weights: np.ndarray) -> Estimate:
    """The contrast with `weights` (K,) of `values` (n, K), from its own spread over seeds.

    A seed counts if it has a value, not NaN, in each condition that has a weight.
    """
    used = weights != 0
    known = values[:, used]
    each = known[~np.isnan(known).any(axis=1)] @ weights[used]
    seeds = len(each)
    if not seeds:
        return Estimate(0, float("nan"), 0.0, 0)
    equal = seeds < 2 or np.ptp(each) <= rounding(known)
    error = 0.0 if equal else float(each.std(ddof=1)) / seeds**0.5
    return Estimate(seeds, float(each.mean()), error, seeds - 1)


class Pool:
    """Conditions whose residuals are used together.

    Attributes:
        values: those of the complete seeds, (n, K). A seed with a NaN is left out.
        residuals: what is left without the means of conditions and of seeds, (n, K).
        freedom: degrees of freedom of the residuals, (n - 1)(K - 1).
        variance: the residual variance of a run. It is 0 if all residuals are 0 but for rounding.
    """

    def __init__(self, values: np.ndarray) -> None:
        self.values = values[~np.isnan(values).any(axis=1)]
        seeds, conditions = self.values.shape
        self.freedom = max(0, (seeds - 1) * (conditions - 1))
        if not self.freedom:
            self.residuals, self.variance = np.zeros_like(self.values), 0.0
            return
        rows, columns = self.values.mean(axis=1, keepdims=True), self.values.mean(axis=0)
        self.residuals = self.values - rows - columns + self.values.mean()
        spread = np.abs(self.residuals).max() > rounding(self.values)
        self.variance = float((self.residuals**2).sum()) / self.freedom if spread else 0.0

    def estimate(self, weights: np.ndarray) -> Estimate:
        """The contrast with `weights` (K,), with the standard error of the pool."""
        seeds = len(self.values)
        mean = float(self.values.mean(axis=0) @ weights) if seeds else float("nan")
        error = (self.variance * float(weights @ weights) / seeds) ** 0.5 if seeds else 0.0
        return Estimate(seeds, mean, error, self.freedom)

    def objection(self, weights: np.ndarray) -> Objection | None:
        """Why the estimate of this contrast cannot be trusted, or None.

        The contrast may vary over seeds more than the rest of the residuals (F-test of its part of the sum of
        squares), or the spreads of the conditions may differ (Brown and Forsythe 1974, on the residuals).
        """
        seeds, conditions = self.values.shape
        if conditions < LEAST_CONDITIONS or seeds < LEAST_SEEDS:
            return Objection.FEW
        if not self.variance:
            return None
        own = float(((self.residuals @ weights) ** 2).sum() / (weights @ weights))
        rest = max(self.variance * self.freedom - own, 0.0)
        one, other = seeds - 1, self.freedom - (seeds - 1)
        if own * other > rest * one * float(stats.f.isf(VARIES_LEVEL, one, other)):
            return Objection.VARIES
        return Objection.SPREADS if self._spreads_differ else None

    @cached_property
    def _spreads_differ(self) -> bool:
        return bool(stats.levene(*self.residuals.T, center="median").pvalue < SPREADS_LEVEL)


def rounding(values: np.ndarray) -> float:
    """Differences of `values` from `summary.csv` up to this are rounding."""
    return _EQUAL * float(np.abs(values).max(initial=0.0))
