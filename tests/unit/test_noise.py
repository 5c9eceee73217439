"""The noise floor against published examples, numbers worked out by hand, and simulated truth."""

import numpy as np
import pandas as pd
import pytest

from normreg.analysis import noise
from normreg.analysis.agreement import Classes
from normreg.analysis.quantities import effect_quantities
from normreg.report import noise as page
from normreg.utils import tables

# Shrout and Fleiss (1979), table 2: ratings of six targets by four judges. Here targets are seeds, judges conditions.
RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
STUDY = "digits/x 0123456789abcdef"


def make_classes(wrong, conditions, seeds):
    """Classes of runs whose errors are `wrong` (R, I): the class is 0, a wrong run says 1."""
    predicted = np.asarray(wrong, np.uint8)
    engines = ("torch",) * len(predicted)
    return Classes(np.zeros(predicted.shape[1], np.uint8), predicted, tuple(conditions), tuple(seeds), engines)


def make_summary(values, names=("a", "b", "c", "d"), engine="torch"):
    """A summary with `values` (n, k), the same for every quantity."""
    quantities = ("last5_accuracy", "last5_loss", "final_accuracy", "final_loss", "test_accuracy")
    rows = [
        {"condition": name, "seed": seed, "engine": engine, "diverged_epoch": None, **dict.fromkeys(quantities, value)}
        for seed, row in enumerate(values)
        for name, value in zip(names, row, strict=False)
    ]
    return pd.DataFrame(rows)


def describe(values, shortest=25, change=lambda summary: summary):
    names = "abcd"[: len(values[0])]
    runs = [(name, seed) for seed in range(len(values)) for name in names]
    wrong = np.random.default_rng(0).random((len(runs), 50)) < 0.3
    classes = make_classes(wrong, *zip(*runs, strict=True))
    summary = change(make_summary(values)).assign(epochs=shortest, validation="test")
    return noise.describe(summary, classes)


def test_short_studies_are_judged_on_the_last_epoch():
    assert effect_quantities(25) == ("last5_accuracy", "last5_loss")
    assert effect_quantities(24) == ("final_accuracy", "final_loss")


# --- the spread over seeds


def test_residuals_and_correlation_as_published():
    """Shrout and Fleiss give BMS 11.24, EMS 1.02 and ICC(3,1) 0.71; R's psych gives its interval, 0.34 to 0.95.

    chi2(0.025, 15) = 6.262 and chi2(0.975, 15) = 27.488, t(0.975, 15) = 2.1314, from tables.
    """
    found = noise.spread(RATINGS)
    assert found["residual_sd"] ** 2 == pytest.approx(1.0194, abs=1e-4)
    assert found["correlation"] == pytest.approx(0.7148, abs=1e-4)
    assert (found["correlation_low"], found["correlation_high"]) == pytest.approx((0.34, 0.95), abs=0.005)
    assert found["residual_low"] == pytest.approx((15 * 1.0194 / 27.488) ** 0.5, abs=1e-4)
    assert found["residual_high"] == pytest.approx((15 * 1.0194 / 6.262) ** 0.5, abs=1e-4)
    assert found["least_difference"] == pytest.approx(2.1314 * (2 * 1.0194 / 6) ** 0.5, abs=1e-4)


def test_pairing_saves_what_the_variances_of_differences_say():
    """From the differences themselves: of two conditions with one seed, and with two seeds."""
    columns = [(i, j) for i in range(4) for j in range(i)]
    paired = np.mean([(RATINGS[:, i] - RATINGS[:, j]).var(ddof=1) for i, j in columns])
    independent = 2 * np.mean([RATINGS[:, i].var(ddof=1) for i in range(4)])
    found = noise.spread(RATINGS)
    assert (found["paired_sd"] ** 2, found["independent_sd"] ** 2) == pytest.approx((paired, independent))
    assert found["correlation"] == pytest.approx(1 - paired / independent)
    assert found["within_sd"] == pytest.approx((independent / 2) ** 0.5)


def test_a_negative_correlation_is_given_as_it_is():
    found = noise.spread(np.array([[1.0, 3.0], [2.0, 2.1], [3.0, 1.0]]))
    assert found["correlation"] == pytest.approx(-1, abs=0.01)
    assert found["paired_sd"] > found["independent_sd"]


@pytest.mark.parametrize("values", [RATINGS[:1], RATINGS[:2]])
def test_one_or_two_seeds_have_no_spread(values):
    assert noise.spread(values) == dict.fromkeys(noise.SPREAD)


