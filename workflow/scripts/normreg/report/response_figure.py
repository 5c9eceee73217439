"""Response curves of one sweep: how a difference depends on a strength or a size. A grid of values is a heat map."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from normreg.analysis import answer, response_tables
from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.analysis.verdicts import EffectVerdict, ResponseLevel
from normreg.errors import AGAIN, DataError
from normreg.report import response_grid, response_means, response_panel, response_scale, style
from normreg.report.job import Job
from normreg.settings.table import label
from normreg.utils import tables

_MOST = 4  # panels side by side
_NAMES = 2.0  # room for the names of conditions, inches
_PANEL, _ALONE, _TALL = 3.3, 6.4, 2.5  # width of a panel, of a single one, and height; inches
_LEFT, _GAP, _RIGHT, _TOP, _HEAD, _FOOT, _BOTTOM = 1.1, 0.85, 0.25, 0.68, 0.32, 0.75, 0.75


def read(path: str | Path, seeds: str | Path, study: str, sweep: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of one sweep of both tables of `responses.Tables`. `study` is the identity of their runs.

    Raises:
        DataError: a file is unreadable or changed, belongs to another study, or has no row of the sweep; a verdict is
            unknown.
    """
    found = []
    for name, kind in ((path, response_tables.RESPONSES), (seeds, response_tables.RESPONSE_SEEDS)):
        whole = tables.read_frame(name, kind, study)
        found.append(whole[whole["sweep"] == sweep])
        if found[-1].empty:
            raise DataError(f"{name}: has no row of the sweep {sweep}. {AGAIN}")
    verdicts = set(found[0]["verdict"].dropna()) - set(EffectVerdict)
    if verdicts:
        raise DataError(f"{path}: holds an unknown verdict, {', '.join(sorted(verdicts))}. {AGAIN}")
    return found[0], found[1]


def name_of(key: str, rows: pd.DataFrame) -> str:
    """What a swept key is called on an axis. `rows` are those of the curves. A lambda is called by their factor."""
    factors = rows["factor"].dropna().unique()
    if key.startswith("lambdas.") and len(factors) == 1 and not is_grid(rows):
        return f"strength of {factors[0]} (λ)"
    return label(key)


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
    compared = table[table["level"] != ResponseLevel.MEAN]
    means = table[table["level"] == ResponseLevel.MEAN]
    keys = [name_of(key, compared) for key in over]
    if is_grid(compared):
        return response_grid.draw(compared, title, keys)
    curves, quantities = list(compared["curve"].unique()), [QUANTITIES[key] for key in table["quantity"].unique()]
    columns = max(1, min(_MOST, len(curves)))
    wide = _PANEL if columns > 1 else _ALONE
    blocks = [curves[start : start + columns] for start in range(0, len(curves), columns)]
    kinds = [(block, quantity) for block in blocks for quantity in quantities]
    width = _LEFT + columns * wide + (columns - 1) * _GAP + _RIGHT
    one = _HEAD + _TALL + _FOOT
    height = _TOP + one * (len(kinds) + bool(len(means))) + _BOTTOM
    figure = style.new_figure(width, height)
    style.heading(figure, title, subtitle(compared if len(compared) else means))
    for number, (block, quantity) in enumerate(kinds):
        bottom = height - _TOP - one * number - _HEAD - _TALL
        for column, curve in enumerate(block):
            place = (_LEFT + column * (wide + _GAP), bottom, wide, _TALL)
            _panel(figure, place, compared[compared["curve"] == curve], seeds[seeds["curve"] == curve], quantity)
            own = compared[compared["curve"] == curve]
            _label(figure.axes[-1], own, quantity, name_of(over[0], own), None if column else wide)
    if len(means):
        inside = width - _LEFT - _NAMES
        axes = figure.add_axes(
            (_LEFT / width, (_BOTTOM + _FOOT) / height, inside / width, _TALL / height), label="means"
        )
        response_means.draw(axes, means, keys[0], inside)
    _legend(figure, compared)
    return figure


