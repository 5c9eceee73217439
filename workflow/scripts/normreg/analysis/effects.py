"""How large the effect of a factor is, from differences within seeds. Reads tables; imports no PyTorch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from normreg.analysis.contrasts import Contrast
from normreg.analysis.verdicts import EffectVerdict, Level
from normreg.config.factors import FACTORS

EFFECT_QUANTITIES = ("last5_accuracy", "last5_loss")  # keys of `quantities.QUANTITIES`
LEAST_SEEDS = 3  # two differences have a direction and no spread to speak of
LEVEL = 0.05
_EQUAL = 1e-5  # of a value: above the rounding of summary.csv, below one image in a mean of five epochs
COLUMNS = [
    "level",
    "factor",
    "strength",
    "pairs",
    "without",
    "with",
    "quantity",
    "seeds",
    "difference",
    "low",
    "high",
    "p",
    "p_adjusted",
    "verdict",
]


def estimate(contrasts: Sequence[Contrast], summary: pd.DataFrame) -> pd.DataFrame:
    """Effects with their 95 % intervals, from paired seeds.

    Within a seed all conditions of one engine share initial weights, order and draws, so a pair of conditions gives one
    difference per seed; a seed whose two runs are of different engines does not count. The effect of a factor is, per
    seed, the mean over its pairs, of equal weight. Intervals and p-values are Student's for the mean of the differences
    over seeds, as if these were normal. They speak of training again, not of other test images.

    Args:
        contrasts: see `contrasts.find_contrasts`; those of one factor, strength and context are averaged.
        summary: see `summary.summarise`.

    Returns:
        The columns `COLUMNS`. A row of level "effect" for each factor and quantity, followed by rows of level "pair"
        where it averages several; `without` and `with` name the conditions of a single pair. `difference` is with minus
        without. Effects, not pairs, have p, p_adjusted (Holm 1979, over all effects of the table, so that the chance of
        any false one is at most 5 %) and a verdict: "shown" if p_adjusted is below 0.05, else "not shown". Interval, p
        and verdict are missing with fewer than three seeds, and where all differences are equal.
    """
    engines = summary.pivot(index="seed", columns="condition", values="engine")
    rows: list[dict[str, Any]] = []
    for quantity in EFFECT_QUANTITIES:
        values = summary.pivot(index="seed", columns="condition", values=quantity)
        for group in _groups(contrasts):
            head = {"factor": group[0].factor, "strength": group[0].strength, "quantity": quantity}
            differences = [_difference(c, values, engines) for c in group]
            pairs = [{"pairs": 1, "without": c.without, "with": c.with_factor} for c in group]
            names = pairs[0] if len(group) == 1 else {"pairs": len(group)}
            mean = pd.concat(differences, axis=1).mean(axis=1, skipna=False)
            noise = _EQUAL * float(values.abs().to_numpy().max())
            rows.append({"level": Level.EFFECT, **head, **names, **_interval(mean, noise)})
            if len(group) > 1:
                for name, difference in zip(pairs, differences, strict=True):
                    interval = {k: v for k, v in _interval(difference, noise).items() if k != "p"}
                    rows.append({"level": Level.PAIR, **head, **name, **interval})
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["p_adjusted"] = holm(table["p"].astype(float))
    table["verdict"] = np.where(table["p_adjusted"] < LEVEL, EffectVerdict.SHOWN, EffectVerdict.NOT_SHOWN)
    table.loc[table["p_adjusted"].isna(), "verdict"] = None
    return table


def _groups(contrasts: Sequence[Contrast]) -> list[list[Contrast]]:
    """Contrasts that measure the same thing."""
    groups: dict[Any, list[Contrast]] = {}
    for contrast in contrasts:
        groups.setdefault((contrast.factor, contrast.strength, contrast.context), []).append(contrast)
    return list(groups.values())


def _difference(contrast: Contrast, values: pd.DataFrame, engines: pd.DataFrame) -> pd.Series:
    """One value a seed; missing where a run is, or where two engines trained the pair."""
    same = engines[contrast.with_factor] == engines[contrast.without]
    return (values[contrast.with_factor] - values[contrast.without]).where(same)


def _interval(differences: pd.Series, noise: float) -> dict[str, Any]:
    """Mean, 95 % interval and two-sided p; differences equal but for `noise` have no spread to infer from."""
    known = differences.dropna().to_numpy(float)
    row: dict[str, Any] = {"seeds": len(known), "difference": known.mean() if len(known) else None}
    if len(known) >= LEAST_SEEDS and np.ptp(known) > noise:
        test = stats.ttest_1samp(known, 0.0)
        low, high = test.confidence_interval(1 - LEVEL)
        row |= {"low": low, "high": high, "p": test.pvalue}
    return row


def holm(p: pd.Series) -> pd.Series:
    """P-values adjusted so that the chance of one false claim among them is at most the level (Holm 1979)."""
    ranked = p.dropna().sort_values()
    steps = ranked * np.arange(len(ranked), 0, -1)
    return steps.cummax().clip(upper=1.0).reindex(p.index)


def name_of(factor: str, strength: float) -> str:
    """A factor with its lambda or number of splits; one without a row in the table of factors as it is."""
    return FACTORS[factor].name(strength) if factor in FACTORS else f"{factor} {strength:g}"
