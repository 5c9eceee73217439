"""The distribution of the largest of several t statistics: simultaneous intervals and adjusted p-values.

The statistics have a known correlation and one common estimate of the variance (multivariate t distribution). With a
correlation of 0.5 between all pairs this is Dunnett's two-sided test ("A multiple comparison procedure for comparing
several treatments with a control", JASA 50, 1955): K conditions against one reference, equal numbers of runs.
"""

from functools import lru_cache

import numpy as np
from scipy import optimize, special, stats

_POINTS, _CLASSES = 15, 9  # 2 ** 15 directions in 2 ** 9 classes; quantiles are exact to about 0.003


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
    return float(special.fdtrc(rank, freedom, (value / largest) ** 2 / rank).mean())


@lru_cache(maxsize=512)
def _quantile(level: float, key: bytes, count: int, freedom: int) -> float:
    correlations = np.frombuffer(key).reshape(count, count)
    low, high = (float(stats.t.isf(each / 2, freedom)) for each in (level, level / count))
    if count == 1:
        return low
    return float(optimize.brentq(lambda t: tail(t, correlations, freedom) - level, 0.9 * low, 1.1 * high, xtol=1e-6))


def quantile(level: float, correlations: np.ndarray, freedom: int) -> float:
    """The value that the largest absolute t statistic exceeds with probability `level`, see `tail`."""
    return _quantile(level, np.round(correlations, 10).tobytes(), len(correlations), freedom)


@lru_cache(maxsize=128)
def _directions(key: bytes, count: int) -> tuple[np.ndarray, int]:
    """For classes of directions the largest statistic of a vector of length 1, and the rank of the correlation."""
    values, vectors = np.linalg.eigh(np.frombuffer(key).reshape(count, count))
    kept = values > 1e-8 * values.max()
    root, rank = vectors[:, kept] * np.sqrt(values[kept]), int(kept.sum())
    if rank == 1:
        return np.abs(root).max(axis=0), 1
    uniform = stats.qmc.Sobol(rank, rng=np.random.default_rng(0)).random_base2(_POINTS)
    normal = special.ndtri(np.clip(uniform, 1e-12, 1 - 1e-12))
    directions = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    largest = np.sort(np.abs(directions @ root.T).max(axis=1))
    return largest.reshape(2**_CLASSES, -1).mean(axis=1), rank  # the tail is smooth: a class needs one value only
