"""What a sweep compares, the tables of its responses, and what the page and the figure say."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import FillBetweenPolyCollection
from scipy import stats
from test_figures import assert_readable

from normreg.analysis import answer, response_tables, responses, simultaneous, strengths, sweep_families
from normreg.analysis.plan import Rules
from normreg.config import sweeps as config_sweeps
from normreg.config import values
from normreg.config.sweeps import Curve, Point, Sweep
from normreg.errors import DataError
from normreg.report import response_figure as figure
from normreg.report import response_panel
from normreg.report import responses as page
from normreg.utils import tables

STUDY = "digits/x 0123456789abcdef"
MARGIN = {"accuracy": 0.05, "loss": 0.001}
STRENGTHS = (1e-5, 1e-4, 1e-3)


@pytest.fixture
def l1(condition):
    """A sweep of three strengths with two norms. The strongest collapses with BN."""
    conditions, curves = {}, []
    for norm in ("bn", "gbn"):
        own = {"norm": norm, "num_splits": 2 if norm == "gbn" else 1, "epochs": 30}
        conditions[f"none-{norm}"] = condition(**own)
        names = [f"l1-{norm}-{place}" for place in range(3)]
        conditions |= {
            name: condition(**own, penalty="l1", lambdas={"l1": value})
            for name, value in zip(names, STRENGTHS, strict=True)
        }
        points = (Point((value,), name) for value, name in zip(STRENGTHS, names, strict=True))
        curves.append(Curve(f"l1-{norm}", tuple(points)))
    return Sweep("l1", ("lambdas.l1",), False, tuple(curves)), conditions


def make_summary(conditions, seeds=6, gain=None, sd=0.02):
    """Runs with the gain of each condition, in points, and a loss that follows."""
    random, rows = np.random.default_rng(1), []
    for seed in range(seeds):
        part = random.normal(0, 0.05)
        for name in conditions:
            accuracy = 99 + part + (gain or {}).get(name, 0.0) + random.normal(0, sd)
            loss = 0.03 - (accuracy - 99) / 50
            quantities = {"last5_accuracy": accuracy, "last5_loss": loss, "final_accuracy": accuracy}
            rows.append(
                {"condition": name, "seed": seed, "engine": "torch", "epochs": 30, "validation": "test"}
                | {"diverged_epoch": None}
                | quantities
            )
    return pd.DataFrame(rows)


def estimate(sweep, conditions, summary, images=10_000):
    return responses.estimate([sweep], responses.Facts(summary, conditions, Rules(MARGIN, images, 10), 906))


def accuracy(found):
    return found.responses[found.responses["quantity"] == "last5_accuracy"].reset_index(drop=True)


def test_each_strength_is_compared_with_the_condition_without_it(l1):
    sweep, conditions = l1
    summary = make_summary(conditions, gain={"l1-gbn-1": 0.2, "l1-bn-2": -60})
    rows = accuracy(estimate(sweep, conditions, summary))
    assert rows["reference"].tolist() == ["none-bn"] * 3 + ["none-gbn"] * 3
    assert rows["strength"].tolist() == [*STRENGTHS, *STRENGTHS]
    assert rows["value"].tolist() == ["1e-5", "1e-4", "1e-3"] * 2
    assert rows["family"].tolist() == [3] * 6
    wide = summary.pivot(index="seed", columns="condition", values="last5_accuracy")
    for row in rows.to_dict("records"):
        each = wide[row["condition"]] - wide[row["reference"]]
        assert row["difference"] == pytest.approx(each.mean())
        assert row["low"] < row["difference"] < row["high"]
        if row["method"] == "paired":
            p = stats.ttest_1samp(each, 0).pvalue
            assert row["p_adjusted"] == pytest.approx(1 - (1 - p) ** 3)
    assert rows["verdict"].iloc[4] == "better"
    collapsed = rows.iloc[2]
    assert (collapsed["collapses"], collapsed["objection"], collapsed["verdict"]) == (6, "a run collapsed", "worse")
    assert rows["freedom"].iloc[0] in (5, 5 * 2)  # three conditions are left in this pool
    losses = estimate(sweep, conditions, summary).responses.query("quantity == 'last5_loss'")
    assert losses["verdict"].iloc[4] == "better"  # less is better


def test_a_strength_that_scatters_far_more_does_not_widen_the_bands_of_the_others(l1):
    sweep, conditions = l1
    summary = make_summary(conditions, seeds=10)
    wild = summary["condition"] == "l1-gbn-2"
    summary.loc[wild, "last5_accuracy"] += np.random.default_rng(3).normal(-1, 0.4, 10)
    found = estimate(sweep, conditions, summary)
    rows = accuracy(found).set_index("condition")
    assert rows.loc["l1-gbn-2", "objection"] == "its runs scatter far more than the others"
    assert rows.loc["l1-gbn-2", "freedom"] == 9
    wide = summary.pivot(index="seed", columns="condition", values="last5_accuracy")
    steady = wide[["none-gbn", "l1-gbn-0", "l1-gbn-1"]]
    residuals = steady.sub(steady.mean(axis=1), axis=0) - steady.mean() + steady.mean().mean()
    own = (steady["l1-gbn-1"] - steady["none-gbn"]).std() / 10**0.5
    pooled = ((residuals**2).sum().sum() / (9 * 2) * 2 / 10) ** 0.5
    assert rows.loc["l1-gbn-1", "error"] == pytest.approx(max(own, pooled))
    said = answer.response_sentences(found.responses, found.shapes)[1]
    assert "runs scatter far more at 1e-3" in said
    assert "strengths that diverge, collapse or scatter far more are left out of this" in said
    assert found.shapes["left_out"].tolist()[1] == 1


def test_equal_settings_are_the_same_experiment_and_count_once(l1):
    sweep, conditions = l1
    conditions["zero"] = conditions["none-bn"] | {"penalty": "l1"}
    conditions["again"] = conditions["l1-bn-1"]
    more = (Point((0.0,), "zero"), *sweep.curves[0].points, Point((1e-4,), "again"))
    sweep = dataclasses.replace(sweep, curves=(Curve("l1-bn", more),))
    rows = accuracy(estimate(sweep, conditions, make_summary(conditions)))
    assert rows["verdict"].iloc[[0, 4]].tolist() == ["same experiment"] * 2
    assert set(rows["family"]) == {3}
    assert rows["difference"].notna().tolist() == [False, True, True, True, False]


def test_a_strength_without_a_reference_is_not_compared(l1):
    sweep, conditions = l1
    del conditions["none-gbn"]
    found = estimate(sweep, conditions, make_summary(conditions))
    rows = accuracy(found)
    assert rows["verdict"].notna().tolist() == [True] * 3 + [False] * 3
    assert "without a reference" in answer.response_sentences(found.responses, found.shapes)[1]


def test_splits_are_compared_with_batch_norm(condition):
    conditions = {"none-bn": condition(epochs=30)}
    conditions |= {f"s{count}": condition(norm="gbn", num_splits=count, epochs=30) for count in (1, 2, 4, 8)}
    sweep = Sweep("s", ("num_splits",), False, (Curve("g", tuple(Point((c,), f"s{c}") for c in (1, 2, 4, 8))),))
    rows = accuracy(estimate(sweep, conditions, make_summary(conditions)))
    assert set(rows["reference"]) == {"none-bn"}
    assert rows["factor"].tolist() == ["GBN"] * 4
    assert rows["verdict"].tolist()[0] == "same experiment"  # one ghost batch is batch norm
    assert rows["family"].tolist() == [3] * 4


def test_over_a_size_the_response_is_the_effect_of_each_factor(condition, tmp_path):
    conditions, curves = {}, []
    for base, settings in (("none-bn", {}), ("l1-bn", {"penalty": "l1", "lambdas": {"l1": 1e-4}})):
        points = []
        for size, epochs in ((100, 60), ("all", 30)):
            name = f"{base}-{size}"
            conditions[name] = condition(**settings, epochs=epochs, dropout=0.1 if size == "all" else 0.2)
            points.append(Point((size, epochs), name))
        curves.append(Curve(base, tuple(points)))
    sweep = Sweep("size", ("train_images", "epochs"), False, tuple(curves))
    summary = make_summary(conditions, gain={"l1-bn-100": 0.3})
    found = estimate(sweep, conditions, summary)
    rows = accuracy(found)
    effect, mean = rows[rows["level"] == "factor"], rows[rows["level"] == "mean"]
    assert effect["curve"].tolist() == ["L1 1e-4"] * 2
    assert effect["x"].tolist() == [100, 906]
    assert effect["value"].tolist() == ["100 / 60", "all / 30"]
    assert effect["verdict"].iloc[0] == "better"
    for _, row in effect.iterrows():  # the paired t-test of two conditions, for two values
        assert row["p_adjusted"] == pytest.approx(1 - (1 - row["p"]) ** 2)
    assert mean["mean"].tolist() == pytest.approx(
        [summary[summary["condition"] == name]["last5_accuracy"].mean() for name in mean["condition"]]
    )
    assert len(mean) == 4
    tables.write_frame(tmp_path / "responses.csv", response_tables.RESPONSES, found.responses, "r")
    tables.write_frame(tmp_path / "response_shapes.csv", response_tables.RESPONSE_SHAPES, found.shapes, "r")
    assert found.shapes.empty  # a size is no strength
    said = answer.read_responses(tmp_path, "r")[0]
    assert said.startswith("size, L1 1e-4, 6 seeds: better at 100;")
    assert " at all images" in said


def test_a_grid_has_a_reference_at_each_value_of_the_other_key(condition):
    conditions, points = {}, []
    for rate in (0.01, 0.1):
        optimizer = {"name": "sgd", "lr": rate, "momentum": 0.9, "nesterov": False}
        conditions[f"none-{rate}"] = condition(epochs=30, optimizer=optimizer)
        for strength in (1e-5, 1e-4):
            name = f"l2-{strength}-{rate}"
            conditions[name] = condition(epochs=30, optimizer=optimizer, penalty="l2", lambdas={"l2": strength})
            points.append(Point((strength, rate), name))
    sweep = Sweep("g", ("lambdas.l2", "optimizer.lr"), True, (Curve("l2-bn", tuple(points)),))
    rows = accuracy(found := estimate(sweep, conditions, make_summary(conditions)))
    assert rows["reference"].tolist() == ["none-0.01"] * 2 + ["none-0.1"] * 2
    assert rows[["x", "y"]].to_numpy().tolist() == [[1e-5, 0.01], [1e-4, 0.01], [1e-5, 0.1], [1e-4, 0.1]]
    assert set(rows["family"]) == {4}
    drawn = figure.draw(found.responses, found.seeds, "x", sweep.over)
    texts = [text.get_text() for axes in drawn.axes for text in axes.texts]
    assert len(texts) == 8
    assert sum("\n" in text for text in texts) == 8


def test_two_strengths_have_the_condition_with_neither_as_reference(condition):
    conditions = {"none-bn": condition(epochs=30)}
    points = []
    for one in (1e-5, 1e-4):
        for other in (1e-4, 1e-3):
            name = f"both-{one}-{other}"
            conditions[name] = condition(epochs=30, penalty="l1l2", lambdas={"l1": one, "l2": other})
            points.append(Point((one, other), name))
    sweep = Sweep("g", ("lambdas.l1", "lambdas.l2"), True, (Curve("l1l2-bn", tuple(points)),))
    rows = accuracy(estimate(sweep, conditions, make_summary(conditions)))
    assert set(rows["reference"]) == {"none-bn"}
    assert rows["factor"].tolist() == ["L1 + L2"] * 4
    assert rows["strength"].isna().all()


def test_a_seed_of_two_engines_does_not_count_where_they_meet(l1):
    sweep, conditions = l1
    summary = make_summary(conditions)
    summary.loc[(summary["seed"] == 0) & (summary["condition"] == "l1-bn-1"), "engine"] = "numba"
    rows = accuracy(estimate(sweep, conditions, summary))
    assert rows["seeds"].tolist() == [6, 5, 6, 6, 6, 6]


def test_the_hold_out_chooses_and_the_reference_is_a_candidate(l1):
    sweep, conditions = l1
    summary = make_summary(conditions).assign(holdout=97.0)
    summary.loc[summary["condition"] == "l1-bn-1", "holdout"] = 98.0
    summary.loc[summary["condition"] == "l1-bn-2", "holdout"] = 98.0  # as good, and stronger
    table = strengths.choose([sweep], conditions, summary, "holdout", 906)
    assert table["base"].tolist() == ["l1-bn", "l1-gbn"]
    assert table["condition"].tolist() == ["l1-bn-1", "none-gbn"]
    assert table["strength"].iloc[0] == 1e-4
    assert pd.isna(table["strength"].iloc[1])
    assert table["holdout_difference"].tolist() == [1.0, 0.0]
    assert table["seeds"].tolist() == [6, 6]
    summary.loc[summary["seed"] == 3, "holdout"] = np.nan
    assert strengths.choose([sweep], conditions, summary, "holdout", 906)["seeds"].tolist() == [5, 5]


def test_sweeps_become_plain_data_and_back(l1):
    sweep, _ = l1
    assert config_sweeps.from_plain(dataclasses.asdict(sweep)) == sweep


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e-4, "1e-4"), (2.5e-3, "2.5e-3"), (0.08, "0.08"), (0, "0"), (5000, "5,000"), ("all", "all"), (True, "True")],
)
def test_values_as_texts(value, text):
    assert values.write(value) == text


def written(tmp_path, found):
    paths = tmp_path / "responses.csv", tmp_path / "seeds.csv"
    tables.write_frame(paths[0], response_tables.RESPONSES, found.responses, STUDY)
    tables.write_frame(paths[1], response_tables.RESPONSE_SEEDS, found.seeds, STUDY)
    tables.write_frame(tmp_path / "shapes.csv", response_tables.RESPONSE_SHAPES, found.shapes, STUDY)
    return paths


def test_the_figure_has_every_value_and_says_what_lies_outside_and_what_collapsed(l1, tmp_path):
    sweep, conditions = l1
    found = estimate(sweep, conditions, make_summary(conditions, gain={"l1-bn-2": -60, "l1-gbn-2": -3}))
    table, seeds = figure.read(*written(tmp_path, found), STUDY, "l1")
    drawn = figure.draw(table, seeds, "x", sweep.over)
    assert [axes.get_label() for axes in drawn.axes][:2] == ["l1-bn last5_accuracy", "l1-gbn last5_accuracy"]
    first = drawn.axes[0]
    labels = [line.get_label() for line in first.lines]
    assert [label for label in labels if not label.startswith("_")] == ["1e-5", "1e-4"]  # no verdict on a collapse
    (said,) = (text.get_text() for text in first.texts if text.get_text())
    assert re.fullmatch(r"−(59|60)\.\d, collapsed in 6 of 6", said)
    (band,) = (one for one in first.collections if isinstance(one, FillBetweenPolyCollection))
    assert band.get_paths()[0].vertices[:, 0].max() == pytest.approx(-4)  # it ends before the collapse
    (outside,) = (text.get_text() for text in drawn.axes[1].texts if text.get_text())
    assert re.fullmatch(r"−(2|3)\.\d\d", outside)
    assert drawn.axes[0].get_ylim() == drawn.axes[1].get_ylim()  # so that equal heights are equal differences
    assert drawn.axes[2].get_ylim() == drawn.axes[3].get_ylim()
    assert_readable(drawn)
    low, high = first.get_ylim()
    assert -1 < low < -0.05 < 0.05 < high < 1
    assert drawn.axes[2].get_ylim()[0] > drawn.axes[2].get_ylim()[1]  # of a loss up is better
    assert [label.get_text() for label in first.get_xticklabels()] == ["absent", "1e-5", "1e-4", "1e-3"]
    with pytest.raises(DataError):
        figure.read(tmp_path / "responses.csv", tmp_path / "seeds.csv", "digits/y 0123456789abcdef", "l1")


def test_what_is_better_is_never_cut():
    rows = pd.DataFrame({"difference": [0.0, 0.01, 40.0], "low": np.nan, "high": np.nan, "margin": 0.05})
    rows["level"] = "strength"
    from normreg.analysis.quantities import QUANTITIES

    assert response_panel.limits(rows, QUANTITIES["last5_accuracy"])[1] > 40
    assert response_panel.limits(rows, QUANTITIES["last5_loss"])[1] < 1


def test_a_sweep_with_nothing_to_compare_shows_its_means(condition, tmp_path):
    conditions = {f"none-bn-{size}": condition(dropout=size / 1e4, epochs=30) for size in (100, 900)}
    curve = Curve("none-bn", tuple(Point((size,), f"none-bn-{size}") for size in (100, 900)))
    found = estimate(Sweep("size", ("train_images",), False, (curve,)), conditions, make_summary(conditions))
    assert set(found.responses["level"]) == {"mean"}
    drawn = figure.draw(found.responses, found.seeds, "x", ("train_images",))
    assert [axes.get_label() for axes in drawn.axes] == ["means"]
    page.write(tmp_path / "x.html", "X", found, [])


def test_a_strength_that_moves_with_another_key_has_its_own_references(condition, tmp_path):
    conditions, points = {}, []
    for strength, rate in ((1e-5, 0.1), (1e-4, 0.2), (1e-3, 0.3)):
        conditions[f"none-{rate}"] = condition(dropout=rate, epochs=30)
        conditions[f"l1-{rate}"] = condition(dropout=rate, epochs=30, penalty="l1", lambdas={"l1": strength})
        points.append(Point((strength, rate), f"l1-{rate}"))
    sweep = Sweep("m", ("lambdas.l1", "dropout"), False, (Curve("l1-bn", tuple(points)),))
    found = estimate(sweep, conditions, make_summary(conditions))
    assert accuracy(found)["reference"].tolist() == ["none-0.1", "none-0.2", "none-0.3"]
    assert found.shapes.empty  # no reference is shared
    assert len(figure.draw(found.responses, found.seeds, "x", sweep.over).axes) == 2
    page.write(tmp_path / "x.html", "X", found, [])


def test_few_seeds_have_no_band_and_no_verdict(l1, tmp_path):
    sweep, conditions = l1
    found = estimate(sweep, conditions, make_summary(conditions, seeds=2))
    assert set(found.responses["verdict"]) == {"too few seeds"}
    assert found.responses["low"].isna().all()
    assert found.shapes["p"].isna().all()
    (said, _) = answer.response_sentences(found.responses, found.shapes)
    assert said == "l1, L1 · BN against none-bn, 2 seeds: too few seeds at 1e-5 to 1e-3."
    table, seeds = figure.read(*written(tmp_path, found), STUDY, "l1")
    assert figure.draw(table, seeds, "x", sweep.over).texts[1].get_text().startswith("2 seeds: no band")


def test_a_gain_that_only_the_loss_shows_is_said(l1):
    sweep, conditions = l1
    summary = make_summary(conditions)
    summary.loc[summary["condition"] == "l1-bn-1", "last5_loss"] -= 0.5
    found = estimate(sweep, conditions, summary)
    helped, other = answer.response_sentences(found.responses, found.shapes)
    assert "better at" not in helped.partition(" By the loss: ")[0]
    assert helped.partition(" By the loss: ")[2].startswith("better at 1e-4; ")
    assert "better" not in other


def test_the_page_says_where_it_helps_and_hurts(l1, tmp_path, html_tables):
    sweep, conditions = l1
    found = estimate(sweep, conditions, make_summary(conditions, gain={"l1-bn-1": 0.3, "l1-bn-2": -60}))
    page.write(tmp_path / "x.html", "X", found, ["planned"])
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    (said, _) = answer.response_sentences(found.responses, found.shapes)
    assert said.startswith("l1, L1 · BN against none-bn, 6 seeds: better at 1e-4; worse at 1e-3; ")
    assert "runs collapse at 1e-3" in said
    assert said.replace("<", "&lt;") in text
    assert "planned" in text
    heading, *rows = html_tables(text)[0]
    assert heading[:3] == ["curve", "value", "without"]
    assert [row[1] for row in rows] == ["1e-5", "1e-4", "1e-3"] * 2
    assert any(cell == "collapses in 6 of 6 runs" for row in rows for cell in row)


def test_the_readme_says_what_every_column_is(root):
    text = (root / "results/README.md").read_text(encoding="utf-8")
    for name, table in (
        ("responses.csv", response_tables.RESPONSES),
        ("response_seeds.csv", response_tables.RESPONSE_SEEDS),
        ("response_shapes.csv", response_tables.RESPONSE_SHAPES),
        ("chosen.csv", response_tables.CHOSEN),
    ):
        part = text.split(f"| columns of `{name}` |")[1].split("\n\n")[0]
        assert [column for column in table.columns if column != "run" and f"`{column}`" not in part] == [], name


def test_a_family_keeps_its_promise_with_its_own_pool_for_each_part(l1):
    """The parts of a curve are judged as one family: see `simultaneous`."""
    sweep, conditions = l1
    (first, second) = sweep_families.find(sweep, conditions, 906)
    assert [part.names for part in first] == [["none-bn", "l1-bn-0", "l1-bn-1", "l1-bn-2"]]
    assert [len(part.spots) for part in second] == [3]
    assert simultaneous.sidak(0.0, 3) == 0
