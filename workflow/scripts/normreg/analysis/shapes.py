"""Does accuracy depend on a strength at all? One test for a whole curve, by its likely shapes.

The conditions of a curve stand in order: the reference first, then the strengths. Each shape is a contrast of them: a
straight line, or an umbrella that rises to a peak and falls again to where it began (Bretz and Hothorn 2001, "Testing
dose-response relationships with a priori unknown, possibly nonmonotone shapes", J. Biopharm. Stat. 11; umbrellas as in
Mack and Wolfe 1981, JASA 76). The largest t statistic over all shapes decides, see `simultaneous`. The test is
two-sided, so that valleys and falling lines are found too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from normreg.analysis import simultaneous
from normreg.analysis.judgement import Runs
from normreg.analysis.verdicts import Objection

LEAST_LEVELS = 3  # with two conditions there is one difference and no shape


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


def judge(names: Sequence[str], strengths: Mapping[str, float], runs: Runs, better_up: bool) -> dict[str, Any]:
    """The cells of a curve in `response_shapes.csv`: whether it depends on the strength, and where its mean is best.

    A strength that is set apart from the pool, see `Runs`, leaves the test, not the search for the best mean: that only
    strengths leave of which a run diverged.

    Args:
        names: the conditions of the columns of `runs`. The reference is the first.
        strengths: of each other condition.
        runs: values of one quantity.
        better_up: whether larger is better.
    """
    reference = names[0]
    ordered = [reference, *sorted(names[1:], key=lambda name: strengths[name])]
    columns = np.array([names.index(name) for name in ordered])
    kept = runs.together(columns)
    row: dict[str, Any] = {"conditions": len(kept), "left_out": len(names) - len(kept), "seeds": 0}
    finished = [column for column in columns.tolist() if runs.apart.get(column) is not Objection.DIVERGED]
    row |= _best([names[column] for column in finished], strengths, runs.of(np.array(finished, int)), better_up)
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
        row |= {"shape": _name(peak, len(kept)), "method": one.method, "objection": one.objection}
        row["freedom"] = one.deciding.freedom
        row["peak"] = strengths[names[kept[peak]]]
        row["rises"] = int(one.deciding.difference > 0)
    return row


def _best(
    ordered: Sequence[str], strengths: Mapping[str, float], values: np.ndarray, better_up: bool
) -> dict[str, Any]:
    """The condition with the best mean over complete seeds, and its difference from the reference if that is there."""
    complete = values[~np.isnan(values).any(axis=1)]
    if not complete.size:
        return {}
    means = complete.mean(axis=0)
    place = int(means.argmax() if better_up else means.argmin())  # of equal means the weakest
    name = ordered[place]
    known = ordered[0] not in strengths
    difference = float(means[place] - means[0]) if known else None
    return {"best": name, "best_strength": strengths.get(name), "best_difference": difference}


def _name(peak: int, conditions: int) -> str:
    return "line" if peak == conditions - 1 else "umbrella"
