"""The rules of the verdicts in their order, families, and which estimate decides."""

import numpy as np
import pandas as pd
import pytest

from normreg.analysis import inference, plan
from normreg.analysis.inference import Estimate, Estimates, Runs, decide
from normreg.analysis.summary import by_seed, by_seed_with_diverged
from normreg.analysis.verdicts import EffectVerdict, Method, Objection

EIGHT = [np.arange(8)]


def runs(values, pools=EIGHT, apart=None, engines=None):
    engines = np.full(values.shape, "torch", dtype=object) if engines is None else engines
    return Runs(values, engines, pools, apart or {})


def noise(seeds, conditions=8, seed=0):
    return np.random.default_rng(seed).normal(99.5, 0.03, (seeds, conditions))


FACTOR = np.array([[-1.0, 1.0] * 4]) / 4


@pytest.mark.parametrize(
    ("seeds", "difference", "error", "p_adjusted", "margin", "better_up", "verdict"),
    [
        (2, 5.0, 0.001, 0.001, 0.05, True, "too few seeds"),
        (9, 5.0, 0.0, float("nan"), 0.05, True, "no spread"),
        (9, 5.0, 0.01, 0.001, 0.05, True, "better"),
        (9, -56.2, 0.01, 0.001, 0.05, True, "worse"),
        (9, -0.1, 0.01, 0.001, 0.05, False, "better"),
        (9, 0.1, 0.01, 0.001, 0.05, None, "different"),
        (9, 0.03, 0.005, 0.001, 0.05, True, "better by less than the margin"),
        (9, -0.03, 0.005, 0.001, 0.05, True, "worse by less than the margin"),
        (9, -0.03, 0.005, 0.001, 0.05, None, "different by less than the margin"),
        (9, 0.03, 0.005, 0.001, None, True, "better"),
        (9, 0.01, 0.01, 0.9, 0.05, True, "equivalent"),
        (9, 0.01, 0.01, 0.9, None, True, "undecided"),
        (9, 0.01, 0.04, 0.9, 0.05, True, "undecided"),
        (9, 0.01, 0.01, 0.05, 0.05, True, "equivalent"),  # 0.05 is not below 0.05
    ],
)
def test_the_first_rule_that_applies_decides(seeds, difference, error, p_adjusted, margin, better_up, verdict):
    found = Estimates(Estimate(seeds, difference, error, seeds - 1), None, Objection.FEW)
    assert decide(found, p_adjusted, margin, better_up) == verdict


def test_no_verdict_comes_from_runs_that_did_not_diverge():
    """The others are a choice: those that the factor did not break. So even a clear gain of theirs is none."""
    found = Estimates(Estimate(9, 5.0, 0.01, 8), None, Objection.DIVERGED)
    assert decide(found, 0.001, 0.05, True) == "runs diverged"


def test_holm_as_in_the_textbook():
    adjusted = inference.holm([0.01, 0.04, float("nan"), 0.03, 0.005])
    assert adjusted.tolist() == pytest.approx([0.03, 0.06, np.nan, 0.06, 0.02], nan_ok=True)
    assert inference.holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert inference.holm([]).tolist() == []


def test_the_larger_standard_error_decides():
    (found,) = inference.estimate(runs(noise(6)), FACTOR)
    assert found.blocked.error > found.paired.error
    assert (found.method, found.objection, found.deciding) == (Method.BLOCKED, None, found.blocked)
    varying = noise(6) + np.random.default_rng(1).normal(0, 1, (6, 1)) * np.sign(FACTOR)
    (found,) = inference.estimate(runs(varying), FACTOR)
    assert (found.method, found.objection, found.deciding) == (Method.PAIRED, Objection.VARIES, found.paired)


def test_a_collapsed_condition_leaves_the_pool_of_the_others():
    values = noise(6)
    values[:, 7] = [10, 99, 11, 98, 9, 10]
    weights = np.vstack([FACTOR, [-1, 1, 0, 0, 0, 0, 0, 0]])
    with_it, without_it = inference.estimate(runs(values, apart={7: Objection.COLLAPSED}), weights)
    assert with_it.objection is Objection.COLLAPSED
    assert without_it.blocked.freedom == 5 * 6  # seven conditions
    assert without_it.blocked.error < 0.1


