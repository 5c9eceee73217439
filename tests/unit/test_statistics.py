"""The summary against numbers worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from normreg.analysis import predictions, run_tables, study_tables
from normreg.analysis import summary as summaries
from normreg.analysis.agreement import Classes
from normreg.analysis.quantities import EPOCH_QUANTITIES, QUANTITIES
from normreg.errors import DataError
from normreg.report import recall
from normreg.report import summary as summary_page
from normreg.utils import tables

IDENTITY = "digits/x/l1-gbn/seed3 0123456789abcdef"
WHO = {"condition": "l1-gbn", "penalty": "l1", "norm": "gbn", "seed": 3}
RUN = WHO | {"epochs": 7, "train_images": 400, "holdout_images": 0, "identity": IDENTITY}
LABELS = np.array([2] * 248 + [1, 0])
ACCURACY = [90.0, 99.4, 99.5, 99.3, 99.4, 99.6, 99.2]  # of 250 images: the last with two mistakes


@pytest.fixture
def files(tmp_path):
    metrics = pd.DataFrame(
        {
            "epoch": range(1, 8),
            "learning_rate": 0.1,
            "train_objective": 1.0,
            "train_loss": 0.5,
            "train_accuracy": [80.0, 90.0, 95.0, 96.0, 97.0, 98.0, 98.5],
            "validation_loss": [0.5, 0.1, 0.02, 0.03, 0.04, 0.05, 0.06],
            "validation_accuracy": ACCURACY,
            "seconds": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
            "data": "d",
            "code": "torch 0",
        }
    )
    tables.write_frame(tmp_path / "metrics.csv", run_tables.METRICS, metrics, IDENTITY)
    logits = np.zeros((250, 10))
    logits[:, 2] = 1
    predictions.save(tmp_path / "predictions.npz", logits, LABELS, IDENTITY, "torch")
    sizes = {
        name: 0.5 for name in run_tables.WEIGHTS.columns if name not in ("parameter", "layer_type", "elements", "run")
    }
    rows = [
        {"parameter": n, "layer_type": "Conv2d", "elements": e, **sizes, "run": IDENTITY}
        for n, e in (("a", 10), ("null", 32))
    ]
    tables.write(tmp_path / "weights.csv", run_tables.WEIGHTS, rows)
    return {name.split(".")[0]: str(tmp_path / name) for name in ("metrics.csv", "predictions.npz", "weights.csv")}


def set_accuracy(path, values):
    table = tables.read_frame(path, run_tables.METRICS).assign(validation_accuracy=values)
    tables.write_frame(path, run_tables.METRICS, table)


def test_run_summary_by_hand(files):
    sure, other = np.e / (np.e + 9), 1 / (np.e + 9)  # of class 2, and of each other class
    right, wrong = (1 - sure) ** 2 + 9 * other**2, sure**2 + (1 - other) ** 2 + 8 * other**2
    row = summaries.run_summary(RUN, files, LABELS, target=99.4)
    expected = {
        **WHO,
        "parameters": 42,
        "epochs": 7,
        "diverged_epoch": None,
        "final_accuracy": 99.2,
        "best_accuracy": 99.6,
        "best_epoch": 6,
        "last5_accuracy": 99.4,
        "mistakes": 2,
        "test_accuracy": 99.2,
        "test_loss": np.log(np.e + 9) - 248 / 250,  # the logit of class 2 is 1, all others are 0
        "balanced_accuracy": 100 / 3,
        "macro_f1": 100 * (2 * 248 / (250 + 248)) / 3,
        "top5_accuracy": 100.0,
        "calibration_error": (248 * (1 - sure) - 2 * sure) / 250,  # in every bin the model is too modest
        "brier_score": (248 * right + 2 * wrong) / 250,
        "validation": "test",
        "final_loss": 0.06,
        "best_loss": 0.02,
        "last5_loss": 0.04,
        "train_accuracy": 98.5,
        "generalization_gap": -0.7,
        "first_epoch_at_target": 2,
        "engine": "torch",
        "seconds": 28.0,
        "images_per_second": 100.0,
        "run": IDENTITY,
    }
    assert row == pytest.approx(expected)


def test_every_number_of_the_summary_is_in_the_table_of_quantities_and_the_other_way_round(files):
    described = {*WHO, "parameters", "epochs", "validation", "engine", "run"}  # what the run is, not what was measured
    measured = set(summaries.run_summary(RUN, files, LABELS)) - described
    assert measured - set(QUANTITIES) == set()
    assert set(QUANTITIES) - measured - set(EPOCH_QUANTITIES) == set()


def test_quantities_of_predictions_by_loops():
    """Written again with plain Python, on 151 images of 12 classes, of which one has no image."""
    draw = np.random.default_rng(4)
    labels, logits = draw.integers(0, 11, 151), draw.normal(0, 2, (151, 12)).astype(np.float32)
    logits[np.arange(151), labels] += 2
    found = predictions.Predictions(logits, labels, np.arange(151))
    odds = [[math.exp(value) for value in row] for row in logits.tolist()]
    shares = [[value / sum(row) for value in row] for row in odds]
    guesses = [row.index(max(row)) for row in shares]
    recall, f1 = [], []
    for k in range(12):
        hits = sum(g == k == y for g, y in zip(guesses, labels, strict=True))
        truly, guessed = int((labels == k).sum()), guesses.count(k)
        recall += [100 * hits / truly] if truly else []
        f1 += [200 * hits / (truly + guessed)] if truly + guessed else []
    assert found.balanced_accuracy == pytest.approx(np.mean(recall))
    assert found.macro_f1 == pytest.approx(np.mean(f1))
    five = [y in sorted(range(12), key=lambda k, row=row: -row[k])[:5] for y, row in zip(labels, shares, strict=True)]
    assert found.top5_accuracy == pytest.approx(100 * np.mean(five))
    brier = [sum((p - (k == y)) ** 2 for k, p in enumerate(row)) for y, row in zip(labels, shares, strict=True)]
    assert found.brier_score == pytest.approx(np.mean(brier))
    ranked = sorted(range(151), key=lambda i: max(shares[i]))
    sizes = [11] + 14 * [10]  # 151 images in 15 bins
    error, start = 0.0, 0
    for size in sizes:
        part = ranked[start : start + size]
        confidence, right = np.mean([max(shares[i]) for i in part]), np.mean([guesses[i] == labels[i] for i in part])
        error, start = error + size / 151 * abs(confidence - right), start + size
    assert found.calibration_error == pytest.approx(error)
    assert predictions.Predictions(logits[:, :9], labels % 9, np.arange(151)).top5_accuracy is None


def test_a_run_that_never_reaches_the_target(files, tmp_path):
    set_accuracy(files["metrics"], [*[99.3] * 6, 99.2])
    summary = summaries.summarise([RUN], [files], LABELS, target=99.4)
    assert summary["first_epoch_at_target"].isna().all()
    assert summaries.summarise([RUN], [files], LABELS, target=99.3)["first_epoch_at_target"].tolist() == [1]
    assert summaries.summarise([RUN], [files], LABELS)["first_epoch_at_target"].isna().all()


def test_means_over_seeds_keep_the_order_of_conditions(files):
    rows = [
        summaries.run_summary(RUN | {"condition": name, "seed": seed}, files, LABELS) | {"final_accuracy": accuracy}
        for name, seed, accuracy in [("z", 0, 99.0), ("z", 1, 99.4), ("a", 0, 98.0), ("a", 1, 98.0)]
    ]
    table = summaries.by_condition(pd.DataFrame(rows))
    assert list(table["condition"]) == ["z", "a"]
    assert table[["seeds", "final_accuracy", "final_minimum", "final_maximum"]].iloc[0].tolist() == [
        2,
        99.2,
        99.0,
        99.4,
    ]


def test_standard_error_of_99_5_percent_on_10000_images_is_7_images():
    assert summaries.standard_error(99.5, 10_000) == pytest.approx(0.0705, abs=1e-4)


def test_page_shows_best_and_final_and_says_what_one_seed_can_show(files, tmp_path):
    summary_page.write(tmp_path / "one.html", "T", summaries.summarise([RUN], [files], LABELS), 0, 10_000)
    page = (tmp_path / "one.html").read_text()
    for text in ("final accuracy %", "99.20", "best accuracy %", "99.60", "does not tell an effect from noise"):
        assert text in page
    two = summaries.summarise([RUN, RUN | {"seed": 4}], [files, files], LABELS)
    summary_page.write(tmp_path / "two.html", "T", two, 0, 10_000)
    page = (tmp_path / "two.html").read_text()
    assert "Mean over seeds" in page
    assert "does not tell" not in page


def test_a_value_that_is_missing_in_every_row_has_no_column(files, tmp_path, html_tables):
    set_accuracy(files["metrics"], [*[99.3] * 6, 99.2])
    summary_page.write(tmp_path / "s.html", "T", summaries.summarise([RUN], [files], LABELS), 0, 10_000, target=99.4)
    page = (tmp_path / "s.html").read_text()
    (shown,) = html_tables(page)
    assert "target at epoch" not in shown[0]
    assert "validation accuracy of 99.4 %" in page


def test_conditions_with_equal_numbers_in_all_seeds_are_named():
    rows = [
        {"condition": name, "seed": seed, "diverged_epoch": None, **dict.fromkeys(study_tables.MEASURED, value + seed)}
        for name, value in (("plain", 1.0), ("dropped", 1.0), ("other", 2.0))
        for seed in (0, 1)
    ]
    said = summaries.alike(pd.DataFrame(rows))
    assert "plain and dropped" in said
    assert "other" not in said
    rows[3]["final_loss"] += 1e-12  # "dropped" with seed 1
    assert not summaries.alike(pd.DataFrame(rows))


def test_recall_by_hand():
    labels = np.array([0, 0, 0, 0, 2, 2])
    predicted = np.array([[0, 0, 0, 1, 2, 1], [0, 0, 0, 0, 1, 1], [1, 1, 1, 1, 2, 2]])
    classes = Classes(labels, predicted, ("a", "a", "b"), (0, 1, 0), ("torch",) * 3)
    table = recall.tabulate(classes, ["zero", "one", "two"])
    assert table[["condition", "class", "images", "seeds", "recall", "lowest", "highest"]].values.tolist() == [
        ["a", "zero", 4, 2, 87.5, 75, 100],
        ["a", "two", 2, 2, 25, 0, 50],
        ["b", "zero", 4, 1, 0, 0, 0],
        ["b", "two", 2, 1, 100, 100, 100],
    ]


@pytest.mark.parametrize("kind", ["metrics", "predictions", "weights"])
def test_files_of_another_run_are_refused_by_name(files, kind):
    other = "digits/x/l1-bn/seed3 0123456789abcdef"
    if kind == "predictions":
        predictions.save(files[kind], np.eye(10)[[2] * 250], LABELS, other, "torch")
    else:
        table = getattr(run_tables, kind.upper())
        tables.write_frame(files[kind], table, tables.read_frame(files[kind], table).assign(run=other))
    said = rf"{kind}\.\w+: holds the run digits/x/l1-bn/seed3, expected digits/x/l1-gbn/seed3\. Delete it"
    with pytest.raises(DataError, match=said):
        summaries.run_summary(RUN, files, LABELS)


def test_mistakes_must_agree_with_the_final_accuracy_but_for_near_ties(files):
    """Two mistakes of 250 are 99.2 %. Three are 98.8 %: allowed where an image is nearly tied, as by another engine."""
    set_accuracy(files["metrics"], [98.8] * 7)
    with pytest.raises(
        DataError, match=r"predictions\.npz: 2 of its 250 images are wrong, but 3 were at the end of me"
    ):
        summaries.run_summary(RUN, files, LABELS)
    logits = 5 * np.eye(10)[[2] * 250]
    logits[7, 3] = 4.995
    predictions.save(files["predictions"], logits, LABELS, IDENTITY, "numba")
    assert summaries.run_summary(RUN, files, LABELS)["mistakes"] == 2
    set_accuracy(files["metrics"], [98.4] * 7)
    with pytest.raises(DataError, match="but 4 were"):
        summaries.run_summary(RUN, files, LABELS)


def test_with_a_hold_out_the_last_accuracy_is_its_and_the_mistakes_are_those_of_the_test_images(files):
    """Five images of class 2 are held out. The model takes three for it: 60 %."""
    holdout, logits = np.full(5, 2), np.zeros((250, 10))
    logits[:, 2] = 1
    held = np.eye(10)[[2, 2, 2, 3, 4]]
    predictions.save(files["predictions"], logits, LABELS, IDENTITY, "torch", (held, holdout))
    set_accuracy(files["metrics"], [60.0] * 7)
    row = summaries.run_summary(RUN, files, LABELS, holdout)
    assert (row["validation"], row["final_accuracy"], row["mistakes"]) == ("hold-out", 60.0, 2)
    found = predictions.load(files["predictions"], holdout, IDENTITY, predictions.HOLDOUT)
    np.testing.assert_array_equal(found.logits, held)
    set_accuracy(files["metrics"], [99.2] * 7)  # right for the test images alone
    with pytest.raises(DataError, match=r"predictions\.npz: 2 of its 5 images are wrong, but 0 were at the end"):
        summaries.run_summary(RUN, files, LABELS, holdout)


def test_predictions_without_the_hold_out_are_refused(files):
    with pytest.raises(DataError, match=r"predictions\.npz: cannot be read as predictions \(.*holdout_.*Delete it"):
        summaries.run_summary(RUN, files, LABELS, np.full(5, 2))


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_weights_that_are_empty_or_cut_are_one_message(files, tmp_path, keep):
    path = tmp_path / "weights.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:keep]))
    with pytest.raises(
        DataError, match=r"weights\.csv: cannot be read as sizes of weights: .*Delete it and run the same"
    ):
        summaries.run_summary(RUN, files, LABELS)


def test_values_that_are_unknown_are_dashes(files, tmp_path, html_tables):
    table = summaries.summarise([RUN, RUN | {"seed": 4}], [files, files], LABELS)
    table.loc[0, ["final_accuracy", "last5_accuracy", "final_loss"]] = np.nan
    summary_page.write(tmp_path / "s.html", "T", table, 0, 10_000)
    means, shown = html_tables((tmp_path / "s.html").read_text())
    cells = dict(zip(shown[0], shown[1], strict=True))
    assert cells["final accuracy %"] == cells["last five epochs %"] == "–"
    assert cells["best accuracy %"] == "99.60"
    assert dict(zip(means[0], means[1], strict=True))["final accuracy %"] == "99.20"
    assert "nan" not in (tmp_path / "s.html").read_text()


def test_a_summary_of_other_runs_is_refused(files, tmp_path):
    table = summaries.summarise([RUN], [files], LABELS)
    tables.write_frame(tmp_path / "summary.csv", study_tables.SUMMARY, table)
    assert summaries.read(tmp_path / "summary.csv", [RUN])["final_accuracy"].tolist() == [99.2]
    with pytest.raises(DataError, match="holds 1 runs, expected 2"):
        summaries.read(tmp_path / "summary.csv", [RUN, RUN])
    with pytest.raises(DataError, match="holds the run digits/x/l1-gbn/seed3 under other settings"):
        summaries.read(tmp_path / "summary.csv", [RUN | {"identity": "digits/x/l1-gbn/seed3 f"}])
