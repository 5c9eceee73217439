"""Finds strengths whose runs scatter far more than those of the others, and sets them apart from their pool.

At the strong end of a curve training gets unstable before it collapses. One strength that scatters five times as much
as the others makes the error of all of them twice as large, if they share one variance.
"""

from dataclasses import replace

import numpy as np
from scipy import stats

from normreg.analysis.inference import LEAST_CONDITIONS, LEAST_SEEDS, Pool
from normreg.analysis.judgement import Runs
from normreg.analysis.verdicts import Objection

# In a curve of equal spreads this is the chance to set any strength apart. Above it, the variance of the rest would be
# too small too often; docs/statistics.md has the calibration of the whole procedure.
SCATTERS_LEVEL = 0.02


def set_apart(runs: Runs) -> Runs:
    """The same runs, with `Objection.SCATTERS` for each condition that scatters far more than the rest of its pool."""
    found: dict[int, Objection] = {}
    for columns in runs.pools:
        kept = runs.together(columns)
        found |= {int(kept[place]): Objection.SCATTERS for place in scattering(runs.of(kept))}
    return replace(runs, apart={**found, **runs.apart})


def scattering(values: np.ndarray) -> list[int]:
    """The conditions of `values` (n, K) that scatter far more than the others.

    For each condition: the variance of its distance from the mean of the others in the same seed, over the residual
    variance of the others. The two are independent, so with equal spreads the ratio, scaled, has an F distribution with
    n - 1 and (n - 1)(K - 2) degrees of freedom. The condition with the largest ratio leaves if its p-value times K is
    below the level; then the rest is looked at again, as long as three conditions stay. Seeds with a NaN do not count.
    """
    values = values[~np.isnan(values).any(axis=1)]
    kept = list(range(values.shape[1]))
    left: list[int] = []
    while len(values) >= LEAST_SEEDS and len(kept) > LEAST_CONDITIONS:
        one, many = len(values) - 1, (len(values) - 1) * (len(kept) - 2)
        ratios = [_ratio(values[:, kept], place) for place in range(len(kept))]
        if len(kept) * stats.f.sf(max(ratios), one, many) >= SCATTERS_LEVEL:
            break
        left.append(kept.pop(int(np.argmax(ratios))))
    return left


def _ratio(values: np.ndarray, place: int) -> float:
    """The F statistic of one condition. It is 0 where the others do not differ at all: they have no variance."""
    others = np.delete(values, place, axis=1)
    variance = Pool(others).variance
    if not variance:
        return 0.0
    distance = values[:, place] - others.mean(axis=1)
    return float(distance.var(ddof=1) / (1 + 1 / others.shape[1]) / variance)
