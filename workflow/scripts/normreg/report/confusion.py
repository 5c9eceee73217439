"""The confusion matrix: how many images of each actual class are predicted as which class.

With more than `MOST` classes nobody could read it: then there are the most confused pairs in its place.
"""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm, to_rgb
from matplotlib.figure import Figure

from normreg.analysis.predictions import Diverged
from normreg.report import confused_pairs, names, style
from normreg.report.inputs import PredictedImages
from normreg.report.job import Job

MOST = 20  # classes
_CELL = 0.4  # inches; with larger cells the matrix does not fit a laptop screen in the report
_NAME = 1.7  # inches; a longer name is shortened
_DIAGONAL = "#dfe4ea"
_NONE = "#f8f8f8"
_LEAST_DARK = 8  # mistakes; the colour scale reaches at least so far, so that a single mistake is never dark
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # of red, green and blue


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
    return (_draw_matrix if len(counts) <= MOST else confused_pairs.draw)(class_names, counts, title)


@matplotlib.rc_context(style.RC)
def _draw_matrix(class_names: Sequence[str], counts: np.ndarray, title: str) -> Figure:
    """Draws the counts as a table, and the recall of each class beside it. Only mistakes are coloured."""
    shown = list(names.fitted(class_names, range(len(counts)), _NAME, 9).values())
    longest = max(style.text_width(name, 9) for name in shown)
    side = max(_CELL, style.text_width(str(counts.max()), 9) + 0.08) * len(counts)
    left, bottom = longest + 0.65, 0.75 * longest + 0.6
    images, mistakes = int(counts.sum()), int(counts.sum() - np.trace(counts))
    accuracy = 100 * (1 - mistakes / max(1, images))
    subtitle = f"confusion matrix: {mistakes:,} mistakes among {images:,} images, accuracy {accuracy:.2f} %"
    width = max(left + side + 1.0, style.text_width(subtitle, 9.5) + 0.4)  # two classes are less wide than the subtitle
    height = bottom + side + 0.85
    figure = style.new_figure(width, height)
    style.heading(figure, title, subtitle)
    axes = figure.add_axes((left / width, bottom / height, side / width, side / height), label="counts")
    _draw_counts(axes, counts)
    _draw_recall(axes, counts)
    axes.set_xticks(range(len(shown)), shown, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(shown)), shown)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    return figure


def _draw_counts(axes: Axes, counts: np.ndarray) -> None:
    """Colours mistakes by their number. Hits are grey: on one colour scale with them, all mistakes would look alike."""
    size = len(counts)
    hits = np.eye(size, dtype=bool)
    most = max(int(counts[~hits].max()), _LEAST_DARK)
    colors = colormaps["Oranges"](PowerNorm(0.6, vmin=0, vmax=1.25 * most)(counts))[..., :3]
    colors[counts == 0] = to_rgb(_NONE)
    colors[hits] = to_rgb(_DIAGONAL)
    axes.imshow(colors, aspect="auto")
    for row, column in zip(*np.nonzero(hits | (counts > 0)), strict=True):
        hit = row == column
        ink = "#495057" if hit else "white" if colors[row, column] @ _LUMINANCE < 0.45 else "#1a1a1a"
        weight = "normal" if hit else "bold"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", size=9, color=ink, weight=weight)
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(False, which="major")
    axes.grid(True, which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_recall(axes: Axes, counts: np.ndarray) -> None:
    """Writes, right of each row, the percentage of the class's images that are recognised, or that it has no images."""
    size = len(counts)
    axes.text(size - 0.35, -0.75, "recall", size=9, color=style.GREY)
    for row, total in enumerate(counts.sum(axis=1)):
        recall = f"{100 * counts[row, row] / total:.1f} %" if total else "no images"
        axes.text(size - 0.35, row, recall, va="center", size=9, color="#333333")


def make(job: Job) -> None:
    """What the saved model of a condition's first seed takes for what."""
    style.save(draw(job.predictions, job.params.picture["title"]), job.folder / job.condition / "confusion.png")