def test_conditions_that_nothing_compares_are_not_pooled():
    pools = [np.arange(4), np.arange(4, 8)]
    weights = np.array([[-1.0, 1, 0, 0, 0, 0, 0, 0]])
    values = noise(6)
    values[:, 4:] *= 3
    (found,) = inference.estimate(runs(values, pools), weights)
    assert found.blocked.freedom == 5 * 3
    (crossing,) = inference.estimate(runs(values, pools), FACTOR)
    assert (crossing.blocked, crossing.objection) == (None, Objection.FEW)


def test_a_seed_of_two_engines_counts_only_where_one_engine_is_enough():
    engines = np.full((6, 8), "torch", dtype=object)
    engines[0, :4] = "numba"
    weights = np.vstack([FACTOR, [-1, 1, 0, 0, 0, 0, 0, 0]])
    all_of_them, one_pair = inference.estimate(runs(noise(6), engines=engines), weights)
    assert (all_of_them.paired.seeds, one_pair.paired.seeds) == (5, 6)
    assert one_pair.objection is Objection.INCOMPLETE  # the pool has five seeds, the pair six
    engines[0] = "numba"  # another engine for the whole seed
    assert inference.estimate(runs(noise(6), engines=engines), FACTOR)[0].deciding.seeds == 6


def test_a_run_that_is_missing_costs_one_seed_and_no_interval():
    values = noise(6)
    values[3, 2] = np.nan
    (found,) = inference.estimate(runs(values), FACTOR)
    assert (found.paired.seeds, found.blocked.seeds) == (5, 5)
    assert found.deciding.testable


def test_the_adjustment_is_over_the_family():
    weights = np.vstack([FACTOR, np.array([[-1.0, -1, 1, 1] * 2]) / 4])
    values = noise(5) + 0.03 * (FACTOR[0] > 0)
    found = inference.estimate(runs(values), weights)
    p = [one.deciding.p() for one in found]
    judged = inference.judge(found, 0.05, True)
    assert [one.p_adjusted for one in judged] == pytest.approx([2 * p[0], max(2 * p[0], p[1])])
    assert judged[0].verdict in (EffectVerdict.BETTER, EffectVerdict.SLIGHTLY_BETTER)


def test_few_false_findings_and_few_false_equivalences():
    """A small calibration: three factors, five seeds. Each share may exceed 5 % by three standard errors."""
    design = np.array([[a, b, g] for g in (0, 1) for a, b in ((0, 0), (1, 0), (0, 1), (1, 1))])
    weights = (2 * design.T - 1) / 4
    random = np.random.default_rng(0)
    studies, false, equivalent, covered = 400, 0, 0, 0
    for _ in range(studies):
        values = random.normal(0, 0.03, (5, 1)) + random.normal(0, 0.032, (5, 8))
        found = inference.estimate(runs(values), weights)
        false += any(one.p_adjusted < 0.05 for one in inference.judge(found, 0.05, True))
        covered += sum(low <= 0 <= high for low, high in (one.deciding.interval() for one in found))
        (at_margin,) = inference.estimate(runs(values + 0.05 * design[:, 0]), weights[:1])
        equivalent += at_margin.deciding.p_equivalence(0.05) < 0.05
    assert false / studies < 0.05 + 3 * (0.05 * 0.95 / studies) ** 0.5
    assert equivalent / studies < 0.05 + 3 * (0.05 * 0.95 / studies) ** 0.5
    assert 0.93 < covered / studies / 3 < 0.98


@pytest.mark.parametrize(
    ("planned", "seeds", "said"),
    [
        (None, 5, "does not say how many seeds were planned"),
        (5, 5, "The runs have 5, as planned."),
        (10, 5, "fewer than planned"),
        (3, 5, "the plan was not kept"),
    ],
)
def test_the_plan_is_compared_with_the_seeds(planned, seeds, said):
    (note,) = plan.notes(planned, [], seeds, ["torch"])
    assert said in note
    assert ("17 %" in note) == (planned != seeds)


def test_several_engines_are_said():
    assert "torch, numba" not in " ".join(plan.notes(3, [], 3, ["torch"]))
    assert "several engines (numba, torch)" in plan.notes(3, [], 3, ["numba", "torch"])[1]


def test_values_stand_by_seed_and_condition():
    rows = pd.DataFrame(
        {"condition": ["b", "a", "b"], "seed": [1, 0, 0], "x": [1, 2, 3], "diverged_epoch": [3, None, None]}
    )
    table = by_seed(rows, "x")
    assert (list(table), list(table.index)) == (["b", "a"], [1, 0])
    assert table.loc[0].tolist() == [3.0, 2.0]
    assert np.isnan(table.loc[1, "a"])
    assert by_seed_with_diverged(rows, "x").loc[1, "b"] == -np.inf
