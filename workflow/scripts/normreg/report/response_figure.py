"""Response curves of one sweep: how a difference depends on a strength or a size. A grid of values is a heat map."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Annotation

from normreg.analysis import answer, response_tables
from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.analysis.verdicts import EffectVerdict, ResponseLevel
from normreg.report import axes as scales
from normreg.report import response_panel, style, words
from normreg.report.effects_figure import ZONE
from normreg.report.job import Job
from normreg.report.palette import NORM_STYLES, PENALTY_STYLES
from normreg.settings.table import label
from normreg.utils import tables

_MOST = 4  # panels side by side
_PANEL, _ALONE, _TALL = 3.6, 6.8, 3.3  # width of a panel with its texts, of a single one, and height; inches
_SIDE, _BESIDE, _HEAD = 0.9, 0.5, 0.75  # left of all panels; what the texts of one take; the heading
_CELL, _LOW = 1.5, 0.62  # width and height of a cell of a grid, inches
_CAP = 20  # colors of cells end at this many margins: a collapse must not make all others white
_FOUND = {EffectVerdict.BETTER, EffectVerdict.WORSE, EffectVerdict.SLIGHTLY_BETTER, EffectVerdict.SLIGHTLY_WORSE}


def read(path: str | Path, seeds: str | Path, study: str, sweep: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of one sweep of both tables of `responses.Tables`. `study` is the identity of their runs.

    Raises:
        DataError: a file is unreadable or changed, or belongs to another study.
    """
    kinds = {path: response_tables.RESPONSES, seeds: response_tables.RESPONSE_SEEDS}
    found, numbers = (tables.read_frame(file, kind, study) for file, kind in kinds.items())
    return found[found["sweep"] == sweep], numbers[numbers["sweep"] == sweep]


def name_of(key: str, rows: pd.DataFrame) -> str:
    """What a swept key is called on an axis. `rows` are those of the curves. A lambda is called by their factor."""
    factors = rows["factor"].dropna().unique()
    if key.startswith("lambdas.") and len(factors) == 1 and not is_grid(rows):
        return f"strength of {factors[0]} (λ)"
    return label(key)


def title_of(over: Sequence[str], rows: pd.DataFrame, study: str) -> str:
    """The title of the figure of a sweep. `study` is the title of its study."""
    name = name_of(over[0], rows)
    return f"{name[0].upper()}{name[1:]}, accuracy and loss: {study}"


def is_grid(rows: pd.DataFrame) -> bool:
    """Whether two keys are crossed, so that there are cells and no curves."""
    return bool(rows["y"].notna().any())


@matplotlib.rc_context(style.RC)
def draw(table: pd.DataFrame, seeds: pd.DataFrame, title: str, over: Sequence[str]) -> Figure:
    """Draws one panel for each curve and quantity: accuracy above, loss below.

    Args:
        table, seeds: see `read`.
        title: of the figure.
        over: the keys of the sweep.
    """
    is_mean = table["level"] == ResponseLevel.MEAN
    compared, means = table[~is_mean], table[is_mean]
    keys = [name_of(key, compared) for key in over]
    if is_grid(compared):
        return _draw_grid(compared, title, keys)
    curves, quantities = list(compared["curve"].unique()), [QUANTITIES[key] for key in table["quantity"].unique()]
    columns = max(1, min(_MOST, len(curves)))
    wide = _PANEL if columns > 1 else _ALONE
    blocks = [curves[start : start + columns] for start in range(0, len(curves), columns)]
    kinds = [(block, quantity) for block in blocks for quantity in quantities]
    rows = len(kinds) + bool(len(means))
    figure = style.new_figure(_SIDE + columns * wide, rows * _TALL + _HEAD)
    grid = figure.add_gridspec(rows, columns)
    for row, (block, quantity) in enumerate(kinds):
        shown = compared[compared["curve"].isin(block) & (compared["quantity"] == quantity.key)]
        ends = response_panel.common_limits(shown, quantity)
        for column, curve in enumerate(block):
            axes = figure.add_subplot(grid[row, column], label=f"{curve} {quantity.key}")
            lines = seeds[(seeds["curve"] == curve) & (seeds["quantity"] == quantity.key)]
            own = shown[shown["curve"] == curve]
            response_panel.draw(axes, own, lines[lines["level"] != ResponseLevel.MEAN], quantity, ends, wide - _BESIDE)
            _panel_title(axes, answer.curve_name(own.iloc[0].to_dict()))
            axes.set_xlabel(name_of(over[0], own))
            if column:
                axes.tick_params(labelleft=False)
            else:
                axes.set_ylabel(f"{axis_of(quantity)}\nup is better", size=9)
    if len(means):
        _draw_means(figure.add_subplot(grid[-1, :], label="means"), means, keys[0])
    _add_legend(figure, compared)
    style.lay_out(figure, title, subtitle(compared if len(compared) else means))
    return figure


