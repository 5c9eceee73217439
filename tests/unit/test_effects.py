"""Which conditions may be compared, and what their differences over seeds say."""

import warnings

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from normreg import config, contrasts, effects, effects_page
from normreg.contrasts import Contrast, Misfit
from normreg.errors import DataError
from normreg.figures import effects as figure

PAIR = Contrast("L1", 1e-5, "none-bn", "l1-bn")


@pytest.fixture(scope="module")
def study(root):
    """A function that gives the resolved conditions of a study of the project."""
    settings = config.check_config(yaml.safe_load((root / "config/config.yaml").read_text()))
    return lambda name: config.load_run({**settings, "study": name}).conditions


@pytest.fixture(autouse=True)
def in_root(root, monkeypatch):
    monkeypatch.chdir(root)


# --- which pairs


def test_the_controlled_study_has_four_pairs_of_each_factor(study):
    found = contrasts.find_contrasts(study("controlled"))
    assert [(c.factor, c.strength, c.without, c.with_factor) for c in found] == [
        ("L1", 1e-5, "none-bn", "l1-bn"),
        ("L1", 1e-5, "l2-bn", "l1l2-bn"),
        ("L1", 1e-5, "none-gbn", "l1-gbn"),
        ("L1", 1e-5, "l2-gbn", "l1l2-gbn"),
        ("L2", 1e-5, "none-bn", "l2-bn"),
        ("L2", 1e-5, "l1-bn", "l1l2-bn"),
        ("L2", 1e-5, "none-gbn", "l2-gbn"),
        ("L2", 1e-5, "l1-gbn", "l1l2-gbn"),
        ("GBN", 2, "none-bn", "none-gbn"),
        ("GBN", 2, "l1-bn", "l1-gbn"),
        ("GBN", 2, "l2-bn", "l2-gbn"),
        ("GBN", 2, "l1l2-bn", "l1l2-gbn"),
    ]
    assert contrasts.find_misfits(study("controlled")) == []


