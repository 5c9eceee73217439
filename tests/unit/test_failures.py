"""Which runs failed: against numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from normreg.analysis import failures
from normreg.analysis.contrasts import Contrast
from normreg.analysis.verdicts import Objection

PAIR = Contrast("L1", 1e-5, "none-bn", "l1-bn")
CONTROL = [99.40, 99.45, 99.50, 99.47, 99.42]


def accuracies(found, control=CONTROL):
    return pd.DataFrame({"none-bn": control, "l1-bn": found}, dtype=float)


@pytest.mark.parametrize(
    ("classes", "control", "found", "collapses"),
    [
        (10, 99.0, 54.0, 1),  # of 89 points above chance 44 are left
        (10, 99.0, 55.0, 0),
        (10, 22.0, 16.5, 0),  # after two epochs, of 12 points above chance 6.5 are left
        (10, 22.0, 15.5, 1),
        (10, 18.0, 10.0, 0),  # the control has not learned a tenth of what there is to learn
        (2, 95.0, 73.0, 0),
        (2, 95.0, 72.0, 1),
    ],
)
def test_a_collapse_is_relative_to_chance(classes, control, found, collapses):
    table = accuracies([found] * 3, [control] * 3)
    assert failures.counts([PAIR], table, classes)["collapses"] == 3 * collapses
    assert failures.apart([PAIR], table, classes) == ({1: Objection.COLLAPSED} if collapses else {})


def test_a_run_far_under_the_others_of_its_condition_is_flagged():
    """Distances from the medians 99.45 and 99.44: 0.02, 0.03, 0.05, 0.05 and 0.01, 0.02, 0.06 and what was lost. Their
    median is 0.04, so 6 robust deviations are 0.36 points."""
    usual = [99.41, 99.44, 99.48, 99.42, 99.45]
    assert failures.apart([PAIR], accuracies(usual), 10) == {}
    for lost, far in ((0.34, 0), (0.37, 1)):  # under the median, 99.42
        table = accuracies([*usual[:4], 99.42 - lost])
        assert failures.counts([PAIR], table, 10)["far_below"] == far
        assert failures.apart([PAIR], table, 10) == ({1: Objection.FAR} if far else {})


def test_a_run_is_counted_once_and_only_with_its_control():
    table = accuracies([-np.inf, 10.0, 99.44, np.nan, 99.45])
    counts = {"runs": 4, "collapses": 1, "far_below": 0, "diverged": 1, "diverged_without": 0}
    assert failures.counts([PAIR], table, 10) == counts
    assert failures.apart([PAIR], table, 10) == {1: Objection.DIVERGED}


@pytest.mark.parametrize("seeds", [1, 2, 6])
def test_equal_runs_and_a_single_seed_have_no_spread_to_be_far_in(seeds):
    table = accuracies([99.0] * (seeds - 1) + [98.0], [99.0] * seeds)
    assert failures.counts([PAIR], table, 10)["far_below"] == 0


def test_few_normal_runs_are_flagged():
    random = np.random.default_rng(0)
    flagged = 0
    for _ in range(300):
        values = random.normal(99.5, 0.03, (5, 1)) + random.normal(0, 0.03, (5, 8))
        flagged += bool(failures.apart([], pd.DataFrame(values), 10))
    assert flagged <= 3
