"""Strengths that scatter far more than the others: how often one is set apart, and what then happens to the rest."""

import numpy as np
import pytest

from normreg.analysis import simultaneous, strengths
from normreg.analysis.inference import Runs
from normreg.analysis.simultaneous import Group
from normreg.analysis.verdicts import Method, Objection


def runs(values, apart=None, pools=None):
    pools = [np.arange(values.shape[1])] if pools is None else pools
    return Runs(values, np.full(values.shape, "torch", dtype=object), pools, apart or {})


def noise(random, spreads, seeds=5):
    return 99.5 + random.normal(0, 0.03, (seeds, 1)) + 0.03 * random.normal(size=(seeds, len(spreads))) * spreads


def against(count):
    return np.column_stack([-np.ones(count), np.eye(count)])


@pytest.mark.parametrize(("seeds", "conditions"), [(3, 4), (5, 8), (10, 6)])
def test_with_equal_spreads_one_is_set_apart_as_often_as_the_level_says(monkeypatch, seeds, conditions):
    """By simulation: Bonferroni's bound is nearly reached, and three standard errors are allowed above it."""
    monkeypatch.setattr(strengths, "SCATTERS_LEVEL", 0.2)
    random, studies = np.random.default_rng(0), 1500
    found = sum(bool(strengths.scattering(noise(random, np.ones(conditions), seeds))) for _ in range(studies))
    assert 0.14 <= found / studies <= 0.2 + 3 * (0.2 * 0.8 / studies) ** 0.5


def test_one_that_scatters_eight_times_as_much_is_nearly_always_found_with_five_seeds():
    random = np.random.default_rng(1)
    found = [strengths.scattering(noise(random, np.array([1, 1, 1, 1, 1, 1, 8]))) for _ in range(200)]
    assert sum(left == [6] for left in found) >= 180


def test_the_seeds_own_parts_are_no_scatter():
    random = np.random.default_rng(2)
    values = noise(random, np.ones(6)) + random.normal(0, 10, (5, 1))
    assert strengths.scattering(values) == []


def test_the_largest_leaves_first_and_three_conditions_stay():
    random = np.random.default_rng(3)
    assert strengths.scattering(noise(random, np.array([1, 1, 300, 1, 30.0]), 10)) == [2, 4]
    assert len(strengths.scattering(noise(random, np.array([1, 1e2, 1e4, 1e6, 1e8]), 10))) == 2
    assert strengths.scattering(noise(random, np.array([1, 1, 100.0]), 10)) == []


def test_where_nothing_can_be_said_nothing_is_set_apart():
    random = np.random.default_rng(4)
    spreads = np.array([1, 1, 1, 1, 100])
    assert strengths.scattering(noise(random, spreads, 2)) == []
    steady = np.full((5, 5), 99.5)
    steady[:, 4] = [99, 98, 99.5, 97, 99]
    assert strengths.scattering(steady) == []  # the others have no variance
    missing = noise(random, spreads, 6)
    missing[:4, 0] = np.nan  # two seeds are complete
    assert strengths.scattering(missing) == []


def test_a_pool_knows_only_its_own_conditions_and_a_collapse_comes_first():
    random = np.random.default_rng(5)
    values = noise(random, np.array([1, 1, 1, 1, 40, 40, 40, 40, 1.0]), 8)
    values[:, 8] = random.uniform(10, 90, 8)
    pools = [np.array([0, 1, 2, 3, 8]), np.arange(4, 8)]
    found = strengths.set_apart(runs(values, {8: Objection.COLLAPSED}, pools))
    assert found.apart == {8: Objection.COLLAPSED}  # the second pool scatters much, but evenly


def test_the_others_keep_their_common_variance():
    random = np.random.default_rng(6)
    values = noise(random, np.array([1, 1, 1, 1, 8.0]), 6)
    apart = strengths.set_apart(runs(values))
    assert apart.apart == {4: Objection.SCATTERS}
    (found,) = simultaneous.judge([Group(apart, against(4))])
    (alone,) = simultaneous.judge([Group(runs(values[:, :4]), against(3))])
    assert [one.both.method for one in found[:3]] == [Method.BLOCKED] * 3
    assert [one.both.deciding for one in found[:3]] == [one.both.deciding for one in alone]
    assert (found[3].both.method, found[3].both.objection) == (Method.PAIRED, Objection.SCATTERS)


def test_a_reference_that_scatters_leaves_no_comparison_in_the_pool():
    apart = strengths.set_apart(runs(noise(np.random.default_rng(7), np.array([12, 1, 1, 1, 1.0]), 6)))
    (found,) = simultaneous.judge([Group(apart, against(4))])
    assert {one.both.objection for one in found} == {Objection.SCATTERS}
