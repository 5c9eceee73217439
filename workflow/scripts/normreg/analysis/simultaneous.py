"""Judges many contrasts as one family: p-values and intervals that hold for all of them at once.

A family has one or more groups. A group has its own runs and its own pool of residuals, for example the strengths of a
penalty and the condition without it, or the effect of a factor at one size of the training set. Within a group a
contrast whose blocked estimate decides (see `judgement.estimate`) is compared with the distribution of the largest t
statistic of the whole group, see `max_t`. With one reference this is Dunnett's test on residuals without the parts of
the seeds. Where a check objects, the contrast has its own spread over seeds. Such statistics share no variance, and
Šidák's bound applies, whatever their correlation (Šidák 1967, JASA 62). Between groups it applies too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from normreg.analysis import judgement, max_t
from normreg.analysis.inference import LEVEL, Estimate
from normreg.analysis.judgement import Estimates, Runs


@dataclass(frozen=True)
class Group:
    """Contrasts with `weights` (m, K) of the values of `runs` (n, K)."""

    runs: Runs
    weights: np.ndarray


@dataclass(frozen=True)
class Simultaneous:
    """A contrast as a member of its family.

    Attributes:
        both: its estimates.
        p_adjusted: the chance that any contrast of the family is as far from 0, if none has an effect. None: no test.
        low, high: ends of the band. It holds the true values of all contrasts with a probability of 95 %. None: no
            test.
    """

    both: Estimates
    p_adjusted: float | None = None
    low: float | None = None
    high: float | None = None


def judge(groups: Sequence[Group]) -> list[list[Simultaneous]]:
    """Estimates each contrast of a family, group by group."""
    filled = [group for group in groups if len(group.weights)]
    return [_judge_group(group, len(filled)) if len(group.weights) else [] for group in groups]


def sidak(p: float, tests: int) -> float:
    """The chance that one of several independent p-values is at most `p`. It keeps the digits of a small `p`."""
    return float(-np.expm1(tests * np.log1p(-min(p, 1 - 1e-16))))


def sidak_level(level: float, tests: int) -> float:
    """The level of each of several independent tests, so that any of them errs with probability `level`."""
    return float(-np.expm1(np.log1p(-level) / tests))


def _judge_group(group: Group, groups: int) -> list[Simultaneous]:
    correlation = max_t.correlation(group.weights)
    return [_adjust(both, correlation, groups) for both in judgement.estimate(group.runs, group.weights)]


def _adjust(both: Estimates, correlation: np.ndarray, groups: int) -> Simultaneous:
    test, level = both.deciding, sidak_level(LEVEL, groups)
    if not test.testable:
        return Simultaneous(both)
    if both.deciding is both.blocked:
        within = max_t.tail(abs(test.difference) / test.error, correlation, test.freedom)
        reach = max_t.quantile(level, correlation, test.freedom)
    else:
        within, reach = _own_spread(test, level, len(correlation))
    around = reach * test.error
    return Simultaneous(both, sidak(within, groups), test.difference - around, test.difference + around)


def _own_spread(test: Estimate, level: float, contrasts: int) -> tuple[float, float]:
    """The p-value of a contrast with its own spread among several, and the half-width of its band in errors."""
    return sidak(test.p(), contrasts), float(stats.t.isf(sidak_level(level, contrasts) / 2, test.freedom))