def _panel(
    figure: Figure,
    place: tuple[float, float, float, float],
    rows: pd.DataFrame,
    seeds: pd.DataFrame,
    quantity: Quantity,
) -> None:
    """Draws one panel at `place`: left, bottom, width and height in inches."""
    width, height = figure.get_size_inches()
    left, bottom, wide, tall = place
    name = f"{rows['curve'].iloc[0]} {quantity.key}"
    axes = figure.add_axes((left / width, bottom / height, wide / width, tall / height), label=name)
    lines = seeds[(seeds["quantity"] == quantity.key) & (seeds["level"] != ResponseLevel.MEAN)]
    response_panel.draw(axes, rows[rows["quantity"] == quantity.key], lines, quantity, wide)


def _label(axes: Axes, own: pd.DataFrame, quantity: Quantity, key: str, wide: float | None) -> None:
    """Writes what the axes are. `wide` is the width of the first panel of a row, which has the label of all."""
    axes.set_title(answer.curve_name(own.iloc[0].to_dict()), loc="left", size=10, weight="bold", pad=7)
    axes.set_xlabel(key)
    if wide is not None:
        axes.set_ylabel(f"{axis_of(quantity)}\nup is better", size=9)
        axes.yaxis.set_label_coords(-0.72 / wide, 0.5)


def axis_of(quantity: Quantity) -> str:
    """What the vertical axis is called."""
    return f"difference in {quantity.margin} ({quantity.difference_unit})"


def subtitle(rows: pd.DataFrame) -> str:
    """What is shown, from the rows of one sweep."""
    known = rows.loc[rows["seeds"] > 0, "seeds"]
    if known.empty:
        return "no seed has all the runs that a comparison needs"
    low, high = int(known.min()), int(known.max())
    seeds = f"{high} seed{'s' if high > 1 else ''}" if low == high else f"{low} to {high} seeds"
    if (rows["level"] == ResponseLevel.MEAN).all():
        return f"means of {seeds}; no two conditions that differ in one factor alone, so nothing is compared"
    if rows["low"].isna().all():
        return f"{seeds}: no band and no verdict; repeat with --config seeds=5"
    return f"difference from the same without it, within each of {seeds}; band: 95 % for a whole curve at once"


def _legend(figure: Figure, rows: pd.DataFrame) -> None:
    known = set(rows["verdict"].dropna())
    handles: list[Artist] = []
    for verdict, (marker, filled) in response_panel.MARKS.items():
        if verdict in known:
            face: Any = style.GREY if filled else "white"
            mark: dict[str, Any] = {"color": response_panel.INK, "linestyle": "", "markersize": 7}
            handles.append(Line2D([], [], marker=marker, markerfacecolor=face, label=str(verdict), **mark))
    if _cut(rows):
        arrow: dict[str, Any] = {"marker": "$\u2193$", "markersize": 9, "linestyle": "", "color": response_panel.INK}
        handles.append(Line2D([], [], label=response_panel.FAR, **arrow))
    handles.append(Line2D([], [], color=style.GREY, linewidth=0.8, alpha=0.6, label=response_panel.SEED))
    handles.append(Patch(color=response_panel.ZONE, label=response_panel.WITHIN))
    width, height = figure.get_size_inches()
    columns = max(1, int((width - 0.3) / 2.6))
    place = (0.2 / width, 0.08 / height)
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=place, ncols=columns, frameon=False, borderaxespad=0
    )


def _cut(rows: pd.DataFrame) -> bool:
    """Whether a value is outside the axis of its panel."""
    for (_, key), own in rows.groupby(["curve", "quantity"], sort=False):
        low, high = response_scale.limits(own, QUANTITIES[key])
        if not own["difference"].dropna().between(low, high).all():
            return True
    return False


def make(job: Job) -> None:
    """The figure of one sweep."""
    table, seeds = read(job.folder / "responses.csv", job.folder / "response_seeds.csv", job.identity, job.sweep)
    over = next(sweep.over for sweep in job.sweeps if sweep.name == job.sweep)
    figure = draw(table, seeds, f"Response, {job.sweep}: {job.title}", over)
    style.save(figure, *job.paths(f"response_{job.sweep}"))
