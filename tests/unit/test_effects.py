"""What differences over seeds say, and how the page and the figure say it."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_figures import TALL, least_text

from normreg.analysis import answer, effects, families, quantities, study_tables
from normreg.analysis.contrasts import ConfoundedPair, Contrast
from normreg.analysis.plan import Rules
from normreg.analysis.verdicts import EffectVerdict, Level
from normreg.report import effects as effects_page
from normreg.report import effects_figure as figure
from normreg.report import paper
from normreg.utils import tables

STUDY = "digits/x 0123456789abcdef"
QUANTITIES = ("last5_accuracy", "last5_loss")
MARGIN = {"accuracy": 0.05, "loss": 0.001}
PAIR = Contrast("L1", 1e-5, "none-bn", "l1-bn")
OTHER = Contrast("L1", 1e-5, "none-gbn", "l1-gbn")
GBN = Contrast("GBN", 2, "none-bn", "none-gbn")
WITH_L1 = Contrast("GBN", 2, "l1-bn", "l1-gbn")


def make_summary(**values):
    """A summary of conditions with a value a seed, the same for every quantity."""
    rows = [
        {"condition": name.replace("_", "-"), "seed": seed, "engine": "torch", "epochs": 25, "validation": "test"}
        | {"diverged_epoch": None}
        | dict.fromkeys((*QUANTITIES, "final_accuracy", "final_loss"), value)
        for name, column in values.items()
        for seed, value in enumerate(column)
    ]
    return pd.DataFrame(rows)


def estimate(found, summary, margin=MARGIN, images=10_000):
    return effects.estimate(found, summary, Rules(margin, images, 10))


def test_an_effect_of_two_conditions_is_the_paired_t_interval():
    """By hand: differences 1, 2, 3, 6; mean 3, deviation 2.1602, t(0.975, 3) = 3.1824."""
    table = estimate([PAIR], make_summary(none_bn=[10, 20, 30, 40], l1_bn=[11, 22, 33, 46]))
    assert list(table["quantity"]) == list(QUANTITIES)
    for _, row in table.iterrows():
        assert (row["level"], row["seeds"], row["pairs"]) == ("effect", 4, 1)
        assert (row["without"], row["with"]) == ("none-bn", "l1-bn")
        assert [row["difference"], row["low"], row["high"]] == pytest.approx([3, -0.4374, 6.4374], abs=1e-4)
        assert row["p"] == pytest.approx(stats.ttest_rel([11, 22, 33, 46], [10, 20, 30, 40]).pvalue)
        assert row["p_adjusted"] == pytest.approx(row["p"])  # one effect in the family
        assert (row["verdict"], row["method"]) == ("undecided", "paired")


def test_short_runs_are_judged_at_their_last_epoch():
    summary = make_summary(none_bn=[1, 2, 3], l1_bn=[2, 3, 5]).assign(epochs=24)
    assert list(estimate([PAIR], summary)["quantity"]) == ["final_accuracy", "final_loss"]


def test_seeds_are_paired_whatever_the_order_of_the_rows():
    ordered = make_summary(none_bn=[10, 20, 30], l1_bn=[11, 21.5, 30.7])
    mixed = ordered.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(estimate([PAIR], ordered), estimate([PAIR], mixed))


def test_a_factors_effect_is_the_mean_of_its_pairs_of_one_strength():
    strong = Contrast("L1", 1e-3, "none-bn", "strong")
    summary = make_summary(none_bn=[1, 2, 3], l1_bn=[2, 4, 6], none_gbn=[1, 1, 1], l1_gbn=[4, 4, 7], strong=[1, 3, 3])
    rows = estimate([PAIR, OTHER, strong], summary).query("quantity == 'last5_accuracy'")
    assert list(rows["level"]) == ["effect", "pair", "pair", "effect"]
    assert list(rows["pairs"]) == [2, 1, 1, 1]
    assert list(rows["strength"]) == [1e-5, 1e-5, 1e-5, 1e-3]
    mean = rows.iloc[0]
    expected = stats.ttest_1samp([2.0, 2.5, 4.5], 0)  # of (1, 3), (2, 3), (3, 6)
    assert mean["difference"] == pytest.approx(3.0)
    assert (mean["low"], mean["high"]) == pytest.approx(tuple(expected.confidence_interval()))
    assert pd.isna(mean["without"])


def test_pairs_of_two_contexts_are_two_effects():
    apart = Contrast("L1", 1e-5, "none-gbn", "l1-gbn", frozenset({("batch_size", "64")}))
    table = estimate([PAIR, apart], make_summary(none_bn=[1, 2], l1_bn=[2, 4], none_gbn=[1, 1], l1_gbn=[4, 4]))
    assert set(table["level"]) == {"effect"}
    assert set(table["pairs"]) == {1}


def test_effects_and_interactions_alone_are_tested_each_in_a_family():
    random = np.random.default_rng(1)
    values = {name: random.normal(0, 1, 5) for name in ("none_bn", "none_gbn")}
    values |= {name: random.normal(4, 1, 5) for name in ("l1_bn", "l1_gbn")}
    table = estimate([PAIR, OTHER, GBN, WITH_L1], make_summary(**values))
    levels = ["effect", "pair", "pair", "effect", "pair", "pair", "interaction"]
    assert table["level"].tolist() == levels * 2
    assert table["p"].notna().tolist() == [level != "pair" for level in levels] * 2
    assert table["low"].notna().all()
    p, adjusted = (table[name].iloc[[0, 3, 6]].tolist() for name in ("p", "p_adjusted"))
    assert adjusted == pytest.approx([2 * p[0], max(2 * p[0], p[1]), p[2]])
    assert table["verdict"].iloc[[0, 3]].tolist() == ["better", "undecided"]


def test_an_interaction_is_the_difference_of_two_effects():
    """Effects of +0.05 with BN and -0.05 with GBN: their mean is nothing, their difference is not."""
    random = np.random.default_rng(2)
    noise = {name: 99.5 + random.normal(0, 0.01, 8) for name in ("none_bn", "l1_bn", "none_gbn", "l1_gbn")}
    noise["l1_bn"] += 0.05
    noise["l1_gbn"] -= 0.05
    table = estimate([PAIR, OTHER, GBN, WITH_L1], make_summary(**noise)).query("quantity == 'last5_accuracy'")
    mean, *_, crossed = table.to_dict("records")
    by_hand = (noise["l1_gbn"] - noise["none_gbn"]) - (noise["l1_bn"] - noise["none_bn"])
    assert crossed["difference"] == pytest.approx(by_hand.mean())
    assert [crossed["paired_low"], crossed["paired_high"]] == pytest.approx(
        list(stats.ttest_1samp(by_hand, 0).confidence_interval())
    )
    assert (crossed["factor"], crossed["other"], crossed["verdict"]) == ("L1", "GBN, 2 splits", "different")
    assert mean["verdict"] in ("equivalent", "undecided")
    assert answer.name_of(crossed) == "L1 1e-5 × GBN, 2 splits"


def test_an_interaction_needs_all_four_conditions():
    assert families.interactions([PAIR, OTHER, GBN]) == []
    assert len(families.interactions([PAIR, OTHER, GBN, WITH_L1])) == 1
    strong = Contrast("L1", 1e-3, "none-gbn", "strong-gbn")
    assert families.interactions([PAIR, strong, GBN, WITH_L1]) == []


def test_collapsed_runs_are_counted_and_said():
    """A penalty so strong that the accuracy falls to chance: the verdict is worse, by its size."""
    control = [99.4, 99.5, 99.45]
    table = estimate([PAIR], make_summary(none_bn=control, l1_bn=[11.35, 10.28, 43.3]))
    row = table.iloc[0]
    assert (row["collapses"], row["runs"], row["verdict"]) == (3, 3, "worse")
    assert answer.sentences(table) == [
        "L1 1e-5: −77.807 points (95 % interval −124.420 to −31.193), 3 seeds: worse; collapses in 3 of 3 runs; "
        "loss: better."  # in these summaries the loss is the same numbers
    ]


def test_a_margin_below_one_test_image_allows_no_equivalence():
    values = {"none_bn": [99.40, 99.43, 99.41, 99.44], "l1_bn": [99.41, 99.43, 99.42, 99.44]}
    assert estimate([PAIR], make_summary(**values))["verdict"].tolist()[0] == "equivalent"
    table = estimate([PAIR], make_summary(**values), images=891)
    assert table["verdict"].tolist()[0] == "undecided"
    assert table["p_equivalence"].isna().tolist() == [True, False]  # of the loss it does
    assert estimate([PAIR], make_summary(**values), {**MARGIN, "accuracy": 0.2}, 891)["verdict"][0] == "equivalent"


def test_one_missing_run_costs_its_seed_and_no_other_interval():
    summary = make_summary(none_bn=[1, 2, 3, 4], l1_bn=[2, 4, 4, 7], none_gbn=[1, 1, 1.5, 1], l1_gbn=[4, 4, 7, 9])
    table = estimate([PAIR, OTHER], summary[summary["condition"].ne("l1-gbn") | summary["seed"].ne(0)])
    assert table["low"].notna().all()
    assert table["seeds"].tolist() == [3, 4, 3] * 2


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_or_two_seeds_are_too_few(seeds):
    table = estimate([PAIR], make_summary(none_bn=[1.0, 2.0][:seeds], l1_bn=[2.0, 2.5][:seeds]))
    assert table[["low", "high", "p", "p_adjusted"]].isna().all(axis=None)
    assert set(table["verdict"]) == {EffectVerdict.TOO_FEW}
    assert table["difference"].notna().all()


@pytest.mark.parametrize(
    ("none", "l1"),
    [
        ([1.0, 2.0, 3.0], [1.5, 2.5, 3.5]),
        ([99.43, 99.35, 99.47], [99.48, 99.40, 99.52]),  # five images each, and not equal in binary
        ([round(100 * n / 891, 4) for n in (857, 860, 849)], [round(100 * n / 891, 4) for n in (859, 862, 851)]),
    ],
)
def test_equal_differences_have_no_test(none, l1):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = estimate([PAIR], make_summary(none_bn=none, l1_bn=l1))
    assert table[["low", "p"]].isna().all(axis=None)
    assert set(table["verdict"]) == {EffectVerdict.NO_SPREAD}
    assert table["difference"].tolist() == pytest.approx([l1[0] - none[0]] * 2, abs=1e-3)


def test_one_image_in_one_epoch_of_one_seed_is_a_difference():
    """A last-five mean of 10,000 images moves in steps of 0.002."""
    table = estimate([PAIR], make_summary(none_bn=[99.43, 99.35, 99.47], l1_bn=[99.48, 99.40, 99.522]))
    assert table["p"].notna().all()


def test_a_pair_of_two_engines_does_not_count():
    summary = make_summary(none_bn=[1, 2, 3, 4], l1_bn=[2, 4, 4, 7])
    summary.loc[(summary["condition"] == "l1-bn") & (summary["seed"] == 2), "engine"] = "numba"
    table = estimate([PAIR], summary)
    assert table["seeds"].tolist() == [3, 3]
    assert table["difference"].tolist() == pytest.approx([2.0, 2.0])  # of 1, 2 and 3


def test_a_run_that_is_missing_leaves_its_seed_out():
    summary = make_summary(none_bn=[1, 2, 3, 4], l1_bn=[2, 4, 4, 7]).iloc[:-1]
    assert estimate([PAIR], summary)["seeds"].tolist() == [3, 3]


def test_a_seed_counts_for_a_mean_only_if_all_its_pairs_have_it():
    summary = make_summary(none_bn=[1, 2, 3, 4], l1_bn=[2, 4, 4, 7], none_gbn=[1, 1, 1, 1], l1_gbn=[4, 4, 7, 9])
    assert estimate([PAIR, OTHER], summary.iloc[:-1])["seeds"].tolist() == [3, 4, 3] * 2


# --- the page


def written_page(folder, table, confounded=()):
    effects_page.write(folder / "e.html", "Effects <x>", table, ["The plan."], confounded, {})
    return (folder / "e.html").read_text(encoding="utf-8")


def test_page_gives_effects_with_their_verdicts(tmp_path, html_tables):
    summary = make_summary(none_bn=[1, 2, 3, 4], l1_bn=[3.0, 4.1, 5.2, 6.1])
    page = written_page(tmp_path, estimate([PAIR], summary))
    header, row = html_tables(page)[0]
    assert header == ["effect", "with", "without", "seeds", "difference", "from", "to", "p adjusted", "verdict"]
    assert row == ["L1 1e-5", "l1-bn", "none-bn", "4", "+2.100", "+1.970", "+2.230", "<0.001", "better"]
    assert "Effects &lt;x&gt;" in page
    assert "The plan." in page
    assert "tested on the same images" in page
    assert "L1 1e-5: +2.100 points (95 % interval +1.970 to +2.230), 4 seeds: better; loss: worse." in page


def test_page_gives_pairs_no_verdict(tmp_path, html_tables):
    summary = make_summary(none_bn=[1, 2, 3], l1_bn=[2, 4, 6], none_gbn=[1, 1, 1], l1_gbn=[4, 4, 7])
    _, mean, first, second = html_tables(written_page(tmp_path, estimate([PAIR, OTHER], summary)))[0]
    assert mean[:3] == ["L1 1e-5", "mean of 2 pairs", ""]
    assert mean[-1] in list(EffectVerdict)
    assert (first[:3], second[:3]) == (["", "l1-bn", "none-bn"], ["", "l1-gbn", "none-gbn"])
    assert first[-2:] == second[-2:] == ["", ""]


def test_page_says_what_the_seeds_can_show_and_which_estimate_decides(tmp_path, html_tables):
    random = np.random.default_rng(5)
    values = {name: random.normal(99.5, 0.03, 5) for name in ("none_bn", "l1_bn", "none_gbn", "l1_gbn")}
    table = estimate([PAIR, OTHER, GBN, WITH_L1], make_summary(**values))
    page = html_tables(written_page(tmp_path, table))
    _, crossed, shows, ways = page[:4]
    assert crossed[1][0] == "L1 1e-5 × GBN, 2 splits"
    assert shows[0][:3] == ["effect", "seeds", "found in 80 %"]
    assert shows[0][3:6] == ["seeds to find 0.02", "seeds to find 0.05", "seeds to find 0.1"]
    effect = table.iloc[0]
    assert shows[1][2] == f"{effect['detectable']:.3f}"
    assert shows[1][4] == str(int(effect["seeds_for_margin"]))
    assert ways[0][-2:] == ["decides", "because"]
    assert [row[-2] for row in ways[1:]] == table.query("quantity == 'last5_accuracy' and level != 'pair'")[
        "method"
    ].tolist()


def test_page_of_one_seed_says_so(tmp_path, html_tables):
    page = written_page(tmp_path, estimate([PAIR], make_summary(none_bn=[1], l1_bn=[3])))
    assert "Fewer than three seeds: no intervals and no verdicts" in page
    assert html_tables(page)[0][1][-1] == "too few seeds"


def test_page_of_a_study_without_pairs_says_why(tmp_path, html_tables):
    confounded = [ConfoundedPair("none-bn", "l1-bn", "batch_size 128 and 64"), ConfoundedPair("none-bn", "l2-bn", "")]
    page = written_page(tmp_path, estimate([], make_summary(none_bn=[1])), confounded)
    assert "no two conditions with and without a factor" in page
    assert html_tables(page)[0][1:] == [
        ["none-bn", "l1-bn", "differ also in batch_size 128 and 64"],
        ["none-bn", "l2-bn", "same experiment"],
    ]


# --- the figure

NAMES = {"none-bn": "none · BN", "l1-bn": "L1 · BN", "none-gbn": "none · GBN"}


@pytest.fixture
def written(tmp_path):
    """A function that writes effects as the rule does and reads them as the figure does."""

    def write(found, **values):
        table = estimate(found, make_summary(**values))
        tables.write_frame(tmp_path / "effects.csv", study_tables.EFFECTS, table, STUDY)
        return answer.read(tmp_path / "effects.csv", STUDY)

    return write


def test_figure_shows_every_effect_at_its_place(written):
    table = written(
        [PAIR, OTHER, GBN], none_bn=[1, 2, 3], l1_bn=[3, 4.1, 5.2], none_gbn=[1.5, 2, 2], l1_gbn=[3.5, 4.1, 4.2]
    )
    assert set(table["verdict"].dropna()) == {"better", "worse", "undecided"}
    drawn = figure.draw(table, "title", NAMES)
    assert [axes.get_label() for axes in drawn.axes] == ["last5_accuracy", "last5_loss"]
    names = [label.get_text() for label in drawn.axes[0].get_yticklabels()]
    pairs = ["L1 · BN − none · BN", "l1-gbn − none · GBN"]
    assert names == ["L1 1e-5: mean of 2 pairs", *pairs, "GBN, 2 splits: none · GBN − none · BN"]
    for axes in drawn.axes:
        points = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
        own = table[table["quantity"] == axes.get_label()]
        for (_, row), place in zip(own.iterrows(), axes.get_yticks(), strict=True):
            point = points[figure.name_of(row, NAMES)]
            assert (point.get_xdata()[0], point.get_ydata()[0]) == (row["difference"], place)
            assert (point.get_markerfacecolor() != "white") == (row["verdict"] in ("better", "worse"))
        low, high = axes.get_xlim()
        assert low < min(own["low"].min(), -own["margin"].iloc[0])
        assert own["high"].max() < high
        assert len(set(np.round(np.diff(axes.get_yticks()), 6))) == 2  # wider between factors
    assert least_text(drawn) >= 8 / TALL  # digits are 8 pixels tall in the report
    assert "within each of 3 seeds; 95 % intervals" in " ".join(text.get_text() for text in drawn.texts)


def test_figure_of_one_seed_has_no_intervals_and_says_so(written):
    drawn = figure.draw(written([PAIR], none_bn=[1], l1_bn=[3]), "title", {})
    for axes in drawn.axes:
        assert {len(line.get_xdata()) for line in axes.lines if not line.get_label().startswith("_")} == {1}
        assert [text.get_text() for text in axes.texts] in (["+2.000"], ["+2.00000"])
    assert "1 seed: no interval and no verdict" in " ".join(text.get_text() for text in drawn.texts)


def test_no_text_leaves_the_figure(written):
    """Bold numbers are the widest, and losses have the most digits."""
    table = written([PAIR, GBN], none_bn=[0.1, 0.2, 0.3], l1_bn=[-10.0, -9.8, -9.7], none_gbn=[-10.2, -10.1, -9.99])
    assert set(table["verdict"]) == {"better", "worse"}
    drawn = figure.draw(table, "title", NAMES)
    drawn.canvas.draw()
    boxes = [text.get_window_extent() for axes in drawn.axes for text in axes.texts]
    assert len(boxes) == 4
    assert max(box.x1 for box in boxes) <= drawn.get_size_inches()[0] * drawn.dpi
    assert least_text(drawn) >= 10
    plots = [axes.get_window_extent() for axes in drawn.axes]
    assert not any(box.overlaps(plot) for box in boxes for plot in plots)


def gaps_beside(low, high, axes):
    """The empty shares of an axis left and right of what it has to show."""
    left, right = axes.get_xlim()
    return (low - left) / (right - left), (right - high) / (right - left)


@pytest.mark.parametrize("sign", [1, -1])
def test_axis_of_one_sided_effects_shows_0_and_the_margin_and_no_more(written, sign):
    values = {"none_bn": [0, 0, 0], "l1_bn": [sign * 2.1, sign * 2.2, sign * 2.3]}
    table = written([PAIR], **values)
    for axes in figure.draw(table, "title", {}).axes:
        row = table[table["quantity"] == axes.get_label()].iloc[0]
        low, high = min(row["low"], -row["margin"]), max(row["high"], row["margin"])
        assert max(gaps_beside(low, high, axes)) == pytest.approx(min(gaps_beside(low, high, axes)))
        assert 0.02 < max(gaps_beside(low, high, axes)) < 0.06


def test_small_effects_beside_a_collapse_say_that_they_cannot_be_seen(written):
    values = {"none_bn": [99.5, 99.52, 99.51], "l1_bn": [99.55, 99.56, 99.57], "none_gbn": [49.4, 49.6, 49.5]}
    drawn = figure.draw(written([PAIR, GBN], **values), "title", {})
    accuracy, loss = drawn.axes
    assert accuracy.get_xlim()[0] < -50 < 0.05 < accuracy.get_xlim()[1] < 5
    assert "the margin of ±0.05 is too narrow to see here" in accuracy.get_title(loc="left")
    assert "the margin of ±0.001 is too narrow to see here" in loss.get_title(loc="left")
    assert [text.get_text().split("  ")[0] for text in accuracy.texts] == ["+0.050", "−50.010"]
    near = figure.draw(written([PAIR], none_bn=[1, 1.01, 1.02], l1_bn=[1.02, 1.01, 1.03]), "title", {})
    assert "too narrow" not in near.axes[0].get_title(loc="left")


# --- the tables of a paper


def test_tables_of_a_paper_by_hand(written, tmp_path):
    runs = make_summary(none_bn=[1, 2, 3], l1_bn=[3, 4.1, 5.2])
    table = written([PAIR], none_bn=[1, 2, 3], l1_bn=[3, 4.1, 5.2])
    quantity = quantities.QUANTITIES["last5_accuracy"]
    means = paper.conditions(runs, [quantity])
    assert means.to_numpy().tolist() == [["none-bn", "3", "2.000", "1.000"], ["l1-bn", "3", "4.100", "1.100"]]
    effect = paper.effects(table).iloc[0]
    assert (effect["effect"], effect["seeds"], effect["estimate"]) == ("L1 1e-5", "3", "+2.100")
    assert effect["verdict"] == table[table["level"] == Level.EFFECT]["verdict"].iloc[0]
    parts = {"Conditions": means, "Effects": pd.DataFrame({"effect": ["a_b → 1", "−0.5 %"]})}
    lines = paper.markdown("T & U", ["Said."], parts).splitlines()
    assert lines[0] == "# T & U"
    assert ["", "l1-bn", "3", "4.100", "1.100", ""] in [[cell.strip() for cell in line.split("|")] for line in lines]
    tex = paper.latex("T & U", ["Said."], parts)
    for text in ("% Said.", "% T & U", r"l1-bn & 3 & 4.100 & 1.100 \\", r"a\_b $\to$ 1", r"$-$0.5 \%", r"\toprule"):
        assert text in tex
    assert tex.isascii()  # whatever fonts the paper uses
