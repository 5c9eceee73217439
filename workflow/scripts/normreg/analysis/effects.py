"""Estimates how large the effects of factors are, and their interactions. Reads tables and imports no PyTorch.

`families` says what is estimated, `inference` which verdict it gets.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from normreg.analysis import failures, families, images, inference, study_tables
from normreg.analysis.contrasts import Contrast
from normreg.analysis.images import Parts
from normreg.analysis.inference import Estimate, Estimates, Judged, Runs
from normreg.analysis.plan import Levels, Rules
from normreg.analysis.power import Spread
from normreg.analysis.summary import by_seed, by_seed_with_diverged, effects_of, engines_by_seed, judged
from normreg.analysis.verdicts import Level

COLUMNS = [name for name in study_tables.EFFECTS.columns if name != "run"]


def estimate(
    contrasts: Sequence[Contrast], summary: pd.DataFrame, rules: Rules, parts: Mapping[str, Parts] | None = None
) -> pd.DataFrame:
    """`effects.csv`: effects with their 95 % intervals and verdicts, from paired seeds.

    With the same seed, all conditions of one engine share initial weights, order and draws. So a pair of conditions
    gives one difference per seed. The effect of a factor in a seed is the mean over its pairs, all with equal weight.
    Intervals and tests tell what to expect if training is repeated; those of new images, what to expect with other test
    images of the same kind as well.

    Args:
        contrasts: see `contrasts.find_contrasts`. Those with the same factor, strength and context are averaged.
        summary: see `summary.summarise`.
        rules: what verdicts go by.
        parts: see `images.read`. Without them nothing is said of new images.

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
    for quantity in judged(summary, rules.judge):
        runs = runs_of(contrasts, summary, quantity.key, accuracies, rules.classes)
        for family, better_up in (
            (families.effects(contrasts), quantity.better_up),
            (families.interactions(contrasts), None),
        ):
            about = {"quantity": quantity.key, "margin": rules.margin[quantity.margin]}
            weights = np.array([[row.weights.get(name, 0.0) for name in names] for row in family])
            estimates = inference.estimate(runs, weights.reshape(-1, len(names)))
            how = rules.reachable(quantity), better_up, rules.levels
            found = _judge_family(family, estimates, how)
            if parts is not None:
                table = images.gather(parts[quantity.margin], by_seed(summary, quantity.key).index, names)
                wide = [
                    images.widened(one.deciding, runs, row, table) for one, row in zip(estimates, weights, strict=True)
                ]
                _add_new_images(found, family, (estimates, wide), how, rules.images)
            counts = [failures.counts(row.pairs, accuracies, rules.classes) for row in family]
            rows += [
                {**row.about, **about, **cells, **count}
                for row, cells, count in zip(family, found, counts, strict=True)
            ]
    return pd.DataFrame(rows, columns=COLUMNS)


_How = tuple[float | None, bool | None, Levels]  # what `inference.judge` needs: margin, direction, levels


def _judge_family(family: Sequence[families.Row], estimates: Sequence[Estimates], how: _How) -> list[dict[str, Any]]:
    """The cells of each row of a family."""
    tested = [both for row, both in zip(family, estimates, strict=True) if row.about["level"] != Level.PAIR]
    verdicts = iter(inference.judge(tested, *how))
    margin, _, levels = how
    rows = []
    for row, both in zip(family, estimates, strict=True):
        cells = _numbers(both, levels)
        if row.about["level"] != Level.PAIR:
            cells |= _tests(both, next(verdicts), margin) | _power(both, cells, margin, len(tested))
        rows.append(cells)
    return rows


def _add_new_images(
    rows: Sequence[dict[str, Any]],
    family: Sequence[families.Row],
    estimates: tuple[Sequence[Estimates], Sequence[Estimate | None]],
    how: _How,
    count: int,
) -> None:
    """Adds to the cells of a family what its effects may be on new images. `count` is the number of test images.

    `estimates` are those that `rows` are made of, and the same with the error on new images.
    """
    known = [
        (row, of.about["level"] != Level.PAIR, one, wide)
        for row, of, one, wide in zip(rows, family, *estimates, strict=True)
        if wide is not None
    ]
    tested = [Estimates(wide, None, one.objection) for _, tests, one, wide in known if tests]
    verdicts = iter(inference.judge(tested, *how))
    margin, _, levels = how
    for row, tests, one, wide in known:
        row["low_new_images"], row["high_new_images"] = wide.interval(levels.difference)
        if tests:
            row["verdict_new_images"] = next(verdicts).verdict
            if margin is not None:
                row["images_for_equivalence"] = images.enough_images(one.deciding, wide, margin, count)


def _numbers(both: Estimates, levels: Levels) -> dict[str, Any]:
    """The estimate that decides, and both ways beside it. What cannot be known is left out."""
    test = both.deciding
    cells: dict[str, Any] = {"seeds": test.seeds, "difference": test.difference if test.seeds else None}
    cells |= {"method": both.method, "objection": both.objection}
    if test.testable:
        low, high = test.interval(levels.difference)
        cells |= {"low": low, "high": high, "error": test.error, "freedom": test.freedom}
    for name, one in (("paired", both.paired), ("blocked", both.blocked)):
        if one is not None and one.testable:
            low, high = one.interval(levels.difference)
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


def runs_of(
    contrasts: Sequence[Contrast], summary: pd.DataFrame, quantity: str, accuracies: pd.DataFrame, classes: int
) -> Runs:
    """The values of a quantity. Conditions with a failed run are apart.

    For `accuracies` see `summary.by_seed_with_diverged`.
    """
    names = list(accuracies)
    values = by_seed(summary, quantity).reindex(columns=names).to_numpy()
    engines = engines_by_seed(summary).reindex(columns=names).to_numpy()
    return Runs(values, engines, _pools(contrasts, names), failures.apart(contrasts, accuracies, classes))


def _pools(contrasts: Sequence[Contrast], names: Sequence[str]) -> list[np.ndarray]:
    """The columns of conditions that are compared with each other, directly or through others."""
    group = {name: frozenset({name}) for name in names}
    for pair in contrasts:
        merged = group[pair.without] | group[pair.with_factor]
        group |= dict.fromkeys(merged, merged)
    return [np.array([i for i, name in enumerate(names) if name in each]) for each in dict.fromkeys(group.values())]
