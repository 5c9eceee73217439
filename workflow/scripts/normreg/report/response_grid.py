"""A grid of two swept values as a heat map: the difference from the reference in each cell, with its verdict."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from normreg.analysis import answer
from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.analysis.verdicts import EffectVerdict
from normreg.report import style

_CELL, _TALL = 1.5, 0.62  # a cell, inches
_LEFT, _GAP, _RIGHT, _TOP, _HEAD, _FOOT = 1.2, 1.1, 0.3, 0.72, 0.34, 0.75
_CAP = 20  # colors end at this many margins: a collapse must not make all others white
_FOUND = {EffectVerdict.BETTER, EffectVerdict.WORSE, EffectVerdict.SLIGHTLY_BETTER, EffectVerdict.SLIGHTLY_WORSE}


def draw(rows: pd.DataFrame, title: str, keys: Sequence[str]) -> Figure:
    """Draws one heat map for each curve and quantity.

    Args:
        rows: the cells of one sweep, from `responses.csv`.
        title: of the figure.
        keys: what the two axes are called.
    """
    curves, quantities = list(rows["curve"].unique()), [QUANTITIES[key] for key in rows["quantity"].unique()]
    firsts, seconds = _texts(rows)
    wide, tall = max(2.4, _CELL * len(firsts)), max(1.2, _TALL * len(seconds))
    width = max(_LEFT + len(curves) * (wide + _GAP) - _GAP + _RIGHT, 6.4)
    one = _HEAD + tall + _FOOT
    height = _TOP + one * len(quantities) + 0.3
    figure = style.new_figure(width, height)
    style.heading(figure, title, "difference from the same without it; the verdicts hold for a whole map at once")
    for row, quantity in enumerate(quantities):
        for column, curve in enumerate(curves):
            own = rows[(rows["curve"] == curve) & (rows["quantity"] == quantity.key)]
            left, bottom = _LEFT + column * (wide + _GAP), height - _TOP - one * row - _HEAD - tall
            place = (left / width, bottom / height, wide / width, tall / height)
            axes = figure.add_axes(place, label=f"{curve} {quantity.key}")
            _map(axes, own, quantity, (firsts, seconds), keys)
    note = "purple: better, orange: worse, the darker the larger; bold: a difference is shown"
    figure.text(0.2 / width, 0.12 / height, note, size=9, color=style.GREY)
    return figure


def _texts(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The values of both keys, each in ascending order if they are numbers."""
    parts = rows["value"].str.split(" / ", expand=True)
    found = []
    for part, place in ((0, "x"), (1, "y")):
        own = pd.DataFrame({"text": parts[part], "place": rows[place]}).drop_duplicates("text")
        found.append(list((own if own["place"].isna().any() else own.sort_values("place"))["text"]))
    return found[0], found[1]


def _map(
    axes: Axes, own: pd.DataFrame, quantity: Quantity, texts: tuple[list[str], list[str]], keys: Sequence[str]
) -> None:
    firsts, seconds = texts
    sign, most = (1 if quantity.better_up else -1), _CAP * float(own["margin"].iloc[0])
    colors = np.full((len(seconds), len(firsts)), np.nan)
    for row in own.to_dict("records"):
        first, second = row["value"].split(" / ")[:2]
        x, y = firsts.index(first), seconds.index(second)
        verdict = answer.verdict(row)
        text = verdict or "no reference"
        look: dict[str, Any] = {"ha": "center", "va": "center", "size": 8.5, "zorder": 3}
        if not pd.isna(row["difference"]):
            colors[y, x] = np.sign(row["difference"]) * sign * min(abs(row["difference"]) / most, 1) ** 0.5
            text = f"{quantity.write_difference(row['difference'])}\n{_wrap(verdict)}"
            look |= {"color": "white" if abs(colors[y, x]) > 0.75 else "#1a1a1a"}
        axes.text(x, y, text, weight="bold" if row["verdict"] in _FOUND else "normal", **look)
    axes.imshow(colors, cmap=matplotlib.colormaps["PuOr"], vmin=-1.25, vmax=1.25, aspect="auto", origin="lower")
    axes.set_xticks(range(len(firsts)), firsts)
    axes.set_yticks(range(len(seconds)), seconds)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    name = answer.curve_name(own.iloc[0].to_dict())
    axes.set_title(f"{name}, {quantity.heading} ({quantity.difference_unit})", loc="left", size=9.5, pad=7)
    axes.set_xlabel(keys[0])
    axes.set_ylabel(keys[1])


def _wrap(text: str) -> str:
    return text.replace(" within ", "\nwithin ").replace(" by ", "\nby ")
