"""Figures of whole studies: a panel per condition, and published beside measured values, against their inputs."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from test_figures import (
    EIGHT,
    TWELVE,
    assert_readable,
    course,
    lines,
    made_up,
    named,
    run_of,
    texts,
    texts_of,
    write_metrics,
)
from thinned import thinned

from normreg.report import job, published, small_multiples, style
from normreg.utils import tables

STUDY = "digits/x 0123456789abcdef"
MORE = [(f"l2-bn-{i}", "l2", "bn") for i in range(3)]
COLORS = {"none": "#1a1a1a", "l1": "#c24a00", "l2": "#0066cc", "l1l2": "#b04c90"}
COLUMNS = "condition penalty norm quantity published measured measured_low measured_high seeds difference verdict from"
QUANTITIES = ("final_accuracy", "best_accuracy", "last5_accuracy", "last5_loss")


def greyish(color: Any) -> bool:
    red, green, blue = to_rgb(color)
    return red == green == blue and red > 0.7


def rows_of(
    conditions: list[tuple[str, str, str]], seeds: int = 1, bad: str = "", missing: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Rows as `compare_published.py` writes them: near 99.45 and 0.017, `bad` at 88 and 0.4, `missing` unpublished."""
    rng = np.random.default_rng(0)
    rows = []
    for name, penalty, norm in conditions:
        for quantity in QUANTITIES:
            loss = quantity == "last5_loss"
            centre, spread = (0.017, 0.001) if loss else (99.45, 0.04)
            value: Any = "" if name in missing else round(rng.normal(centre, spread), 4)
            runs = np.round(rng.normal((0.4 if loss else 88) if name == bad else centre, spread, seeds), 4)
            row = [
                name,
                penalty,
                norm,
                quantity,
                value,
                round(runs.mean(), 4),
                runs.min(),
                runs.max(),
                seeds,
                "" if value == "" else round(runs.mean() - value, 4),
                "",
                "notebook",
            ]
            rows.append(dict(zip(COLUMNS.split(), row, strict=True)))
    return rows


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    empty = dict.fromkeys(("best_epochs", "best_of_3", "half_width", "no_verdict", "note"))
    empty |= {"engines": "torch", "diverged": 0, "run": STUDY}
    tables.write(path, published.TABLE, [{k: None if v == "" else v for k, v in row.items()} | empty for row in rows])
    return path


def drawn(tmp_path: Path, rows: list[dict[str, Any]]) -> Figure:
    path = write_rows(tmp_path / "published.csv", rows)
    return published.draw(tables.read_frame(path, published.TABLE), "Published and measured")


def pixel(axes: Axes, x: float, y: float) -> Any:
    return axes.transData.transform((x, y))


# --- small multiples -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["validation_accuracy", "validation_loss"])
def test_each_panel_has_its_table_in_colour_and_all_others_in_grey(tmp_path: Path, metric: str) -> None:
    rng = np.random.default_rng(0)
    paths, runs = [], []
    for name, penalty, norm in EIGHT:
        paths.append(write_metrics(tmp_path / f"{name}.csv", list(np.round(rng.uniform(95, 99.5, 6), 3))))
        runs.append(run_of(paths[-1], name, penalty, norm, 6))
    written = {path.stem: [float(row[metric]) for row in csv.DictReader(path.open())] for path in paths}
    figure = small_multiples.draw(job.read_courses(paths, runs, metric).found, "title", metric)
    assert [axes.get_label() for axes in figure.axes] == [name for name, _, _ in EIGHT]
    for name, penalty, _ in EIGHT:
        found = lines(named(figure, name))
        assert set(found) == set(written)
        for other, line in found.items():
            np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4, 5, 6])
            np.testing.assert_array_equal(line.get_ydata(), written[other])
            assert to_hex(line.get_color()) == COLORS[penalty] if other == name else greyish(line.get_color())
        own = found.pop(name)
        assert all(
            own.zorder > other.zorder and own.get_linewidth() > other.get_linewidth() for other in found.values()
        )


