"""Estimates response curves: how the effect of a penalty depends on its strength, or that of any factor on a value.

`sweep_families` says what is compared, `simultaneous` judges it. docs/statistics.md explains the rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from normreg.analysis import effects, failures, inference, response_tables, simultaneous, strengths, sweep_families
from normreg.analysis.inference import Runs
from normreg.analysis.plan import LEVEL, Rules
from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.analysis.simultaneous import Group, Simultaneous
from normreg.analysis.summary import by_seed, by_seed_with_diverged, effects_of
from normreg.analysis.sweep_families import Part, Spot
from normreg.analysis.verdicts import EffectVerdict, ResponseLevel
from normreg.config.condition import Condition
from normreg.config.sweeps import Sweep


@dataclass(frozen=True)
class Facts:
    """What all responses of a study need.

    Attributes:
        summary: see `summary.summarise`.
        conditions: all conditions of the study.
        rules: what verdicts go by.
        train_images: how many training images there are.
    """

    summary: pd.DataFrame
    conditions: Mapping[str, Condition]
    rules: Rules
    train_images: int

    def quantities(self) -> tuple[Quantity, ...]:
        """The accuracy and the loss that effects are judged on."""
        return tuple(QUANTITIES[key] for key in effects_of(self.summary))


@dataclass(frozen=True)
class Tables:
    """The rows of `responses.csv`, `response_seeds.csv` and `response_shapes.csv`, see results/README.md."""

    responses: pd.DataFrame
    seeds: pd.DataFrame
    shapes: pd.DataFrame


def estimate(sweeps: Sequence[Sweep], facts: Facts) -> Tables:
    """Every response of every sweep, for accuracy and loss.

    Raises:
        DataError: a run is there twice.
    """
    rows: tuple[list[dict[str, Any]], ...] = ([], [], [])
    for quantity in facts.quantities():
        one = _Quantity(facts, quantity)
        for sweep in sweeps:
            for family in sweep_families.find(sweep, facts.conditions, facts.train_images):
                one.family(family, *rows)
            for spot in sweep_families.means(sweep, facts.conditions, facts.train_images):
                one.mean(spot, *rows[:2])
    kinds = (response_tables.RESPONSES, response_tables.RESPONSE_SEEDS, response_tables.RESPONSE_SHAPES)
    tables = [
        pd.DataFrame(own, columns=[name for name in kind.columns if name != "run"])
        for own, kind in zip(rows, kinds, strict=True)
    ]
    return Tables(*tables)


class _Quantity:
    """The responses of one quantity."""

    def __init__(self, facts: Facts, quantity: Quantity) -> None:
        self.facts, self.quantity = facts, quantity
        accuracy = facts.quantities()[0].key
        self.accuracies = by_seed_with_diverged(facts.summary, accuracy)
        self.values = by_seed(facts.summary, quantity.key)
        self.margin = facts.rules.reachable(quantity)

    def family(
        self,
        family: Sequence[Part],
        rows: list[dict[str, Any]],
        seeds: list[dict[str, Any]],
        tests: list[dict[str, Any]],
    ) -> None:
        """Adds the rows of one family: its spots, their seeds, and the test of the shape of a curve of strengths."""
        pools = [self.runs(part) for part in family]
        groups = [Group(runs, _weights(part)) for part, runs in zip(family, pools, strict=True)]
        judged = simultaneous.judge(groups)
        every = [one for found in judged for one in found]
        equivalent = iter(inference.holm([self.p_equivalence(one) for one in every]))
        for part, runs, group, found in zip(family, pools, groups, judged, strict=True):
            compared = iter(zip(group.weights, found, strict=True))
            for spot in part.spots:
                row = self.about(spot) | {"family": len(every)}
                if spot.weights:
                    weights, one = next(compared)
                    accuracies = self.accuracies.reindex(columns=part.names)
                    row |= self.cells(one, next(equivalent)) | failures.counts(
                        spot.pairs, accuracies, self.facts.rules.classes
                    )
                    seeds += self.each(spot, runs, weights)
                elif spot.about["reference"] is not None:
                    row["verdict"] = EffectVerdict.SAME
                rows.append(row)
            if part.pool and part.spots[0].about["level"] is ResponseLevel.STRENGTH:
                tests.append(self.shape(part, runs))

    def runs(self, part: Part) -> Runs:
        """The values of the conditions of a pool."""
        accuracies = self.accuracies.reindex(columns=part.names)
        if not part.pool:
            return Runs(accuracies.to_numpy(), accuracies.to_numpy(), [], {})
        runs = effects.runs_of(part.pool, self.facts.summary, self.quantity.key, accuracies, self.facts.rules.classes)
        # The effect of a factor uses all conditions of its pool, and so it would always include the one set apart.
        factor = part.spots[0].about["level"] is ResponseLevel.FACTOR
        return runs if factor else strengths.set_apart(runs)

    def about(self, spot: Spot) -> dict[str, Any]:
        """The cells that need no test."""
        condition = spot.about["condition"]
        known = self.values[condition].dropna() if condition in self.values else pd.Series(dtype=float)
        limit = self.facts.rules.margin[self.quantity.margin]
        mean = float(known.mean()) if len(known) else None
        return {**spot.about, "quantity": self.quantity.key, "margin": limit, "seeds": len(known), "mean": mean}

    def p_equivalence(self, one: Simultaneous) -> float:
        """The p-value of equivalence of one contrast alone. NaN: no test."""
        if self.margin is None or not one.both.tested:
            return float("nan")
        return one.both.deciding.p_equivalence(self.margin)

    def cells(self, one: Simultaneous, p_equivalence: float) -> dict[str, Any]:
        """The estimate, its band and its verdict. What cannot be known is left out.

        `p_equivalence` is adjusted for the family.
        """
        test, p = one.both.deciding, one.p_adjusted
        judged = float("nan") if p is None else p, self.margin, self.quantity.better_up
        verdict = inference.decide(one.both, *judged, p_equivalence=p_equivalence)
        row: dict[str, Any] = {"seeds": test.seeds, "difference": test.difference if test.seeds else None}
        row |= {"verdict": verdict, "method": one.both.method, "objection": one.both.objection}
        if test.testable:
            row |= {"low": one.low, "high": one.high, "error": test.error, "freedom": test.freedom}
            row |= dict(zip(("low_90", "high_90"), test.interval(2 * LEVEL), strict=True))
        if one.both.tested:
            row |= {"p": test.p(), "p_adjusted": p}
            row |= {"p_equivalence": None if self.margin is None else p_equivalence}
        return row

    def each(self, spot: Spot, runs: Runs, weights: np.ndarray) -> list[dict[str, Any]]:
        """One row for each seed that has all runs of a spot."""
        used = np.flatnonzero(weights)
        values = runs.of(used) @ weights[used]
        return self._seeds(spot, dict(zip(self.values.index, values, strict=True)))

    def mean(self, spot: Spot, rows: list[dict[str, Any]], seeds: list[dict[str, Any]]) -> None:
        """Adds the plain mean of one condition."""
        rows.append(self.about(spot))
        if spot.about["condition"] in self.values:
            seeds += self._seeds(spot, self.values[spot.about["condition"]].to_dict())

    def _seeds(self, spot: Spot, values: Mapping[Any, float]) -> list[dict[str, Any]]:
        about = {name: spot.about[name] for name in ("sweep", "level", "curve", "value", "x", "y")}
        about["quantity"] = self.quantity.key
        return [about | {"seed": seed, "number": value} for seed, value in values.items()]

    def shape(self, part: Part, runs: Runs) -> dict[str, Any]:
        """The row of `response_shapes.csv`, see `strengths.judge_shape`."""
        about = part.spots[0].about
        row = {name: about[name] for name in ("sweep", "curve", "penalty", "norm", "factor", "reference")}
        found = {pair.with_factor: pair.strength for pair in part.pool}
        row |= {"quantity": self.quantity.key}
        return row | strengths.judge_shape(part.names, found, runs, self.quantity.better_up)


def _weights(part: Part) -> np.ndarray:
    """The weights (m, K) of the spots that compare something."""
    names = part.names
    rows = [[spot.weights.get(name, 0.0) for name in names] for spot in part.spots if spot.weights]
    return np.array(rows) if rows else np.zeros((0, len(names)))
