"""Published beside measured, the last five epochs: against numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from normreg.analysis import inference, published
from normreg.config import datasets, studies, study_files
from normreg.errors import ConfigError
from normreg.report import last_five
from normreg.report import published as published_page
from normreg.report import summary as summary_page
from normreg.training import loop
from normreg.utils import tables
from normreg.workflow.study import Study

CONDITIONS = {
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
PUBLISHED = {"epochs": 25, "conditions": CONDITIONS}


@pytest.fixture
def in_root(root, monkeypatch):
    monkeypatch.chdir(root)


def summary(*finals, condition="l1-bn", epochs=25):
    return pd.DataFrame(
        {
            "condition": condition,
            "penalty": "l1",
            "norm": "bn",
            "seed": range(len(finals)),
            "epochs": epochs,
            "engine": "torch",
            "diverged_epoch": None,
            "final_accuracy": finals,
            "best_accuracy": [f + 0.1 for f in finals],
            "last5_accuracy": finals,
            "last5_loss": [f / 5000 for f in finals],
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
    assert table.loc["last5_loss", "difference"] == pytest.approx(99.45 / 5000 - 0.01564)
    assert set(table["from"]) == {"notebook"}


def test_no_verdict_below_three_seeds():
    for finals in [(99.4,), (99.4, 99.5)]:
        assert published.compare(PUBLISHED, summary(*finals))["verdict"].isna().all()


# The two-sided 95 % prediction interval of one more value: t(0.975, n - 1) * sqrt(1 + 1/n) times s, with t from the
# printed tables: 4.303, 2.776, 2.262 at 2, 4 and 9 degrees of freedom.
@pytest.mark.parametrize(("count", "t"), [(3, 4.303), (5, 2.776), (10, 2.262)])
def test_half_width_of_the_prediction_interval_of_one_more_seed(count, t):
    values = np.array([99.4, 99.5] * 5)[:count]
    mean = values.sum() / count
    s = (((values - mean) ** 2).sum() / (count - 1)) ** 0.5
    reach = t * s * (1 + 1 / count) ** 0.5
    assert inference.one_more(values).interval() == pytest.approx((mean - reach, mean + reach), abs=3e-4 * reach)


@pytest.mark.parametrize(("final", "inside"), [(99.42, True), (99.69, True), (99.70, False), (99.20, False)])
def test_verdict_is_the_prediction_interval_of_one_more_seed(final, inside):
    """Measured 99.4, 99.45, 99.5: s = 0.05, reach = 0.05 * 4.3027 * sqrt(4/3) = 0.2484, so 99.2016 to 99.6984."""
    block = PUBLISHED | {"conditions": {"l1-bn": CONDITIONS["l1-bn"] | {"final": final}}}
    row = published.compare(block, summary(99.4, 99.45, 99.5)).set_index("quantity").loc["final_accuracy"]
    assert row["half_width"] == pytest.approx(0.2484, abs=5e-5)
    assert row["verdict"] == f"{'within' if inside else 'outside'} the spread of seeds"
    assert row["no_verdict"] is None


@pytest.mark.parametrize("last", [99.4, 99.4001])  # the table has six digits, so the second is 99.4 too, perhaps
def test_no_verdict_and_no_interval_from_seeds_without_spread(last):
    table = published.compare(PUBLISHED, summary(99.4, 99.4, last))
    assert table["difference"].notna().all()
    assert table["half_width"].isna().all()
    assert table["verdict"].isna().all()
    assert set(table["no_verdict"]) == {inference.NO_SPREAD}


def test_a_published_run_of_another_length_is_shown_but_not_compared():
    short = PUBLISHED | {"conditions": {"l1-bn": CONDITIONS["l1-bn"] | {"epochs": 15}}}
    for block, epochs, said in (
        (short, 25, "the published run had 15 epochs, this run has 25"),
        (PUBLISHED, 6, "the published run had 25 epochs, this run has 6"),
    ):
        table = published.compare(block, summary(99.4, 99.45, 99.5, epochs=epochs))
        assert table["published"].notna().all()
        assert table["difference"].isna().all()
        assert table["verdict"].isna().all()
        assert set(table["no_verdict"]) == {said}
    assert published.compare(short, summary(99.4, 99.45, 99.5, epochs=15))["verdict"].notna().all()


def test_ties_of_the_best_epoch_are_told_with_the_best_value():
    tied = PUBLISHED | {"conditions": {"l1-bn": CONDITIONS["l1-bn"] | {"also_best_epochs": [24, 25]}}}
    table = published.compare(tied, summary(99.4)).set_index("quantity")["best_epochs"]
    assert table["best_accuracy"] == "23, 24, 25"
    assert table.drop("best_accuracy").isna().all()


@pytest.mark.parametrize("study", ["ashxjain", "gilf641", "hardayaleva5", "noopuragr", "satyajitghana"])
def test_the_study_files_name_every_best_epoch_among_the_last_five(study, in_root):
    block = study_files.read(study)["published"]
    assert block["dataset"] == "mnist"
    for name, values in block["conditions"].items():
        check_best_epochs(name, {"epochs": block["epochs"]} | values)


def check_best_epochs(name, values):
    last = values.get("printed_epochs", values["epochs"])
    reached = [last - 4 + i for i, one in enumerate(values["last5_accuracy"]) if one == values["best"]]
    assert max(values["last5_accuracy"]) <= values["best"]
    if values["best_epoch"] is not None:  # else the README does not say
        told = [values["best_epoch"], *values.get("also_best_epochs", [])]
        assert told == sorted(set(told))
        assert [epoch for epoch in told if epoch > last - 5] == reached, name


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
    cut = {"l1-bn": CONDITIONS["l1-bn"] | {"printed_epochs": 23}}
    table = published.compare(PUBLISHED | {"conditions": cut}, summary(99.4, 99.45, 99.5)).set_index("quantity")
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
    assert first[1] == ["l1-bn", "final accuracy %", "99.46", "", "99.40", "-0.06", "notebook"]
    assert first[2] == ["l1-bn", "best accuracy %", "99.51", "23", "99.50", "-0.01", "notebook"]
    assert second[1] == ["epochs", "15", "25", "its log has 25"]
    for text in ("1 seed measured: no verdict", "0.06 and 0.10 points", "somebody/repo", "log cut off", "-0.06"):
        assert text in page


def test_page_with_three_seeds_gives_verdicts_and_how_many_are_outside_by_chance(tmp_path, html_tables):
    """Four verdicts, of which 0.2 are outside by chance. Best accuracy, 99.5 to 99.6, is 0.05 from the published."""
    far = PUBLISHED | {"conditions": {"l1-bn": CONDITIONS["l1-bn"] | {"final": 98.0}}}
    comparison = published.compare(far, summary(99.4, 99.45, 99.5))
    published_page.write(tmp_path / "p.html", "T", "x", comparison, [])
    page = (tmp_path / "p.html").read_text()
    (table,) = html_tables(page)
    assert dict(zip(table[0], table[1], strict=True)) == {
        "condition": "l1-bn",
        "quantity": "final accuracy %",
        "published": "98.00",
        "published best at epoch": "",
        "measured": "99.45",
        "range over seeds": "99.40 to 99.50",
        "half-width": "0.248",
        "difference": "+1.45",
        "verdict": "outside the spread of seeds",
        "from": "notebook",
    }
    assert [row[8] for row in table[1:]].count("outside the spread of seeds") == 2  # the loss too: 0.0199, 0.0156
    assert "2 of 4 verdicts are outside." in page
    assert "0.2 of 4 would be expected outside by chance" in page


def test_page_says_which_values_have_no_verdict_and_why(tmp_path, html_tables):
    cut = PUBLISHED | {"conditions": {"l1-bn": CONDITIONS["l1-bn"] | {"printed_epochs": 23}}}
    published_page.write(tmp_path / "p.html", "T", "x", published.compare(cut, summary(99.4, 99.45, 99.5)), [])
    _, why = html_tables((tmp_path / "p.html").read_text())
    quantities = "best accuracy, last-five accuracy, last-five loss"
    assert why == [
        ["condition", "quantities", "because"],
        ["l1-bn", quantities, "the published log ends after epoch 23"],
    ]


def test_values_that_are_unknown_do_not_count(tmp_path, html_tables):
    """A run without last-five values beside three with: its seed is missing there. None at all: a dash."""
    some = summary(99.3, 99.4, 99.45, 99.5)
    some.loc[0, "last5_accuracy"] = np.nan
    none = summary(99.4, 99.5, condition="l2-bn").assign(best_accuracy=np.nan)
    table = published.compare(PUBLISHED, pd.concat([some, none]))
    rows = table.set_index(["condition", "quantity"])
    assert rows.loc["l1-bn", "seeds"].to_dict() == dict(zip(rows.loc["l1-bn"].index, (4, 4, 3, 4), strict=True))
    assert rows.loc[("l1-bn", "last5_accuracy"), "measured"] == pytest.approx(99.45)
    assert rows.loc[("l2-bn", "best_accuracy"), "no_verdict"] == "nothing measured"
    drawn = published_page.draw(table, "T")
    assert [axes.get_label() for axes in drawn.axes] == ["final_accuracy", "last5_accuracy", "last5_loss"]
    published_page.write(tmp_path / "p.html", "T", "x", table, [])
    (shown, why, _) = html_tables((tmp_path / "p.html").read_text())
    assert shown[6][:5] == ["l2-bn", "best accuracy %", "98.00", "–", "–"]
    assert why[1] == ["l2-bn", "best accuracy", "nothing measured"]
    published_page.write(tmp_path / "none.html", "T", "x", table[table["seeds"] == 0], [])
    assert "0 seeds measured" in (tmp_path / "none.html").read_text()


def test_the_page_says_if_different_engines_trained_the_seeds(tmp_path):
    table = summary(99.4, 99.45, 99.5).assign(engine=["torch", "numba", "numba"])
    published_page.write(tmp_path / "p.html", "T", "x", published.compare(PUBLISHED, table), [])
    assert (
        "Different engines trained the seeds of some conditions (l1-bn: numba, torch)."
        in (tmp_path / "p.html").read_text()
    )


def test_the_table_is_written_and_read_back(tmp_path):
    table = published.compare(PUBLISHED, pd.concat([summary(99.4, 99.45, 99.5), summary(98.0, condition="l2-bn")]))
    tables.write_frame(tmp_path / "p.csv", published_page.TABLE, table, "mnist/x 0123456789abcdef")
    found = tables.read_frame(tmp_path / "p.csv", published_page.TABLE)
    assert found["half_width"].tolist()[0] == pytest.approx(0.2484, abs=5e-5)
    assert found["no_verdict"].tolist()[4:] == [None, "too few seeds", None, None]


def test_only_the_studys_own_run_on_its_own_data_is_compared(in_root):
    """The five studies published results on MNIST."""

    def on(dataset, **changed):
        run = studies.load_run({"study": "ashxjain", "network": None, "epochs": None} | changed)
        return Study(run, datasets.find(dataset), [0])

    assert on("mnist").published == study_files.read("ashxjain")["published"]
    assert on("mnist").objection is None
    assert on("digits").objection == (
        "ashxjain on digits is not compared with the published results of ashxjain: those are on MNIST."
    )
    with pytest.raises(ConfigError, match=r"those are on MNIST\. So there are no files called published"):
        _ = on("digits").published
    for changed in ({"epochs": 2}, {"network": "gilf641"}):
        assert "published" not in on("mnist", **changed).kinds
        assert "it has another network or other epochs" in on("mnist", **changed).objection
    assert on("digits", study="controlled").objection is None  # it has no published results


def test_the_summary_says_why_a_run_is_not_compared(tmp_path):
    table = pd.DataFrame(
        {"condition": ["a"], "seed": [0], "final_accuracy": [99.0], "test_accuracy": [99.0], "diverged_epoch": [None]}
    )
    summary_page.write(tmp_path / "s.html", "T", table, 0, 10_000, "It is not compared.")
    assert "<p>It is not compared.</p>" in (tmp_path / "s.html").read_text()


def test_last_five_epochs(tmp_path, html_tables):
    files, runs = [], []
    for name, epochs in (("none-bn", 7), ("l1-bn", 3)):
        rows = [loop.Epoch(e, 0.1, 9.9, e / 10, 90.0 + e, e / 100, 95.0 + e / 10, 1.0) for e in range(1, epochs + 1)]
        loop.write_metrics(rows, tmp_path / f"{name}.csv", name)
        files.append(tmp_path / f"{name}.csv")
        runs.append({"condition": name, "seed": 0, "epochs": epochs, "identity": name})
    table, _ = last_five.collect(runs, files)
    assert table["epoch"].tolist() == [3, 4, 5, 6, 7, 1, 2, 3]
    assert table["condition"].tolist() == ["none-bn"] * 5 + ["l1-bn"] * 3
    np.testing.assert_allclose(table["train_loss"], table["epoch"] / 10)
    np.testing.assert_allclose(table["validation_accuracy"], 95 + table["epoch"] / 10)
    last_five.write(tmp_path / "l.html", "T", table)
    tables.write_frame(tmp_path / "l.csv", last_five.TABLE, table)
    assert len(pd.read_csv(tmp_path / "l.csv")) == 8
    (shown,) = html_tables((tmp_path / "l.html").read_text())
    assert shown[0][:4] == ["condition", "seed", "epoch", "training loss"]
    assert shown[1] == ["none-bn", "0", "3", "0.3000", "93.00", "0.0300", "95.30"]
