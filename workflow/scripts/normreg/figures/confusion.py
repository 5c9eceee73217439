"""The confusion matrix: how many images of each actual class are predicted as which class."""

import matplotlib
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm, to_rgb
from matplotlib.figure import Figure

from normreg.figures import style
from normreg.figures.inputs import PredictedImages

_CELL = 0.4  # inches; with larger cells the matrix does not fit a laptop screen in the report
_DIAGONAL = "#dfe4ea"
_NONE = "#f8f8f8"
_LEAST_DARK = 8  # mistakes; the colour scale reaches at least so far, so that a single mistake is never dark
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # of red, green and blue


def count(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Number of images by actual class (rows) and predicted class (columns), int64 (classes, classes)."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


@matplotlib.rc_context(style.RC)
def draw(predictions: PredictedImages, title: str) -> Figure:
    """Draws the counts as a table, and the recall of each class beside it. Only mistakes are coloured."""
    names = [style.printable(name) for name in predictions.class_names]
    counts = count(predictions.labels, predictions.predicted, len(names))
    longest = max(style.text_width(name, 9) for name in names)
    side = _CELL * len(names)
    left, bottom = longest + 0.65, 0.75 * longest + 0.6
    width, height = left + side + 1.0, bottom + side + 0.85
    figure = style.new_figure(width, height)
    images = len(predictions.labels)
    accuracy = 100 * (1 - predictions.mistakes / max(1, images))
    subtitle = f"confusion matrix: {predictions.mistakes:,} mistakes among {images:,} images, accuracy {accuracy:.2f} %"
    style.heading(figure, title, subtitle)
    axes = figure.add_axes((left / width, bottom / height, side / width, side / height), label="counts")
    _draw_counts(axes, counts)
    _draw_recall(axes, counts)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
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
