"""Effects of the factors of a study with their intervals: a row per effect, a panel per quantity."""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from normreg.errors import DataError
from normreg.figures import style

PANELS = {  # heading, axis, decimals and least span of each
    "last5_accuracy": ("accuracy, mean of the last five epochs", "difference in points, right of 0 is better", 3, 0.1),
    "last5_loss": ("loss, mean of the last five epochs", "difference, left of 0 is better", 5, 0.001),
}
COLORS = {
    "L1": style.PENALTIES["l1"][1],
    "L2": style.PENALTIES["l2"][1],
    "group L2": style.PENALTIES["l2"][1],
    "GBN": style.PENALTIES["none"][1],
}
REAL = "real: not by chance (p < 0.05, adjusted for the number of effects)"
_COLUMNS = [
    "factor",
    "strength",
    "pairs",
    "without",
    "with",
    "quantity",
    "seeds",
    "difference",
    "low",
    "high",
    "verdict",
]
_PLOT, _NUMBERS, _GAP = 2.6, 1.75, 0.3  # widths of the plot, of the numbers beside it, between panels; inches
_ROW, _HEAD, _BOTTOM, _TOP = 0.25, 0.4, 0.95, 0.62  # heights, inches
_MEAN: dict[str, Any] = {"marker": "D", "markersize": 7, "linestyle": "", "zorder": 4}
_PAIR: dict[str, Any] = {"marker": "o", "markersize": 4, "linestyle": "", "zorder": 4}


def read(path: str | Path) -> pd.DataFrame:
    """Reads the table of `normreg.effects.estimate`: quantities that have a panel.

    Raises:
        DataError: unreadable, a missing column, a difference that is no number, an unknown factor, or no row to draw.
    """
    try:
        table = pd.read_csv(path)[_COLUMNS].astype({"difference": float, "low": float, "high": float})
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as effects ({type(error).__name__}: {error}).") from error
    table = table[table["quantity"].isin(list(PANELS))]
    if table.empty or not np.isfinite(table["difference"]).all() or not table["factor"].isin(list(COLORS)).all():
        raise DataError(f"{path}: no row to draw, a difference that is not finite, or a factor without a colour.")
    return table


@matplotlib.rc_context(style.RC)
def draw(table: pd.DataFrame, title: str) -> Figure:
    """Draws the panels side by side, with the same rows; axes are labelled with the quantity, points with the row."""
    rows = table[table["quantity"] == next(iter(PANELS))]
    names = [name_of(row) for _, row in rows.iterrows()]
    left = 0.35 + max(style.text_width(name, 9, bold=True) for name in names)
    step = _PLOT + _NUMBERS + _GAP
    places = _places(rows)
    tall = _ROW * (places[-1] + 1)
    width, height = left + step * len(PANELS), _BOTTOM + tall + _HEAD + _TOP
    figure = style.new_figure(width, height)
    style.heading(figure, title, _subtitle(table))
    for place, quantity in enumerate(PANELS):
        box = (left + place * step) / width, _BOTTOM / height, _PLOT / width, tall / height
        axes = figure.add_axes(box, label=quantity)
        own = table[table["quantity"] == quantity]
        _draw_frame(axes, quantity, own)
        axes.set_yticks(places, names)
        axes.set_ylim(places[-1] + 0.5, -0.5)
        axes.tick_params(labelleft=place == 0)
        for up, (_, row) in zip(places, own.iterrows(), strict=True):
            _draw_row(axes, up, row)
    for label, (_, row) in zip(figure.axes[0].get_yticklabels(), rows.iterrows(), strict=True):
        label.set(color=COLORS[row["factor"]], weight="bold" if row["pairs"] > 1 else "normal")
    _draw_legend(figure, table)
    return figure


def name_of(row: pd.Series) -> str:
    """What a row is called: a factor with its strength, or two conditions."""
    if row["pairs"] > 1:
        return f"{strength_of(row)}: mean of {row['pairs']} pairs"
    return f"{row['with']} − {row['without']}"


def strength_of(row: pd.Series) -> str:
    """A factor with its lambda or number of splits."""
    strength = f"{row['strength']:g}".replace("e-0", "e-")
    return f"GBN, {strength} splits" if row["factor"] == "GBN" else f"{row['factor']} {strength}"


def _subtitle(table: pd.DataFrame) -> str:
    seeds = int(table["seeds"].min())
    if table["low"].isna().all():
        return f"{seeds} seed{'s' if seeds > 1 else ''}: no interval and no verdict; repeat with --config seeds=5"
    return f"with the factor minus without it, within each of {seeds} seeds; 95 % intervals"


def _places(rows: pd.DataFrame) -> list[float]:
    """Heights of the rows, in rows from the top: half a row between effects of different factors or strengths."""
    places: list[float] = []
    above = None
    for _, row in rows.iterrows():
        gap = 0.5 if above not in (None, strength_of(row)) else 0.0
        places.append(places[-1] + 1 + gap if places else 0.0)
        above = strength_of(row)
    return places


def _draw_frame(axes: Axes, quantity: str, own: pd.DataFrame) -> None:
    heading, label, _, least = PANELS[quantity]
    values = own[["difference", "low", "high"]].to_numpy(float)
    reach = max(1.08 * float(np.nanmax(np.abs(values))), least)
    axes.set_xlim(-reach, reach)
    axes.tick_params("y", length=0, pad=8)
    axes.spines["left"].set_visible(False)
    axes.axvline(0, color=style.GREY, linewidth=1.1, zorder=2)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.ticklabel_format(axis="x", useOffset=False, style="plain")
    axes.set_xlabel(label, size=8.5)
    axes.set_title(heading, loc="left", size=9.5, color=style.GREY, pad=7)


def _draw_row(axes: Axes, place: float, row: pd.Series) -> None:
    """The point, its interval, and both as numbers; a real effect in bold."""
    color, mean, decimals = COLORS[row["factor"]], row["pairs"] > 1, PANELS[row["quantity"]][2]
    if not np.isnan(row["low"]):
        axes.plot([row["low"], row["high"]], [place, place], color=color, linewidth=2.4 if mean else 1.1)
    face = color if row["verdict"] == "real" else "white"
    look = (_MEAN if mean else _PAIR) | {"color": color, "markerfacecolor": face}
    axes.plot([row["difference"]], [place], label=name_of(row), **look)
    text = f"{row['difference']:+.{decimals}f}"
    if not np.isnan(row["low"]):
        text += f"  ({row['low']:+.{decimals}f} to {row['high']:+.{decimals}f})"
    weight = "bold" if row["verdict"] == "real" else "normal"
    look = {"va": "center", "size": 8, "weight": weight, "transform": axes.get_yaxis_transform()}
    axes.text(1.03, place, text, color=color if mean else "#333333", **look)


def _draw_legend(figure: Figure, table: pd.DataFrame) -> None:
    handles = [
        Line2D([], [], color="#333333", markerfacecolor="white", label="mean over pairs of conditions", **_MEAN),
        Line2D([], [], color="#333333", markerfacecolor="white", label="one pair", **_PAIR),
    ]
    if (table["verdict"] == "real").any():
        handles.append(Line2D([], [], color="#333333", label=f"filled, bold: {REAL}", **_PAIR))
    width, height = figure.get_size_inches()
    place = (0.2 / width, 0.12 / height)
    figure.legend(handles=handles, loc="lower left", bbox_to_anchor=place, ncols=3, frameon=False, borderaxespad=0)