def test_one_condition_and_no_spread():
    assert noise.spread(np.array([[1.0], [2.0], [3.0]])) == dict.fromkeys(noise.SPREAD) | {"within_sd": 1.0}
    equal = noise.spread(np.array([[99.43, 98.0]] * 3))
    assert equal["within_sd"] == pytest.approx(0)
    assert equal["residual_sd"] is equal["correlation"] is None


def test_repeats_by_hand():
    """Seeds 1, 2, 4 of one condition and 5, 5, 9 of another: differences 1, 3, 2 and 0, 4, 4."""
    found = noise.repeats(np.array([[1.0, 5.0], [2.0, 5.0], [4.0, 9.0]]))
    assert (found["repeat_pairs"], found["repeat_median"], found["repeat_largest"]) == (6, 2.5, 4.0)
    assert found["repeat_95"] == 4.0
    assert noise.repeats(np.array([[1.0, 5.0]])) == {"repeat_pairs": 0} | dict.fromkeys(noise.REPEATS)


# --- the choice of the test images


def test_runs_that_agree_have_the_binomial_error_of_the_test_set():
    """The textbook's standard error sqrt(p (1 - p) / (I - 1)), and nothing from training."""
    wrong = np.zeros((4, 200), bool)
    wrong[:, :10] = True
    found = noise.sampling([wrong])
    assert found["test_set_share"] == 1
    assert found["test_set_sd"] == pytest.approx(100 * (0.05 * 0.95 / 199) ** 0.5)
    assert found["training_sd"] == 0


def test_the_variances_are_those_of_a_table_of_squares():
    """Analysis of variance written out over the whole table."""
    random = np.random.default_rng(1)
    wrong = random.random((3, 40)) < random.random(40) ** 3
    y = wrong.astype(float)
    image, run = y.mean(axis=0), y.mean(axis=1)
    rest = ((y - image - run[:, None] + y.mean()) ** 2).sum() / (2 * 39)
    of_image = 3 * ((image - y.mean()) ** 2).sum() / 39
    of_run = 40 * ((run - y.mean()) ** 2).sum() / 2
    fixed = (of_image - rest) / 3 / 40
    training = max((of_run - rest) / 40, 0) + rest / 40
    found = noise.sampling([wrong])
    assert found["test_set_sd"] == pytest.approx(100 * fixed**0.5)
    assert found["training_sd"] == pytest.approx(100 * training**0.5)
    assert found["test_set_share"] == pytest.approx(fixed / (fixed + training))
    assert noise.sampling([wrong, wrong])["test_set_share"] == pytest.approx(found["test_set_share"])


def test_simulated_test_sets_vary_as_the_variances_say():
    """An image is hard (missed with probability 0.8) in 5 % of the cases, else easy (0.002); some runs are worse."""
    random = np.random.default_rng(2)

    def draw(runs, images):
        hard = random.random(images) < 0.05
        worse = random.choice([0.0, 0.02], (runs, 1))
        return random.random((runs, images)) < np.where(hard, 0.8, 0.002) + worse

    accuracies = 100 * np.array([1 - draw(1, 500).mean() for _ in range(4000)])
    found = noise.sampling([draw(30, 500) for _ in range(30)])
    assert found["test_set_sd"] ** 2 + found["training_sd"] ** 2 == pytest.approx(accuracies.var(), rel=0.1)
    truth = 1e4 * 0.05 * 0.95 * 0.798**2 / 500  # variance of the images' difficulty, over their number
    assert found["test_set_sd"] ** 2 == pytest.approx(truth, rel=0.1)


def test_independent_errors_owe_nothing_to_the_test_set():
    wrong = np.random.default_rng(3).random((5, 20_000)) < 0.05
    found = noise.sampling([wrong])
    assert found["test_set_share"] < 0.02
    assert found["training_sd"] == pytest.approx(100 * (0.05 * 0.95 / 20_000) ** 0.5, rel=0.5)


def test_one_run_says_nothing_of_the_test_set():
    assert noise.sampling([np.zeros((1, 50), bool)]) == {"test_runs": 0} | dict.fromkeys(noise.SAMPLING)


# --- the table and the page


def test_a_row_for_each_quantity_and_the_test_set_where_it_was_measured():
    table = describe(RATINGS)
    assert list(table["quantity"]) == ["last5_accuracy", "last5_loss", "test_accuracy"]
    assert table["test_set_share"].notna().tolist() == [False, False, True]
    assert list(describe(RATINGS, shortest=3)["quantity"]) == ["final_accuracy", "final_loss", "test_accuracy"]
    assert table["residual_sd"].tolist() == pytest.approx([1.0194**0.5] * 3, abs=1e-4)


