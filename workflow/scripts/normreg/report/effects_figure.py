"""The effects of a study's factors, with intervals: one row per effect, one panel per quantity."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from normreg.analysis import answer
from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.analysis.verdicts import EffectVerdict, Level
from normreg.report import effect_scale, study_inputs, style
from normreg.report.job import Job
from normreg.report.palette import factor_color
from normreg.report.study_inputs import effect_panels

_WIDTH, _PLOT = 9.6, 2.3  # the width, if a plot of this least width fits in; inches
_ROW, _HEAD, _AXIS, _BOTTOM, _TOP = 0.215, 0.42, 0.5, 0.55, 0.62  # heights, inches
_SIZE = 9.0  # of text, points
_EFFECT: dict[str, Any] = {"marker": "D", "markersize": 7, "linestyle": "", "zorder": 4}
_PAIR: dict[str, Any] = {"marker": "o", "markersize": 4, "linestyle": "", "zorder": 4}


@matplotlib.rc_context(style.RC)
def draw(table: pd.DataFrame, title: str, names: Mapping[str, str]) -> Figure:
    """Draws the panels, with the same rows, below each other: side by side, text would be too small in the report.

    Panels have their quantity as label, points the name of their row.

    Args:
        table: see `study_inputs.read_effects`.
        title: of the figure.
        names: what the figure calls the conditions. Others have their own name.
    """
    panels = effect_panels(table)
    rows, places = next(iter(panels.values())), _places(next(iter(panels.values())))
    labels = [name_of(row, names) for _, row in rows.iterrows()]
    left = 0.3 + max(style.text_width(label, _SIZE, bold=True) for label in labels)
    numbers = 0.25 + max(style.text_width(_numbers(row), _SIZE, bold=True) for _, row in table.iterrows())
    plot = max(_PLOT, _WIDTH - left - numbers)
    tall = _ROW * (places[-1] + 1)
    width, height = left + plot + numbers, _TOP + (_HEAD + tall + _AXIS) * len(panels) + _BOTTOM
    figure = style.new_figure(width, height)
    style.heading(figure, title, _subtitle(table))
    for number, (quantity, own) in enumerate(panels.items(), start=1):
        bottom = height - _TOP - (_HEAD + tall) * number - _AXIS * (number - 1)
        axes = figure.add_axes((left / width, bottom / height, plot / width, tall / height), label=quantity)
        _draw_frame(axes, QUANTITIES[quantity], own)
        axes.set_yticks(places, labels)
        axes.set_ylim(places[-1] + 0.5, -0.5)
        for place, label, (_, row) in zip(places, labels, own.iterrows(), strict=True):
            _draw_row(axes, place, row, label, plot)
        for text, (_, row) in zip(axes.get_yticklabels(), own.iterrows(), strict=True):
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
    return effect_scale.INK if row["level"] == Level.INTERACTION else factor_color(row["factor"])


def _subtitle(table: pd.DataFrame) -> str:
    known = table.loc[table["seeds"] > 0, "seeds"]
    if known.empty:
        return "no seed has all the runs that an effect needs"
    low, high = int(known.min()), int(known.max())
    seeds = f"{high} seed{'s' if high > 1 else ''}" if low == high else f"{low} to {high} seeds"
    if table["low"].isna().all():
        return f"{seeds}: no interval and no verdict; repeat with --config seeds=5"
    return f"with the factor minus without it, within each of {seeds}; 95 % intervals, each for itself"


def _places(rows: pd.DataFrame) -> list[float]:
    """Positions of the rows, in rows from the top. Above an effect and the interactions is half a row more space."""
    places: list[float] = []
    before = None
    for level in rows["level"]:
        gap = 1.5 if level == Level.EFFECT or (level == Level.INTERACTION and before != level) else 1.0
        before = level
        places.append(places[-1] + gap if places else 0.0)
    return places


def _draw_frame(axes: Axes, quantity: Quantity, own: pd.DataFrame) -> None:
    low, high = effect_scale.limits(own, quantity)
    axes.set_xlim(low, high)
    axes.tick_params("y", length=0, pad=8)
    axes.spines["left"].set_visible(False)
    margin = own["margin"].iloc[0]
    axes.axvspan(-margin, margin, color=effect_scale.ZONE, zorder=0.5, label="_margin")
    axes.axvline(0, color=style.GREY, linewidth=1.1, zorder=2)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.ticklabel_format(axis="x", useOffset=False, style="plain")
    side = "right" if quantity.better_up else "left"
    axes.set_xlabel(f"difference in {quantity.difference_unit}, {side} of 0 is better", size=_SIZE)
    narrow = effect_scale.too_narrow(margin, low, high)
    axes.set_title(
        f"{quantity.heading}; {narrow}" if narrow else quantity.heading, loc="left", size=9.5, color=style.GREY, pad=7
    )


def _draw_row(axes: Axes, place: float, row: pd.Series, label: str, plot: float) -> None:
    """Draws the point and its interval, and writes both as numbers with the verdict. A difference found is filled."""
    color, effect, shown = _color(row), row["level"] != Level.PAIR, row["verdict"] in effect_scale.FOUND
    if not np.isnan(row["low"]):
        axes.plot([row["low"], row["high"]], [place, place], color=color, linewidth=2.4 if effect else 1.1)
    look = {**(_EFFECT if effect else _PAIR), "color": color, "markerfacecolor": color if shown else "white"}
    axes.plot([row["difference"]], [place], label=label, **look)
    text: dict[str, Any] = {"va": "center", "size": _SIZE, "weight": "bold" if shown else "normal"}
    text |= {"color": color if effect else effect_scale.INK, "transform": axes.get_yaxis_transform()}
    axes.text(1 + 0.1 / plot, place, _numbers(row), **text)


def _numbers(row: pd.Series) -> str:
    write = QUANTITIES[row["quantity"]].write_difference
    parts = [] if np.isnan(row["difference"]) else [write(row["difference"])]
    parts += [] if np.isnan(row["low"]) else [f"({write(row['low'])} to {write(row['high'])})"]
    said = answer.diverged(row) if row["level"] == Level.PAIR else answer.verdict(row)
    parts += [said] if said and row["verdict"] != EffectVerdict.TOO_FEW else []
    text = "  ".join(parts)
    return f"{text}; {answer.collapses(row)}" if row["collapses"] > 0 else text


def _draw_legend(figure: Figure, table: pd.DataFrame) -> None:
    looks = [(_EFFECT, "white", "effect or interaction" if (table["level"] == Level.INTERACTION).any() else "effect")]
    if (table["level"] == Level.PAIR).any():
        looks.append((_PAIR, "white", "one of its pairs of conditions"))
    if table["low"].notna().any():
        looks.append(
            (_EFFECT, effect_scale.INK, "filled, bold: a difference (p < 0.05, adjusted for the number of effects)")
        )
    handles: list[Artist] = [
        Line2D([], [], color=effect_scale.INK, markerfacecolor=face, label=label, **look) for look, face, label in looks
    ]
    width, height = figure.get_size_inches()
    handles.append(Patch(color=effect_scale.ZONE, label="within the margin that counts as none"))
    place = (0.2 / width, 0.1 / height)
    figure.legend(handles=handles, loc="lower left", bbox_to_anchor=place, ncols=2, frameon=False, borderaxespad=0)


def make(job: Job) -> None:
    """The figure of `effects.csv`."""
    title = f"Effects: {job.title}"
    if job.contrasts:
        names = {name: named["label"] for name, named in job.named.items()}
        figure = draw(study_inputs.read_effects(job.folder / "effects.csv", job.identity), title, names)
    else:
        figure = style.nothing(title, "No two conditions of this study differ in one factor alone.")
    style.save(figure, *job.paths("effects"))
