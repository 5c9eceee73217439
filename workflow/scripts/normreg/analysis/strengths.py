"""What a curve of strengths shows as a whole: which strengths scatter, whether it has a shape, and where it is best.

At the strong end of a curve training gets unstable before it collapses. One strength that scatters five times as much
as the others makes the error of all of them twice as large, if they share one variance. So it leaves their pool.

Whether accuracy depends on a strength at all is one test for a whole curve, by its likely shapes. The conditions of a
curve stand in order: the reference first, then the strengths. Each shape is a contrast of them: a straight line, or an
umbrella that rises to a peak and falls again to where it began (Bretz and Hothorn 2001, "Testing dose-response
relationships with a priori unknown, possibly nonmonotone shapes", J. Biopharm. Stat. 11; umbrellas as in Mack and Wolfe
1981, JASA 76). The largest t statistic over all shapes decides, see `simultaneous`. The test is two-sided, so that
valleys and falling lines are found too.

A hold-out only chooses a strength. To measure the effect on the same runs would be biased, because the best of several
is lucky too: docs/statistics.md says by how much.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy

from normreg.analysis import response_tables, simultaneous, sweep_families
from normreg.analysis.inference import LEAST_CONDITIONS, LEAST_SEEDS, Pool, Runs
from normreg.analysis.summary import by_seed_with_diverged, engines_by_seed
from normreg.analysis.sweep_families import Part
from normreg.analysis.verdicts import Objection, ResponseLevel
from normreg.config.condition import Condition
from normreg.config.sweeps import Sweep
from normreg.utils import tables

# In a curve of equal spreads this is the chance to set any strength apart. Above it, the variance of the rest would be
# too small too often; docs/statistics.md has the calibration of the whole procedure.
SCATTERS_LEVEL = 0.02
LEAST_LEVELS = 3  # with two conditions there is one difference and no shape
_DIGITS = 9  # means that are equal to so many are equal: sums of equal values can differ by rounding


def set_apart(runs: Runs) -> Runs:
    """The same runs, with `Objection.SCATTERS` for each condition that scatters far more than the rest of its pool."""
    found: dict[int, Objection] = {}
    for columns in runs.pools:
        kept = columns[[runs.apart.get(column) in (None, Objection.FAR) for column in columns.tolist()]]
        found |= {int(kept[place]): Objection.SCATTERS for place in scattering(runs.of(kept))}
    return replace(runs, apart={**runs.apart, **found})


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
        if len(kept) * scipy.stats.f.sf(max(ratios), one, many) >= SCATTERS_LEVEL:
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


def contrasts_of(conditions: int) -> np.ndarray:
    """The shapes over this many ordered conditions, (conditions - 1, conditions); each row has the sum 0.

    Row p - 1 rises in equal steps from condition 0 to its peak at condition p, and falls in equal steps to the height
    of condition 0 at the last one. The last row is the straight line. Steps are by order, because the reference has no
    place on a scale of strengths.
    """
    last, places = conditions - 1, np.arange(conditions, dtype=float)
    rows = [np.where(places <= p, places / p, (last - places) / max(last - p, 1)) for p in range(1, conditions)]
    heights = np.array(rows).reshape(-1, conditions)
    centred: np.ndarray = heights - heights.mean(axis=1, keepdims=True)
    return centred


def judge_shape(names: Sequence[str], strengths: Mapping[str, float], runs: Runs, better_up: bool) -> dict[str, Any]:
    """The cells of a curve in `response_shapes.csv`: whether it depends on the strength, and where its mean is best.

    A strength that is set apart from the pool, see `Runs`, leaves the test, not the search for the best mean: that only
    strengths leave of which a run diverged.

    Args:
        names: the conditions of the columns of `runs`. The reference is the first.
        strengths: of each other condition.
        runs: values of one quantity.
        better_up: whether larger is better.
    """
    columns = np.array([names.index(name) for name in _ordered(names[0], strengths)])
    kept = runs.together(columns)
    row: dict[str, Any] = {"conditions": len(kept), "left_out": len(names) - len(kept), "seeds": 0}
    finished = [column for column in columns.tolist() if runs.apart.get(column) is not Objection.DIVERGED]
    if best := _best([names[column] for column in finished], runs.of(np.array(finished, int)), better_up):
        row |= {"best": best.name, "best_strength": strengths.get(best.name)}
        row["best_difference"] = best.gain if finished[0] == 0 else None
    if len(kept) < LEAST_LEVELS or kept[0] != 0:
        return row
    weights = np.zeros((len(kept) - 1, len(names)))
    weights[:, kept] = contrasts_of(len(kept))
    (found,) = simultaneous.judge([simultaneous.Group(runs, weights)])
    row["seeds"] = max(one.both.deciding.seeds for one in found)
    tested = [(one.p_adjusted, peak) for peak, one in enumerate(found, start=1) if one.p_adjusted is not None]
    if tested:
        row["p"], peak = min(tested)
        one = found[peak - 1].both
        row |= {"shape": "line" if peak == len(kept) - 1 else "umbrella", "peak": strengths[names[kept[peak]]]}
        row |= {"method": one.method, "objection": one.objection, "freedom": one.deciding.freedom}
        row["rises"] = int(one.deciding.difference > 0)
    return row


def choose(
    sweeps: Sequence[Sweep],
    conditions: Mapping[str, Condition],
    summary: pd.DataFrame,
    column: str,
    train_images: int,
) -> pd.DataFrame:
    """The rows of `chosen.csv`: for each curve the strength with the best mean over seeds.

    The reference is a candidate, with an empty strength. A condition of which a run diverged is no candidate. Of equal
    means the weaker strength is chosen. A seed counts if it has the runs of all candidates, by one engine. Without a
    candidate or such a seed, nothing is chosen: the condition is empty. A curve without a reference has no row.

    Args:
        sweeps: those over one strength are looked at.
        conditions: all conditions of the study.
        summary: see `summary.summarise`.
        column: its column of the accuracy on the hold-out. Larger is better.
        train_images: how many training images there are.
    """
    values, engines = by_seed_with_diverged(summary, column), engines_by_seed(summary)
    rows = []
    for sweep in sweeps:
        for family in sweep_families.find(sweep, conditions, train_images):
            for part in family:
                if part.pool and part.spots[0].about["level"] is ResponseLevel.STRENGTH:
                    rows.append(_choice(part, values, engines))
    names = [name for name in response_tables.CHOSEN.columns if name != "run"]
    return pd.DataFrame(rows, columns=names)


def _choice(part: Part, values: pd.DataFrame, engines: pd.DataFrame) -> dict[str, Any]:
    about, strengths = part.spots[0].about, {pair.with_factor: pair.strength for pair in part.pool}
    ordered = _ordered(part.names[0], strengths)
    table = values.reindex(columns=ordered)
    runs = Runs(table.to_numpy(), engines.reindex(columns=ordered).to_numpy(), [], {})
    finished = np.flatnonzero(~np.isinf(table).any(axis=0))
    row = {"sweep": about["sweep"], "base": about["curve"], "reference": ordered[0], "seeds": 0}
    if best := _best([ordered[column] for column in finished], runs.of(finished), better_up=True):
        row |= {"condition": best.name, "strength": strengths.get(best.name), "seeds": best.seeds}
        row["holdout_difference"] = best.gain if finished[0] == 0 else None
    return row


class _Best(NamedTuple):
    """The condition with the best mean, what it gains over the first condition, and the seeds that have all of them."""

    name: str
    gain: float
    seeds: int


def _best(ordered: Sequence[str], values: np.ndarray, better_up: bool) -> _Best | None:
    """The best of conditions with `values` (n, K); of equal ones the first. None if no seed has all of them."""
    complete = values[~np.isnan(values).any(axis=1)]
    if not complete.size:
        return None
    means = complete.mean(axis=0)
    place = int((means if better_up else -means).round(_DIGITS).argmax())
    return _Best(ordered[place], float(means[place] - means[0]), len(complete))


def _ordered(reference: str, strengths: Mapping[str, float]) -> list[str]:
    """The conditions of a curve from the weakest to the strongest."""
    return [reference, *sorted(strengths, key=strengths.__getitem__)]


def to_confirm(path: str | Path, study: str) -> list[str]:
    """The chosen conditions of a `chosen.csv` and those that they are compared with, each once.

    None at all if the hold-out chose no strength on any curve.

    Args:
        path: the file.
        study: the identity of the runs that chose.

    Raises:
        DataError: the file is unreadable or changed, or belongs to other runs.
    """
    table = tables.read(path, response_tables.CHOSEN, study)
    rows = zip(table["reference"], table["condition"], table["strength"], strict=True)
    return list(dict.fromkeys(name for *pair, strength in rows if strength is not None for name in pair))