def test_only_complete_seeds_of_one_engine_count():
    def spoil(summary):
        summary.loc[(summary["seed"] == 1) & (summary["condition"] == "b"), "engine"] = "numba"
        return summary.drop(summary.index[(summary["seed"] == 4) & (summary["condition"] == "d")])

    row = describe(RATINGS, change=spoil).iloc[0]
    assert (row["seeds"], row["left_out"], row["engines"]) == (4, 2, "torch")
    assert row["residual_sd"] == pytest.approx(noise.spread(RATINGS[[0, 2, 3, 5]])["residual_sd"])


def test_conditions_that_are_the_same_experiment_count_once():
    """The summary has condition d, the classes have not, because it equals an earlier one."""
    runs = [(name, seed) for seed in range(6) for name in "abc"]
    classes = make_classes(np.zeros((18, 5)), *zip(*runs, strict=True))
    row = noise.describe(make_summary(RATINGS).assign(epochs=25, validation="test"), classes).iloc[0]
    assert row["conditions"] == 3
    assert row["residual_sd"] == pytest.approx(noise.spread(RATINGS[:, :3])["residual_sd"])


def written(folder, table):
    tables.write_frame(folder / "noise.csv", page.TABLE, table, STUDY)
    table = tables.read_frame(folder / "noise.csv", page.TABLE)
    page.write(folder / "noise.html", "Noise <x>", table)
    return (folder / "noise.html").read_text(encoding="utf-8")


def test_the_page_says_what_the_numbers_are(tmp_path, html_tables):
    """Median of 60 differences of the ratings, by hand: of 1, 2, 3 and so on; correlation 0.71."""
    found = written(tmp_path, describe(RATINGS))
    apart = [abs(a - b) for column in RATINGS.T for i, a in enumerate(column) for b in column[:i]]
    assert f"differ by about {np.median(apart):.3f} points" in found
    assert f"the largest is {max(apart):.3f} points" in found
    assert "difference of two conditions under 1.242 points cannot be told from chance" in found
    assert "saved 71 % of the variance of a difference (95 % interval 34 to 95)" in found
    assert "Noise &lt;x&gt;" in found
    (rows,) = html_tables(found)
    assert rows[0] == ["", "last-five accuracy (points)", "last-five loss (nats)", "test accuracy (points)"]
    cells = {row[0]: row[1:] for row in rows[1:]}
    assert cells["correlation of the seeds across conditions (95 % interval)"][0] == "0.71 (0.34 to 0.95)"


def test_the_page_does_not_call_a_loss_a_saving(tmp_path):
    found = written(tmp_path, describe(np.array([[1.0, 3.0], [2.0, 2.1], [3.0, 1.0]])))
    assert "saved nothing here" in found
    assert "correlation of the seeds across conditions is -1.00" in found


@pytest.mark.parametrize(
    ("seeds", "present", "absent"),
    [
        (1, ["One complete seed", "need 3 seeds or more", "taken as equal runs"], "differ by about"),
        (2, ["Two runs that differ only in the seed", "need 3 seeds or more"], "told from chance"),
    ],
)
def test_few_seeds_say_what_cannot_be_given(tmp_path, html_tables, seeds, present, absent):
    found = written(tmp_path, describe(RATINGS[:seeds]))
    assert all(text in found for text in present)
    assert absent not in found
    (rows,) = html_tables(found)
    assert all(any(cell != "–" for cell in row[1:]) for row in rows[1:])


def test_a_single_run_has_a_page_too(tmp_path, html_tables):
    classes = make_classes(np.zeros((1, 5)), ["a"], [0])
    found = written(tmp_path, noise.describe(make_summary([[1.0]]).assign(epochs=25, validation="test"), classes))
    assert "it needs two runs or more" in found
    assert html_tables(found) == []


def test_the_page_says_which_seeds_are_left_out_and_that_engines_are_mixed(tmp_path):
    def spoil(summary):
        summary.loc[summary["seed"] == 1, "engine"] = "numba"
        return summary.drop(summary.index[(summary["seed"] == 4) & (summary["condition"] == "d")])

    found = written(tmp_path, describe(RATINGS, change=spoil))
    assert "1 left out, because a run is missing" in found
    assert "Seeds of different engines (numba and torch) are taken together" in found
