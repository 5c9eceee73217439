"""The confusion matrix: how many images of each actual class are predicted as which class.

With more than `MOST` classes nobody could read it: then the most confused pairs of classes take its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm, to_rgb
from matplotlib.figure import Figure

from normreg.analysis.predictions import Diverged
from normreg.report import style
from normreg.report.job import Job, PredictedImages

MOST = 20  # classes
_CELL = 0.4  # inches; with larger cells the matrix does not fit a laptop screen in the report
_NAME = 1.7  # inches; a longer name is shortened
_DIAGONAL = "#dfe4ea"
_NONE = "#f8f8f8"
_LEAST_DARK = 8  # mistakes; the colour scale reaches at least so far, so that a single mistake is never dark
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # of red, green and blue
_SIZE = 9  # points
# Of the figure of pairs:
PAIRS = 25
_ROW, _HEAD = 0.235, 0.8  # heights; inches, like all sizes here
_LONG, _ARROW, _BAR, _EDGE = 2.3, 0.3, 3.2, 0.2  # widths: at most for a name, between names, for bars, of the margins
_COUNT, _SHARE = 0.7, 1.8  # widths: right of a bar its count, right of all the share


def count(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Number of images by actual class (rows) and predicted class (columns), int64 (classes, classes)."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def draw(predictions: PredictedImages | Diverged, title: str) -> Figure:
    """Draws the matrix, or with more than `MOST` classes the most confused pairs."""
    if isinstance(predictions, Diverged):
        return style.only_words(title, predictions.sentence)
    class_names = predictions.class_names
    counts = count(predictions.labels, predictions.predicted, len(class_names))
    return (_draw_matrix if len(counts) <= MOST else draw_pairs)(class_names, counts, title)


@matplotlib.rc_context(style.RC)
def _draw_matrix(class_names: Sequence[str], counts: np.ndarray, title: str) -> Figure:
    """Draws the counts as a table, and the recall of each class beside it. Only mistakes are coloured."""
    shown = list(style.fitted(class_names, range(len(counts)), _NAME, _SIZE).values())
    longest = max(style.text_width(name, _SIZE) for name in shown)
    side = max(_CELL, style.text_width(str(counts.max()), _SIZE) + 0.08) * len(counts)
    left, bottom = longest + 0.65, 0.75 * longest + 0.6
    subtitle = f"confusion matrix: {_mistakes(counts):,} mistakes {_of_all(counts)}"
    width = max(left + side + 1.0, style.text_width(subtitle, 9.5) + 0.4)  # two classes are less wide than the subtitle
    figure = style.new_figure(width, bottom + side + 0.85)
    style.heading(figure, title, subtitle)
    axes = style.place(figure, "counts", left, bottom, side, side)
    _draw_counts(axes, counts)
    _draw_recall(axes, counts)
    axes.set_xticks(range(len(shown)), shown, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(shown)), shown)
    axes.set(xlabel="predicted", ylabel="actual")
    return figure


def _mistakes(counts: np.ndarray) -> int:
    return int(counts.sum() - np.trace(counts))


def _of_all(counts: np.ndarray) -> str:
    images = int(counts.sum())
    return f"among {images:,} images, accuracy {100 * (1 - _mistakes(counts) / max(1, images)):.2f} %"


def _draw_counts(axes: Axes, counts: np.ndarray) -> None:
    """Colours mistakes by their number. Hits are grey: on one colour scale with them, all mistakes would look alike."""
    hits = np.eye(len(counts), dtype=bool)
    most = max(int(counts[~hits].max()), _LEAST_DARK)
    colors = colormaps["Oranges"](PowerNorm(0.6, vmin=0, vmax=1.25 * most)(counts))[..., :3]
    colors[counts == 0] = to_rgb(_NONE)
    colors[hits] = to_rgb(_DIAGONAL)
    axes.imshow(colors, aspect="auto")
    for row, column in zip(*np.nonzero(hits | (counts > 0)), strict=True):
        hit = row == column
        ink = "#495057" if hit else "white" if colors[row, column] @ _LUMINANCE < 0.45 else "#1a1a1a"
        look: dict[str, Any] = {"size": _SIZE, "color": ink, "weight": "normal" if hit else "bold"}
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", **look)
    between = np.arange(len(counts) + 1) - 0.5
    axes.set_xticks(between, minor=True)
    axes.set_yticks(between, minor=True)
    axes.grid(False, which="major")
    axes.grid(True, which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


def _draw_recall(axes: Axes, counts: np.ndarray) -> None:
    """Writes, right of each row, the percentage of the class's images that are recognised, or that it has no images."""
    right = len(counts) - 0.35
    axes.text(right, -0.75, "recall", size=_SIZE, color=style.GREY)
    for row, total in enumerate(counts.sum(axis=1)):
        recall = _percent(counts[row, row], total) if total else "no images"
        axes.text(right, row, recall, va="center", size=_SIZE, color=style.INK)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