@pytest.mark.parametrize("conditions", [EIGHT[:4], EIGHT, TWELVE])
def test_panels_share_their_scales(conditions: list[tuple[str, str, str]]) -> None:
    courses = [*made_up(conditions[1:], seeds=2), course(*conditions[0], np.linspace(77, 98, 25))]
    figure = small_multiples.draw(courses, "title", "validation_accuracy")
    first = figure.axes[0]
    (low, high), (left, right) = first.get_ylim(), first.get_xlim()
    assert low < 77
    assert high > max(one.values.max() for one in courses)
    assert left < 1 < 25 < right
    for axes in figure.axes:
        assert (axes.get_ylim(), axes.get_xlim()) == (first.get_ylim(), first.get_xlim())
        box, other = axes.get_window_extent(), first.get_window_extent()
        assert (round(box.width, 6), round(box.height, 6)) == (round(other.width, 6), round(other.height, 6))
        # A factor of ten in the error has the same height everywhere.
        steps = np.diff([pixel(axes, 1, accuracy)[1] for accuracy in (80, 98, 99.8)])
        assert (
            steps[0]
            == pytest.approx(steps[1])
            == pytest.approx(np.diff([pixel(first, 1, accuracy)[1] for accuracy in (80, 98)])[0])
        )


def test_ticks_are_labelled_once_a_row_and_a_column() -> None:
    figure = small_multiples.draw(made_up(EIGHT[:5]), "title", "validation_accuracy")
    shown = []
    for axes in figure.axes:
        shown.append(
            [any(t.get_visible() for t in ticks) for ticks in (axes.get_yticklabels(), axes.get_xticklabels())]
        )
    # Three columns; the third has no panel in the second row.
    assert shown == [[True, False], [False, False], [False, True], [True, True], [False, True]]
    assert texts(figure).count("epoch") == 1
    assert texts(figure).count("validation accuracy (%)\nerrors on a log scale") == 1


@pytest.mark.parametrize(
    ("panels", "columns"), [(1, 1), (3, 3), (4, 4), (5, 3), (6, 3), (8, 4), (9, 3), (12, 4), (15, 4)]
)
def test_columns(panels: int, columns: int) -> None:
    assert small_multiples.columns_for(panels) == columns
    figure = small_multiples.draw(made_up([*TWELVE, *MORE][:panels]), "title", "validation_accuracy")
    lefts = {round(axes.get_position().x0, 6) for axes in figure.axes}
    assert len(lefts) == columns


def test_panels_are_headed_by_final_value_and_name() -> None:
    courses = [
        course("none-bn", "none", "bn", [[95, 99.1], [95, 99.2], [95, 99.6]], seeds=3),
        course("l1l2-gbn", "l1l2", "gbn", [[94, 99.3], [94, 99.4], [94, 99.5]], seeds=3),
    ]
    figure = small_multiples.draw(courses, "A title", "validation_accuracy")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["99.20  none · BN", "99.40  L1+L2 · GBN"]
    assert [texts_of(axes) for axes in figure.axes] == [["range 99.10 to 99.60"], ["range 99.30 to 99.50"]]
    assert "coloured: median and range over the seeds (3 each); grey: the other conditions" in texts(figure)
    (line,) = [line for line in figure.axes[0].lines if line.get_label() == "none-bn"]
    np.testing.assert_array_equal(line.get_ydata(), [95, 99.2])
    (band,) = figure.axes[0].collections
    path = band.get_paths()[0].vertices
    assert {float(y) for x, y in path if x == 2} == {99.1, 99.6}
    loss = small_multiples.draw([course("l2-bn", "l2", "bn", [0.2, 0.01423])], "t", "validation_loss")
    assert loss.axes[0].get_title(loc="left") == "0.0142  L2 · BN"
    assert "coloured: seed 0" in texts(loss)
    assert not loss.axes[0].collections


