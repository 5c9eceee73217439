"""Figures against their inputs: what is drawn is what the files say, and every line can be told apart and read."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from thinned import thinned

from normreg.analysis import predictions, run_tables
from normreg.analysis.quantities import QUANTITIES
from normreg.config.identity import RunFacts
from normreg.data import dataset
from normreg.data.specs import DATASETS
from normreg.errors import DataError
from normreg.report import axes as scales
from normreg.report import comparison, confusion, curves, gallery, job, style
from normreg.report.job import Course, PredictedImages
from normreg.report.looks import looks
from normreg.training import loop

EIGHT = [(f"{p}-{n}", p, n) for p in ("none", "l1", "l2", "l1l2") for n in ("bn", "gbn")]
TWELVE = [
    *EIGHT,
    ("l1-bn-readme", "l1", "bn"),
    ("l1-bn-strong", "l1", "bn"),
    ("l1l2-gbn-readme", "l1l2", "gbn"),
    ("none-bn-small-batch", "none", "bn"),
]


def write_metrics(path: Path, accuracy: list[float]) -> Path:
    """Metrics of the run that `run_of` describes."""
    rows = []
    for epoch, value in enumerate(accuracy, start=1):
        loss = (100 - value) / 30
        rows.append(loop.Epoch(epoch, 0.1 / epoch, loss + 1, loss + 0.01, value - 0.5, loss, value, 1.5))
    loop.write_metrics(rows, path, path.stem)
    return path


def run_of(path: Path, name: str, penalty: str, norm: str, epochs: int, seed: int = 0) -> RunFacts:
    """What readers are told of the run whose metrics are at `path`."""
    owner = {"seed": seed, "epochs": epochs, "train_images": 100, "holdout_images": 0, "identity": path.stem}
    return {"condition": name, "penalty": penalty, "norm": norm, **owner}  # type: ignore[typeddict-item]


def course(name: str, penalty: str, norm: str, values: Any, seeds: int = 1) -> Course:
    table = np.atleast_2d(np.asarray(values, dtype=float))
    return Course(name, penalty, norm, tuple(range(seeds)), np.arange(1, table.shape[1] + 1), table)


def made_up(conditions: list[tuple[str, str, str]], epochs: int = 25, seeds: int = 1) -> list[Course]:
    """Accuracies that rise from about 94 to about 99.5, noisy."""
    rng = np.random.default_rng(0)
    time = np.linspace(0, 1, epochs)
    rise = np.exp(np.log(6) * (1 - time) ** 3 + np.log(0.5) * (1 - (1 - time) ** 3))
    return [course(*c, 100 - rise + rng.normal(0, 0.03, (seeds, epochs)), seeds=seeds) for c in conditions]


def named(figure: Figure, name: str) -> Axes:
    (found,) = [axes for axes in figure.axes if axes.get_label() == name]
    return found


def lines(axes: Axes) -> dict[str, Any]:
    """Lines by condition."""
    return {str(line.get_label()): line for line in axes.lines if not str(line.get_label()).startswith("_")}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


def assert_readable(figure: Figure) -> None:
    """No text that is drawn covers another one, leaves the figure, or is covered by the image of another panel."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    left_out = {text for axes in figure.axes for text in undrawn(axes)}
    seen = []
    for text in figure.findobj(Text):
        if text.get_text().strip() and text.get_visible() and text not in left_out:
            seen.append((text.get_text(), text.get_window_extent(renderer), text.get_rotation()))
            for axes in figure.axes:
                covered = axes.images and text.axes not in (axes, None) and seen[-1][1].overlaps(axes.bbox)
                assert not covered, f"an image covers {text.get_text()!r}"
    assert len(seen) > 5
    for words, box, _ in seen:
        inside = figure.bbox.contains(box.x0, box.y0) and figure.bbox.contains(box.x1, box.y1)
        assert inside, f"{words!r} leaves the figure"
    upright = [(words, box.padded(-1)) for words, box, rotation in seen if rotation in (0, 90)]
    for (one, a), (other, b) in itertools.combinations(upright, 2):
        assert not a.overlaps(b), f"{one!r} covers {other!r}"


