"""Estimates how large the effects of factors are, and their interactions. Reads tables and imports no PyTorch.

`families` says what is estimated, `inference` which verdict it gets.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from normreg.analysis import families, inference, plan
from normreg.analysis.contrasts import Contrast
from normreg.analysis.inference import Estimates, Judged, Runs
from normreg.analysis.power import Spread
from normreg.analysis.quantities import ACCURACY, LOSS
from normreg.analysis.summary import by_seed, by_seed_with_diverged, effects_of, engines_by_seed, judged
from normreg.analysis.verdicts import Level, Objection

COLLAPSE = 5.0  # points of accuracy under the other condition of a pair
COLUMNS = [
    *("level", "factor", "strength", "other", "pairs", "without", "with", "quantity", "margin", "seeds"),
    *("difference", "low", "high", "p", "p_adjusted", "p_equivalence", "verdict", "method", "objection"),
    *("error", "freedom", "paired_low", "paired_high", "paired_p", "blocked_low", "blocked_high", "blocked_p"),
    *("runs", "collapses", "diverged", "diverged_without", "detectable", "seeds_for_margin", "seeds_for_equivalence"),
]


def estimate(
    contrasts: Sequence[Contrast],
    summary: pd.DataFrame,
    margin: Mapping[str, float],
    images: int,
    judge: Sequence[str] = (ACCURACY, LOSS),
) -> pd.DataFrame:
    """`effects.csv`: effects with their 95 % intervals and verdicts, from paired seeds.

    With the same seed, all conditions of one engine share initial weights, order and draws. So a pair of conditions
    gives one difference per seed. The effect of a factor in a seed is the mean over its pairs, all with equal weight.
    Intervals and tests tell what to expect if training is repeated, not what to expect with other test images.

    Args:
        contrasts: see `contrasts.find_contrasts`. Those with the same factor, strength and context are averaged.
        summary: see `summary.summarise`.
        margin: see `studies.Run`.
        images: how many test images there are. A margin below one image allows no "equivalent".
        judge: families of quantities.

    Returns:
        The columns `COLUMNS`; results/README.md explains them. Each quantity has a row of level "effect" for each
        factor. If that averages several pairs, rows of level "pair" follow. Rows of level "interaction" are last. Only
        effects and interactions are tested. For each quantity they are two families.

    Raises:
        DataError: a run is there twice.
    """
    rows: list[dict[str, Any]] = []
    names = list(dict.fromkeys(name for c in contrasts for name in (c.without, c.with_factor)))
    if not names:
        return pd.DataFrame(rows, columns=COLUMNS)
    accuracy, _ = effects_of(summary)
    accuracies = by_seed_with_diverged(summary, accuracy).reindex(columns=names)
    for quantity in judged(summary, judge):
        limit = margin[quantity.margin]
        reachable = limit if not quantity.percent or plan.meets(limit, images) else None
        runs = runs_of(contrasts, summary, quantity.key, accuracies)
        for family, better_up in (
            (families.effects(contrasts), quantity.better_up),
            (families.interactions(contrasts), None),
        ):
            about = {"quantity": quantity.key, "margin": limit}
            found = _judge_family(family, runs, names, reachable, better_up)
            counts = [failures_of(row.pairs, accuracies) for row in family]
            rows += [
                {**row.about, **about, **cells, **count}
                for row, cells, count in zip(family, found, counts, strict=True)
            ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _judge_family(
    family: Sequence[families.Row], runs: Runs, names: Sequence[str], margin: float | None, better_up: bool | None
) -> list[dict[str, Any]]:
    weights = np.array([[row.weights.get(name, 0.0) for name in names] for row in family]).reshape(-1, len(names))
    estimates = inference.estimate(runs, weights)
    tested = [both for row, both in zip(family, estimates, strict=True) if row.about["level"] != Level.PAIR]
    verdicts = iter(inference.judge(tested, margin, better_up))
    rows = []
    for row, both in zip(family, estimates, strict=True):
        cells = _numbers(both)
        if row.about["level"] != Level.PAIR:
            cells |= _tests(both, next(verdicts), margin) | _power(both, cells, margin, len(tested))
        rows.append(cells)
    return rows


def _numbers(both: Estimates) -> dict[str, Any]:
    """The estimate that decides, and both ways beside it. What cannot be known is left out."""
    test = both.deciding
    cells: dict[str, Any] = {"seeds": test.seeds, "difference": test.difference if test.seeds else None}
    cells |= {"method": both.method, "objection": both.objection}
    if test.testable:
        low, high = test.interval()
        cells |= {"low": low, "high": high, "error": test.error, "freedom": test.freedom}
    for name, one in (("paired", both.paired), ("blocked", both.blocked)):
        if one is not None and one.testable:
            low, high = one.interval()
            cells |= {f"{name}_low": low, f"{name}_high": high, f"{name}_p": one.p()}
    return cells


def _tests(both: Estimates, judged: Judged, margin: float | None) -> dict[str, Any]:
    test = both.deciding
    cells: dict[str, Any] = {"verdict": judged.verdict, "p_adjusted": judged.p_adjusted}
    if both.tested:
        cells |= {"p": test.p(), "p_equivalence": None if margin is None else test.p_equivalence(margin)}
    return cells


def _power(both: Estimates, numbers: Mapping[str, Any], margin: float | None, family: int) -> dict[str, Any]:
    """What the seeds can show, from what `_numbers` gives; see `normreg.analysis.power`."""
    if not both.tested:
        return {}
    spread = Spread.of(numbers)
    cells: dict[str, Any] = {"detectable": spread.detectable(numbers["seeds"], family)}
    if margin is not None:
        cells["seeds_for_margin"] = spread.seeds_to_find(margin, family)
        cells["seeds_for_equivalence"] = spread.seeds_for_equivalence(margin)
    return cells


def failures_of(pairs: Sequence[Contrast], accuracies: pd.DataFrame) -> dict[str, int]:
    """How many runs with the factor there are, and how many of them collapsed or diverged; how many controls diverged.

    A run that lies far under its control in accuracy has collapsed. For `accuracies` see
    `summary.by_seed_with_diverged`.
    """
    if not pairs:
        return {}
    found, control = (
        np.concatenate([accuracies[name] for name in names])
        for names in zip(*((pair.with_factor, pair.without) for pair in pairs), strict=True)
    )
    known = ~np.isnan(found) & ~np.isnan(control)
    diverged, diverged_without = (known & np.isinf(values) for values in (found, control))
    collapsed = known & np.isfinite(found) & np.isfinite(control) & (found < control - COLLAPSE)
    counts = {"runs": known, "collapses": collapsed, "diverged": diverged, "diverged_without": diverged_without}
    return {name: int(counted.sum()) for name, counted in counts.items()}


def runs_of(contrasts: Sequence[Contrast], summary: pd.DataFrame, quantity: str, accuracies: pd.DataFrame) -> Runs:
    """The values of a quantity. In a pair, a run far below the other in accuracy has collapsed.

    For `accuracies` see `summary.by_seed_with_diverged`.
    """
    names = list(accuracies)
    apart: dict[int, Objection] = {}
    for pair in contrasts:
        for name, other in ((pair.with_factor, pair.without), (pair.without, pair.with_factor)):
            if (accuracies[name] < accuracies[other] - COLLAPSE).any():
                apart[names.index(name)] = Objection.COLLAPSED
    apart |= {names.index(name): Objection.DIVERGED for name in names if np.isinf(accuracies[name]).any()}
    values = by_seed(summary, quantity).reindex(columns=names).to_numpy()
    engines = engines_by_seed(summary).reindex(columns=names).to_numpy()
    return Runs(values, engines, _pools(contrasts, names), apart)


def _pools(contrasts: Sequence[Contrast], names: Sequence[str]) -> list[np.ndarray]:
    """The columns of conditions that are compared with each other, directly or through others."""
    group = {name: frozenset({name}) for name in names}
    for pair in contrasts:
        merged = group[pair.without] | group[pair.with_factor]
        group |= dict.fromkeys(merged, merged)
    return [np.array([i for i, name in enumerate(names) if name in each]) for each in dict.fromkeys(group.values())]