def test_the_last_epoch_is_marked() -> None:
    for epochs in (1, 2, 6, 7, 25, 40):
        figure = small_multiples.draw(made_up(EIGHT[:2], epochs), "title", "validation_accuracy")
        for axes in figure.axes:
            start, step = lines(axes)[axes.get_label()].get_markevery()
            assert (epochs - 1) in range(start, epochs, step)


@pytest.mark.parametrize(
    ("conditions", "size", "metric"),
    thinned(
        [EIGHT[:1], EIGHT[:4], EIGHT, TWELVE],
        [(25, 5), (40, 1), (1, 1), (3, 2)],
        ["validation_accuracy", "validation_loss"],
        every=4,
    ),
)
def test_panel_texts_do_not_overlap(conditions: list[tuple[str, str, str]], size: tuple[int, int], metric: str) -> None:
    epochs, seeds = size
    courses = made_up(conditions, epochs, seeds)
    if metric == "validation_loss":
        courses = [course(c.condition, c.penalty, c.norm, (100 - c.values) / 30, seeds) for c in courses]
    assert_readable(small_multiples.draw(courses, f"{metric}: MNIST, controlled", metric))


def test_a_bad_condition_among_panels_is_readable() -> None:
    courses = [*made_up(EIGHT[:7]), course(*EIGHT[7], np.linspace(77, 98, 25))]
    assert_readable(small_multiples.draw(courses, "Validation accuracy", "validation_accuracy"))


# --- published and measured ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [1, 5])
def test_points_and_numbers_are_the_table(tmp_path: Path, seeds: int) -> None:
    rows = rows_of(TWELVE, seeds, missing=("l1-bn-readme", "l1l2-gbn-readme"))
    figure = drawn(tmp_path, rows)
    assert [axes.get_label() for axes in figure.axes] == ["final_accuracy", "last5_accuracy", "last5_loss"]
    names = [name for name, _, _ in TWELVE]
    for axes in figure.axes:
        found = lines(axes)
        for row in (row for row in rows if row["quantity"] == axes.get_label()):
            name, place = row["condition"], names.index(row["condition"])
            dot = found[f"{name} measured"]
            assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (pytest.approx(row["measured"]), place)
            assert to_hex(dot.get_color()) == to_hex(dot.get_markerfacecolor()) == COLORS[row["penalty"]]
            assert (f"{name} range" in found) == (seeds > 1)
            if seeds > 1:
                ends = [row["measured_low"], row["measured_high"]]
                np.testing.assert_allclose(found[f"{name} range"].get_xdata(), ends)
                np.testing.assert_array_equal(found[f"{name} range"].get_ydata(), [place, place])
            assert (f"{name} published" in found) == (f"{name} link" in found) == (row["published"] != "")
            if row["published"] != "":
                diamond, link = found[f"{name} published"], found[f"{name} link"]
                assert (diamond.get_xdata()[0], diamond.get_ydata()[0]) == (row["published"], place)
                assert diamond.get_marker() == "D"
                assert to_hex(diamond.get_markerfacecolor()) == "#ffffff"
                assert to_hex(diamond.get_color()) == COLORS[row["penalty"]]
                np.testing.assert_allclose(link.get_xdata(), [row["published"], row["measured"]])
                np.testing.assert_array_equal(link.get_ydata(), [place, place])
                assert greyish(link.get_color())
            decimals = 4 if axes.get_label() == "last5_loss" else 2
            told = "–" if row["published"] == "" else f"{row['published']:.{decimals}f}"
            assert numbers(axes, place) == [told, f"{row['measured']:.{decimals}f}"]


def numbers(axes: Axes, row: int) -> list[str]:
    """Texts right of a row, from left to right."""
    found = [text for text in axes.texts if text.get_position()[1] == row and text.get_position()[0] > 1]
    return [text.get_text() for text in sorted(found, key=lambda text: text.get_position()[0]) if text.get_text()]


