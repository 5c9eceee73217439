"""Sizes of the trained weights: shares below thresholds, and the L1 norm of each layer that has weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from normreg.analysis import run_tables, study_tables, weights
from normreg.config.labels import Named
from normreg.errors import AGAIN, DataError
from normreg.report import names, style
from normreg.report.legend import Legend
from normreg.report.looks import MANY, Look
from normreg.report.looks import looks as find_looks
from normreg.utils import tables

_LEFT, _RIGHT, _GAP, _TOP, _TALL = 0.75, 0.25, 0.85, 1.0, 3.5  # inches
_STEP, _NAME = 0.55, 2.2  # inches from layer to layer, and of the name of a layer; a longer name is shortened
_SIZE = style.RC["font.size"]


@dataclass(frozen=True)
class Sizes:
    """The sizes of one condition's weights.

    `shares` (T, 3) are mean, lowest and highest share in percent below each threshold of `weights.SHARES`. `layers` are
    the names of its layers with weights, `norms` (L,) their L1 norms per weight, and `ratios` (L,) those norms in
    percent of the control's, or None if there is no control.
    """

    condition: str
    penalty: str
    norm: str
    seeds: int
    resolution: float  # the share of a single weight, in percent
    shares: np.ndarray
    layers: tuple[str, ...]
    norms: np.ndarray
    ratios: np.ndarray | None


def read(path: str | Path, study: str) -> tuple[list[Sizes], str]:
    """Reads the table of `normreg.analysis.weights.summarise`. `study` is the identity of its runs.

    A condition of which all runs diverged is left out; a sentence says which diverged.

    Raises:
        DataError: the file is unreadable or changed, belongs to another study, or lacks a row.
    """
    table = tables.read_frame(path, study_tables.WEIGHT_SIZES, study)
    if table.duplicated(["condition", "part", "role", "size"]).any():
        raise DataError(f"{path}: cannot be read as sizes of weights: a row is there twice. {AGAIN}")
    try:
        conditions = table[table["seeds"] > 0].groupby("condition", sort=False)
        return [_sizes(str(name), rows) for name, rows in conditions], weights.diverged(table)
    except KeyError as error:
        raise DataError(f"{path}: cannot be read as sizes of weights: it has no row for {error}. {AGAIN}") from error


def _sizes(name: str, rows: pd.DataFrame) -> Sizes:
    """The sizes of one condition. Layers without weights, such as norms, are left out, unless no layer has any."""
    first, has_weights = rows.iloc[0], weights.WEIGHTS in set(rows["role"])
    whole = rows[rows["role"] == (weights.WEIGHTS if has_weights else weights.ALL)].set_index("size")
    shares = [whole.loc[share.key, ["mean", "low", "high"]] for share in weights.SHARES]
    shown = rows["role"] == run_tables.WEIGHT if has_weights else rows["role"] != weights.ALL
    layers = list(dict.fromkeys(rows.loc[shown, "part"]))
    sizes = rows[shown].set_index(["part", "size"])
    norms = [sizes.loc[(layer, weights.L1.key)] for layer in layers]
    ratios = np.array([100 * row["ratio"] for row in norms], dtype=float)
    return Sizes(
        name,
        first["penalty"],
        first["norm"],
        int(rows["seeds"].max()),
        100 / int(whole["elements"].iloc[0]),
        np.array(shares, dtype=float),
        tuple(layers),
        np.array([row["mean"] / row["elements"] for row in norms], dtype=float),
        None if first["control"] is None or np.isnan(ratios).all() else ratios,
    )


@matplotlib.rc_context(style.RC)
def draw(sizes: Sequence[Sizes], title: str, named: Mapping[str, Named] | None = None, diverged: str = "") -> Figure:
    """Draws two panels, "shares" and "norms", with a line per condition, and a "legend" below them.

    The second panel shows the L1 norms in percent of the control's, for conditions that have a control. If none has
    one, it shows the L1 norm per weight of every condition. See `looks` for `named`. `diverged` is a sentence on the
    runs that diverged.
    """
    looks = find_looks(sizes, named)
    layers = list(dict.fromkeys(layer for one in sizes for layer in one.layers))
    labels = list(names.fitted(layers, range(len(layers)), _NAME, _SIZE).values())
    longest = max(names.line_width(label, _SIZE) for label in labels)
    turned = longest > _STEP  # so that labels do not run into each other
    plots = 3.7, max(3.8, _STEP * len(layers))
    width = _LEFT + plots[0] + _GAP + plots[1] + _RIGHT
    legend = Legend(sizes, looks, width - 0.4)
    width = max(width, legend.width + 0.4)
    bottom = legend.height + 0.65 + turned * longest
    height = bottom + _TALL + _TOP
    figure = style.new_figure(width, height)
    style.heading(figure, title, style.joined(_subtitle(sizes), diverged))

    def place(name: str, left: float, up: float, wide: float, tall: float) -> Axes:
        return figure.add_axes((left / width, up / height, wide / width, tall / height), label=name)

    _draw_shares(place("shares", _LEFT, bottom, plots[0], _TALL), sizes, looks)
    left = _LEFT + plots[0] + _GAP
    norms = place("norms", left, bottom, width - left - _RIGHT, _TALL)
    _draw_norms(norms, sizes, looks, layers)
    norms.set_xticks(range(len(layers)), labels, rotation=90 * turned)
    legend.draw(place("legend", 0.2, 0.08, width - 0.4, legend.height))
    return figure


def _subtitle(sizes: Sequence[Sizes]) -> str:
    seeds = max(one.seeds for one in sizes)
    of = "weights of the saved models"
    bands = "; bands: range" if len(sizes) <= MANY else ""
    return f"{of}, one seed" if seeds == 1 else f"{of}, mean over {seeds} seeds{bands}"


def _draw_shares(axes: Axes, sizes: Sequence[Sizes], looks: dict[str, Look]) -> None:
    """Draws the shares on a log scale, which below the share of a single weight becomes linear, down to 0."""
    places = np.arange(len(weights.SHARES))
    for one in sizes:
        look = looks[one.condition]
        if one.seeds > 1 and len(sizes) <= MANY:
            low, high = one.shares[:, 1], one.shares[:, 2]
            axes.fill_between(places, low, high, color=look.color, alpha=0.12, linewidth=0)
        axes.plot(places, one.shares[:, 0], label=one.condition, **look.line())
    linear = 2 * max(one.resolution for one in sizes)
    axes.set_yscale("symlog", linthresh=linear, linscale=0.4)
    axes.set_ylim(0, max(linear, axes.get_ylim()[1]))  # more than 0 where no weight is small
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axes.set_xticks(places, [f"{share.threshold:g}" for share in weights.SHARES])
    axes.set_xlabel("threshold for the absolute value of a weight")
    axes.set_ylabel("share of the weights below it (%)")
    axes.set_title("small weights, log scale", loc="left", size=9.5, color=style.GREY)


def _draw_norms(axes: Axes, sizes: Sequence[Sizes], looks: dict[str, Look], layers: Sequence[str]) -> None:
    relative = any(one.ratios is not None for one in sizes)
    for one in sizes:
        values: Any = one.ratios if relative else one.norms
        if values is not None:
            places = [layers.index(layer) for layer in one.layers]
            axes.plot(places, values, label=one.condition, **looks[one.condition].line())
    axes.set_xlabel("layer")
    if relative:
        axes.axhline(100, color=style.GREY, linewidth=1.1, zorder=1.5, label="control")
        axes.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
        axes.set_ylabel("% of the condition without a penalty")
        text = "L1 norm of each layer"
    else:
        axes.set_yscale("log")
        axes.set_ylabel("L1 norm per weight")
        text = "L1 norm of each layer per weight, log scale"
    axes.set_title(text, loc="left", size=9.5, color=style.GREY)
