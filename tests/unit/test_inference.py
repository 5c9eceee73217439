"""Both ways to estimate a contrast, the check between them, and what a number of seeds can show."""

import numpy as np
import pytest
from scipy import integrate, stats

from normreg.analysis import power
from normreg.analysis.inference import Estimate, Pool, Runs, estimate, paired
from normreg.analysis.verdicts import Method, Objection

# Montgomery, "Design and Analysis of Experiments", example 4.1: six batches of resin (blocks), four pressures.
GRAFTS = np.array(
    [
        [90.3, 92.5, 85.5, 82.5],
        [89.2, 89.5, 90.8, 89.5],
        [98.2, 90.6, 89.6, 85.6],
        [93.9, 94.7, 86.2, 87.4],
        [87.4, 87.0, 88.0, 78.9],
        [97.9, 95.8, 93.4, 90.7],
    ]
)
FIRST_AGAINST_LAST = np.array([1.0, 0.0, 0.0, -1.0])


def test_a_published_example_of_blocks():
    """The book's table has an error mean square of 7.33 on 15 degrees of freedom, and means 92.82 and 85.77."""
    pool = Pool(GRAFTS)
    assert pool.variance == pytest.approx(7.33, abs=0.005)
    found = pool.estimate(FIRST_AGAINST_LAST)
    assert (found.seeds, found.freedom) == (6, 15)
    assert found.difference == pytest.approx(92.82 - 85.77, abs=0.01)
    assert found.error == pytest.approx((2 * 7.33 / 6) ** 0.5, abs=1e-3)
    reach = 2.131 * found.error  # the book's table of t
    assert found.interval() == pytest.approx((found.difference - reach, found.difference + reach), abs=1e-3)


def test_paired_is_scipys_paired_test():
    found, truth = paired(GRAFTS, FIRST_AGAINST_LAST), stats.ttest_rel(GRAFTS[:, 0], GRAFTS[:, 3])
    assert found.p() == pytest.approx(truth.pvalue)
    assert found.interval() == pytest.approx(tuple(truth.confidence_interval()))


def test_with_two_conditions_both_ways_are_one():
    weights, two = np.array([-1.0, 1.0]), GRAFTS[:, :2]
    assert Pool(two).estimate(weights).p() == pytest.approx(paired(two, weights).p())
    (found,) = estimate(Runs(two, np.full(two.shape, "torch"), [np.arange(2)], {}), weights[None])
    assert found.objection is Objection.FEW


def test_equivalence_is_two_one_sided_tests():
    """SciPy's one-sided tests against both ends of the margin."""
    each = np.array([0.02, -0.01, 0.03, 0.00, 0.01])
    found = paired(each[:, None], np.array([1.0]))
    upper = stats.ttest_1samp(each, 0.05, alternative="less").pvalue
    lower = stats.ttest_1samp(each, -0.05, alternative="greater").pvalue
    assert found.p_equivalence(0.05) == pytest.approx(max(upper, lower))


def test_a_seed_without_a_value_is_left_out():
    missing = GRAFTS.copy()
    missing[2, 0] = np.nan
    rest = np.delete(GRAFTS, 2, axis=0)
    assert paired(missing, FIRST_AGAINST_LAST) == paired(rest, FIRST_AGAINST_LAST)
    assert Pool(missing).variance == pytest.approx(Pool(rest).variance)
    other = np.array([0.0, 1.0, -1.0, 0.0])
    assert paired(missing, other).seeds == 6  # it needs no run of the condition that lacks one


def test_no_value_at_all_is_no_estimate():
    nothing = np.full((4, 3), np.nan)
    weights = np.array([1.0, -1.0, 0.0])
    assert not paired(nothing, weights).testable
    assert not Pool(nothing).estimate(weights).testable


@pytest.mark.parametrize("seeds", [2, 3, 8])
def test_equal_differences_have_no_spread(seeds):
    """Rounded to four decimals, as in summary.csv: not equal in binary."""
    images = np.arange(seeds)[:, None] + np.array([857, 859, 853])
    values = np.round(100 * images / 891, 4)
    assert paired(values, np.array([-1.0, 1.0, 0.0])).error == 0
    assert Pool(values).variance == 0


# --- power


def test_power_of_a_published_example():
    """The manual of G*Power (Faul et al. 2007): a paired t-test with dz 0.5 needs 34 pairs, with a power of 0.8078."""
    assert power.Spread(1.0, 1, Method.PAIRED).seeds_to_find(0.5) == 34
    assert power._found(0.5 * 34**0.5, Method.PAIRED, 34, 1, 0.025) == pytest.approx(0.8078, abs=5e-4)


@pytest.mark.parametrize(("freedom", "family"), [(2, 1), (4, 3), (28, 3), (200, 6)])
def test_the_detectable_effect_has_the_power_it_says(freedom, family):
    """By integration over the distribution of the standard deviation, without the noncentral t."""
    shift = power.Spread(1.0, 1, Method.PAIRED).detectable(freedom + 1, family) * (freedom + 1) ** 0.5
    critical = stats.t.isf(0.05 / family / 2, freedom)

    def found(s):
        return stats.norm.sf(critical * s - shift) * 2 * s * freedom * stats.chi2.pdf(s * s * freedom, freedom)

    assert integrate.quad(found, 0, np.inf)[0] == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize("seeds", [3, 12])
def test_the_power_allows_for_the_larger_of_two_errors(seeds):
    """By simulation of the whole procedure with eight conditions, by hand: both standard errors, and the larger one."""
    effect, weights = power.Spread(0.5**0.5, 7, Method.BLOCKED).detectable(seeds), np.array([-1.0, 1.0] * 4) / 4
    values = np.random.default_rng(0).normal(size=(20_000, seeds, 8)) + effect * (weights > 0)
    residuals = (
        values - values.mean(1, keepdims=True) - values.mean(2, keepdims=True) + values.mean((1, 2), keepdims=True)
    )
    each, own, rest = values @ weights, seeds - 1, 7 * (seeds - 1)
    pooled, paired_sd = np.sqrt((residuals**2).sum((1, 2)) / rest * 0.5), each.std(axis=1, ddof=1)
    errors = np.maximum(pooled, paired_sd) / seeds**0.5
    critical = np.where(paired_sd > pooled, stats.t.isf(0.025, own), stats.t.isf(0.025, rest))
    assert (each.mean(axis=1) / errors > critical).mean() == pytest.approx(0.8, abs=0.012)


def test_seeds_for_equivalence_find_it():
    """By simulation of the two one-sided tests, with one seed less as well."""
    spread = power.Spread(0.04, 1, Method.PAIRED)
    seeds = spread.seeds_for_equivalence(0.05)
    random = np.random.default_rng(0)

    def share(number):
        each = random.normal(0, 0.04, (20_000, number))
        reach = stats.t.isf(0.05, number - 1) * each.std(axis=1, ddof=1) / number**0.5
        return (np.abs(each.mean(axis=1)) + reach < 0.05).mean()

    assert share(seeds) > 0.79
    assert share(seeds - 1) < 0.81


def test_more_seeds_than_anybody_has_are_none():
    spread = power.Spread(1.0, 7, Method.BLOCKED)
    assert spread.seeds_to_find(1e-4) is None
    assert spread.seeds_for_equivalence(1e-4) is None
    assert spread.seeds_to_find(100.0) == 3


def test_an_estimate_says_whether_it_can_be_tested():
    assert Estimate(3, 0.1, 0.1, 2).testable
    assert not Estimate(2, 0.1, 0.1, 1).testable
    assert not Estimate(9, 0.1, 0.0, 8).testable
