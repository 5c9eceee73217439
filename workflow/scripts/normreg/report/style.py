"""What all figures share: fonts, sizes of texts, names that fit, the heading. Saves figures reproducibly."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font, LoadFlags
from PIL import Image

from normreg.utils.files import replacing

DPI = 130
INK = "#333333"  # for text and marks that no colour belongs to
GREY = "#6b6b6b"  # for secondary text: its contrast on white is 5:1
_START = 0.6  # share of a shortened name that stands before the ellipsis: most names differ at their start
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
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "svg.fonttype": "path",
    "svg.hashsalt": "normreg",  # without it, the ids in an SVG change from run to run
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of `width` x `height` inches. It needs no display."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def lay_out(figure: Figure, title: str, subtitle: str) -> None:
    """Writes the heading and lets matplotlib lay out all else: axes with their texts, and legends outside of them."""
    height = figure.get_figheight()
    heading(figure, title, subtitle)
    figure.set_layout_engine("constrained", rect=(0, 0.08 / height, 1, 1 - 0.75 / height), w_pad=0.1, h_pad=0.06)


def place(figure: Figure, label: str, left: float, bottom: float, width: float, height: float) -> Axes:
    """Adds axes with a label. Position and size are in inches."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up), label=label)


def heading(figure: Figure, title: str, subtitle: str, left: float = 0.2) -> None:
    """Writes `title` and, below it, `subtitle` at the top left, `left` inches from the edge. Needs 0.62 inches."""
    width, height = figure.get_size_inches()
    room = width - 2 * left
    size = min(13.0, 13.0 * room / text_width(title, 13, bold=True))
    # The title has the name of a data set.
    figure.text(left / width, 1 - 0.13 / height, literal(title), size=size, weight="bold", va="top")
    small = min(9.5, 9.5 * room / (text_width(subtitle, 9.5) or 1))
    figure.text(left / width, 1 - 0.40 / height, subtitle, size=small, color=GREY, va="top")


def panel_title(axes: Axes, text: str, pad: float | None = None) -> None:
    """Writes what a panel shows, above its left end."""
    axes.set_title(text, loc="left", size=9.5, color=GREY, pad=pad)


def legend_below(figure: Figure, handles: Sequence[Artist], columns: int) -> None:
    """Adds a legend at the bottom left."""
    width, height = figure.get_size_inches()
    corner = (0.2 / width, 0.1 / height)
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=corner, ncols=columns, frameon=False, borderaxespad=0
    )


def joined(subtitle: str, sentence: str) -> str:
    """A subtitle, followed by a sentence if there is one."""
    return f"{subtitle}. {sentence}" if sentence else subtitle


@matplotlib.rc_context(RC)
def only_words(title: str, text: str) -> Figure:
    """A figure of nothing but a title and a sentence, where there is nothing to draw."""
    figure = new_figure(0.4 + max(text_width(title, 13, bold=True), text_width(text, 9.5), 6.0), 0.75)
    heading(figure, title, text)
    return figure


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


# Texts that must fit, with only letters that the font has.


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width, in inches, of one line of `text` at `size` points. Never too small: it knows no kerning."""
    return sum(_advance(letter, bold) for letter in text) * size / 72


def literal(text: str) -> str:
    """A text for matplotlib to draw as it is. What stands between two dollar signs would be a formula."""
    return text.replace("$", r"\$")


def printable(names: Sequence[str]) -> list[str]:
    """Each name, or what the font can write of it. No two are equal.

    If the font lacks a letter of "ki (き)", the name becomes "ki"; "猫 (cat)" becomes "cat". If neither part can be
    written, it is "class 3", its number in the data set, from 0. So it is if two names would be equal.
    """
    shown = [_written(name) or f"class {number}" for number, name in enumerate(names)]
    times = Counter(shown)
    return [name if times[name] == 1 else f"class {number}" for number, name in enumerate(shown)]


def fitted(names: Sequence[str], wanted: Iterable[int], width: float, size: float, lines: int = 1) -> dict[int, str]:
    """The `wanted` names, each in at most `lines` lines of `width` inches at `size` points.

    A name that is too long loses its middle, where an ellipsis stands. Two that would be equal then, or that font and
    space make equal to another, begin with their number in the data set. `names` are those of all classes. They are
    `literal`.
    """
    whole = printable(names)
    found = {number: _fit(whole[number], width, size, lines) for number in dict.fromkeys(wanted)}
    times = Counter(found.values())
    alike = [number for number, text in found.items() if times[text] > 1]
    found |= {number: _fit(f"{number}: {whole[number]}", width, size, lines) for number in alike}
    return {number: literal(text) for number, text in found.items()}


def shortened(text: str, width: float, size: float) -> str:
    """A text in one line of `width` inches at `size` points. Letters that the font lacks become "\ufffd"."""
    return literal(_fit("".join(c if _has(c) else "\ufffd" for c in text), width, size, lines=1))


def wrap(text: str, width: float, size: float) -> list[str]:
    """`text` in lines of at most `width` inches at `size` points: broken between words, or in a word that is longer."""
    lines = [""]
    for word in text.split():
        if text_width(f"{lines[-1]} {word}".strip(), size) <= width:
            lines[-1] = f"{lines[-1]} {word}".strip()
            continue
        lines.append("")
        for letter in word:  # a line has at least one letter
            if lines[-1] and text_width(lines[-1] + letter, size) > width:
                lines.append("")
            lines[-1] += letter
    return [line for line in lines if line]


def _fit(name: str, width: float, size: float, lines: int) -> str:
    shown, kept = wrap(name, width, size), len(name)
    while len(shown) > lines and kept > 1:
        kept -= 1
        start = round(_START * kept)
        shown = wrap(f"{name[:start].rstrip()}…{name[len(name) - kept + start :].lstrip()}", width, size)
    return "\n".join(shown)


def _written(name: str) -> str:
    """What the font can write of a name: all, the part before its brackets, or the one in them; "" if it has none."""
    before, _, inside = name.partition(" (")
    return next((part for part in (name, before, inside.removesuffix(")")) if part.strip() and _has(part)), "")


def _has(text: str) -> bool:
    return all(_font(bold=False).get_char_index(ord(letter)) for letter in text)


@cache
def _advance(letter: str, bold: bool) -> float:
    """By how much a letter moves the next one, for a font of one point."""
    font = _font(bold)
    font.set_size(100, 72)
    return float(font.load_char(ord(letter), flags=LoadFlags.NO_HINTING).linearHoriAdvance) / 65536 / 100


@cache
def _font(bold: bool) -> FT2Font:
    weight = "bold" if bold else "normal"
    return FT2Font(font_manager.findfont(font_manager.FontProperties(family="DejaVu Sans", weight=weight)))
