"""Published beside measured, the last five epochs: against numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from normreg.analysis import published
from normreg.pages import last_five
from normreg.pages import published as published_page
from normreg.training import history

PUBLISHED = {
    "l1-bn": {
        "from": "notebook",
        "best": 99.51,
        "best_epoch": 23,
        "final": 99.46,
        "last5_accuracy": [99.39, 99.44, 99.51, 99.50, 99.46],
        "last5_loss": [0.0174, 0.0159, 0.0150, 0.0148, 0.0151],
    },
    "l2-bn": {"from": "readme", "final": None, "best": 98.0, "note": "log cut off"},
}


def summary(*finals, condition="l1-bn"):
    return pd.DataFrame(
        {
            "condition": condition,
            "penalty": "l1",
            "norm": "bn",
            "seed": range(len(finals)),
            "final_accuracy": finals,
            "best_accuracy": [f + 0.1 for f in finals],
            "last5_accuracy": finals,
            "last5_loss": 0.02,
        }
    )


def test_published_values_differences_and_range():
    table = published.compare(PUBLISHED, summary(99.40, 99.50)).set_index("quantity")
    final = table.loc["final_accuracy"]
    assert (final["published"], final["measured"], final["measured_low"], final["measured_high"]) == pytest.approx(
        (99.46, 99.45, 99.40, 99.50)
    )
    assert final["difference"] == pytest.approx(-0.01)
    assert final["seeds"] == 2
    assert table.loc["best_accuracy", "published"] == 99.51
    assert table.loc["last5_accuracy", "published"] == pytest.approx(99.460)
    assert table.loc["last5_loss", "published"] == pytest.approx(0.01564)
    assert table.loc["last5_loss", "difference"] == pytest.approx(0.02 - 0.01564)
    assert set(table["from"]) == {"notebook"}


def test_no_verdict_below_three_seeds():
    for finals in [(99.4,), (99.4, 99.5)]:
        assert published.compare(PUBLISHED, summary(*finals))["verdict"].isna().all()


@pytest.mark.parametrize(("value", "inside"), [(99.50, True), (99.77, True), (99.78, False), (99.11, False)])
def test_verdict_is_the_prediction_interval_of_one_more_seed(value, inside):
    """Measured 99.4, 99.45, 99.5: s = 0.05, t(0.975, 2) = 4.3027, reach = 0.05 * 4.3027 * sqrt(4/3) = 0.2484."""
    measured = np.array([99.4, 99.45, 99.5]) + 0.08
    expected = "within the spread of seeds" if inside else "outside the spread of seeds"
    assert published.verdict(value, measured) == expected


def test_conditions_without_published_values_show_the_measured_alone():
    table = published.compare(PUBLISHED, summary(99.4, condition="l1-bn-readme"))
    assert table["published"].isna().all()
    assert table["difference"].isna().all()
    assert table["measured"].notna().all()


def test_a_value_that_was_not_published_is_left_open():
    table = published.compare(PUBLISHED, summary(98.5, condition="l2-bn")).set_index("quantity")
    assert np.isnan(table.loc["final_accuracy", "published"])
    assert table.loc["best_accuracy", "published"] == 98.0
    assert np.isnan(table.loc["last5_loss", "published"])


def test_a_log_that_was_cut_off_is_shown_but_not_compared():
    cut = {"l1-bn": PUBLISHED["l1-bn"] | {"printed_epochs": 23}}
    table = published.compare(cut, summary(99.4, 99.45, 99.5)).set_index("quantity")
    assert table["published"].notna().all()
    assert table["difference"].notna().tolist() == [True, False, False, False]
    assert table["verdict"].notna().tolist() == [True, False, False, False]


def test_page(tmp_path, html_tables):
    both = pd.concat([summary(99.4), summary(98.0, condition="l2-bn")])
    readme = [{"key": "epochs", "readme": 15, "executed": 25, "note": "its log has 25"}]
    published_page.write(tmp_path / "p.html", "T", "somebody/repo", published.compare(PUBLISHED, both), readme)
    page = (tmp_path / "p.html").read_text()
    first, notes, second = html_tables(page)
    assert len(first) == 1 + 8
    assert "verdict" not in first[0]
    assert notes == [["condition", "note"], ["l2-bn", "log cut off"]]
    assert first[1] == ["l1-bn", "final accuracy %", "99.46", "99.40", "-0.06", "notebook"]
    assert second[1] == ["epochs", "15", "25", "its log has 25"]
    for text in ("1 seed measured: no verdict", "0.06 and 0.10 points", "somebody/repo", "log cut off", "-0.06"):
        assert text in page


def test_page_with_three_seeds_gives_verdicts(tmp_path):
    comparison = published.compare(PUBLISHED, summary(99.4, 99.45, 99.5))
    published_page.write(tmp_path / "p.html", "T", "x", comparison, [])
    page = (tmp_path / "p.html").read_text()
    assert "within the spread of seeds" in page
    assert "prediction interval" in page
    assert "99.40 to 99.50" in page


def test_last_five_epochs(tmp_path, html_tables):
    files, runs = [], []
    for name, epochs in (("none-bn", 7), ("l1-bn", 3)):
        rows = [history.Epoch(e, 0.1, 9.9, e / 10, 90.0 + e, e / 100, 95.0 + e / 10, 1.0) for e in range(1, epochs + 1)]
        history.write(rows, tmp_path / f"{name}.csv", name)
        files.append(tmp_path / f"{name}.csv")
        runs.append({"condition": name, "seed": 0, "epochs": epochs, "identity": name})
    table = last_five.collect(runs, files)
    assert table["epoch"].tolist() == [3, 4, 5, 6, 7, 1, 2, 3]
    assert table["condition"].tolist() == ["none-bn"] * 5 + ["l1-bn"] * 3
    np.testing.assert_allclose(table["train_loss"], table["epoch"] / 10)
    np.testing.assert_allclose(table["validation_accuracy"], 95 + table["epoch"] / 10)
    last_five.write(table, "T", tmp_path / "l.html", tmp_path / "l.csv")
    assert len(pd.read_csv(tmp_path / "l.csv")) == 8
    (shown,) = html_tables((tmp_path / "l.html").read_text())
    assert shown[0][:4] == ["condition", "seed", "epoch", "training loss"]
    assert shown[1] == ["none-bn", "0", "3", "0.3000", "93.00", "0.0300", "95.30"]
