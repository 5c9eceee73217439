"""Judges many contrasts as one family: p-values and intervals that hold for all of them at once.

A family has one or more groups. A group has its own runs and its own pool of residuals, for example the strengths of a
penalty and the condition without it, or the effect of a factor at one size of the training set. Within a group a
contrast whose blocked estimate decides (see `inference.estimate`) is compared with the distribution of the largest t
statistic of the whole group: the statistics have a known correlation and one common estimate of the variance
(multivariate t distribution). With one reference and equal numbers of runs all correlations are 0.5, and this is
Dunnett's two-sided test ("A multiple comparison procedure for comparing several treatments with a control", JASA 50,
1955), on residuals without the parts of the seeds. SciPy's `multivariate_t` is not used, because it is wrong where the
correlation is singular.

Where a check objects, the contrast has its own spread over seeds. Such statistics share no variance, and Šidák's bound
applies, whatever their correlation (Šidák 1967, JASA 62). Between groups it applies too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy

from normreg.analysis import inference
from normreg.analysis.inference import Estimates, Runs
from normreg.analysis.plan import LEVEL

_POINTS, _CLASSES = 15, 9  # 2 ** 15 directions in 2 ** 9 classes; quantiles are exact to about 0.003


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
    correlations = correlation(group.weights)
    return [_adjust(both, correlations, groups) for both in inference.estimate(group.runs, group.weights)]


def _adjust(both: Estimates, correlations: np.ndarray, groups: int) -> Simultaneous:
    test, level, contrasts = both.deciding, sidak_level(LEVEL, groups), len(correlations)
    if not test.testable:
        return Simultaneous(both)
    if test is both.blocked:
        within = tail(abs(test.difference) / test.error, correlations, test.freedom)
        reach = quantile(level, correlations, test.freedom)
    else:  # its own spread
        within = sidak(test.p(), contrasts)
        reach = float(scipy.stats.t.isf(sidak_level(level, contrasts) / 2, test.freedom))
    around = reach * test.error
    return Simultaneous(both, sidak(within, groups), test.difference - around, test.difference + around)


def correlation(weights: np.ndarray) -> np.ndarray:
    """The correlation (m, m) of contrasts with `weights` (m, K) of independent means with equal variances."""
    covariance = weights @ weights.T
    scale = np.sqrt(np.diag(covariance))
    found: np.ndarray = covariance / np.outer(scale, scale)
    return found


def tail(value: float, correlations: np.ndarray, freedom: int) -> float:
    """The probability that the largest absolute t statistic is above `value`.

    A normal vector is a length times a direction, and the two are independent. Given the direction, the largest
    statistic is a fixed number times the root of an F statistic. So the probability is a mean of F tails over
    directions (Somerville 1998, "Numerical computation of multivariate normal and multivariate-t probabilities over
    convex regions", JCGS 7). The directions are a fixed Sobol sequence: the same question has the same answer.

    Args:
        value: at least 0.
        correlations: (m, m), see `correlation`. It may be singular.
        freedom: degrees of freedom of the variance.
    """
    largest, rank = _directions(np.round(correlations, 10).tobytes(), len(correlations))
    return float(scipy.special.fdtrc(rank, freedom, (value / largest) ** 2 / rank).mean())


def quantile(level: float, correlations: np.ndarray, freedom: int) -> float:
    """The value that the largest absolute t statistic exceeds with probability `level`, see `tail`."""
    return _quantile(level, np.round(correlations, 10).tobytes(), len(correlations), freedom)


@lru_cache(maxsize=512)
def _quantile(level: float, key: bytes, count: int, freedom: int) -> float:
    correlations = np.frombuffer(key).reshape(count, count)
    low, high = (float(scipy.stats.t.isf(each / 2, freedom)) for each in (level, level / count))
    if count == 1:
        return low
    return float(
        scipy.optimize.brentq(lambda t: tail(t, correlations, freedom) - level, 0.9 * low, 1.1 * high, xtol=1e-6)
    )


@lru_cache(maxsize=128)
def _directions(key: bytes, count: int) -> tuple[np.ndarray, int]:
    """For classes of directions the largest statistic of a vector of length 1, and the rank of the correlation."""
    values, vectors = np.linalg.eigh(np.frombuffer(key).reshape(count, count))
    kept = values > 1e-8 * values.max()
    root, rank = vectors[:, kept] * np.sqrt(values[kept]), int(kept.sum())
    if rank == 1:
        return np.abs(root).max(axis=0), 1
    uniform = scipy.stats.qmc.Sobol(rank, rng=np.random.default_rng(0)).random_base2(_POINTS)
    normal = scipy.special.ndtri(np.clip(uniform, 1e-12, 1 - 1e-12))
    directions = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    largest = np.sort(np.abs(directions @ root.T).max(axis=1))
    return largest.reshape(2**_CLASSES, -1).mean(axis=1), rank  # the tail is smooth: a class needs one value only
