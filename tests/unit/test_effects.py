"""What differences over seeds say, and how the page and the figure say it."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from normreg.analysis import effects, study_tables
from normreg.analysis.contrasts import ConfoundedPair, Contrast
from normreg.errors import DataError
from normreg.figures import effects as figure
from normreg.pages import effects as effects_page
from normreg.utils import tables

STUDY = "digits/x 0123456789abcdef"
PAIR = Contrast("L1", 1e-5, "none-bn", "l1-bn")
OTHER = Contrast("L1", 1e-5, "none-gbn", "l1-gbn")
GBN = Contrast("GBN", 2, "none-bn", "none-gbn")


def make_summary(**values):
    """A summary of conditions with a value a seed, the same for every quantity."""
    rows = [
        {"condition": name.replace("_", "-"), "seed": seed, "engine": "torch"}
        | dict.fromkeys(effects.EFFECT_QUANTITIES, value)
        for name, column in values.items()
        for seed, value in enumerate(column)
    ]
    return pd.DataFrame(rows)


def test_an_effect_is_the_paired_t_interval():
    """By hand: differences 1, 2, 3, 6; mean 3, deviation 2.1602, t(0.975, 3) = 3.1824."""
    table = effects.estimate([PAIR], make_summary(none_bn=[10, 20, 30, 40], l1_bn=[11, 22, 33, 46]))
    assert list(table["quantity"]) == list(effects.EFFECT_QUANTITIES)
    for _, row in table.iterrows():
        assert (row["level"], row["seeds"], row["pairs"]) == ("effect", 4, 1)
        assert (row["without"], row["with"]) == ("none-bn", "l1-bn")
        assert [row["difference"], row["low"], row["high"]] == pytest.approx([3, -0.4374, 6.4374], abs=1e-4)
        assert row["p"] == pytest.approx(stats.ttest_rel([11, 22, 33, 46], [10, 20, 30, 40]).pvalue)
        assert row["p_adjusted"] == pytest.approx(2 * row["p"])  # two quantities
        assert row["verdict"] == "not shown"


def test_seeds_are_paired_whatever_the_order_of_the_rows():
    ordered = make_summary(none_bn=[10, 20, 30], l1_bn=[11, 21.5, 30.7])
    mixed = ordered.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(effects.estimate([PAIR], ordered), effects.estimate([PAIR], mixed))


def test_a_factors_effect_is_the_mean_of_its_pairs_of_one_strength():
    strong = Contrast("L1", 1e-3, "none-bn", "strong")
    summary = make_summary(none_bn=[1, 2, 3], l1_bn=[2, 4, 6], none_gbn=[1, 1, 1], l1_gbn=[4, 4, 7], strong=[1, 3, 3])
    rows = effects.estimate([PAIR, OTHER, strong], summary).query("quantity == 'last5_accuracy'")
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
    table = effects.estimate([PAIR, apart], make_summary(none_bn=[1, 2], l1_bn=[2, 4], none_gbn=[1, 1], l1_gbn=[4, 4]))
    assert set(table["level"]) == {"effect"}
    assert set(table["pairs"]) == {1}


def test_holm_as_in_the_textbook():
    adjusted = effects.holm(pd.Series([0.01, 0.04, np.nan, 0.03, 0.005]))
    assert adjusted.tolist() == pytest.approx([0.03, 0.06, np.nan, 0.06, 0.02], nan_ok=True)
    assert effects.holm(pd.Series([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_effects_alone_have_p_and_verdict_adjusted_over_the_table():
    random = np.random.default_rng(1)
    values = {name: random.normal(0, 1, 5) for name in ("none_bn", "none_gbn")}
    values |= {name: random.normal(4, 1, 5) for name in ("l1_bn", "l1_gbn")}
    table = effects.estimate([PAIR, OTHER, GBN], make_summary(**values))
    assert table["p"].notna().tolist() == [True, False, False, True] * 2
    assert table["low"].notna().all()
    p = sorted(table["p"].dropna())  # two equal ones of each effect, because both quantities are equal here
    assert sorted(table["p_adjusted"].dropna()) == pytest.approx([4 * p[0], 4 * p[0], *[min(1, 2 * p[2])] * 2])
    assert table["verdict"].dropna().tolist() == ["shown", "not shown"] * 2


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_or_two_seeds_have_no_interval_and_no_verdict(seeds):
    table = effects.estimate([PAIR], make_summary(none_bn=[1.0, 2.0][:seeds], l1_bn=[2.0, 2.5][:seeds]))
    assert table[["low", "high", "p", "p_adjusted", "verdict"]].isna().all(axis=None)
    assert table["difference"].notna().all()


@pytest.mark.parametrize(
    ("none", "l1"),
    [
        ([1.0, 2.0, 3.0], [1.5, 2.5, 3.5]),
        ([99.43, 99.35, 99.47], [99.48, 99.40, 99.52]),  # five images each, and not equal in binary
        ([round(100 * n / 891, 4) for n in (857, 860, 849)], [round(100 * n / 891, 4) for n in (859, 862, 851)]),
    ],
)
def test_equal_differences_have_no_verdict(none, l1):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = effects.estimate([PAIR], make_summary(none_bn=none, l1_bn=l1))
    assert table[["low", "p", "verdict"]].isna().all(axis=None)
    assert table["difference"].tolist() == pytest.approx([l1[0] - none[0]] * 2, abs=1e-3)


def test_one_image_in_one_epoch_of_one_seed_is_a_difference():
    """A last-five mean of 10,000 images moves in steps of 0.002."""
    table = effects.estimate([PAIR], make_summary(none_bn=[99.43, 99.35, 99.47], l1_bn=[99.48, 99.40, 99.522]))
    assert table["p"].notna().all()


def test_a_pair_of_two_engines_does_not_count():
    summary = make_summary(none_bn=[1, 2, 3, 4], l1_bn=[2, 4, 4, 7])
    summary.loc[(summary["condition"] == "l1-bn") & (summary["seed"] == 2), "engine"] = "numba"
    table = effects.estimate([PAIR], summary)
    assert table["seeds"].tolist() == [3, 3]
    assert table["difference"].tolist() == pytest.approx([2.0, 2.0])  # of 1, 2 and 3


def test_a_run_that_is_missing_leaves_its_seed_out():
    summary = make_summary(none_bn=[1, 2, 3, 4], l1_bn=[2, 4, 4, 7]).iloc[:-1]
    assert effects.estimate([PAIR], summary)["seeds"].tolist() == [3, 3]


def test_a_seed_counts_for_a_mean_only_if_all_its_pairs_have_it():
    summary = make_summary(none_bn=[1, 2, 3, 4], l1_bn=[2, 4, 4, 7], none_gbn=[1, 1, 1, 1], l1_gbn=[4, 4, 7, 9])
    assert effects.estimate([PAIR, OTHER], summary.iloc[:-1])["seeds"].tolist() == [3, 4, 3] * 2


@pytest.mark.slow
def test_without_effects_few_tables_show_one_and_large_ones_are_found():
    """Eight conditions with noise alone, in whole images: any false "shown" in a table in at most 5 % of them."""
    names = [f"{penalty}-{norm}" for norm in ("bn", "gbn") for penalty in ("none", "l1", "l2", "l1l2")]
    found = [Contrast("GBN", 2, f"{p}-bn", f"{p}-gbn") for p in ("none", "l1", "l2", "l1l2")]
    for factor, pairs in {"L1": [("none", "l1"), ("l2", "l1l2")], "L2": [("none", "l2"), ("l1", "l1l2")]}.items():
        found += [Contrast(factor, 1e-5, f"{a}-{norm}", f"{b}-{norm}") for norm in ("bn", "gbn") for a, b in pairs]
    random = np.random.default_rng(0)

    def share(effect: float) -> float:
        hits = 0
        for _ in range(120):
            noise = random.normal(99.5, 0.05, (len(names), 5))
            noise += effect * np.array(["gbn" in name for name in names])[:, None]
            summary = make_summary(**{name: np.round(row, 2) for name, row in zip(names, noise, strict=True)})
            summary["last5_loss"] = random.normal(0.016, 0.001, len(summary))
            hits += (effects.estimate(found, summary)["verdict"] == "shown").any()
        return hits / 120

    assert 0.005 <= share(0.0) <= 0.11  # 0.05, and three standard errors of 120
    assert share(0.15) > 0.9


# --- the page


def written_page(folder, table, confounded=()):
    effects_page.write(folder / "e.html", "Effects <x>", table, confounded, {})
    return (folder / "e.html").read_text(encoding="utf-8")


def test_page_gives_effects_with_their_verdicts(tmp_path, html_tables):
    summary = make_summary(none_bn=[1, 2, 3, 4], l1_bn=[3.0, 4.1, 5.2, 6.1])
    page = written_page(tmp_path, effects.estimate([PAIR], summary))
    header, row = html_tables(page)[0]
    columns = ("effect", "with", "without", "seeds", "difference", "from", "to", "p", "p adjusted", "verdict")
    assert header == list(columns)
    assert row == ["L1 1e-5", "l1-bn", "none-bn", "4", "+2.100", "+1.970", "+2.230", "<0.001", "<0.001", "shown"]
    assert "Effects &lt;x&gt;" in page
    assert "tested on the same images" in page


def test_page_gives_pairs_no_verdict(tmp_path, html_tables):
    summary = make_summary(none_bn=[1, 2, 3], l1_bn=[2, 4, 6], none_gbn=[1, 1, 1], l1_gbn=[4, 4, 7])
    _, mean, first, second = html_tables(written_page(tmp_path, effects.estimate([PAIR, OTHER], summary)))[0]
    assert mean[:3] == ["L1 1e-5", "mean of 2 pairs", ""]
    assert mean[-1] in ("shown", "not shown")
    assert (first[:3], second[:3]) == (["", "l1-bn", "none-bn"], ["", "l1-gbn", "none-gbn"])
    assert first[-3:] == second[-3:] == ["", "", ""]


def test_page_of_one_seed_says_so(tmp_path, html_tables):
    page = written_page(tmp_path, effects.estimate([PAIR], make_summary(none_bn=[1], l1_bn=[3])))
    assert "1 seed: no intervals and no verdicts" in page
    assert "verdict" not in html_tables(page)[0][0]


def test_page_of_a_study_without_pairs_says_why(tmp_path, html_tables):
    confounded = [ConfoundedPair("none-bn", "l1-bn", "batch_size 128 and 64"), ConfoundedPair("none-bn", "l2-bn", "")]
    page = written_page(tmp_path, effects.estimate([], make_summary(none_bn=[1])), confounded)
    assert "no two conditions with and without a factor" in page
    assert html_tables(page)[0][1:] == [
        ["none-bn", "l1-bn", "differ also in batch_size 128 and 64"],
        ["none-bn", "l2-bn", "the same experiment"],
    ]


# --- the figure


@pytest.fixture
def written(tmp_path):
    """A function that writes effects as the rule does and reads them as the figure does."""

    def write(found, **values):
        table = effects.estimate(found, make_summary(**values))
        tables.write_frame(tmp_path / "effects.csv", study_tables.EFFECTS, table, STUDY)
        return figure.read(tmp_path / "effects.csv", STUDY)

    return write


def test_figure_shows_every_effect_at_its_place(written):
    table = written(
        [PAIR, OTHER, GBN], none_bn=[1, 2, 3], l1_bn=[3, 4.1, 5.2], none_gbn=[1.5, 2, 2], l1_gbn=[3.5, 4.1, 4.2]
    )
    assert set(table["verdict"].dropna()) == {"shown", "not shown"}
    drawn = figure.draw(table, "title")
    assert [axes.get_label() for axes in drawn.axes] == ["last5_accuracy", "last5_loss"]
    names = [label.get_text() for label in drawn.axes[0].get_yticklabels()]
    pairs = ["l1-bn − none-bn", "l1-gbn − none-gbn"]
    assert names == ["L1 1e-5: mean of 2 pairs", *pairs, "GBN, 2 splits: none-gbn − none-bn"]
    for axes in drawn.axes:
        points = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
        own = table[table["quantity"] == axes.get_label()]
        for (_, row), place in zip(own.iterrows(), axes.get_yticks(), strict=True):
            point = points[figure.name_of(row)]
            assert (point.get_xdata()[0], point.get_ydata()[0]) == (row["difference"], place)
            assert (point.get_markerfacecolor() != "white") == (row["verdict"] == "shown")
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


def test_no_text_leaves_the_figure(written):
    """Bold numbers are the widest, and losses have the most digits."""
    table = written([PAIR, GBN], none_bn=[0.1, 0.2, 0.3], l1_bn=[-10.0, -9.8, -9.7], none_gbn=[-10.2, -10.1, -9.99])
    assert (table["verdict"] == "shown").all()
    drawn = figure.draw(table, "title")
    drawn.canvas.draw()
    boxes = [text.get_window_extent() for axes in drawn.axes for text in axes.texts]
    assert len(boxes) == 4
    assert max(box.x1 for box in boxes) <= drawn.get_size_inches()[0] * drawn.dpi
    right = drawn.axes[1].get_window_extent()
    assert not any(box.x0 < right.x0 < box.x1 for box in boxes)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text.replace("last5_", "first_"),
        lambda text: text.replace("difference", "else"),
        lambda text: text.replace("L1", "L7"),
        lambda text: text.replace("shown", "perhaps"),
        lambda text: text.rpartition("effect")[0],  # a row less in the second panel
        lambda text: text.replace("2.08333", "two"),
        lambda text: text.replace("2.08333", ""),
        lambda text: text.replace("2.08333", "inf"),
    ],
)
def test_figure_refuses_what_is_no_table_of_effects(tmp_path, spoil):
    table = effects.estimate([PAIR], make_summary(none_bn=[1, 2, 3], l1_bn=[3.0, 4.25, 5.0]))
    path = tmp_path / "effects.csv"
    tables.write_frame(path, study_tables.EFFECTS, table, STUDY)
    text = path.read_text()
    figure.read(path, STUDY)
    assert spoil(text) != text
    path.write_text(spoil(text))
    with pytest.raises(DataError, match=r"effects\.csv: .*Delete it and run the same command again\."):
        figure.read(path, STUDY)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.assign(quantity="first_" + table["quantity"]),
        lambda table: table.assign(factor="L7"),
        lambda table: table.assign(verdict="perhaps"),
        lambda table: table.assign(difference=np.nan),
        lambda table: table.iloc[:-1],  # a row less in the second panel
    ],
)
def test_figure_refuses_effects_it_cannot_draw(tmp_path, spoil):
    table = effects.estimate([PAIR], make_summary(none_bn=[1, 2, 3], l1_bn=[3.0, 4.25, 5.0]))
    tables.write_frame(tmp_path / "effects.csv", study_tables.EFFECTS, spoil(table), STUDY)
    with pytest.raises(DataError, match=r"effects\.csv: .*Delete it and run the same command again\."):
        figure.read(tmp_path / "effects.csv", STUDY)


def test_figure_refuses_effects_of_another_study(tmp_path):
    table = effects.estimate([PAIR], make_summary(none_bn=[1, 2, 3], l1_bn=[3.0, 4.25, 5.0]))
    tables.write_frame(tmp_path / "effects.csv", study_tables.EFFECTS, table, "digits/other 0123456789abcdef")
    with pytest.raises(DataError, match=r"effects\.csv: holds the run digits/other, expected digits/x\."):
        figure.read(tmp_path / "effects.csv", STUDY)
