"""What all figures share: fonts, sizes of texts, the heading. Saves figures reproducibly."""

from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from PIL import Image

from normreg.report.names import literal
from normreg.utils.atomic import replacing

DPI = 130
GREY = "#6b6b6b"  # for secondary text: its contrast on white is 5:1
# Matplotlib's defaults and then our style, so that nothing is left of a person's matplotlibrc or style sheets: one line
# there can turn images upside down. `Any`, because matplotlib types the keys one by one.
RC: Any = {key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"} | {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so figures are the same on every machine
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a8a8a",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "xtick.color": "#8a8a8a",
    "ytick.color": "#8a8a8a",
    "xtick.labelcolor": "#333333",
    "ytick.labelcolor": "#333333",
    "svg.fonttype": "path",
    "svg.hashsalt": "normreg",  # without it, the ids in an SVG change from run to run
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of `width` x `height` inches. It needs no display."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def heading(figure: Figure, title: str, subtitle: str, left: float = 0.2) -> None:
    """Writes `title` and, below it, `subtitle` at the top left, `left` inches from the edge. Needs 0.62 inches."""
    title = literal(title)  # it has the name of a data set
    width, height = figure.get_size_inches()
    size = min(13.0, 13.0 * (width - 2 * left) / text_width(title, 13, bold=True))
    figure.text(left / width, 1 - 0.13 / height, title, size=size, weight="bold", va="top")
    small = min(9.5, 9.5 * (width - 2 * left) / (text_width(subtitle, 9.5) or 1))
    figure.text(left / width, 1 - 0.40 / height, subtitle, size=small, color=GREY, va="top")


def joined(subtitle: str, sentence: str) -> str:
    """A subtitle, followed by a sentence if there is one."""
    return f"{subtitle}. {sentence}" if sentence else subtitle


def only_words(title: str, text: str) -> Figure:
    """A figure of nothing but a title and a sentence, where there is nothing to draw."""
    width = 0.4 + max(text_width(title, 13, bold=True), text_width(text, 9.5), 6.0)
    figure = new_figure(width, 0.75)
    with matplotlib.rc_context(RC):
        heading(figure, title, text)
    return figure


@matplotlib.rc_context(RC)
def nothing(title: str, why: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure = new_figure(7, 1)
    heading(figure, title, why)
    return figure


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width, in inches, of one line of `text` at `size` points."""
    font = font_manager.FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    return float(TextPath((0, 0), text, size=size, prop=font).get_extents().width) / 72 if text.strip() else 0.0


def save(figure: Figure, *paths: str | Path) -> None:
    """Writes `figure` to every path as PNG or SVG, by suffix. Files appear complete or not at all, and hold no date."""
    with matplotlib.rc_context(RC):
        for path in paths:
            with replacing(path) as temporary:
                if temporary.suffix == ".svg":
                    figure.savefig(temporary, metadata={"Date": None})
                else:
                    _save_png(figure, temporary)


def _save_png(figure: Figure, path: Path) -> None:
    """Writes a PNG. Without photographs it has 256 colours: a third of the bytes, and the same look."""
    memory = BytesIO()
    figure.savefig(memory, format="png", dpi=DPI)
    with Image.open(memory) as image:
        drawn = image.convert("RGB")
        if not _has_photographs(figure):
            # Without two rounds of k-means, thin lines of many shades get each other's colours.
            drawn = drawn.quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=2, dither=Image.Dither.NONE)
        drawn.save(path, optimize=True, dpi=(DPI, DPI))


def _has_photographs(figure: Figure) -> bool:
    """Whether colour images of a data set are drawn. They are bytes; colours of numbers, as in a matrix, are not."""
    arrays = (image.get_array() for axes in figure.axes for image in axes.images)
    return any(array is not None and array.ndim == 3 and array.dtype == np.uint8 for array in arrays)
