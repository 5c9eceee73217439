"""One panel of a response: the differences at every value, with their band, the zone of the margin and single seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb

from normreg.analysis.quantities import Quantity
from normreg.analysis.verdicts import EffectVerdict, ResponseLevel
from normreg.report import style, words
from normreg.report.effects_figure import ZONE
from normreg.report.palette import factor_color

ABSENT = "absent"  # the place of the reference on the axis
_WIDER = 4.0  # a value that would make the axis more than this many times as long is cut
_LOG = 5.0  # positive values whose ratio is at least this are on a log axis
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
OUTSIDE, SEED, WITHIN = "outside the axis, with its number", "a seed", "too small to matter (margin)"


@dataclass(frozen=True)
class Arranged:
    """The rows of one curve in the order of the axis, and where they stand on it.

    Attributes:
        rows: of `responses.csv`, from left to right.
        at: their places.
        absent: the place of the reference of a strength, left of all values. None where each value has its own.
        ends: of the axis.
    """

    rows: pd.DataFrame
    at: np.ndarray
    absent: float | None
    ends: tuple[float, float]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "Arranged":
        """Arranges the rows of one curve and quantity."""
        rows = rows.iloc[np.argsort(places(rows), kind="stable")]
        at = places(rows)
        step = float(np.diff(at).min()) if len(at) > 1 else 1.0
        step = max(step, (at[-1] - at[0]) / 12)
        absent = float(at[0] - 1.3 * step) if rows["level"].iloc[0] == ResponseLevel.STRENGTH else None
        first = float(at[0] if absent is None else absent)
        return cls(rows, at, absent, (first - 0.5 * step, float(at[-1] + 0.6 * step)))

    def numbers(self, seeds: pd.DataFrame) -> np.ndarray:
        """The differences of single seeds, one seed in each row, from the curve's rows of `response_seeds.csv`."""
        table = seeds.pivot(index="value", columns="seed", values="number").reindex(self.rows["value"])
        return np.asarray(table, dtype=float).T


def texts_of(rows: pd.DataFrame) -> list[str]:
    """The values as the axis has them: of keys that move together the first alone."""
    return [str(value).split(" / ")[0] for value in rows["value"]]


def places(rows: pd.DataFrame) -> np.ndarray:
    """Where the values stand on the axis, which may be one of powers of ten. Texts stand in order, one apart."""
    x = rows["x"].to_numpy(float)
    if np.isnan(x).any():
        return np.arange(len(x), dtype=float)
    return np.asarray(np.log10(x) if (x > 0).all() and x.max() >= _LOG * x.min() else x)


def limits(rows: pd.DataFrame, quantity: Quantity) -> tuple[float, float]:
    """Ends of the axis: 0, the zone of the margin, and all values but those that are far worse than the others.

    The nearer half of the values and all that are better are inside. Others are added, the nearest first, until one
    would make the axis too long. Over strengths its length so far is that of the first half: a few strong penalties
    fall off a cliff, step by step. Over anything else it grows with each value.
    """
    margin = float(rows["margin"].iloc[0])
    ends = rows[["difference", "low", "high"]].to_numpy(float)
    better = (rows["difference"].to_numpy(float) > 0) == quantity.better_up
    known = ~np.isnan(ends).all(axis=1)
    low, high = -1.6 * margin, 1.6 * margin
    bottoms, tops = np.nanmin(ends[known], axis=1, initial=low), np.nanmax(ends[known], axis=1, initial=high)
    far = np.where(better[known], 0.0, np.maximum(-bottoms, tops))
    steady = rows["level"].iloc[0] == ResponseLevel.STRENGTH
    limit = np.inf
    for rank, index in enumerate(np.argsort(far, kind="stable"), start=1):
        wider = float(min(low, bottoms[index])), float(max(high, tops[index]))
        if rank > (len(far) + 1) // 2 and far[index]:
            limit = limit if steady and np.isfinite(limit) else _WIDER * (high - low)
            if wider[1] - wider[0] > limit:
                break
        low, high = wider
    room = 0.12 * (high - low)
    return low - room, high + room


def common_limits(rows: pd.DataFrame, quantity: Quantity) -> tuple[float, float]:
    """Ends of an axis that several curves share, so that one height is one difference."""
    every = [limits(own, quantity) for _, own in rows.groupby("curve", sort=False)]
    return min(low for low, _ in every), max(high for _, high in every)


def has_collapsed(row: "pd.Series[Any]") -> bool:
    """Whether some run of a comparison collapsed. Its mean and its interval then mix two kinds of runs."""
    return bool(row["collapses"] > 0)  # an unknown number is not


def short(difference: float, quantity: Quantity) -> str:
    """The number beside the mark of a value outside the axis."""
    return words.signed(difference, 1 if abs(difference) >= 10 else 2 if quantity.percent else 3)


def color_of(rows: pd.DataFrame) -> str:
    """The color of the factor."""
    return factor_color(str(rows["factor"].iloc[0]))


def shades(color: str, count: int) -> list[str]:
    """`count` shades of a color from light to dark: the order of the strengths."""
    amounts = np.linspace(0.45, 1.0, count) if count > 1 else np.ones(1)
    return [to_hex(1 + (np.array(to_rgb(color)) - 1) * part) for part in amounts]


