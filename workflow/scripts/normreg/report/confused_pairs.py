"""The most confused pairs of classes, for data sets with more classes than a confusion matrix can show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from normreg.report import names, style

MOST = 25  # pairs
_ROW, _HEAD = 0.235, 0.8  # heights; inches, like all sizes here
_NAME, _ARROW, _BAR, _EDGE = 2.3, 0.3, 3.2, 0.2  # widths: at most for a name, between names, for bars, of the margins
_COUNT, _SHARE = 0.7, 1.8  # widths: right of a bar its count, right of all the share
_SIZE = 9  # points
_COLOR = "#e8590c"


@dataclass(frozen=True)
class Pair:
    """Images of class `actual` that are taken for class `predicted`: `count` of the `images` of that class."""

    actual: int
    predicted: int
    count: int
    images: int


def most_confused(counts: np.ndarray, most: int = MOST) -> list[Pair]:
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
    images, mistakes = int(counts.sum()), int(counts.sum() - np.trace(counts))
    of_all = f"among {images:,} images, accuracy {100 * (1 - mistakes / max(1, images)):.2f} %"
    if not mistakes:
        return f"no mistakes {of_all}"
    covered, total = sum(pair.count for pair in pairs), np.count_nonzero(counts) - np.count_nonzero(np.diag(counts))
    which = (
        f"the {len(pairs)} most confused of {total:,} pairs" if total > len(pairs) else f"all {total} confused pairs"
    )
    which = "the only confused pair" if total == 1 else which
    return f"{which} of classes: {covered:,} of {mistakes:,} mistakes ({_percent(covered, mistakes)}) {of_all}"


@matplotlib.rc_context(style.RC)
def draw(class_names: Sequence[str], counts: np.ndarray, title: str) -> Figure:
    """Draws a row for each pair: actual and predicted class, a bar with the count, its share of the actual class."""
    pairs, subtitle = most_confused(counts), caption(most_confused(counts), counts)
    shown = names.fitted(class_names, (c for pair in pairs for c in (pair.actual, pair.predicted)), _NAME, _SIZE)
    name = max((style.text_width(text, _SIZE) for text in shown.values()), default=0) + 0.1
    name = max(name, 0.8)  # for the headings
    width = max(2 * (_EDGE + name) + _ARROW + _BAR + _SHARE, style.text_width(subtitle, 9.5) + 2 * _EDGE)
    rows = max(len(pairs), 3) + 1  # with the headings
    height = rows * _ROW + _HEAD
    figure = style.new_figure(width, height)
    style.heading(figure, title, subtitle)
    if not pairs:
        text = "No mistakes: every image is classified correctly."
        figure.text(0.5, 0.3, text, size=13, color=style.GREY, ha="center")
        return figure
    axes = figure.add_axes((0, 0.1 / height, 1, rows * _ROW / height), label="pairs")
    axes.set(xlim=(0, width), ylim=(rows - 1.5, -1.5))  # inches, rows
    axes.set_axis_off()
    _draw_rows(axes, pairs, shown, _EDGE + name)
    return figure


def _draw_rows(axes: Axes, pairs: Sequence[Pair], shown: Mapping[int, str], middle: float) -> None:
    """Writes the headings and a row for each pair. The names of actual classes end at `middle`, in inches."""
    width, after = axes.get_xlim()[1], middle + _ARROW
    start = after + middle - _EDGE + 0.1
    long = width - _EDGE - _SHARE - start
    grey: Any = {"size": _SIZE, "color": style.GREY, "va": "center"}
    axes.text(middle, -1, "actual", ha="right", **grey)
    axes.text(after, -1, "predicted", **grey)
    axes.text(start, -1, "images", **grey)
    axes.text(width - _EDGE, -1, "share of the actual class", ha="right", **grey)
    for row, pair in enumerate(pairs):
        share = f"{pair.count:,} of {pair.images:,} ({_percent(pair.count, pair.images)})"
        length = (long - _COUNT) * pair.count / pairs[0].count
        axes.barh(row, length, left=start, height=0.72, color=_COLOR, linewidth=0)
        axes.text(middle, row, shown[pair.actual], size=_SIZE, ha="right", va="center")
        axes.text(middle + _ARROW / 2, row, "→", size=_SIZE, color=style.GREY, ha="center", va="center")
        axes.text(after, row, shown[pair.predicted], size=_SIZE, va="center")
        axes.text(start + length + 0.06, row, f"{pair.count:,}", size=_SIZE, weight="bold", va="center")
        axes.text(width - _EDGE, row, share, size=_SIZE, color="#333333", ha="right", va="center")


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
