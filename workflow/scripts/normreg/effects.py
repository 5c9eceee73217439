"""How large the effect of a factor is, from differences within seeds. Reads tables; imports no PyTorch."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from normreg.contrasts import Contrast

QUANTITIES = ("last5_accuracy", "final_accuracy", "last5_loss")
LEAST_SEEDS = 3  # two differences have a direction and no spread to speak of
LEVEL = 0.05


def estimate(contrasts: Sequence[Contrast], summary: pd.DataFrame) -> pd.DataFrame:
    """Effects with their 95 % intervals, from paired seeds.

    Within a seed all conditions share initial weights, order and draws, so a pair of conditions gives one difference
    per seed, and chance that both share drops out. Intervals and p-values are Student's for the mean of these
    differences. A factor's effect is, per seed, the mean of the differences of its pairs of equal strength.

    Args:
        contrasts: see `normreg.contrasts.find_contrasts`.
        summary: see `normreg.statistics.summarise`.

    Returns:
        Rows with factor, strength, pairs (how many the row averages), without, with (conditions; empty where several
        pairs are averaged), quantity, seeds, difference (with minus without), low, high, p, p_adjusted (Holm 1979, over
        the rows of one quantity that average pairs, or over those of single pairs) and verdict: "real" if p_adjusted is
        below 0.05, else "not shown"; interval, p and verdict are missing with fewer than three seeds.
    """
    rows = []
    for quantity in QUANTITIES:
        values = summary.pivot(index="seed", columns="condition", values=quantity)
        for group in _groups(contrasts):
            differences = [values[c.with_factor] - values[c.without] for c in group]
            head = {"factor": group[0].factor, "strength": group[0].strength}
            if len(group) > 1:
                mean = pd.concat(differences, axis=1).mean(axis=1, skipna=False)
                rows.append({**head, "pairs": len(group), "quantity": quantity, **_interval(mean)})
            for contrast, difference in zip(group, differences, strict=True):
                names = {"pairs": 1, "without": contrast.without, "with": contrast.with_factor}
                rows.append({**head, **names, "quantity": quantity, **_interval(difference)})
    columns = ["factor", "strength", "pairs", "without", "with", "quantity", "seeds", "difference", "low", "high", "p"]
    table = pd.DataFrame(rows, columns=columns)
    single = table["pairs"] == 1
    table["p_adjusted"] = table.groupby(["quantity", single])["p"].transform(holm)
    table["verdict"] = np.where(table["p_adjusted"] < LEVEL, "real", "not shown")
    table.loc[table["p_adjusted"].isna(), "verdict"] = None
    return table


def _groups(contrasts: Sequence[Contrast]) -> Iterator[list[Contrast]]:
    """Contrasts of one factor and strength."""
    for key in dict.fromkeys((c.factor, c.strength) for c in contrasts):
        yield [c for c in contrasts if (c.factor, c.strength) == key]


def _interval(differences: pd.Series) -> dict[str, Any]:
    """Mean, 95 % interval and two-sided p; equal differences have no spread, so nothing but their mean is known."""
    known = differences.dropna().to_numpy(float)
    row: dict[str, Any] = {"seeds": len(known), "difference": known.mean() if len(known) else None}
    if len(known) >= LEAST_SEEDS and np.ptp(known) > 0:
        test = stats.ttest_1samp(known, 0.0)
        low, high = test.confidence_interval(1 - LEVEL)
        row |= {"low": low, "high": high, "p": test.pvalue}
    return row


def holm(p: pd.Series) -> pd.Series:
    """P-values adjusted so that the chance of one false "real" among them stays at the level (Holm 1979)."""
    ranked = p.dropna().sort_values()
    steps = ranked * np.arange(len(ranked), 0, -1)
    return steps.cummax().clip(upper=1.0).reindex(p.index)