def draw(
    axes: Axes,
    rows: pd.DataFrame,
    seeds: pd.DataFrame,
    quantity: Quantity,
    ends: tuple[float, float],
    inches: float,
) -> None:
    """Draws one curve of one quantity. Up is better: the axis of a loss is reversed.

    Args:
        axes: the panel.
        rows: its rows of `responses.csv`.
        seeds: its rows of `response_seeds.csv`.
        quantity: of both.
        ends: of the axis, see `common_limits`.
        inches: about how wide the panel is.
    """
    arranged = Arranged.of(rows)
    rows, at, absent = arranged.rows, arranged.at, arranged.absent
    axes.set(xlim=arranged.ends, ylim=ends if quantity.better_up else ends[::-1])
    margin = float(rows["margin"].iloc[0])
    axes.axhspan(-margin, margin, color=ZONE, zorder=0.5, label="_margin")
    axes.axhline(0, color=style.GREY, linewidth=1.1, zorder=2)
    axes.locator_params(axis="y", nbins=6)
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    axes.grid(visible=False, axis="x")
    _ticks(axes, arranged, inches)
    _lines(axes, arranged, arranged.numbers(seeds), ends)
    if absent is not None:
        axes.plot([absent], [0], marker="D", markersize=5, color=style.GREY, linestyle="", zorder=4)
        axes.axvline((absent + at[0]) / 2, color="#bbbbbb", linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    for place, shade, (_, row) in zip(at, shades(color_of(rows), len(at)), rows.iterrows(), strict=True):
        _point(axes, float(place), row, shade, quantity)


def _lines(axes: Axes, arranged: Arranged, numbers: np.ndarray, ends: tuple[float, float]) -> None:
    """The seeds, one in each row of `numbers`, the band and the mean. To a value outside, lines end at the edge.

    The band breaks at a value outside, and where runs collapsed: there it would be as wide as the figure.
    """
    rows, at, absent = arranged.rows, arranged.at, arranged.absent
    color = color_of(rows)
    low, high, mean = (rows[name].to_numpy(float) for name in ("low", "high", "difference"))
    outside = (mean < ends[0]) | (mean > ends[1])
    start, zero = ([], []) if absent is None else ([absent], [0.0])

    def cut(line: np.ndarray) -> np.ndarray:
        return np.where(outside, np.clip(line, *ends), line)

    for line in numbers:
        axes.plot([*start, *at], [*zero, *cut(line)], color=color, alpha=0.25, linewidth=0.7, zorder=1.5)
    whole = ~outside & ~rows.apply(has_collapsed, axis=1).to_numpy(bool)
    axes.fill_between(at, low, high, where=list(whole), color=color, alpha=0.16, linewidth=0, zorder=1.6)
    axes.vlines(at[whole], low[whole], high[whole], color=color, linewidth=1.4, zorder=3)
    axes.plot([*start, *at], [*zero, *cut(mean)], color=color, linewidth=1.5, zorder=3)


def _ticks(axes: Axes, arranged: Arranged, inches: float) -> None:
    """Labels at the values. If they would touch they are turned. If that is not enough, every second one stays."""
    where, texts = arranged.at, texts_of(arranged.rows)
    if arranged.absent is not None:
        where, texts = np.array([arranged.absent, *where]), [ABSENT, *texts]
    low, high = arranged.ends
    apart = np.diff(where) * inches / (high - low)
    widths = np.array([style.text_width(text, 9) for text in texts])
    turned = bool((apart < (widths[1:] + widths[:-1]) / 2 + 0.08).any())
    if turned and apart.min() < _LINE:
        texts = [text if (len(texts) - 1 - place) % 2 == 0 or place == 0 else "" for place, text in enumerate(texts)]
    look: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    axes.set_xticks(where, texts, **look)


def _point(axes: Axes, place: float, row: pd.Series, shade: str, quantity: Quantity) -> None:
    """The mark of one value. One outside the axis is an arrow at its edge with its number.

    Without a value there is a mark at the worse edge if all runs diverged, else none.
    """
    marker, filled = MARKS.get(row["verdict"], ("o", False))
    look: dict[str, Any] = {"marker": marker, "markersize": 7, "linestyle": "", "color": style.INK, "zorder": 5}
    look |= {"markerfacecolor": shade if filled else "white", "markeredgecolor": style.INK if marker != "x" else shade}
    look["label"] = str(row["value"])
    low, high = sorted(axes.get_ylim())
    inside, collapsed = bool(low <= row["difference"] <= high), has_collapsed(row)
    if np.isnan(row["difference"]):
        if row["verdict"] == _V.DIVERGED:
            axes.plot([place], [_EDGE], transform=axes.get_xaxis_transform(), **look)
    elif inside and not collapsed:
        axes.plot([place], [row["difference"]], **look)
    else:
        _at_edge(axes, place, row, quantity, {} if collapsed else look)


def _at_edge(axes: Axes, place: float, row: pd.Series, quantity: Quantity, look: dict[str, Any]) -> None:
    """A value outside the axis, or whose runs collapsed: an arrow, its number, and its mark if it has a verdict."""
    below = not look or (row["difference"] < min(axes.get_ylim())) == quantity.better_up
    tip, tail, mark, number = (0.0, 0.1, 0.13, 0.19) if below else (1.0, 0.9, 0.87, 0.81)
    across = axes.get_xaxis_transform()
    if look:
        axes.plot([place], [mark], transform=across, **look | {"zorder": 6})
    arrow = {"arrowstyle": "-|>", "color": style.INK, "linewidth": 1.2}
    axes.annotate("", (place, tip), (place, tail), across, arrowprops=arrow)
    collapsed = "" if look else f", collapsed in {row['collapses']:.0f} of {row['runs']:.0f}"
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8}
    text: dict[str, Any] = {"ha": "center", "va": "bottom" if below else "top", "rotation": 90, "transform": across}
    text |= {"size": _SIZE, "weight": "bold", "color": style.INK, "bbox": box, "zorder": 6}
    axes.text(place, number if look else tail + 0.03, f"{short(row['difference'], quantity)}{collapsed}", **text)