def test_rows_keep_their_order_from_top_to_bottom(tmp_path: Path) -> None:
    conditions = [EIGHT[5], EIGHT[0], EIGHT[3]]
    figure = drawn(tmp_path, rows_of(conditions))
    labels = figure.axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ["L2 · GBN", "none · BN", "L1 · GBN"]
    assert [to_hex(label.get_color()) for label in labels] == [COLORS[penalty] for _, penalty, _ in conditions]
    heights = [pixel(figure.axes[0], 99.4, row)[1] for row in range(3)]
    assert heights == sorted(heights, reverse=True)
    assert not any(label.get_visible() for axes in figure.axes[1:] for label in axes.get_yticklabels())


def test_both_accuracies_are_on_one_scale(tmp_path: Path) -> None:
    final, last5, loss = drawn(tmp_path, rows_of(EIGHT)).axes
    assert final.get_xlim() == last5.get_xlim() != loss.get_xlim()


def test_the_ruler_is_as_long_as_published_runs_differed(tmp_path: Path) -> None:
    figure = drawn(tmp_path, rows_of(EIGHT))
    rulers = [line for axes in figure.axes for line in axes.lines if line.get_label() == "ruler"]
    assert [line.axes.get_label() for line in rulers if line.axes] == ["last5_accuracy"]
    places = np.asarray(rulers[0].get_xdata())
    np.testing.assert_allclose(places - places[0], [0, 0.06, 0.10])
    assert "published runs of one configuration\ndiffered by 0.06 and 0.10" in texts(figure)
    axes = named(figure, "last5_accuracy")
    assert rulers[0].get_window_extent().y0 > axes.get_window_extent().y1


def test_a_value_far_off_is_told_by_a_triangle_and_its_number(tmp_path: Path) -> None:
    rows = rows_of(EIGHT, seeds=5, bad="l1l2-gbn")
    figure = drawn(tmp_path, rows)
    for axes in figure.axes:
        loss = axes.get_label() == "last5_loss"
        mark = lines(axes)["l1l2-gbn measured"]
        assert mark.get_marker() == (">" if loss else "<")
        assert mark.get_xdata()[0] == axes.get_xlim()[1 if loss else 0]
        assert np.ptp(axes.get_xlim()) < (0.02 if loss else 1)
        good = [line for label, line in lines(axes).items() if label.split()[0] != "l1l2-gbn" and label != "ruler"]
        assert all(line.get_marker() not in "<>" for line in good)
        for line in good:
            assert axes.get_xlim()[0] <= min(line.get_xdata()) <= max(line.get_xdata()) <= axes.get_xlim()[1]
    assert numbers(figure.axes[0], 7)[1].startswith("88.")
    assert "beyond the axis" in texts(figure)
    assert "beyond the axis" not in texts(drawn(tmp_path, rows_of(EIGHT)))
    assert_readable(figure)


def test_equal_values_do_not_blow_up_the_scale(tmp_path: Path) -> None:
    rows = [
        row | dict.fromkeys(("published", "measured", "measured_low", "measured_high"), 99.5) for row in rows_of(EIGHT)
    ]
    figure = drawn(tmp_path, rows)
    assert np.ptp(figure.axes[0].get_xlim()) >= 0.25
    assert_readable(figure)


def test_subtitle_tells_the_seeds_and_whether_there_is_a_verdict(tmp_path: Path) -> None:
    one = texts(drawn(tmp_path, rows_of(EIGHT)))
    assert any(text.startswith("one seed: no verdict") for text in one)
    two = texts(drawn(tmp_path, rows_of(EIGHT, seeds=2)))
    assert any("mean and range over 2 seeds, too few for a verdict" in text for text in two)
    inside = [row | {"verdict": "within the spread of seeds"} for row in rows_of(EIGHT, seeds=5)]
    five = texts(drawn(tmp_path, inside))
    assert any("mean and range over 5 seeds;" in text for text in five)
    assert not any("verdict" in text or "†" in text for text in five)
    assert ("range over seeds" in five) > ("range over seeds" in one)


