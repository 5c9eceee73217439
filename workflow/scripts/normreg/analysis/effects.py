"""Estimates how large the effect of a factor is, from differences within seeds. Reads tables and imports no PyTorch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from normreg.analysis.contrasts import Contrast
from normreg.analysis.verdicts import EffectVerdict, Level
from normreg.config.factors import FACTORS

EFFECT_QUANTITIES = ("last5_accuracy", "last5_loss")  # keys of `quantities.QUANTITIES`
LEAST_SEEDS = 3  # two differences say too little about their spread
LEVEL = 0.05
_EQUAL = 1e-5  # relative to a value: more than the rounding of summary.csv, less than one image in a five-epoch mean
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

    With the same seed, all conditions of one engine share initial weights, order and draws. So a pair of conditions
    gives one difference per seed. A seed does not count if different engines trained its two runs. The effect of a
    factor in a seed is the mean over its pairs, all with equal weight. Intervals and p-values are Student's for the
    mean of the differences over seeds. They assume normal differences. They tell what to expect if training is
    repeated, not what to expect with other test images.

    Args:
        contrasts: see `contrasts.find_contrasts`. Those with the same factor, strength and context are averaged.
        summary: see `summary.summarise`.

    Returns:
        The columns `COLUMNS`. Each factor and quantity has a row of level "effect". If that averages several pairs,
        rows of level "pair" follow. `without` and `with` name the conditions of a single pair. `difference` is with
        minus without. Only effects have p, p_adjusted and a verdict. p_adjusted is Holm's (1979) over all effects of
        the table, so that the chance of any false one is at most 5 %. The verdict is "shown" if p_adjusted is below
        0.05, else "not shown". Interval, p and verdict are missing if there are fewer than three seeds, or if all
        differences are equal.
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
    """Groups of contrasts that measure the same effect."""
    groups: dict[Any, list[Contrast]] = {}
    for contrast in contrasts:
        groups.setdefault((contrast.factor, contrast.strength, contrast.context), []).append(contrast)
    return list(groups.values())


def _difference(contrast: Contrast, values: pd.DataFrame, engines: pd.DataFrame) -> pd.Series:
    """One value a seed. It is missing if a run is missing, or if two engines trained the pair."""
    same = engines[contrast.with_factor] == engines[contrast.without]
    return (values[contrast.with_factor] - values[contrast.without]).where(same)


def _interval(differences: pd.Series, noise: float) -> dict[str, Any]:
    """Mean, 95 % interval and two-sided p. Differences that are equal except for `noise` have no interval and no p."""
    known = differences.dropna().to_numpy(float)
    row: dict[str, Any] = {"seeds": len(known), "difference": known.mean() if len(known) else None}
    if len(known) >= LEAST_SEEDS and np.ptp(known) > noise:
        test = stats.ttest_1samp(known, 0.0)
        low, high = test.confidence_interval(1 - LEVEL)
        row |= {"low": low, "high": high, "p": test.pvalue}
    return row


def holm(p: pd.Series) -> pd.Series:
    """Adjusted p-values (Holm 1979): the chance of any false claim among them is at most the level."""
    ranked = p.dropna().sort_values()
    steps = ranked * np.arange(len(ranked), 0, -1)
    return steps.cummax().clip(upper=1.0).reindex(p.index)


def name_of(factor: str, strength: float) -> str:
    """A factor with its lambda or number of splits. A factor that the table lacks is shown by its label."""
    return FACTORS[factor].name(strength) if factor in FACTORS else f"{factor} {strength:g}"
