"""Judges a family of effects: which way to estimate each of them, tests adjusted for their number, and verdicts.

docs/statistics.md explains the rules and how they were calibrated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from normreg.analysis.inference import LEAST_SEEDS, LEVEL, Estimate, Pool, paired
from normreg.analysis.verdicts import EffectVerdict, Method, Objection


@dataclass(frozen=True)
class Estimates:
    """An effect, estimated in both ways.

    Attributes:
        paired: from its own spread over seeds.
        blocked: with the residuals of all conditions of its pool. None if there is no pool for it.
        objection: why `paired` decides. None if `blocked` does.
    """

    paired: Estimate
    blocked: Estimate | None
    objection: Objection | None

    @property
    def method(self) -> Method:
        """The way that decides."""
        return Method.BLOCKED if self.blocked and self.objection is None else Method.PAIRED

    @property
    def deciding(self) -> Estimate:
        """The estimate that decides."""
        return self.blocked if self.blocked and self.objection is None else self.paired

    @property
    def tested(self) -> bool:
        """Whether the estimate that decides is tested: it can be, and no run diverged."""
        return self.deciding.testable and self.objection is not Objection.DIVERGED


@dataclass(frozen=True)
class Judged:
    """The test of an effect: its p-value adjusted for the number of effects (Holm 1979), if tested, and its verdict."""

    p_adjusted: float | None
    verdict: EffectVerdict


@dataclass(frozen=True)
class Runs:
    """The values of one quantity.

    Attributes:
        values: of each seed and distinct condition, NaN if missing, (n, K).
        engines: the engine that trained each run, (n, K). Engines round differently. So a seed counts for
            an estimate only if one engine trained all the runs that the estimate needs.
        pools: for each group of conditions that are compared with each other, its columns.
        apart: the columns that belong to no pool, because a run diverged or collapsed, for example, and why.
    """

    values: np.ndarray
    engines: np.ndarray
    pools: Sequence[np.ndarray]
    apart: Mapping[int, Objection]

    def of(self, columns: np.ndarray) -> np.ndarray:
        """The values of some conditions, (n, len(columns)). A seed with several engines is NaN."""
        engines = self.engines[:, columns]
        same = (engines == engines[:, :1]).all(axis=1, keepdims=True)
        return np.where(same, self.values[:, columns], np.nan)

    def together(self, columns: np.ndarray) -> np.ndarray:
        """Those of the columns that are not apart."""
        return columns[[column not in self.apart for column in columns.tolist()]]


def estimate(runs: Runs, weights: np.ndarray) -> list[Estimates]:
    """Both estimates of each effect, with no tests. `weights` are (E, K), and each row has the sum 0."""
    kept = [runs.together(columns) for columns in runs.pools]
    parts = [(columns, Pool(runs.of(columns))) for columns in kept]
    return [_choose(runs, row, parts) for row in weights]


def judge(estimates: Sequence[Estimates], margin: float | None, better_up: bool | None) -> list[Judged]:
    """Judges all effects of a family.

    Args:
        estimates: see `estimate`.
        margin: the largest difference that counts as none. None allows no "equivalent".
        better_up: whether larger is better. None: neither, as for an interaction.
    """
    adjusted = holm([found.deciding.p() if found.tested else float("nan") for found in estimates])
    return [
        Judged(None if np.isnan(p) else float(p), decide(found, p, margin, better_up))
        for found, p in zip(estimates, adjusted, strict=True)
    ]


def _choose(runs: Runs, weights: np.ndarray, parts: Sequence[tuple[np.ndarray, Pool]]) -> Estimates:
    used = np.flatnonzero(weights)
    own = paired(runs.of(used), weights[used])
    apart = [runs.apart[column] for column in used.tolist() if column in runs.apart]
    if apart:
        return Estimates(own, None, min(apart, key=list(Objection).index))
    for columns, pool in parts:
        if set(used) <= set(columns):
            blocked = pool.estimate(weights[columns])
            incomplete = Objection.INCOMPLETE if blocked.seeds < own.seeds else None
            return Estimates(own, blocked, incomplete or pool.objection(weights[columns]))
    return Estimates(own, None, Objection.FEW)


def decide(found: Estimates, p_adjusted: float, margin: float | None, better_up: bool | None) -> EffectVerdict:
    """The verdict. The first rule that applies decides.

    0. A run that the effect needs diverged: runs diverged. The mean of the others says nothing about those. 1. Fewer
    than three seeds: too few seeds. 2. The values do not differ over seeds at all: no spread. 3. The adjusted p-value
    is below 0.05: better or worse; by less than the margin if rule 4 applies too. 4. Both one-sided tests at the margin
    reject at 0.05, unadjusted: equivalent. 5. Else undecided.
    """
    test = found.deciding
    if found.objection is Objection.DIVERGED:
        return EffectVerdict.DIVERGED
    if test.seeds < LEAST_SEEDS:
        return EffectVerdict.TOO_FEW
    if not test.testable:
        return EffectVerdict.NO_SPREAD
    within = margin is not None and test.p_equivalence(margin) < LEVEL
    if p_adjusted < LEVEL:
        return _DIFFERENT[None if better_up is None else (test.difference > 0) == better_up][within]
    return EffectVerdict.EQUIVALENT if within else EffectVerdict.UNDECIDED


_DIFFERENT: Mapping[bool | None, tuple[EffectVerdict, EffectVerdict]] = {  # whole, and by less than the margin
    True: (EffectVerdict.BETTER, EffectVerdict.SLIGHTLY_BETTER),
    False: (EffectVerdict.WORSE, EffectVerdict.SLIGHTLY_WORSE),
    None: (EffectVerdict.DIFFERENT, EffectVerdict.SLIGHTLY_DIFFERENT),
}


def holm(p: Sequence[float]) -> np.ndarray:
    """Adjusted p-values (Holm 1979): the chance of any false claim among them is at most the level. NaN stays NaN."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values)[: np.count_nonzero(~np.isnan(values))]
    adjusted = np.full(len(values), np.nan)
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
