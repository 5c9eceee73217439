"""The summary against numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from normreg.analysis import predictions
from normreg.analysis import summary as summaries
from normreg.analysis.quantities import EPOCH_QUANTITIES, QUANTITIES
from normreg.pages import summary as summary_page

RUN = {"condition": "l1-gbn", "penalty": "l1", "norm": "gbn", "seed": 3}
ACCURACY = [90.0, 99.4, 99.5, 99.3, 99.4, 99.6, 99.2]


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
        }
    )
    metrics.to_csv(tmp_path / "metrics.csv", index=False)
    logits = np.zeros((5, 10))
    logits[:, 2] = 1
    predictions.save(tmp_path / "predictions.npz", logits, np.array([2, 2, 2, 1, 0]))
    (tmp_path / "weights.csv").write_text("parameter,elements\na,10\nb,32\n")
    return {name.split(".")[0]: str(tmp_path / name) for name in ("metrics.csv", "predictions.npz", "weights.csv")}


def test_run_summary_by_hand(files):
    row = summaries.run_summary(RUN, files, train_images=400)
    expected = {
        **RUN,
        "parameters": 42,
        "epochs": 7,
        "final_accuracy": 99.2,
        "best_accuracy": 99.6,
        "best_epoch": 6,
        "last5_accuracy": 99.4,
        "mistakes": 2,
        "final_loss": 0.06,
        "best_loss": 0.02,
        "last5_loss": 0.04,
        "train_accuracy": 98.5,
        "generalization_gap": -0.7,
        "first_epoch_at_99.4": 2,
        "engine": "torch",
        "seconds": 28.0,
        "images_per_second": 100.0,
    }
    assert row == pytest.approx(expected)


def test_every_number_of_the_summary_is_in_the_table_of_quantities_and_the_other_way_round(files):
    described = {*RUN, "parameters", "epochs", "engine"}  # what the run is, not what was measured
    measured = set(summaries.run_summary(RUN, files, 400)) - described
    assert measured - set(QUANTITIES) == set()
    assert set(QUANTITIES) - measured - set(EPOCH_QUANTITIES) == set()


def test_a_run_that_never_reaches_the_target(files, tmp_path):
    table = pd.read_csv(files["metrics"])
    table.assign(validation_accuracy=99.39).to_csv(files["metrics"], index=False)
    summary = summaries.summarise([RUN], [files], 400)
    assert summary["first_epoch_at_99.4"].isna().all()


def test_means_over_seeds_keep_the_order_of_conditions(files):
    rows = [
        summaries.run_summary(RUN | {"condition": name, "seed": seed}, files, 400) | {"final_accuracy": accuracy}
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
    summary_page.write(tmp_path / "one.html", "T", summaries.summarise([RUN], [files], 400), 10_000)
    page = (tmp_path / "one.html").read_text()
    for text in ("final accuracy %", "99.20", "best accuracy %", "99.60", "does not tell an effect from noise"):
        assert text in page
    two = summaries.summarise([RUN, RUN | {"seed": 4}], [files, files], 400)
    summary_page.write(tmp_path / "two.html", "T", two, 10_000)
    page = (tmp_path / "two.html").read_text()
    assert "Mean over seeds" in page
    assert "does not tell" not in page


def test_a_value_that_is_missing_in_every_row_is_a_dash(files, tmp_path, html_tables):
    table = pd.read_csv(files["metrics"])
    table.assign(validation_accuracy=99.39).to_csv(files["metrics"], index=False)
    summary_page.write(tmp_path / "s.html", "T", summaries.summarise([RUN], [files], 400), 10_000)
    (shown,) = html_tables((tmp_path / "s.html").read_text())
    assert dict(zip(*shown, strict=True))["99.4 % at epoch"] == "–"