TALL = 0.729  # height of a digit of DejaVu Sans, as a share of its size


def least_text(figure: Figure) -> float:
    """The smallest size of a text, in pixels, if the figure is 857 pixels wide: so wide does the report show it."""
    sizes = [float(text.get_fontsize()) for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    return min(sizes) / 72 * 857 / figure.get_figwidth()


def undrawn(axes: Axes) -> Iterator[Text]:
    """Labels of ticks that matplotlib keeps but does not draw: hidden axes, and ticks beyond the ends."""
    frame = axes.get_window_extent().padded(1)
    for axis, low, high in ((axes.xaxis, frame.x0, frame.x1), (axes.yaxis, frame.y0, frame.y1)):
        for text in axis.findobj(Text):
            box = text.get_window_extent()
            middle = (box.x0 + box.x1) / 2 if axis is axes.xaxis else (box.y0 + box.y1) / 2
            if not axes.axison or (text is not axis.label and text.get_rotation() == 0 and not low <= middle <= high):
                yield text


# --- reading ---------------------------------------------------------------------------------------------------------


def test_courses_gather_the_seeds_of_each_condition(tmp_path: Path) -> None:
    accuracy = {("l1-bn", 0): [90.0, 95.0], ("none-bn", 0): [80.0, 85.0], ("l1-bn", 1): [91.0, 97.0]}
    paths = [write_metrics(tmp_path / f"{name}{seed}.csv", values) for (name, seed), values in accuracy.items()]
    runs = [run_of(p, n, n[:-3], "bn", 2, s) for p, (n, s) in zip(paths, accuracy, strict=True)]
    (first, second), _ = job.read_courses(paths, runs, "validation_accuracy")
    assert (first.condition, first.penalty, first.seeds) == ("l1-bn", "l1", (0, 1))
    np.testing.assert_array_equal(first.values, [[90, 95], [91, 97]])
    np.testing.assert_array_equal(first.middle, [90.5, 96])
    assert (first.low[1], first.high[1], first.final) == (95, 97, 96)
    np.testing.assert_array_equal(second.values, [[80, 85]])
    losses = job.read_courses(paths, runs, "validation_loss").found
    np.testing.assert_allclose(losses[1].values, [[20 / 30, 15 / 30]])


def test_predictions_of_other_data_are_refused(tmp_path: Path) -> None:
    images = np.zeros((4, 28, 28), np.uint8)
    labels = np.array([0, 1, 2, 3], np.uint8)
    data = dataset.Dataset(images, labels, images, labels, np.array(DATASETS["digits"].class_names))
    dataset.save(data, tmp_path / "data.npz")
    predictions.save(tmp_path / "good.npz", np.eye(4, 10), labels, "r", "torch")
    predictions.save(tmp_path / "other.npz", np.eye(4, 10), labels[::-1], "r", "torch")
    assert job.read_predictions(tmp_path / "good.npz", tmp_path / "data.npz", None, "r").mistakes == 0
    with pytest.raises(DataError, match=r"other\.npz"):
        job.read_predictions(tmp_path / "other.npz", tmp_path / "data.npz", None, "r")


# --- comparison ------------------------------------------------------------------------------------------------------


def test_all_conditions_share_one_axes_and_lines_are_the_data() -> None:
    courses = made_up(EIGHT)
    figure = comparison.draw(courses, "title", "validation_accuracy")
    for panel in ("all epochs", "last epochs"):
        drawn = lines(named(figure, panel))
        assert list(drawn) == [name for name, _, _ in EIGHT]
        for one in courses:
            np.testing.assert_array_equal(drawn[one.condition].get_xdata(), np.arange(1, 26))
            np.testing.assert_array_equal(drawn[one.condition].get_ydata(), one.values[0])


@pytest.mark.parametrize(
    ("seeds", "ends", "band"), [(3, (0, 2), "range"), (20, (0, 19), "range"), (41, (10, 30), "middle half")]
)
def test_several_seeds_give_lines_of_medians_and_ranges_at_the_end(
    seeds: int, ends: tuple[int, int], band: str
) -> None:
    """By hand: of 0, 1, ..., 40 a quarter is below 10, and a quarter above 30."""
    values = np.random.default_rng(0).permuted(np.tile(np.arange(seeds)[:, None], (1, 4)), axis=0)
    courses = [course(*condition, values, seeds) for condition in EIGHT]
    figure = comparison.draw(courses, "title", "validation_accuracy")
    for panel in (named(figure, "all epochs"), named(figure, "last epochs")):
        assert not panel.collections  # eight bands would hide each other and the lines
        assert all((lines(panel)[name].get_ydata() == (seeds - 1) / 2).all() for name, _, _ in EIGHT)
    ranges = [line for line in named(figure, "last epochs").lines if tuple(line.get_ydata()) == ends]
    assert [line.get_color() for line in ranges] == [look.color for look in looks(courses).values()]
    assert all(line.get_xdata()[0] > 4 for line in ranges)  # right of the last epoch
    assert f"median over {seeds} seeds; right of the last epoch: {band}" in texts(figure)
    assert "seed 0" in texts(comparison.draw(made_up(EIGHT), "title", "validation_accuracy"))


def test_colour_and_marker_are_the_penalty_and_line_and_filling_the_norm() -> None:
    drawn = lines(named(comparison.draw(made_up(EIGHT), "title", "validation_accuracy"), "all epochs"))
    for look in ("get_color", "get_marker"):
        found = {name: getattr(drawn[name], look)() for name, _, _ in EIGHT}
        assert all(found[f"{penalty}-bn"] == found[f"{penalty}-gbn"] for penalty in ("none", "l1", "l2", "l1l2"))
        assert len(set(found.values())) == 4
    for name, _, norm in EIGHT:
        assert drawn[name].get_linestyle() == {"bn": "-", "gbn": "--"}[norm]
        filled = drawn[name].get_markerfacecolor() == drawn[name].get_color()
        assert filled == (norm == "bn")
        assert filled or drawn[name].get_markerfacecolor() == "white"


def test_conditions_alike_in_penalty_and_norm_are_told_apart_by_name() -> None:
    figure = comparison.draw(made_up(TWELVE), "title", "validation_accuracy")
    drawn = lines(named(figure, "all epochs"))
    assert len({(line.get_color(), line.get_linestyle(), line.get_marker()) for line in drawn.values()}) == 12
    alike = [[drawn[n] for n, *pair in TWELVE if pair == [p, m]] for _, p, m in EIGHT]
    assert all(len({line.get_marker() for line in some}) == len(some) for some in alike)
    finals = [text.split(maxsplit=1)[1] for text in legend_of(figure)]
    own = [name for name, _, _ in TWELVE[8:]]
    shared = ["none · BN", "L1 · BN", "L1+L2 · GBN", *own]
    assert sorted(finals) == sorted([*shared, "none · GBN", "L1 · GBN", "L2 · BN", "L2 · GBN", "L1+L2 · BN"])


def test_fifteen_conditions_of_one_kind_still_differ() -> None:
    for penalty in ("none", "l1", "l2", "l1l2"):
        courses = made_up([(f"{penalty}-bn-{i}", penalty, "bn") for i in range(15)])
        found = looks(courses).values()
        assert len({(look.color, look.marker) for look in found}) == 15
        assert [look.label for look in found] == [one.condition for one in courses]


@pytest.mark.parametrize("conditions", [EIGHT[:1], EIGHT, TWELVE])
@pytest.mark.parametrize("seeds", [1, 5])
def test_text_of_the_main_graph_can_be_read_in_the_report(conditions: list[tuple[str, str, str]], seeds: int) -> None:
    """The eight conditions: digits are 8 pixels tall. More conditions: letters of 10 pixels, counted as fonts do."""
    for metric in ("validation_accuracy", "validation_loss"):
        figure = comparison.draw(made_up(conditions, seeds=seeds), "title", metric)
        assert least_text(figure) >= (8 / TALL if len(conditions) <= 8 else 10)


def legend_of(figure: Figure) -> list[str]:
    """The texts of the legend."""
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def texts_of(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_final_labels_and_legend_texts() -> None:
    courses = [
        course("none-bn", "none", "bn", [[95, 99.1], [95, 99.2], [95, 99.6]], seeds=3),
        course("l1l2-gbn", "l1l2", "gbn", [[94, 99.3], [94, 99.4], [94, 99.5]], seeds=3),
    ]
    figure = comparison.draw(courses, "A title", "validation_accuracy")
    assert legend_of(figure) == ["99.40 L1+L2 · GBN", "99.20 none · BN"]  # the best first
    assert "A title" in texts(figure)
    loss = comparison.draw([course("l2-bn", "l2", "bn", [0.2, 0.01423])], "t", "validation_loss")
    assert legend_of(loss) == ["0.0142 L2 · BN"]


@pytest.mark.parametrize(
    ("conditions", "size"),
    thinned([EIGHT[:1], EIGHT, TWELVE], [(1, 1), (2, 5), (3, 1), (10, 1), (25, 5), (40, 1)], every=3),
)
def test_comparison_texts_do_not_overlap(conditions: list[tuple[str, str, str]], size: tuple[int, int]) -> None:
    epochs, seeds = size
    assert_readable(comparison.draw(made_up(conditions, epochs, seeds), "Validation accuracy", "validation_accuracy"))


def test_equal_final_values_are_still_readable() -> None:
    courses = [course(*condition, [90.0, 98.0, 99.0]) for condition in EIGHT]
    assert_readable(comparison.draw(courses, "title", "validation_accuracy"))
    courses = [course(*condition, [100.0, 100.0]) for condition in EIGHT]
    assert_readable(comparison.draw(courses, "title", "validation_accuracy"))


def test_a_bad_condition_does_not_flatten_the_others() -> None:
    good = made_up(EIGHT[:3], epochs=40)
    bad = course("l1l2-bn", "l1l2", "bn", np.linspace(77, 96.9, 40))
    figure = comparison.draw([*good, bad], "title", "validation_accuracy")
    low, high = named(figure, "all epochs").get_ylim()
    assert low < 77
    assert high > max(one.values.max() for one in good)
    low, high = named(figure, "last epochs").get_ylim()
    ends = np.concatenate([one.values[0, -8:] for one in good])
    assert low <= ends.min()
    assert high >= ends.max()
    assert high - low < 2 * np.ptp(ends)
    assert legend_of(figure)[-1] == "96.90 L1+L2 · BN"
    assert "epochs 33–40, enlarged; 1 end outside" in texts(figure)
    assert_readable(figure)


def test_early_epochs_do_not_eat_the_height() -> None:
    panel = named(comparison.draw(made_up(EIGHT), "title", "validation_accuracy"), "all epochs")
    inside = panel.transAxes.inverted()
    height = {a: inside.transform(panel.transData.transform((1, a)))[1] for a in (98.0, 99.5)}
    assert height[98.0] < 0.5 < height[99.5] - height[98.0] + 0.2
    assert {"95", "98", "99", "99.5"} <= {label.get_text() for label in panel.get_yticklabels()}


def test_end_panel_shows_the_last_epochs() -> None:
    for epochs, first in ((1, 1), (2, 2), (3, 2), (10, 6), (25, 21), (40, 33)):
        left, right = named(
            comparison.draw(made_up(EIGHT, epochs), "t", "validation_accuracy"), "last epochs"
        ).get_xlim()
        assert first - 1 < left < first
        assert epochs < right < epochs + 1


def test_a_shorter_condition_says_where_it_ends() -> None:
    courses = [course("none-bn", "none", "bn", [90, 95, 96, 97]), course("none-gbn", "none", "gbn", [90, 95, 96.5])]
    figure = comparison.draw(courses, "title", "validation_accuracy")
    assert "96.50 none · GBN (epoch 3)" in legend_of(figure)


def test_perfect_scores_stay_on_the_scale() -> None:
    figure = comparison.draw([course("none-bn", "none", "bn", [98, 99, 100])], "title", "validation_accuracy")
    panel = named(figure, "all epochs")
    assert panel.get_ylim()[1] > 100
    assert np.isfinite(panel.transData.transform((3, 100))).all()
    assert "100" in {label.get_text() for label in panel.get_yticklabels()}


# --- arithmetic of axes ----------------------------------------------------------------------------------------------


def test_error_scale_gives_a_decade_of_error_the_same_height() -> None:
    forward, inverse = scales.error_scale(QUANTITIES["validation_accuracy"], np.array([90, 99.9]))
    np.testing.assert_allclose(np.diff(forward(np.array([90, 99, 99.9]))), [1, 1])
    np.testing.assert_allclose(inverse(forward(np.array([10, 97.3]))), [10, 97.3])
    forward, _ = scales.error_scale(QUANTITIES["validation_loss"], np.array([0.01, 1]))
    np.testing.assert_allclose(np.diff(forward(np.array([0.01, 0.1, 1]))), [1, 1])


def test_epoch_ticks_hold_the_ends() -> None:
    assert scales.epoch_ticks(1, 25) == [1, 5, 10, 15, 20, 25]
    assert scales.epoch_ticks(1, 24) == [1, 5, 10, 15, 20, 24]
    assert scales.epoch_ticks(1, 3) == [1, 2, 3]
    assert scales.epoch_ticks(21, 25) == [21, 22, 23, 24, 25]
    assert scales.epoch_ticks(1, 1) == [1]


# --- curves ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accuracy", [[91.0], [90.0, 97.0, 96.0], list(np.linspace(80, 99.5, 25)), [100.0, 100.0]])
def test_curves_are_the_table(tmp_path: Path, accuracy: list[float]) -> None:
    table = run_tables.read_metrics(write_metrics(tmp_path / "m.csv", accuracy), curves.COLUMNS, "m", len(accuracy))
    figure = curves.draw(table, "l1-gbn, seed 0")
    for name in ("accuracy", "loss"):
        train, validation = named(figure, name).lines
        np.testing.assert_array_equal(train.get_ydata(), table[f"train_{name}"])
        np.testing.assert_array_equal(validation.get_ydata(), table[f"validation_{name}"])
        np.testing.assert_array_equal(train.get_xdata(), np.arange(1, len(accuracy) + 1))
    np.testing.assert_allclose(table["validation_accuracy"], accuracy, rtol=1e-7)
    assert [axes.get_label() for axes in figure.axes] == ["accuracy", "loss", "learning rate"]
    rate = named(figure, "learning rate")
    np.testing.assert_allclose(rate.lines[0].get_ydata(), 0.1 / np.arange(1, len(accuracy) + 1))
    assert (list(rate.get_yticks()), [t.get_text() for t in rate.get_yticklabels()]) == ([0, 0.1], ["0", "0.1"])
    assert "highest in epoch 1" in rate.get_title(loc="left") or len(accuracy) == 1
    assert len({axes.get_xlim() for axes in figure.axes}) == len({axes.get_position().x1 for axes in figure.axes}) == 1
    words = " ".join(texts(figure))
    assert "with dropout and augmentation on" in words
    assert f"final {accuracy[-1]:.2f} %" in words
    assert ("best 97.00 % (epoch 2" in words) == (len(accuracy) == 3)
    assert_readable(figure)


# --- gallery ---------------------------------------------------------------------------------------------------------


def judged(mistakes: dict[int, tuple[int, float]], images: int, names: str = "digits") -> PredictedImages:
    """All right with confidence 1/2, but for `mistakes`: row -> (predicted class, softmax of it). Row i: image 7 i."""
    labels = np.arange(images, dtype=np.int64) % 10
    chance = np.full((images, 10), 0.5 / 9)
    chance[np.arange(images), labels] = 0.5
    for row, (wrong, confidence) in mistakes.items():
        chance[row] = (1 - confidence) / 9
        chance[row, wrong] = confidence
    pictures = np.zeros((images, 28, 28), np.uint8)
    pictures[:, 0, 5] = np.arange(images) + 1  # tells the images apart, and which way is up
    logits = (np.log(chance) + 3).astype(np.float32)
    return PredictedImages(logits, labels, np.arange(images) * 7, pictures, DATASETS[names].class_names)


def test_gallery_takes_the_most_confident_mistakes_in_order() -> None:
    confidences = np.random.default_rng(0).permutation(np.linspace(0.3, 0.99, 40))
    found = judged({row: ((row + 1) % 10, float(c)) for row, c in enumerate(confidences)}, 60)
    chosen = gallery.most_confident(found)
    assert [m.row for m in chosen] == list(np.argsort(-confidences)[:25])
    assert [m.index for m in chosen] == [7 * m.row for m in chosen]
    np.testing.assert_allclose([m.confidence for m in chosen], np.sort(confidences)[::-1][:25], rtol=1e-5)
    figure = gallery.draw(found, "none · GBN, seed 0")
    assert len(figure.axes) == 25
    assert "Most confident mistakes: none · GBN, seed 0" in texts(figure)
    assert f"25 most confident of 40 mistakes among 60 images{HOW}" in texts(figure)
    for axes, mistake in zip(figure.axes, chosen, strict=True):
        shown = np.asarray(axes.images[0].get_array())
        np.testing.assert_array_equal(shown, found.images[mistake.row])
        assert axes.images[0].origin == "upper"
        assert axes.images[0].get_cmap().name in ("gray", "gray_r")
    assert_readable(figure)


HOW = ", actual → predicted class, with the model's confidence"


def test_gallery_texts() -> None:
    figure = gallery.draw(judged({4: (9, 0.875), 7: (1, 0.99999), 2: (3, 0.9994)}, 20), "title")
    assert [text.get_text() for axes in figure.axes for text in axes.texts] == [
        *("7 → 1", "> 99.9 %\nimage 49", "2 → 3", "99.9 %\nimage 14", "4 → 9", "87.5 %\nimage 28"),
    ]
    assert any(text.startswith("all 3 mistakes among 20 images, most confident first") for text in texts(figure))


def test_gallery_orders_mistakes_whose_confidence_rounds_to_one() -> None:
    logits = np.zeros((3, 10), np.float32)
    logits[:, 5] = [60, 80, 70]
    images = np.zeros((3, 28, 28), np.uint8)
    found = PredictedImages(logits, np.zeros(3, np.int64), np.arange(3), images, DATASETS["mnist"].class_names)
    assert [m.row for m in gallery.most_confident(found)] == [1, 2, 0]


def test_gallery_captions() -> None:
    assert gallery.caption(0, 891) == "no mistakes among 891 images"
    assert gallery.caption(1, 891) == f"the only mistake among 891 images{HOW}"
    assert gallery.caption(25, 10_000) == f"all 25 mistakes among 10,000 images, most confident first{HOW}"
    assert gallery.caption(26, 10_000) == f"25 most confident of 26 mistakes among 10,000 images{HOW}"
    figure = gallery.draw(judged({}, 10), "title")
    assert not figure.axes
    assert "No mistakes: every image is classified correctly." in texts(figure)


def test_pictures_fit_a_screen() -> None:
    """The report's viewer centres a picture and cuts off what is taller than the window."""
    width, height = gallery.draw(judged({row: (row % 10, 0.9) for row in range(1, 200, 3)}, 200), "t").get_size_inches()
    assert width / height > 1.4
    assert confusion.draw(judged({4: (9, 0.875)}, 20), "t").get_size_inches()[1] * style.DPI < 800


@pytest.mark.filterwarnings("error")
def test_names_outside_the_font_are_shortened(tmp_path: Path) -> None:
    found = judged({1: (3, 0.9)}, 10, "kmnist")
    figure = gallery.draw(found, "title")
    assert figure.axes[0].texts[0].get_text() == "ki → tsu"
    style.save(figure, tmp_path / "g.png")
    style.save(confusion.draw(found, "title"), tmp_path / "c.png")


# --- confusion -------------------------------------------------------------------------------------------------------


def test_confusion_counts_by_hand() -> None:
    counts = confusion.count(np.array([0, 0, 0, 1, 2, 2]), np.array([0, 1, 1, 1, 0, 2]), 3)
    np.testing.assert_array_equal(counts, [[1, 2, 0], [0, 1, 0], [1, 0, 1]])


@pytest.mark.parametrize("data", ["digits", "fashion-mnist", "kmnist"])
def test_confusion_figure_writes_every_count_in_its_place(data: str) -> None:
    found = judged({4: (9, 0.9), 14: (9, 0.8), 3: (5, 0.7)}, 30, data)
    figure = confusion.draw(found, "title")
    axes = named(figure, "counts")
    written = {text.get_position(): text.get_text() for text in axes.texts}
    cells = {place: text for place, text in written.items() if place[0] == int(place[0])}
    expected: dict[tuple[float, float], str] = {(i, i): "3" for i in range(10)}
    expected |= {(4, 4): "1", (9, 4): "2", (3, 3): "2", (5, 3): "1"}  # (predicted, actual): x, then y
    assert cells == expected
    recalls = [text for place, text in written.items() if place[0] != int(place[0]) and "%" in text]
    assert recalls == ["100.0 %"] * 3 + ["66.7 %", "33.3 %"] + ["100.0 %"] * 5
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "actual")
    labels = style.printable(found.class_names)
    assert [t.get_text() for t in axes.get_yticklabels()] == [t.get_text() for t in axes.get_xticklabels()] == labels
    assert "confusion matrix: 3 mistakes among 30 images, accuracy 90.00 %" in texts(figure)
    assert_readable(figure)


def test_confusion_colours_mistakes_and_leaves_hits_grey() -> None:
    found = judged({4: (9, 0.9), 14: (9, 0.8), 3: (5, 0.7)}, 30)
    colors = np.asarray(named(confusion.draw(found, "title"), "counts").images[0].get_array())
    saturation = colors.max(axis=2) - colors.min(axis=2)
    assert saturation[4, 9] > saturation[3, 5] > 4 * saturation[0, 0]
    assert len({tuple(colors[i, i]) for i in range(10)}) == 1
    assert saturation[0, 1] == 0


# --- files -----------------------------------------------------------------------------------------------------------


def test_files_are_the_same_bytes_again_and_small(tmp_path: Path) -> None:
    files = []
    for turn in ("one", "two"):
        figure = comparison.draw(made_up(TWELVE, seeds=2), "title", "validation_accuracy")
        paths = [tmp_path / turn / "graph.png", tmp_path / turn / "graph.svg"]
        style.save(figure, *paths)
        files.append([path.read_bytes() for path in paths])
        assert sorted(path.name for path in (tmp_path / turn).iterdir()) == ["graph.png", "graph.svg"]
    assert files[0] == files[1]
    png, svg = files[0]
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(png) < 150_000
    assert svg.startswith(b"<?xml")
    assert b"<dc:date>" not in svg


def test_a_failed_write_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "graph.png"
    path.write_bytes(b"earlier")
    figure = gallery.draw(judged({}, 10), "title")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        style.save(figure, path)
    assert [p.name for p in tmp_path.iterdir()] == ["graph.png"]
    assert path.read_bytes() == b"earlier"
