"""Estimates a contrast of conditions from seeds, tests it, and says what follows.

A contrast is a weighted sum of conditions whose weights sum to 0. With one value for each seed and condition, a seed
has one value of the contrast. Its mean over seeds is the estimate. There are two ways to find its standard error:

- **paired**: from the spread of the contrast over seeds, with n - 1 degrees of freedom. It assumes only that these
  values are normal and independent.
- **blocked**: from the residuals of all conditions (analysis of variance with seeds as blocks, Montgomery, "Design and
  Analysis of Experiments", randomized complete block design). It has (n - 1)(k - 1) degrees of freedom, and so it is
  more precise. It also assumes that all conditions have the same spread, and that effects do not vary from seed to seed
  more than that.

The larger of the two standard errors decides, with its own degrees of freedom. An effect that varies more than the
residuals, or a condition that scatters more, makes the paired one larger. docs/statistics.md explains the rules and how
they were calibrated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy

from normreg.analysis.plan import LEVEL, LEVELS, Levels
from normreg.analysis.verdicts import EffectVerdict, Method, Objection

NO_SPREAD = "All seeds have the same value, so there is no spread to judge by."
LEAST_SEEDS = 3  # two differences say too little about their spread
LEAST_CONDITIONS = 3  # with two conditions, both ways are the same
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
        reach = float(scipy.stats.t.isf(level / 2, self.freedom)) * self.error
        return self.difference - reach, self.difference + reach

    def p(self) -> float:
        """The two-sided p-value of "the true value is 0"."""
        return float(2 * scipy.stats.t.sf(abs(self.difference) / self.error, self.freedom))

    def p_of(self, value: float) -> float:
        """The two-sided p-value of "the true value is `value`"."""
        return replace(self, difference=self.difference - value).p()

    def p_equivalence(self, margin: float) -> float:
        """The p-value of "the true value is `margin` or more away from 0": two one-sided tests (Schuirmann 1987)."""
        return float(scipy.stats.t.sf((margin - abs(self.difference)) / self.error, self.freedom))


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


def one_more(values: np.ndarray) -> Estimate:
    """One more run beside runs with these `values` (n,): its interval is the prediction interval of normal values.

    Source: Hahn and Meeker 1991, "Statistical Intervals". The test images are the same in all runs, so their sampling
    error plays no role. A NaN does not count. Values that are equal but for rounding have no interval: one more seed
    may well differ from them.
    """
    mean = paired(values[:, None], np.ones(1))
    return replace(mean, error=mean.error * (mean.seeds + 1) ** 0.5)


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


def rounding(values: np.ndarray) -> float:
    """Differences of `values` from `summary.csv` up to this are rounding."""
    return _EQUAL * float(np.abs(values).max(initial=0.0))


@dataclass(frozen=True)
class Estimates:
    """An effect, estimated in both ways.

    Attributes:
        paired: from its own spread over seeds.
        blocked: with the residuals of all conditions of its pool. None if there is no pool for it.
        objection: why `paired` decides. None if `blocked` does.
    """

    paired: Estimate
    blocked: Estimate | None
    objection: Objection | None

    @property
    def method(self) -> Method:
        """The way that decides."""
        return Method.BLOCKED if self.blocked and self.objection is None else Method.PAIRED

    @property
    def deciding(self) -> Estimate:
        """The estimate that decides."""
        return self.blocked if self.blocked and self.objection is None else self.paired

    @property
    def tested(self) -> bool:
        """Whether the estimate that decides is tested: it can be, and no run diverged."""
        return self.deciding.testable and self.objection is not Objection.DIVERGED


@dataclass(frozen=True)
class Judged:
    """The test of an effect: its p-value adjusted for the number of effects (Holm 1979), if tested, and its verdict."""

    p_adjusted: float | None
    verdict: EffectVerdict


@dataclass(frozen=True)
class Runs:
    """The values of one quantity.

    Attributes:
        values: of each seed and distinct condition, NaN if missing, (n, K).
        engines: the engine that trained each run, (n, K). Engines round differently. So a seed counts for
            an estimate only if one engine trained all the runs that the estimate needs.
        pools: for each group of conditions that are compared with each other, its columns.
        apart: the columns that belong to no pool, because a run diverged or collapsed, for example, and why.
    """

    values: np.ndarray
    engines: np.ndarray
    pools: Sequence[np.ndarray]
    apart: Mapping[int, Objection]

    def of(self, columns: np.ndarray) -> np.ndarray:
        """The values of some conditions, (n, len(columns)). A seed with several engines is NaN."""
        engines = self.engines[:, columns]
        same = (engines == engines[:, :1]).all(axis=1, keepdims=True)
        return np.where(same, self.values[:, columns], np.nan)

    def together(self, columns: np.ndarray) -> np.ndarray:
        """Those of the columns that are not apart."""
        return columns[[column not in self.apart for column in columns.tolist()]]


def estimate(runs: Runs, weights: np.ndarray) -> list[Estimates]:
    """Both estimates of each effect, with no tests. `weights` are (E, K), and each row has the sum 0."""
    kept = [runs.together(columns) for columns in runs.pools]
    parts = [(columns, Pool(runs.of(columns))) for columns in kept]
    return [_choose(runs, row, parts) for row in weights]


def judge(
    estimates: Sequence[Estimates], margin: float | None, better_up: bool | None, levels: Levels = LEVELS
) -> list[Judged]:
    """Judges all effects of a family.

    Args:
        estimates: see `estimate`.
        margin: the largest difference that counts as none. None allows no "equivalent".
        better_up: whether larger is better. None: neither, as for an interaction.
        levels: of the tests.
    """
    adjusted = holm([found.deciding.p() if found.tested else float("nan") for found in estimates])
    return [
        Judged(None if np.isnan(p) else float(p), decide(found, p, margin, better_up, levels))
        for found, p in zip(estimates, adjusted, strict=True)
    ]


def _choose(runs: Runs, weights: np.ndarray, parts: Sequence[tuple[np.ndarray, Pool]]) -> Estimates:
    used = np.flatnonzero(weights)
    own = paired(runs.of(used), weights[used])
    apart = [runs.apart[column] for column in used.tolist() if column in runs.apart]
    if apart:
        return Estimates(own, None, min(apart, key=list(Objection).index))
    for columns, pool in parts:
        if set(used) <= set(columns):
            blocked = pool.estimate(weights[columns])
            return Estimates(own, blocked, _objection(own, blocked, len(columns)))
    return Estimates(own, None, Objection.FEW)


def _objection(own: Estimate, blocked: Estimate, conditions: int) -> Objection | None:
    """Why the paired estimate decides, or None."""
    if blocked.seeds < own.seeds:
        return Objection.INCOMPLETE
    if conditions < LEAST_CONDITIONS or own.seeds < LEAST_SEEDS:
        return Objection.FEW
    return Objection.VARIES if own.error > blocked.error else None


def decide(
    found: Estimates,
    p_adjusted: float,
    margin: float | None,
    better_up: bool | None,
    levels: Levels = LEVELS,
    p_equivalence: float | None = None,
) -> EffectVerdict:
    """The verdict. The first rule that applies decides.

    0. A run that the effect needs diverged: runs diverged. The mean of the others says nothing about those. 1. Fewer
    than three seeds: too few seeds. 2. The values do not differ over seeds at all: no spread. 3. The adjusted p-value
    is below the level: better or worse; by less than the margin if rule 4 applies too. 4. Both one-sided tests at the
    margin reject (`p_equivalence`, or the p-value of the estimate): equivalent. 5. Else undecided.
    """
    test = found.deciding
    if found.objection is Objection.DIVERGED:
        return EffectVerdict.DIVERGED
    if test.seeds < LEAST_SEEDS:
        return EffectVerdict.TOO_FEW
    if not test.testable:
        return EffectVerdict.NO_SPREAD
    p = test.p_equivalence(margin) if p_equivalence is None and margin is not None else p_equivalence
    within = p is not None and bool(p < levels.equivalence)
    if p_adjusted < levels.difference:
        return _DIFFERENT[None if better_up is None else (test.difference > 0) == better_up][within]
    return EffectVerdict.EQUIVALENT if within else EffectVerdict.UNDECIDED


_DIFFERENT: Mapping[bool | None, tuple[EffectVerdict, EffectVerdict]] = {  # whole, and by less than the margin
    True: (EffectVerdict.BETTER, EffectVerdict.SLIGHTLY_BETTER),
    False: (EffectVerdict.WORSE, EffectVerdict.SLIGHTLY_WORSE),
    None: (EffectVerdict.DIFFERENT, EffectVerdict.SLIGHTLY_DIFFERENT),
}


def holm(p: Sequence[float]) -> np.ndarray:
    """Adjusted p-values (Holm 1979): the chance of any false claim among them is at most the level. NaN stays NaN."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values)[: np.count_nonzero(~np.isnan(values))]
    adjusted = np.full(len(values), np.nan)
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
