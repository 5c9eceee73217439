"""How figures look: colour and marker show the penalty, line and filling the norm. Saves figures reproducibly."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.textpath import TextPath
from PIL import Image

from normreg.config.factors import NORMS, PENALTIES, condition_labels
from normreg.errors import ConfigError
from normreg.figures.inputs import Drawn
from normreg.utils.atomic import replacing

DPI = 130
GREY = "#6b6b6b"  # for secondary text: its contrast on white is 5:1
RC: Any = {  # Any, because matplotlib types the keys one by one
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

# Amounts for `_shade`, towards white or black. Five, because then no pair of shade and marker repeats among 15.
_SHADES = (0.0, -0.45, 0.2, -0.25, 0.35)
_SIZES = {
    "D": 4.4,
    "^": 5.6,
    "v": 5.6,
    "<": 5.6,
    ">": 5.6,
    "P": 5.8,
    "X": 5.8,
    "d": 5.8,
    "*": 7.0,
}  # look alike in size


@dataclass(frozen=True)
class Look:
    """How the line of one condition is drawn, and what it is called."""

    label: str
    name: str  # written in the legend; empty if penalty and norm identify the condition
    color: str
    text_color: str
    linestyle: Any
    marker: str
    marker_face: str
    marker_size: float  # points
    width: float  # points

    def line(self) -> dict[str, Any]:
        """Keyword arguments for `Axes.plot`."""
        return {
            "color": self.color,
            "linestyle": self.linestyle,
            "linewidth": self.width,
            "marker": self.marker,
            "markersize": self.marker_size,
            "markerfacecolor": self.marker_face,
            "markeredgecolor": self.color,
            "markeredgewidth": 1.1,
        }


def looks(courses: Sequence[Drawn]) -> dict[str, Look]:
    """A look for every condition. No two are equal, up to 15 with the same penalty and norm.

    Conditions with the same penalty and norm differ in marker and shade, and the legend names them.

    Raises:
        ConfigError: a penalty or norm is unknown.
    """
    for course in courses:
        if course.penalty not in PENALTIES or course.norm not in NORMS:
            raise ConfigError(
                f"{course.condition}: no colour for penalty {course.penalty!r} with norm {course.norm!r}. "
                f"Penalties are {', '.join(PENALTIES)}; norms are {', '.join(NORMS)}."
            )
    labels, shared = names(courses), Counter((course.penalty, course.norm) for course in courses)
    seen: Counter[tuple[str, str]] = Counter()
    result = {}
    for course in courses:
        key = (course.penalty, course.norm)
        result[course.condition] = _look(course, seen[key], labels[course.condition], shared[key] > 1)
        seen[key] += 1
    return result


def names(courses: Sequence[Drawn]) -> dict[str, str]:
    """What a figure of these conditions calls them."""
    return condition_labels({course.condition: (course.penalty, course.norm) for course in courses})


def _look(course: Drawn, variant: int, label: str, shared: bool) -> Look:
    penalty, norm = PENALTIES[course.penalty], NORMS[course.norm]
    marker = penalty.markers[variant % len(penalty.markers)]
    color = _shade(penalty.color, _SHADES[variant % len(_SHADES)])
    return Look(
        label=label,
        name=label if shared else "",
        color=color,
        text_color=penalty.color,  # a lightened colour is too pale to read
        linestyle=norm.line,
        marker=marker,
        marker_face=color if norm.filled else "white",
        marker_size=_SIZES.get(marker, 5.0),
        width=1.5 if penalty.lambdas else 2.1,  # the baseline stands out
    )


def _shade(color: str, amount: float) -> str:
    """`color` moved towards white (amount > 0) or black (amount < 0)."""
    if color == PENALTIES["none"].color and amount < 0:
        amount = -amount  # the colour is almost black and has no darker shade
    target = 1.0 if amount > 0 else 0.0
    red, green, blue = (c + (target - c) * abs(amount) for c in to_rgb(color))
    return to_hex((red, green, blue))


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of `width` x `height` inches. It needs no display."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def heading(figure: Figure, title: str, subtitle: str, left: float = 0.2) -> None:
    """Writes `title` and, below it, `subtitle` at the top left, `left` inches from the edge. Needs 0.62 inches."""
    width, height = figure.get_size_inches()
    size = min(13.0, 13.0 * (width - 2 * left) / text_width(title, 13, bold=True))
    figure.text(left / width, 1 - 0.13 / height, title, size=size, weight="bold", va="top")
    figure.text(left / width, 1 - 0.40 / height, subtitle, size=9.5, color=GREY, va="top")


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width, in inches, of one line of `text` at `size` points."""
    font = font_manager.FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    return float(TextPath((0, 0), text, size=size, prop=font).get_extents().width) / 72 if text.strip() else 0.0


@cache
def _font() -> FT2Font:
    return FT2Font(font_manager.findfont("DejaVu Sans"))


def printable(name: str) -> str:
    """`name`, or `name` without its part in brackets if the font lacks a letter: "ki (き)" becomes "ki"."""
    if all(_font().get_char_index(ord(letter)) for letter in name):
        return name
    return name.split(" (")[0]


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
    """Writes a PNG of 256 colours. It has a third of the bytes, and looks the same for line art and gray images."""
    memory = BytesIO()
    figure.savefig(memory, format="png", dpi=DPI)
    with Image.open(memory) as image:
        few = image.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(path, optimize=True, dpi=(DPI, DPI))