def _panel_title(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", size=10, weight="bold", pad=7)


def axis_of(quantity: Quantity) -> str:
    """What the vertical axis is called."""
    return f"difference in {quantity.margin} ({quantity.difference_unit})"


def subtitle(rows: pd.DataFrame) -> str:
    """What is shown, from the rows of one sweep."""
    seeds = words.seeds(rows)
    if not seeds:
        return "no seed has all the runs that a comparison needs"
    if (rows["level"] == ResponseLevel.MEAN).all():
        return f"means of {seeds}; no two conditions that differ in one factor alone, so nothing is compared"
    if rows["low"].isna().all():
        return f"{seeds}: no band and no verdict; repeat with --config seeds=5"
    return f"difference from the same without it, within each of {seeds}; band: 95 % for a whole curve at once"


def _add_legend(figure: Figure, rows: pd.DataFrame) -> None:
    """Adds a legend below the panels: the marks of verdicts that are drawn, and what else is."""
    drawn = rows[~rows.apply(response_panel.has_collapsed, axis=1)] if len(rows) else rows
    known = set(drawn["verdict"].dropna())
    handles: list[Any] = [
        Line2D([], [], marker=marker, markerfacecolor=style.GREY if filled else "white", label=str(verdict))
        for verdict, (marker, filled) in response_panel.MARKS.items()
        if verdict in known
    ]
    if any(isinstance(text, Annotation) for axes in figure.axes for text in axes.texts):
        handles.append(Line2D([], [], marker="$\u2193$", label=response_panel.OUTSIDE))
    for handle in handles:
        handle.set(color=style.INK, linestyle="", markersize=7)
    handles.append(Line2D([], [], color=style.GREY, linewidth=0.8, alpha=0.6, label=response_panel.SEED))
    handles.append(Patch(color=ZONE, label=response_panel.WITHIN))
    columns = max(1, int(figure.get_figwidth() / 3.1))
    figure.set_figheight(figure.get_figheight() + 0.21 * -(-len(handles) // columns) + 0.15)
    figure.legend(handles=handles, loc="outside lower left", ncols=columns, frameon=False)


def _draw_means(axes: Axes, means: pd.DataFrame, key: str) -> None:
    """Draws the mean accuracy of every condition, as a learning curve; errors are on a log scale.

    Args:
        axes: the panel.
        means: rows of the level "mean". That of a condition of which all runs diverged is unknown.
        key: the name of the axis of values.
    """
    quantity = next(QUANTITIES[name] for name in means["quantity"].unique() if QUANTITIES[name].percent)
    own = means[(means["quantity"] == quantity.key) & means["mean"].notna()]
    if own.empty:
        axes.set_axis_off()
        return
    for _, rows in own.groupby("curve", sort=False):
        first = rows.iloc[0].to_dict()
        penalty, norm = PENALTY_STYLES[first["penalty"]], NORM_STYLES[first["norm"]]
        look: dict[str, Any] = {"color": penalty.color, "linestyle": norm.line, "marker": penalty.markers[0]}
        look |= {"markersize": 5, "markerfacecolor": penalty.color if norm.filled else "white", "linewidth": 1.4}
        axes.plot(response_panel.places(rows), rows["mean"], label=answer.curve_name(first), **look)
    scales.use_error_scale(axes, quantity, own["mean"].to_numpy())
    whole = own[own["curve"] == own["curve"].iloc[0]]
    axes.set_xticks(response_panel.places(whole), response_panel.texts_of(whole))
    _panel_title(axes, "all conditions")
    axes.set_xlabel(key)
    axes.set_ylabel(f"{quantity.label}\n{scales.scale_name(quantity)}", size=9)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


def _draw_grid(rows: pd.DataFrame, title: str, keys: Sequence[str]) -> Figure:
    """Draws one heat map for each curve and quantity: the difference in each cell, with its verdict.

    Args:
        rows: the cells of one sweep, from `responses.csv`.
        title: of the figure.
        keys: what the two axes are called.
    """
    curves, quantities = list(rows["curve"].unique()), [QUANTITIES[key] for key in rows["quantity"].unique()]
    firsts, seconds = _values(rows, 0, "x"), _values(rows, 1, "y")
    wide, tall = max(2.4, _CELL * len(firsts)), max(1.2, _LOW * len(seconds))
    width = max(len(curves) * (wide + 0.6) + _SIDE, _ALONE)
    figure = style.new_figure(width, len(quantities) * (tall + 1.0) + _HEAD)
    panels = figure.subplots(len(quantities), len(curves), squeeze=False)
    for row, quantity in enumerate(quantities):
        for axes, curve in zip(panels[row], curves, strict=True):
            own = rows[(rows["curve"] == curve) & (rows["quantity"] == quantity.key)]
            axes.set(xlabel=keys[0], ylabel=keys[1], label=f"{curve} {quantity.key}")
            _draw_map(axes, own, quantity, firsts, seconds)
    figure.supxlabel(
        "purple: better, orange: worse, the darker the larger; bold: a difference is shown", size=9, color=style.GREY
    )
    style.lay_out(figure, title, "difference from the same without it; the verdicts hold for a whole map at once")
    return figure


def _values(rows: pd.DataFrame, part: int, place: str) -> list[str]:
    """The values of one of both keys, in ascending order if they are numbers."""
    own = pd.DataFrame({"text": rows["value"].str.split(" / ").str[part], "place": rows[place]})
    return list((own if own["place"].isna().any() else own.sort_values("place"))["text"].drop_duplicates())


def _draw_map(axes: Axes, own: pd.DataFrame, quantity: Quantity, firsts: list[str], seconds: list[str]) -> None:
    sign, most = (1 if quantity.better_up else -1), _CAP * float(own["margin"].iloc[0])
    colors = np.full((len(seconds), len(firsts)), np.nan)
    for row in own.to_dict("records"):
        first, second = row["value"].split(" / ")[:2]
        x, y = firsts.index(first), seconds.index(second)
        verdict, ink = answer.verdict(row), "black"
        text = verdict or "no reference"
        if not pd.isna(row["difference"]):
            colors[y, x] = np.sign(row["difference"]) * sign * min(abs(row["difference"]) / most, 1) ** 0.5
            broken = verdict.replace(" within ", "\nwithin ").replace(" by ", "\nby ")
            text = f"{quantity.write_difference(row['difference'])}\n{broken}"
            ink = "white" if abs(colors[y, x]) > 0.75 else "#1a1a1a"
        weight = "bold" if row["verdict"] in _FOUND else "normal"
        axes.text(x, y, text, ha="center", va="center", size=8.5, zorder=3, color=ink, weight=weight)
    axes.imshow(colors, cmap=matplotlib.colormaps["PuOr"], vmin=-1.25, vmax=1.25, aspect="auto", origin="lower")
    axes.set_xticks(range(len(firsts)), firsts)
    axes.set_yticks(range(len(seconds)), seconds)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    name = answer.curve_name(own.iloc[0].to_dict())
    axes.set_title(f"{name}, {quantity.heading} ({quantity.difference_unit})", loc="left", size=9.5, pad=7)


def make(job: Job) -> None:
    """The figure of one sweep."""
    table, seeds = read(job.folder / "responses.csv", job.folder / "response_seeds.csv", job.identity, job.sweep)
    over = next(sweep.over for sweep in job.sweeps if sweep.name == job.sweep)
    figure = draw(table, seeds, title_of(over, table, job.title), over)
    style.save(figure, *job.paths(f"response_{job.sweep}"))
