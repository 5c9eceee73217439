"""Bands and tests of response curves against published tables, numerical integration, and simulated truth."""

import numpy as np
import pytest
from scipy import integrate, stats

from normreg.analysis import simultaneous
from normreg.analysis.inference import Runs, paired
from normreg.analysis.simultaneous import Group
from normreg.analysis.strengths import contrasts_of, judge_shape
from normreg.analysis.verdicts import Method, Objection


def equal(count):
    """The correlation of `count` differences from one reference."""
    return np.full((count, count), 0.5) + 0.5 * np.eye(count)


def against(count):
    return np.column_stack([-np.ones(count), np.eye(count)])


def runs(values, apart=None, engines=None):
    values = np.asarray(values, dtype=float)
    engines = np.full(values.shape, "torch", dtype=object) if engines is None else engines
    return Runs(values, engines, [np.arange(values.shape[1])], apart or {})


def by_integration(value, count, freedom):
    """P(largest absolute t > value), from the textbook's double integral over the reference's mean and the SD."""

    def inside(z, s):
        reach = 2**0.5 * value * s
        between = stats.norm.cdf(z + reach) - stats.norm.cdf(z - reach)
        return stats.norm.pdf(z) * between**count * stats.chi.pdf(s * freedom**0.5, freedom) * freedom**0.5

    points, weights = np.polynomial.legendre.leggauss(80)
    return 1 - integrate.quad(lambda s: float((8 * weights * inside(8 * points, s)).sum()), 0, 5, limit=100)[0]


# Dunnett 1964, "New tables for multiple comparisons with a control", Biometrics 20: two-sided, joint 95 %
@pytest.mark.parametrize(
    ("count", "freedom", "published"),
    [
        *[(1, 20, 2.09), (2, 20, 2.38), (3, 20, 2.54), (4, 20, 2.65), (5, 20, 2.73), (6, 20, 2.80)],
        *[(1, 10, 2.23), (2, 10, 2.57), (3, 10, 2.76), (4, 10, 2.89), (5, 10, 2.99)],
        *[(1, 5, 2.57), (2, 5, 3.03), (3, 5, 3.29), (4, 5, 3.48), (2, 60, 2.27), (4, 60, 2.51)],
    ],
)
def test_the_quantile_is_dunnetts(count, freedom, published):
    assert simultaneous.quantile(0.05, equal(count), freedom) == pytest.approx(published, abs=0.0075)


@pytest.mark.parametrize(("value", "count", "freedom"), [(1.5, 3, 8), (2.7, 7, 28), (3.5, 12, 8), (5.0, 4, 20)])
def test_the_tail_is_that_of_the_double_integral(value, count, freedom):
    expected = by_integration(value, count, freedom)
    assert simultaneous.tail(value, equal(count), freedom) == pytest.approx(expected, rel=0.02)


def test_independent_and_identical_statistics_are_the_two_limits():
    one = 2 * stats.norm.sf(2.0)
    assert simultaneous.tail(2.0, np.eye(3), 10**7) == pytest.approx(1 - (1 - one) ** 3, rel=0.01)
    assert simultaneous.tail(2.0, np.ones((3, 3)), 10**7) == pytest.approx(one, rel=1e-4)
    assert simultaneous.correlation(against(3)) == pytest.approx(equal(3))


def test_sidak_both_ways():
    assert simultaneous.sidak(0.05, 3) == pytest.approx(1 - 0.95**3)
    assert simultaneous.sidak(1e-20, 5) == pytest.approx(5e-20)
    assert simultaneous.sidak(1.0, 2) == pytest.approx(1.0)
    assert simultaneous.sidak_level(simultaneous.sidak(0.01, 7), 7) == pytest.approx(0.01)


def test_a_curve_is_dunnetts_test_without_the_parts_of_the_seeds():
    """By hand: residual variance and standard error from the two-way table."""
    values = np.random.default_rng(24).normal(0, 1, (6, 4)) + np.arange(6)[:, None] * 10  # no spread is larger
    (found,) = simultaneous.judge([Group(runs(values), against(3))])
    residuals = values - values.mean(0) - values.mean(1)[:, None] + values.mean()
    error = (2 * (residuals**2).sum() / 15 / 6) ** 0.5
    for column, one in enumerate(found, start=1):
        difference = values[:, column].mean() - values[:, 0].mean()
        assert one.both.method is Method.BLOCKED
        assert one.both.deciding.freedom == 15
        assert (one.high - one.low) / 2 == pytest.approx(simultaneous.quantile(0.05, equal(3), 15) * error)
        assert (one.high + one.low) / 2 == pytest.approx(difference)
        assert one.p_adjusted == pytest.approx(by_integration(abs(difference) / error, 3, 15), rel=0.02)