@dataclass(frozen=True)
class Pair:
    """Images of class `actual` that are taken for class `predicted`: `count` of the `images` of that class."""

    actual: int
    predicted: int
    count: int
    images: int


def most_confused(counts: np.ndarray, most: int = PAIRS) -> list[Pair]:
    """The `most` pairs with most mistakes; of equal ones first the larger share of the actual class, then by number.

    Args:
        counts: number of images by actual class (rows) and predicted class (columns), int64 (classes, classes).
        most: how many pairs, at most. Pairs without a mistake are none.
    """
    images = counts.sum(axis=1)
    actual, predicted = np.nonzero(counts * ~np.eye(len(counts), dtype=bool))
    found = counts[actual, predicted]
    order = np.lexsort((predicted, actual, -found / images[actual], -found))[:most]
    return [Pair(int(actual[k]), int(predicted[k]), int(found[k]), int(images[actual[k]])) for k in order]


def caption(pairs: Sequence[Pair], counts: np.ndarray) -> str:
    """Says which pairs are shown, how many mistakes they cover, and how many there are."""
    mistakes = _mistakes(counts)
    if not mistakes:
        return f"no mistakes {_of_all(counts)}"
    covered, total = sum(pair.count for pair in pairs), np.count_nonzero(counts) - np.count_nonzero(np.diag(counts))
    which = f"the {len(pairs)} most confused of {total:,} pairs"
    if total <= len(pairs):
        which = "the only confused pair" if total == 1 else f"all {total} confused pairs"
    share = _percent(covered, mistakes)
    return f"{which} of classes: {covered:,} of {mistakes:,} mistakes ({share}) {_of_all(counts)}"


@matplotlib.rc_context(style.RC)
def draw_pairs(class_names: Sequence[str], counts: np.ndarray, title: str) -> Figure:
    """Draws a row for each pair: actual and predicted class, a bar with the count, its share of the actual class."""
    pairs = most_confused(counts)
    subtitle = caption(pairs, counts)
    shown = style.fitted(class_names, (c for pair in pairs for c in (pair.actual, pair.predicted)), _LONG, _SIZE)
    name = max(0.8, *(style.text_width(text, _SIZE) + 0.1 for text in shown.values()), 0)  # 0.8: for the headings
    width = max(2 * (_EDGE + name) + _ARROW + _BAR + _SHARE, style.text_width(subtitle, 9.5) + 2 * _EDGE)
    rows = max(len(pairs), 3) + 1  # with the headings
    figure = style.new_figure(width, rows * _ROW + _HEAD)
    style.heading(figure, title, subtitle)
    if not pairs:
        text = "No mistakes: every image is classified correctly."
        figure.text(0.5, 0.3, text, size=13, color=style.GREY, ha="center")
        return figure
    axes = style.place(figure, "pairs", 0, 0.1, width, rows * _ROW)
    axes.set(xlim=(0, width), ylim=(rows - 1.5, -1.5))  # inches, rows
    axes.set_axis_off()
    _draw_rows(axes, pairs, shown, _EDGE + name)
    return figure


def _draw_rows(axes: Axes, pairs: Sequence[Pair], shown: Mapping[int, str], middle: float) -> None:
    """Writes the headings and a row for each pair. The names of actual classes end at `middle`, in inches."""
    right, after = axes.get_xlim()[1] - _EDGE, middle + _ARROW
    start = after + middle - _EDGE + 0.1
    long = right - _SHARE - start - _COUNT

    def write(x: float, row: float, text: str, ha: str = "left", color: str = "black", **look: Any) -> None:
        axes.text(x, row, text, size=_SIZE, va="center", ha=ha, color=color, **look)

    write(middle, -1, "actual", "right", style.GREY)
    write(after, -1, "predicted", color=style.GREY)
    write(start, -1, "images", color=style.GREY)
    write(right, -1, "share of the actual class", "right", style.GREY)
    for row, pair in enumerate(pairs):
        length = long * pair.count / pairs[0].count
        axes.barh(row, length, left=start, height=0.72, color="#e8590c", linewidth=0)
        write(middle, row, shown[pair.actual], "right")
        write(middle + _ARROW / 2, row, "→", "center", style.GREY)
        write(after, row, shown[pair.predicted])
        write(start + length + 0.06, row, f"{pair.count:,}", weight="bold")
        share = f"{pair.count:,} of {pair.images:,} ({_percent(pair.count, pair.images)})"
        write(right, row, share, "right", style.INK)


def make(job: Job) -> None:
    """What the saved model of a condition's first seed takes for what."""
    style.save(draw(job.predictions, job.params.picture["title"]), job.folder / job.condition / "confusion.png")
