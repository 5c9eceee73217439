"""Which strength the hold-out chooses, for each curve of strengths.

It only chooses. To measure the effect on the same runs would be biased, because the best of several is lucky too:
docs/statistics.md says by how much.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from normreg.analysis import replicates, response_tables, sweep_families
from normreg.analysis.sweep_families import Part
from normreg.analysis.verdicts import ResponseLevel
from normreg.config.condition import Condition
from normreg.config.sweeps import Sweep
from normreg.utils import tables


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
    values, engines = replicates.with_diverged(summary, column), replicates.engines(summary)
    rows = []
    for sweep in sweeps:
        for family in sweep_families.find(sweep, conditions, train_images):
            for part in family:
                if part.pool and part.spots[0].about["level"] is ResponseLevel.STRENGTH:
                    rows += _choice(part, values, engines)
    names = [name for name in response_tables.CHOSEN.columns if name != "run"]
    return pd.DataFrame(rows, columns=names)


def _choice(part: Part, values: pd.DataFrame, engines: pd.DataFrame) -> list[dict[str, Any]]:
    about = part.spots[0].about
    ordered = [part.pool[0].without, *(c.with_factor for c in sorted(part.pool, key=lambda c: c.strength))]
    strengths = {pair.with_factor: pair.strength for pair in part.pool}
    table = values.reindex(columns=ordered)
    table = table.loc[:, ~np.isinf(table).any(axis=0)]
    trained = engines.reindex(columns=table.columns)
    counts = table.notna().all(axis=1) & (trained.nunique(axis=1) == 1)
    row: dict[str, Any] = {"sweep": about["sweep"], "base": about["curve"], "reference": ordered[0]}
    row |= {"seeds": int(counts.sum())}
    if not counts.any():
        return [row]
    means = table[counts].mean(axis=0).round(9)  # sums of equal values can differ by rounding
    best = str(means.idxmax())  # the first of the best
    row |= {"condition": best, "strength": strengths.get(best)}
    return [row | ({"holdout_difference": means[best] - means[ordered[0]]} if ordered[0] in means else {})]


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
