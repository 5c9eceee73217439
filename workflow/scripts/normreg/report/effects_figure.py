"""The figure of the effects, with intervals: one row per effect, one panel per quantity."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from normreg.analysis import answer
from normreg.analysis.quantities import CROSS_ENTROPY, PERCENT, QUANTITIES, SHARE, Quantity
from normreg.analysis.verdicts import EffectVerdict, Level
from normreg.report import style, words
from normreg.report.palette import factor_color

ZONE = "#dde8d7"  # differences that count as none
# Verdicts of a difference that was found. Their points are filled.
FOUND = set(EffectVerdict) - {
    EffectVerdict.DIVERGED,
    EffectVerdict.TOO_FEW,
    EffectVerdict.NO_SPREAD,
    EffectVerdict.EQUIVALENT,
    EffectVerdict.UNDECIDED,
}
_LEAST_SPAN = {PERCENT: 0.2, CROSS_ENTROPY: 0.002, SHARE: 0.002}  # an axis spans at least this, by unit
_VISIBLE = 0.02  # share of the axis below which the zone of the margin cannot be seen
_WIDTH, _PLOT = 9.6, 2.3  # the width, if a plot of this least width fits in; inches
_ROW, _HEAD, _AXIS, _BOTTOM, _TOP = 0.215, 0.42, 0.5, 0.55, 0.62  # heights, inches
_SIZE = 9.0  # of text, points
_EFFECT: dict[str, Any] = {"marker": "D", "markersize": 7, "linestyle": "", "zorder": 4}
_PAIR: dict[str, Any] = {"marker": "o", "markersize": 4, "linestyle": "", "zorder": 4}


def limits(rows: pd.DataFrame, quantity: Quantity) -> tuple[float, float]:
    """Ends of an axis: it has 0, the zone of the margin and all values, and else no more room than it needs."""
    margin = rows["margin"].iloc[0]
    shown = rows[["difference", "low", "high", "low_new_images", "high_new_images"]]
    values = np.append(shown.to_numpy(float).ravel(), [-margin, margin])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = max(0.05 * (high - low), (_LEAST_SPAN[quantity.unit] - (high - low)) / 2)
    return low - room, high + room


def too_narrow(margin: float, low: float, high: float) -> str:
    """A note if the zone cannot be seen on an axis from `low` to `high`, else an empty text."""
    return f"the margin of ±{margin:g} is too narrow to see here" if 2 * margin < _VISIBLE * (high - low) else ""


@matplotlib.rc_context(style.RC)
def draw(table: pd.DataFrame, title: str, names: Mapping[str, str]) -> Figure:
    """Draws the panels, with the same rows, below each other: side by side, text would be too small in the report.

    Panels have their quantity as label, points the name of their row.

    Args:
        table: see `effects.estimate`. It has one row or more.
        title: of the figure.
        names: what the figure calls the conditions. Others have their own name.
    """
    panels = {str(quantity): own for quantity, own in table.groupby("quantity", sort=False)}
    rows = next(iter(panels.values()))
    places, labels = _places(rows), [name_of(row, names) for _, row in rows.iterrows()]
    left = 0.3 + max(style.text_width(label, _SIZE, bold=True) for label in labels)
    numbers = 0.25 + max(style.text_width(_numbers(row), _SIZE, bold=True) for _, row in table.iterrows())
    plot = max(_PLOT, _WIDTH - left - numbers)
    tall = _ROW * (places[-1] + 1)
    height = _TOP + (_HEAD + tall + _AXIS) * len(panels) + _BOTTOM
    figure = style.new_figure(left + plot + numbers, height)
    style.heading(figure, title, _subtitle(table))
    for number, (quantity, own) in enumerate(panels.items(), start=1):
        bottom = height - _TOP - (_HEAD + tall) * number - _AXIS * (number - 1)
        axes = style.place(figure, quantity, left, bottom, plot, tall)
        _draw_frame(axes, QUANTITIES[quantity], own)
        axes.set_yticks(places, labels)
        axes.set_ylim(places[-1] + 0.5, -0.5)
        for place, text, (_, row) in zip(places, axes.get_yticklabels(), own.iterrows(), strict=True):
            _draw_row(axes, place, row, text.get_text(), plot)
            text.set(color=_color(row), weight="normal" if row["level"] == Level.PAIR else "bold")
    _draw_legend(figure, table)
    return figure


def name_of(row: pd.Series, names: Mapping[str, str]) -> str:
    """The name of a row: an effect or interaction has the name of its factors, a pair those of its conditions."""
    if row["level"] == Level.INTERACTION:
        return answer.name_of(row)
    if row["level"] == Level.EFFECT and row["pairs"] > 1:
        return f"{answer.name_of(row)}: mean of {row['pairs']:.0f} pairs"
    pair = " − ".join(names.get(row[side], row[side]) for side in ("with", "without"))
    return pair if row["level"] == Level.PAIR else f"{answer.name_of(row)}: {pair}"


def _color(row: pd.Series) -> str:
    return style.INK if row["level"] == Level.INTERACTION else factor_color(row["factor"])


def _subtitle(table: pd.DataFrame) -> str:
    seeds = words.seeds(table)
    if not seeds:
        return "no seed has all the runs that an effect needs"
    if table["low"].isna().all():
        return f"{seeds}: no interval and no verdict; repeat with --config seeds=5"
    new = "; thick: training again, thin: new images too" if table["low_new_images"].notna().any() else ""
    return f"with the factor minus without it, within each of {seeds}; 95 % intervals, each for itself{new}"


def _places(rows: pd.DataFrame) -> list[float]:
    """Positions of the rows, in rows from the top. Above an effect and the interactions is half a row more space."""
    crossed = rows["level"] == Level.INTERACTION
    more = (rows["level"] == Level.EFFECT) | (crossed & ~crossed.shift(fill_value=False))
    gaps = np.where(more, 1.5, 1.0)
    return [float(place) for place in np.cumsum(gaps) - gaps[0]]


def _draw_frame(axes: Axes, quantity: Quantity, own: pd.DataFrame) -> None:
    low, high = limits(own, quantity)
    margin = own["margin"].iloc[0]
    axes.set_xlim(low, high)
    axes.tick_params("y", length=0, pad=8)
    axes.spines["left"].set_visible(False)
    axes.axvspan(-margin, margin, color=ZONE, zorder=0.5, label="_margin")
    axes.axvline(0, color=style.GREY, linewidth=1.1, zorder=2)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.ticklabel_format(axis="x", useOffset=False, style="plain")
    side = "right" if quantity.better_up else "left"
    axes.set_xlabel(f"difference in {quantity.difference_unit}, {side} of 0 is better", size=_SIZE)
    style.panel_title(axes, "; ".join(filter(None, [quantity.heading, too_narrow(margin, low, high)])), pad=7)


def _draw_row(axes: Axes, place: float, row: pd.Series, label: str, plot: float) -> None:
    """Draws the point and its interval, and writes both as numbers with the verdict. A difference found is filled."""
    color, effect, shown = _color(row), row["level"] != Level.PAIR, row["verdict"] in FOUND
    if not pd.isna(row["low"]):
        axes.plot([row["low"], row["high"]], [place, place], color=color, linewidth=3.4 if effect else 2)
        if effect:
            axes.plot([row["low_new_images"], row["high_new_images"]], [place, place], color=color, linewidth=1)
    look = {**(_EFFECT if effect else _PAIR), "color": color, "markerfacecolor": color if shown else "white"}
    axes.plot([row["difference"]], [place], label=label, **look)
    text: dict[str, Any] = {"va": "center", "size": _SIZE, "weight": "bold" if shown else "normal"}
    text |= {"color": color if effect else style.INK, "transform": axes.get_yaxis_transform()}
    axes.text(1 + 0.1 / plot, place, _numbers(row), **text)


def _numbers(row: pd.Series) -> str:
    write = QUANTITIES[row["quantity"]].write_difference
    interval = "" if pd.isna(row["low"]) else f"({write(row['low'])} to {write(row['high'])})"
    said = answer.diverged(row) if row["level"] == Level.PAIR else answer.verdict(row)
    said = "" if row["verdict"] == EffectVerdict.TOO_FEW else said
    new = row["verdict_new_images"]
    said += "" if pd.isna(new) or new == row["verdict"] else f"; new images: {new}"
    text = "  ".join(filter(None, [words.known(row["difference"], write), interval, said]))
    return "; ".join(filter(None, [text, answer.collapses(row)]))


def _draw_legend(figure: Figure, table: pd.DataFrame) -> None:
    effect = "effect or interaction" if (table["level"] == Level.INTERACTION).any() else "effect"
    looks = [(_EFFECT, "white", effect)]
    if (table["level"] == Level.PAIR).any():
        looks.append((_PAIR, "white", "one of its pairs of conditions"))
    if table["low"].notna().any():
        found = "filled, bold: a difference (p < 0.05, adjusted for the number of effects)"
        looks.append((_EFFECT, style.INK, found))
    handles = [Line2D([], [], color=style.INK, markerfacecolor=face, label=text, **look) for look, face, text in looks]
    style.legend_below(figure, [*handles, Patch(color=ZONE, label="within the margin that counts as none")], columns=2)