def test_a_collapsed_strength_leaves_the_pool_and_has_its_own_spread():
    values = np.random.default_rng(24).normal(99.5, 0.03, (6, 4))
    values[:, 3] = [20, 90, 30, 99, 25, 60]
    (found,) = simultaneous.judge([Group(runs(values, {3: Objection.COLLAPSED}), against(3))])
    assert [one.both.objection for one in found] == [None, None, Objection.COLLAPSED]
    assert found[0].both.deciding.freedom == 5 * 2
    each = values[:, 3] - values[:, 0]
    assert found[2].p_adjusted == pytest.approx(1 - (1 - stats.ttest_1samp(each, 0).pvalue) ** 3)
    reach = stats.t.isf((1 - 0.95 ** (1 / 3)) / 2, 5) * each.std(ddof=1) / 6**0.5
    assert (found[2].high - found[2].low) / 2 == pytest.approx(reach)


def test_a_strength_that_scatters_has_its_own_spread():
    """Beside it, the others have the common variance, which is too large for them, not too small."""
    values = np.random.default_rng(2).normal(0, 1, (20, 5)) * np.array([1, 1, 1, 1, 30])
    (found,) = simultaneous.judge([Group(runs(values), against(4))])
    assert [one.both.method for one in found] == [*[Method.BLOCKED] * 3, Method.PAIRED]
    assert all(one.both.deciding.error >= one.both.paired.error for one in found)


def test_groups_are_adjusted_for_each_other():
    values = np.random.default_rng(5).normal(0, 1, (6, 2))
    one = np.array([[-1.0, 1.0]])
    alone, twice = (simultaneous.judge([Group(runs(values), one)] * count)[0][0] for count in (1, 2))
    assert twice.p_adjusted == pytest.approx(1 - (1 - alone.p_adjusted) ** 2)
    assert twice.high - twice.low > alone.high - alone.low


def test_seeds_of_several_engines_are_not_pooled():
    engines = np.full((6, 3), "torch", dtype=object)
    engines[0, 1] = "numba"
    (found,) = simultaneous.judge(
        [Group(runs(np.random.default_rng(0).normal(0, 1, (6, 3)), None, engines), against(2))]
    )
    assert [one.both.paired.seeds for one in found] == [5, 6]
    assert found[1].both.objection is Objection.INCOMPLETE


def test_too_few_seeds_give_no_band():
    (found,) = simultaneous.judge([Group(runs([[1.0, 2.0], [1.0, 3.0]]), against(1))])
    assert (found[0].p_adjusted, found[0].low, found[0].high) == (None, None, None)
    assert simultaneous.judge([Group(runs(np.zeros((2, 0))), np.zeros((0, 0)))]) == [[]]


def test_shapes_by_hand():
    found = contrasts_of(4) * 12
    assert found == pytest.approx(np.array([[-4.5, 7.5, 1.5, -4.5], [-4.5, 1.5, 7.5, -4.5], [-6, -2, 2, 6]]))
    assert found.sum(axis=1) == pytest.approx(0)


def test_a_shape_says_whether_it_depends_on_the_strength_and_where_it_is_best():
    random = np.random.default_rng(4)
    values = 99.5 + random.normal(0, 0.01, (6, 6)) + random.normal(0, 0.03, (6, 1))
    names, strengths = ["none", "c", "a", "b", "d", "gone"], {"a": 1e-6, "b": 1e-5, "c": 1e-4, "d": 1e-3, "gone": 0.1}
    values[:, 3] += 0.05  # b, the second of the strengths
    values[:, 5] -= 80
    row = judge_shape(names, strengths, runs(values, {5: Objection.COLLAPSED}), better_up=True)
    assert (row["conditions"], row["left_out"], row["seeds"]) == (5, 1, 6)
    assert row["p"] < 0.01
    assert (row["shape"], row["peak"], row["rises"]) == ("umbrella", 1e-5, 1)
    assert (row["best"], row["best_strength"]) == ("b", 1e-5)
    assert row["best_difference"] == pytest.approx(values[:, 3].mean() - values[:, 0].mean())
    alone = judge_shape(["none", "a"], {"a": 1}, runs(values[:, :2]), better_up=True)
    assert "p" not in alone


def test_a_small_calibration():
    """Six strengths, five seeds, no effect: each share may exceed 5 % by three standard errors. Then an effect."""
    random = np.random.default_rng(0)
    weights, forms = against(6), contrasts_of(7)
    studies, covered, false, found, alone = 250, 0, 0, 0, 0
    for _ in range(studies):
        values = random.normal(0, 0.03, (5, 1)) + random.normal(0, 0.032, (5, 7))
        (band,) = simultaneous.judge([Group(runs(values), weights)])
        covered += all(one.low <= 0 <= one.high for one in band)
        false += min(one.p_adjusted for one in simultaneous.judge([Group(runs(values), forms)])[0]) < 0.05
        gained = values + np.array([0, *[0.05] * 5, 0])
        found += min(one.p_adjusted for one in simultaneous.judge([Group(runs(gained), forms)])[0]) < 0.05
        alone += min(paired(gained, row).p() for row in weights) * 6 < 0.05
    limit = 3 * (0.05 * 0.95 / studies) ** 0.5
    assert covered / studies > 0.95 - limit
    assert false / studies < 0.05 + limit
    assert found / studies > 0.7
    assert found > 1.5 * alone