# What is wrong with the published comparisons: facts read from their notebooks.
PUBLISHED = {
    "gilf641": [(f"{p}-bn", f"{p}-gbn", "batch_size 128 and 64") for p in ("none", "l1", "l2", "l1l2")],
    "satyajitghana": [("none-bn", "l1-bn", "")],
    "noopuragr": [
        ("none-bn", "l1-bn", "schedule.step.step_size 3 and 40"),
        ("none-bn", "l2-bn", "optimizer.momentum 0.9 and 0"),
        ("none-bn", "l1l2-bn", "optimizer.momentum 0.9 and 0"),
        ("l1-bn", "l2-bn", "optimizer.momentum 0.9 and 0; schedule.step.step_size 40 and 3"),
        ("l1-bn", "l1l2-bn", "optimizer.momentum 0.9 and 0; schedule.step.step_size 40 and 3"),
    ],
    "ashxjain": [("none-bn", "l2-bn", ""), ("l1-bn", "l1l2-bn", "")],
    "hardayaleva5": [],
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_the_published_studies_cannot_compare(study, name):
    assert contrasts.find_misfits(study(name)) == [Misfit(*pair) for pair in PUBLISHED[name]]


def test_no_published_gbn_of_another_batch_and_no_name_without_its_factor_is_a_pair(study):
    assert not any(c.factor == "GBN" for c in contrasts.find_contrasts(study("gilf641")))
    assert contrasts.find_contrasts(study("noopuragr")) == []
    assert not any(c.with_factor == "l2-bn" for c in contrasts.find_contrasts(study("ashxjain")))
    assert {c.factor for c in contrasts.find_contrasts(study("hardayaleva5"))} == {"L1", "group L2", "GBN"}


@pytest.mark.parametrize("key", ["network", "batch_size", "epochs", "dropout", "optimizer", "schedule", "augmentation"])
def test_any_other_difference_spoils_a_pair(condition, key):
    other = {"optimizer": {"lr": 0.1, "momentum": 0.9, "nesterov": False}, "schedule": {"step": {"step_size": 1}}}
    other |= {"network": "ashxjain", "augmentation": []}
    pair = {"a": condition(), "b": condition(penalty="l1", lambdas={"l1": 1e-3})}
    assert len(contrasts.find_contrasts(pair)) == 1
    pair["b"][key] = other.get(key, 3)
    assert contrasts.find_contrasts(pair) == []
    assert [m.also.split(" ")[0].split(".")[0] for m in contrasts.find_misfits(pair)] == [key]


def test_settings_that_cannot_matter_do_not_spoil_a_pair(condition):
    plain = condition(num_splits=4, penalty_scope="weights")
    assert contrasts.find_contrasts({"a": plain, "b": condition(penalty="l1", lambdas={"l1": 1e-3})})
    assert contrasts.find_contrasts({"a": plain, "b": condition(norm="gbn", num_splits=2)})
    both = [condition(penalty="l2", lambdas={"l2": 1e-3}, penalty_scope=s) for s in ("all", "weights")]
    both[1]["lambdas"]["l1"] = 1e-3
    assert contrasts.find_contrasts(dict(zip("ab", both, strict=True))) == []  # here the scope matters


# --- how large


def make_summary(**values):
    """A summary of conditions with a value a seed, the same for every quantity."""
    return pd.DataFrame(
        [
            {"condition": name.replace("_", "-"), "seed": seed, **dict.fromkeys(effects.QUANTITIES, value)}
            for name, column in values.items()
            for seed, value in enumerate(column)
        ]
    )


def test_an_effect_is_the_paired_t_interval():
    """By hand: differences 1, 2, 3, 6; mean 3, deviation 2.1602, t(0.975, 3) = 3.1824."""
    table = effects.estimate([PAIR], make_summary(none_bn=[10, 20, 30, 40], l1_bn=[11, 22, 33, 46]))
    assert list(table["quantity"]) == list(effects.QUANTITIES)
    for _, row in table.iterrows():
        assert (row["seeds"], row["pairs"], row["without"], row["with"]) == (4, 1, "none-bn", "l1-bn")
        assert [row["difference"], row["low"], row["high"]] == pytest.approx([3, -0.4374, 6.4374], abs=1e-4)
        assert (
            row["p"] == row["p_adjusted"] == pytest.approx(stats.ttest_rel([11, 22, 33, 46], [10, 20, 30, 40]).pvalue)
        )
        assert row["verdict"] == "not shown"


def test_seeds_are_paired_whatever_the_order_of_the_rows():
    ordered = make_summary(none_bn=[10, 20, 30], l1_bn=[11, 21.5, 30.7])
    pd.testing.assert_frame_equal(
        effects.estimate([PAIR], ordered), effects.estimate([PAIR], ordered.sample(frac=1, random_state=0))
    )


def test_a_factors_effect_is_the_mean_of_its_pairs_of_one_strength():
    found = [PAIR, Contrast("L1", 1e-5, "none-gbn", "l1-gbn"), Contrast("L1", 1e-3, "none-bn", "strong")]
    summary = make_summary(none_bn=[1, 2, 3], l1_bn=[2, 4, 6], none_gbn=[1, 1, 1], l1_gbn=[4, 4, 7], strong=[1, 3, 3])
    table = effects.estimate(found, summary)
    rows = table[table["quantity"] == "last5_accuracy"]
    assert list(rows["pairs"]) == [2, 1, 1, 1]
    assert list(rows["strength"]) == [1e-5, 1e-5, 1e-5, 1e-3]
    mean = rows.iloc[0]
    expected = stats.ttest_1samp([2.0, 2.5, 4.5], 0)  # of (1, 3), (2, 3), (3, 6)
    assert mean["difference"] == pytest.approx(3.0)
    assert (mean["low"], mean["high"]) == pytest.approx(tuple(expected.confidence_interval()))
    assert pd.isna(mean["without"])


def test_holm_as_in_the_textbook():
    adjusted = effects.holm(pd.Series([0.01, 0.04, np.nan, 0.03, 0.005]))
    assert adjusted.tolist() == pytest.approx([0.03, 0.06, np.nan, 0.06, 0.02], nan_ok=True)
    assert effects.holm(pd.Series([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_pairs_are_adjusted_among_pairs_and_means_among_means():
    found = [PAIR, Contrast("L1", 1e-5, "none-gbn", "l1-gbn")]
    random = np.random.default_rng(1)
    values = {name: random.normal(0, 1, 5) for name in ("none_bn", "none_gbn")}
    values |= {name: random.normal(2, 1, 5) for name in ("l1_bn", "l1_gbn")}
    rows = effects.estimate(found, make_summary(**values)).head(3)
    assert rows["p_adjusted"].iloc[0] == rows["p"].iloc[0]
    pairs = sorted(rows["p"].iloc[1:])
    assert sorted(rows["p_adjusted"].iloc[1:]) == pytest.approx([2 * pairs[0], max(2 * pairs[0], pairs[1])])


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_or_two_seeds_have_no_interval_and_no_verdict(seeds):
    table = effects.estimate([PAIR], make_summary(none_bn=[1.0, 2.0][:seeds], l1_bn=[2.0, 2.5][:seeds]))
    assert table[["low", "high", "p", "p_adjusted", "verdict"]].isna().all(axis=None)
    assert table["difference"].notna().all()


def test_equal_differences_have_no_verdict():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = effects.estimate([PAIR], make_summary(none_bn=[1.0, 2.0, 3.0], l1_bn=[1.5, 2.5, 3.5]))
    assert table["verdict"].isna().all()
    assert table["difference"].tolist() == [0.5] * 3


def test_a_run_that_is_missing_leaves_its_seed_out():
    summary = make_summary(none_bn=[1, 2, 3, 4], l1_bn=[2, 4, 4, 7]).iloc[:-1]
    assert effects.estimate([PAIR], summary)["seeds"].tolist() == [3] * 3


def test_without_effects_hardly_a_study_shows_one_and_large_ones_are_found(study, monkeypatch):
    """The controlled study 300 times with noise alone: one false "real" among three means in at most 5 % of them."""
    monkeypatch.setattr(effects, "QUANTITIES", ("last5_accuracy",))
    found, random = contrasts.find_contrasts(study("controlled")), np.random.default_rng(0)
    names = list(study("controlled"))

    def share(effect: float) -> float:
        hits = 0
        for _ in range(300):
            noise = random.normal(99.5, 0.05, (len(names), 5))
            noise += effect * np.array(["gbn" in name for name in names])[:, None]
            columns = {n.replace("-", "_"): row for n, row in zip(names, noise, strict=True)}
            table = effects.estimate(found, make_summary(**columns))
            hits += (table[table["pairs"] > 1]["verdict"] == "real").any()
        return hits / 300

    assert 0.01 <= share(0.0) <= 0.09  # 0.05, and three standard errors of 300
    assert share(0.1) > 0.9


# --- the page


def page_text(path):
    return path.read_text(encoding="utf-8")


def test_page_gives_effects_with_their_verdicts(tmp_path, html_tables):
    summary = make_summary(none_bn=[1, 2, 3, 4], l1_bn=[3.0, 4.1, 5.2, 6.1])
    effects_page.write(tmp_path / "e.html", "Effects <x>", effects.estimate([PAIR], summary), [])
    header, row = html_tables(page_text(tmp_path / "e.html"))[0]
    assert header == ["factor", "strength", "with", "without", "difference", "from", "to", "p", "p adjusted", "verdict"]
    assert row[:5] == ["L1", "1e-05", "l1-bn", "none-bn", "+2.100"]
    assert row[-1] == "real"
    assert "Effects &lt;x&gt;" in page_text(tmp_path / "e.html")
    assert "4 seeds" in page_text(tmp_path / "e.html")


def test_page_of_one_seed_says_so(tmp_path, html_tables):
    table = effects.estimate([PAIR], make_summary(none_bn=[1], l1_bn=[3]))
    effects_page.write(tmp_path / "e.html", "x", table, [])
    assert "1 seed: no intervals and no verdicts" in page_text(tmp_path / "e.html")
    assert "verdict" not in html_tables(page_text(tmp_path / "e.html"))[0][0]


def test_page_of_a_study_without_pairs_says_why(tmp_path, html_tables):
    misfits = [Misfit("none-bn", "l1-bn", "batch_size 128 and 64"), Misfit("none-bn", "l2-bn", "")]
    effects_page.write(tmp_path / "e.html", "x", effects.estimate([], make_summary(none_bn=[1])), misfits)
    assert "No two conditions of this study differ in one factor alone" in page_text(tmp_path / "e.html")
    assert html_tables(page_text(tmp_path / "e.html"))[0][1:] == [
        ["none-bn", "l1-bn", "differ also in batch_size 128 and 64"],
        ["none-bn", "l2-bn", "the same experiment"],
    ]


# --- the figure


@pytest.fixture
def written(tmp_path):
    """A function that writes effects as the rule does and reads them as the figure does."""

    def write(found, **values):
        table = effects.estimate(found, make_summary(**values))
        table.to_csv(tmp_path / "effects.csv", index=False, float_format="%.6g")
        return figure.read(tmp_path / "effects.csv")

    return write


def test_figure_shows_every_effect_at_its_place(written):
    found = [PAIR, Contrast("L1", 1e-5, "none-gbn", "l1-gbn"), Contrast("GBN", 2, "none-bn", "none-gbn")]
    table = written(found, none_bn=[1, 2, 3], l1_bn=[3, 4.1, 5.2], none_gbn=[1.5, 2, 2], l1_gbn=[2, 4, 5])
    drawn = figure.draw(table, "title")
    assert [axes.get_label() for axes in drawn.axes] == ["last5_accuracy", "last5_loss"]
    names = [label.get_text() for label in drawn.axes[0].get_yticklabels()]
    assert names == ["L1 1e-5: mean of 2 pairs", "l1-bn − none-bn", "l1-gbn − none-gbn", "none-gbn − none-bn"]
    for axes in drawn.axes:
        points = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
        own = table[table["quantity"] == axes.get_label()]
        for (_, row), place in zip(own.iterrows(), axes.get_yticks(), strict=True):
            point = points[figure.name_of(row)]
            assert (point.get_xdata()[0], point.get_ydata()[0]) == (row["difference"], place)
            assert (point.get_markerfacecolor() != "white") == (row["verdict"] == "real")
        low, high = axes.get_xlim()
        assert low == -high
        assert low <= own["low"].min()
        assert own["high"].max() <= high
        assert len(set(np.round(np.diff(axes.get_yticks()), 6))) == 2  # wider between factors
    assert "within each of 3 seeds; 95 % intervals" in " ".join(text.get_text() for text in drawn.texts)


def test_figure_of_one_seed_has_no_intervals_and_says_so(written):
    drawn = figure.draw(written([PAIR], none_bn=[1], l1_bn=[3]), "title")
    for axes in drawn.axes:
        assert {len(line.get_xdata()) for line in axes.lines if not line.get_label().startswith("_")} == {1}
        assert [text.get_text() for text in axes.texts] in (["+2.000"], ["+2.00000"])
    assert "1 seed: no interval and no verdict" in " ".join(text.get_text() for text in drawn.texts)


@pytest.mark.parametrize(
    ("old", "new"), [("last5_", "first_"), ("L1", "L7"), ("difference", "else"), ("+", ""), ("2.", "two")]
)
def test_figure_refuses_what_is_no_table_of_effects(tmp_path, old, new):
    table = effects.estimate([PAIR], make_summary(none_bn=[1, 2, 3], l1_bn=[3.0, 4.25, 5.0]))
    text = table.to_csv(index=False)
    path = tmp_path / "effects.csv"
    path.write_text(text.replace(old, new) if old != "+" else "")
    with pytest.raises(DataError, match=r"effects\.csv: "):
        figure.read(path)
