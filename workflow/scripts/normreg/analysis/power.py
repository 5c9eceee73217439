"""What a number of seeds can show: the smallest effect that is found in most cases, and the seeds that one needs.

All numbers take the standard deviation as known. It is estimated from the same few runs, so they are rough.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy

from normreg.analysis.inference import LEAST_SEEDS
from normreg.analysis.plan import LEVEL
from normreg.analysis.verdicts import Method

POWER = 0.8
MOST_SEEDS = 10_000
_POINTS = 20  # of the numerical integral in `_found`


@dataclass(frozen=True)
class Spread:
    """The noise of a contrast, from which the seeds follow that one needs.

    Attributes:
        deviation: the standard deviation of the contrast in one seed. The standard error is `deviation` / sqrt(n).
        freedom_per_seed: 1 for the paired t-test, K - 1 for the blocked one. There are n - 1 times as many.
        method: how the standard error is estimated.
    """

    deviation: float
    freedom_per_seed: int
    method: Method

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> "Spread":
        """The noise that a row of `effects.csv` has found."""
        per_seed = int(row["freedom"]) // (int(row["seeds"]) - 1)
        return cls(row["error"] * row["seeds"] ** 0.5, per_seed, Method(row["method"]))

    def detectable(self, seeds: int, family: int = 1) -> float:
        """The true effect that `seeds` seeds find with probability `POWER`.

        The test is two-sided at `LEVEL` / `family`. This is Holm's first and hardest step for `family` effects.
        """
        shift = _detectable(self.method, seeds, self.freedom_per_seed, family)
        return float(shift * self.deviation / seeds**0.5)

    def seeds_to_find(self, effect: float, family: int = 1) -> int | None:
        """The fewest seeds that find a true `effect` with probability `POWER`; None if more than `MOST_SEEDS`."""

        def enough(seeds: int) -> bool:
            shift = effect / self.deviation * seeds**0.5
            return _found(shift, self.method, seeds, self.freedom_per_seed, LEVEL / family / 2) >= POWER

        return _least(enough)

    def seeds_for_equivalence(self, margin: float) -> int | None:
        """The fewest seeds that show with probability `POWER` that an effect of 0 is within `margin`, or None.

        Both one-sided tests must pass. Each misses with the same probability (Phillips 1990, by the noncentral t).
        """

        def enough(seeds: int) -> bool:
            shift = margin / self.deviation * seeds**0.5
            return 2 * _found(shift, self.method, seeds, self.freedom_per_seed, LEVEL) - 1 >= POWER

        return _least(enough)


@lru_cache(maxsize=4096)
def _detectable(method: Method, seeds: int, freedom_per_seed: int, family: int) -> float:
    """The effect that is found with probability `POWER`, in standard errors."""
    level = LEVEL / family / 2
    high = 10 * float(scipy.stats.t.isf(level, seeds - 1)) + 10
    return float(scipy.optimize.brentq(lambda x: _found(x, method, seeds, freedom_per_seed, level) - POWER, 0, high))


def _found(shift: float, method: Method, seeds: int, freedom_per_seed: int, level: float) -> float:
    """The probability that a one-sided test at `level` finds an effect of `shift` standard errors.

    By the noncentral t distribution (Cohen 1988, "Statistical Power Analysis"). Where the blocked way decides, the
    paired one decides in a part of all studies: those in which the spread over seeds happens to be larger than that of
    the rest, which is an F statistic above 1. Its power there is a mean over this upper part of the spread's chi-square
    distribution.
    """
    freedom = (seeds - 1) * freedom_per_seed
    whole = _above(float(scipy.stats.t.isf(level, freedom)), freedom, shift)
    own = seeds - 1
    if method is Method.PAIRED or freedom == own:
        return whole
    larger = float(scipy.stats.f.sf(1, own, freedom - own))
    tail = 1 - larger * (np.arange(_POINTS) + 0.5) / _POINTS
    spreads = np.sqrt(scipy.stats.chi2.ppf(tail, own) / own)
    paired = scipy.stats.norm.sf(float(scipy.stats.t.isf(level, own)) * spreads - shift).mean()
    return (1 - larger) * whole + larger * float(paired)


def _above(critical: float, freedom: int, shift: float) -> float:
    """The probability that a noncentral t is above `critical`. Far above, where SciPy has no digits, it is 1."""
    return 1.0 if shift > 10 * critical + 10 else float(scipy.stats.nct.sf(critical, freedom, shift))


def _least(enough: Callable[[int], bool]) -> int | None:
    """The smallest number of seeds that is enough, by bisection: more seeds are never worse."""
    if not enough(MOST_SEEDS):
        return None
    low, high = LEAST_SEEDS - 1, MOST_SEEDS  # `low` is not enough, `high` is
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
