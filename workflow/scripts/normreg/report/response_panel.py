"""One panel of a response: the differences at every value, with their band, the zone of the margin and single seeds."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb

from normreg.analysis.quantities import Quantity
from normreg.analysis.verdicts import EffectVerdict
from normreg.report import style
from normreg.report.palette import factor_color
from normreg.report.response_scale import ABSENT, Arranged, limits, short

INK, ZONE, PLAIN = "#333333", "#dde8d7", "#666666"
_SIZE = 8.0  # of text at points, points
_EDGE = 0.05  # height of the mark of a value that is unknown, because all runs diverged
_LINE = 0.17  # the least distance of turned labels, inches
_V = EffectVerdict
# matplotlib's marker, and whether it is filled. Words stand in the legend.
MARKS: Mapping[str, tuple[str, bool]] = {
    _V.BETTER: ("^", True),
    _V.SLIGHTLY_BETTER: ("^", False),
    _V.WORSE: ("v", True),
    _V.SLIGHTLY_WORSE: ("v", False),
    _V.EQUIVALENT: ("s", True),
    _V.UNDECIDED: ("o", False),
    _V.DIVERGED: ("X", False),
    _V.NO_SPREAD: ("x", True),
    _V.TOO_FEW: ("x", True),
    _V.SAME: ("|", True),
}
# Words of the legend, besides the verdicts.
FAR, SEED, WITHIN = "far worse: outside the axis, with its number", "a seed", "within the margin that counts as none"


def color_of(rows: pd.DataFrame) -> str:
    """The color of the factor."""
    return factor_color(str(rows["factor"].iloc[0]))


def shades(color: str, count: int) -> list[str]:
    """`count` shades of a color from light to dark: the order of the strengths."""
    red, green, blue = to_rgb(color)
    amounts = np.linspace(0.45, 1.0, count) if count > 1 else np.ones(1)
    return [to_hex((1 + (red - 1) * part, 1 + (green - 1) * part, 1 + (blue - 1) * part)) for part in amounts]


def draw(axes: Axes, rows: pd.DataFrame, seeds: pd.DataFrame, quantity: Quantity, inches: float) -> None:
    """Draws one curve of one quantity. Up is better: the axis of a loss is reversed.

    Args:
        axes: `inches` wide.
        rows: its rows of `responses.csv`.
        seeds: its rows of `response_seeds.csv`.
        quantity: of both.
        inches: see above.
    """
    arranged = Arranged.of(rows)
    rows, at, absent = arranged.rows, arranged.at, arranged.absent
    _frame(axes, rows, quantity, limits(rows, quantity))
    axes.set_xlim(*arranged.ends)
    _ticks(axes, arranged, inches)
    _lines(axes, rows, arranged.numbers(seeds), at, absent)
    if absent is not None:
        axes.plot([absent], [0], marker="D", markersize=5, color=style.GREY, linestyle="", zorder=4)
        axes.axvline((absent + at[0]) / 2, color="#bbbbbb", linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    for place, shade, (_, row) in zip(at, shades(color_of(rows), len(at)), rows.iterrows(), strict=True):
        _point(axes, float(place), row, shade, quantity)


def _lines(axes: Axes, rows: pd.DataFrame, numbers: np.ndarray, at: np.ndarray, absent: float | None) -> None:
    """The seeds, one in each row of `numbers`, the band and the mean. To a value outside, lines end at the edge."""
    color, ends = color_of(rows), sorted(axes.get_ylim())
    low, high, mean = (rows[name].to_numpy(float) for name in ("low", "high", "difference"))
    outside = (mean < ends[0]) | (mean > ends[1])

    def cut(line: np.ndarray) -> np.ndarray:
        return np.where(outside, np.clip(line, ends[0], ends[1]), line)

    first: tuple[list[float], list[float]] = ([], []) if absent is None else ([absent], [0.0])
    for line in numbers:
        axes.plot([*first[0], *at], [*first[1], *cut(line)], color=color, alpha=0.25, linewidth=0.7, zorder=1.5)
    axes.fill_between(at, cut(low), cut(high), color=color, alpha=0.16, linewidth=0, zorder=1.6)
    axes.vlines(at[~outside], low[~outside], high[~outside], color=color, linewidth=1.4, zorder=3)
    axes.plot([*first[0], *at], [*first[1], *cut(mean)], color=color, linewidth=1.5, zorder=3)


def _frame(axes: Axes, rows: pd.DataFrame, quantity: Quantity, ends: tuple[float, float]) -> None:
    margin = float(rows["margin"].iloc[0])
    axes.set_ylim(*(ends if quantity.better_up else ends[::-1]))
    axes.axhspan(-margin, margin, color=ZONE, zorder=0.5, label="_margin")
    axes.axhline(0, color=style.GREY, linewidth=1.1, zorder=2)
    axes.locator_params(axis="y", nbins=6)
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    axes.grid(visible=False, axis="x")


def _ticks(axes: Axes, arranged: Arranged, inches: float) -> None:
    """Labels at the values. If they would touch they are turned. If that is not enough, every second one stays."""
    at, absent, texts = arranged.at, arranged.absent, arranged.texts
    where = at if absent is None else np.array([absent, *at])
    texts = texts if absent is None else [ABSENT, *texts]
    low, high = axes.get_xlim()
    apart = np.diff(where) * inches / (high - low)
    widths = np.array([style.text_width(text, 9) for text in texts])
    turned = bool((apart < (widths[1:] + widths[:-1]) / 2 + 0.08).any())
    if turned and len(apart) and apart.min() < _LINE:
        texts = [text if (len(texts) - 1 - place) % 2 == 0 or place == 0 else "" for place, text in enumerate(texts)]
    axes.set_xticks(where, texts)
    if turned:
        for label in axes.get_xticklabels():
            label.set(rotation=40, ha="right", rotation_mode="anchor")


def _point(axes: Axes, place: float, row: pd.Series, shade: str, quantity: Quantity) -> None:
    """The mark of one value. One outside the axis is an arrow at its edge with its number.

    Without a value there is a mark at the worse edge if all runs diverged, else none.
    """
    marker, filled = MARKS.get(row["verdict"], ("o", False))
    look: dict[str, Any] = {"marker": marker, "markersize": 7, "linestyle": "", "color": INK, "zorder": 5}
    look |= {"markerfacecolor": shade if filled else "white", "markeredgecolor": INK if marker != "x" else shade}
    if np.isnan(row["difference"]):
        if row["verdict"] == _V.DIVERGED:
            axes.plot([place], [_EDGE], label=str(row["value"]), transform=axes.get_xaxis_transform(), **look)
        return
    low, high = sorted(axes.get_ylim())
    if low <= row["difference"] <= high:
        axes.plot([place], [row["difference"]], label=str(row["value"]), **look)
        return
    _outside(axes, place, row, look, quantity)


def _outside(axes: Axes, place: float, row: pd.Series, look: dict[str, Any], quantity: Quantity) -> None:
    """A value outside the axis: its mark at the edge, an arrow, and its number."""
    below = (row["difference"] < min(axes.get_ylim())) == quantity.better_up
    across = axes.get_xaxis_transform()
    axes.plot([place], [0.13 if below else 0.87], label=str(row["value"]), transform=across, **look | {"zorder": 6})
    ends = (0.0, 0.1) if below else (1.0, 0.9)
    arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.2}
    axes.annotate("", (place, ends[0]), (place, ends[1]), across, arrowprops=arrow)
    text = short(row["difference"], quantity)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8}
    where: dict[str, Any] = {"ha": "center", "va": "bottom" if below else "top", "rotation": 90, "transform": across}
    height = 0.19 if below else 0.81
    axes.text(place, height, text, size=_SIZE, weight="bold", color=INK, bbox=box, zorder=6, **where)