def test_signs_tell_readme_values_and_verdicts(tmp_path: Path) -> None:
    rows = rows_of(EIGHT, seeds=5, missing=("l2-bn",))
    for row in rows:
        row["verdict"] = "outside the spread of seeds" if row["condition"] == "l1-gbn" else "within the spread of seeds"
        row["from"] = "readme" if row["condition"] in ("none-bn", "l2-bn") else "notebook"
    figure = drawn(tmp_path, rows)
    for axes in figure.axes:
        marked = {name: [t for t in numbers(axes, i) if t in "*†"] for i, (name, _, _) in enumerate(EIGHT)}
        assert {name: signs for name, signs in marked.items() if signs} == {"none-bn": ["*"], "l1-gbn": ["†"]}
    assert any(
        text.startswith("* from the README")
        and "† outside the spread of seeds: 3 of 24, 1.2 expected by chance" in text
        for text in texts(figure)
    )
    assert_readable(figure)


def test_a_value_of_other_epochs_is_marked_and_not_linked(tmp_path: Path) -> None:
    rows = rows_of(EIGHT)
    for row in rows:
        if row["condition"] == "none-bn":
            row |= {"difference": "", "from": "readme"}
    figure = drawn(tmp_path, rows)
    for axes in figure.axes:
        assert numbers(axes, 0)[1] == "*‡"
        assert "none-bn published" in lines(axes)
        assert "none-bn link" not in lines(axes)
        assert "l1-bn link" in lines(axes)
    assert "* from the README only      ‡ other epochs, not compared" in texts(figure)
    assert_readable(figure)


@pytest.mark.parametrize("conditions", [EIGHT[:1], EIGHT[:4], EIGHT, TWELVE])
@pytest.mark.parametrize("seeds", [1, 5])
def test_texts_of_published_do_not_overlap(tmp_path: Path, conditions: list[tuple[str, str, str]], seeds: int) -> None:
    missing = tuple(name for name, _, _ in conditions if name.endswith("-readme"))
    figure = drawn(tmp_path, rows_of(conditions, seeds, missing=missing))
    assert_readable(figure)
    for axes in figure.axes:
        low, high = axes.get_xlim()
        assert sum(low <= tick <= high for tick in axes.get_xticks()) >= 3


def test_two_panels_and_a_single_one(tmp_path: Path) -> None:
    rows = [row for row in rows_of(EIGHT, seeds=5) if row["quantity"] != "last5_loss"]
    figure = drawn(tmp_path, rows)
    assert [axes.get_label() for axes in figure.axes] == ["final_accuracy", "last5_accuracy"]
    assert_readable(figure)
    assert_readable(drawn(tmp_path, [row for row in rows if row["quantity"] == "final_accuracy"]))


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [pytest.param("small multiples", marks=pytest.mark.slow), "published"],  # files of curves: test_figures.py
)
def test_files_of_studies_are_the_same_bytes_again_and_small(tmp_path: Path, kind: str) -> None:
    files = []
    for turn in ("one", "two"):
        if kind == "published":
            figure = drawn(tmp_path, rows_of(TWELVE, seeds=5))
        else:
            figure = small_multiples.draw(made_up(TWELVE, 40, seeds=5), "title", "validation_accuracy")
        paths = [tmp_path / turn / "graph.png", tmp_path / turn / "graph.svg"]
        style.save(figure, *paths)
        files.append([path.read_bytes() for path in paths])
    assert files[0] == files[1]
    png, svg = files[0]
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(png) < 150_000
    assert svg.startswith(b"<?xml")
    assert len(svg) < 1_000_000
