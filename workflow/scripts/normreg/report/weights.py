"""What the penalties did to the sizes of the weights: `weight_sizes.csv`, its page and its figure."""

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

from normreg.analysis import run_tables, weights
from normreg.analysis.weights import Size
from normreg.config.condition import Condition
from normreg.config.labels import Named
from normreg.report import html, style, words
from normreg.report.job import Drawn, Job
from normreg.report.looks import MANY, Look, legend
from normreg.report.looks import looks as find_looks
from normreg.utils.tables import Table, columns_of

TABLE = Table(
    "sizes of weights of a study",
    columns_of(str, "condition", "penalty", "norm", "part", "layer_type", "role")
    | columns_of(int, "elements")
    | columns_of(str, "size")
    | columns_of(float, "mean", "low", "high")
    | columns_of(int, "seeds", "diverged")
    | columns_of(str, "control")
    | columns_of(float, "ratio")
    | columns_of(str, "run"),
    may_be_empty=frozenset({"mean", "low", "high", "control", "ratio"}),
)
_PARTS = {weights.ALL: "All parameters", weights.WEIGHTS: "Weights only, without biases and norms"}
_READING = (
    "Norms and shares are of the saved models. The L1 norm is the sum of the absolute values, the L2 norm the root of "
    "the sum of squares. Training seldom makes a weight exactly 0, so sparsity is given as shares below thresholds. "
    "The control is the condition that has no penalty and is otherwise equal. Where a norm follows a convolution, it "
    "divides by the size of the convolution's output. So smaller weights there do not change by themselves what the "
    "network computes."
)
_LEAST, _TALL, _SHARES = 9.6, 5.4, 4.4  # least width, height, and width of the panel of shares, inches
_STEP, _NAME = 0.55, 2.2  # inches from layer to layer, and of the name of a layer; a longer name is shortened
_SIZE = style.RC["font.size"]


def write(path: str | Path, title: str, table: pd.DataFrame, conditions: Mapping[str, Condition]) -> None:
    """Writes the `table` of `weights.summarise`: sentences, then a table for each part of the model."""
    seeds = int(table["seeds"].max())
    several = f"Numbers are means over {seeds} seeds, with the range in brackets." if seeds > 1 else ""
    alone = "No condition of this study has a control, so changes are not given."
    said = [_READING, several, weights.diverged(table), *weights.sentences(table, conditions)]
    said.append("" if table["control"].notna().any() else alone)
    html.write_page(
        path, title, said, {heading: _format(table[table["role"] == part]) for part, heading in _PARTS.items()}
    )


def _format(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per condition. A norm has its change against the control beside it."""
    shown = []
    for condition, own in rows.groupby("condition", sort=False):
        by_size = own.set_index("size")
        cells: dict[str, str | None] = {"condition": str(condition), "elements": f"{own['elements'].iloc[0]:,}"}
        for size in weights.SIZES:
            row = by_size.loc[size.key]
            cells[size.name] = _value(row, size)
            if size.threshold is None:
                change = words.known(row["ratio"], lambda ratio: f"{words.signed(100 * (ratio - 1), 1)} %")
                cells[f"{size.name} against control"] = change
        shown.append(cells | {"control": words.known(own["control"].iloc[0], str)})
    return pd.DataFrame(shown).dropna(axis="columns", how="all")


def _value(row: pd.Series, size: Size) -> str | None:
    if not row["seeds"]:
        return None
    mean, low, high = (f"{row[key]:.{size.digits}f}" for key in ("mean", "low", "high"))
    return mean if row["seeds"] == 1 else f"{mean} ({low} to {high})"


@dataclass(frozen=True)
class Sizes(Drawn):
    """The sizes of one condition's weights.

    `shares` (T, 3) are mean, lowest and highest share in percent below each threshold of `weights.SHARES`. `layers` are
    the names of its layers with weights, `norms` (L,) their L1 norms per weight, and `ratios` (L,) those norms in
    percent of the control's, or None if there is no control.
    """

    seeds: int
    resolution: float  # the share of a single weight, in percent
    shares: np.ndarray
    layers: tuple[str, ...]
    norms: np.ndarray
    ratios: np.ndarray | None


def sizes_of(table: pd.DataFrame) -> list[Sizes]:
    """What is drawn of the table of `weights.summarise`. A condition of which all runs diverged is left out."""
    conditions = table[table["seeds"] > 0].groupby("condition", sort=False)
    return [_sizes(str(name), rows) for name, rows in conditions]


def _sizes(name: str, rows: pd.DataFrame) -> Sizes:
    """The sizes of one condition. Layers without weights, such as norms, are left out, unless no layer has any."""
    first, has_weights = rows.iloc[0], weights.WEIGHTS in set(rows["role"])
    whole = rows[rows["role"] == (weights.WEIGHTS if has_weights else weights.ALL)].set_index("size")
    shown = rows["role"] == run_tables.WEIGHT if has_weights else rows["role"] != weights.ALL
    norms = rows[shown & (rows["size"] == weights.L1.key)]
    ratios = 100 * norms["ratio"].to_numpy(float)
    return Sizes(
        name,
        first["penalty"],
        first["norm"],
        seeds=int(rows["seeds"].max()),
        resolution=100 / int(whole["elements"].iloc[0]),
        shares=whole.loc[[share.key for share in weights.SHARES], ["mean", "low", "high"]].to_numpy(float),
        layers=tuple(norms["part"]),
        norms=(norms["mean"] / norms["elements"]).to_numpy(float),
        ratios=None if pd.isna(first["control"]) or np.isnan(ratios).all() else ratios,
    )


@matplotlib.rc_context(style.RC)
def draw(sizes: Sequence[Sizes], title: str, named: Mapping[str, Named] | None = None, diverged: str = "") -> Figure:
    """Draws two panels, "shares" and "norms", with a line per condition, and a legend below them.

    The second panel shows the L1 norms in percent of the control's, for conditions that have a control. If none has
    one, it shows the L1 norm per weight of every condition. See `looks` for `named`. `diverged` is a sentence on the
    runs that diverged.
    """
    looks = find_looks(sizes, named)
    layers = list(dict.fromkeys(layer for one in sizes for layer in one.layers))
    labels = list(style.fitted(layers, range(len(layers)), _NAME, _SIZE).values())
    turned = max(style.text_width(label, _SIZE) for label in labels) > _STEP  # so that labels do not touch
    width = max(_LEAST, _SHARES + _STEP * len(layers))
    figure = style.new_figure(width, _TALL)
    shares, norms = figure.subplots(1, 2, width_ratios=(_SHARES, width - _SHARES))
    shares.set_label("shares")
    norms.set_label("norms")
    _draw_shares(shares, sizes, looks)
    _draw_norms(norms, sizes, looks, layers)
    norms.set_xticks(range(len(layers)), labels, rotation=90 * turned)
    legend(figure, sizes, looks, {name: look.label for name, look in looks.items()}, "condition")
    style.lay_out(figure, title, style.joined(_subtitle(sizes), diverged))
    return figure


def _subtitle(sizes: Sequence[Sizes]) -> str:
    seeds = max(one.seeds for one in sizes)
    bands = "; bands: range" if len(sizes) <= MANY else ""
    return f"weights of the saved models, {'one seed' if seeds == 1 else f'mean over {seeds} seeds{bands}'}"


def _draw_shares(axes: Axes, sizes: Sequence[Sizes], looks: dict[str, Look]) -> None:
    """Draws the shares on a log scale, which below the share of a single weight becomes linear, down to 0."""
    places = np.arange(len(weights.SHARES))
    for one in sizes:
        look = looks[one.condition]
        if one.seeds > 1 and len(sizes) <= MANY:
            axes.fill_between(places, one.shares[:, 1], one.shares[:, 2], color=look.color, alpha=0.12, linewidth=0)
        axes.plot(places, one.shares[:, 0], label=one.condition, **look.line())
    linear = 2 * max(one.resolution for one in sizes)
    axes.set_yscale("symlog", linthresh=linear, linscale=0.4)
    axes.set_ylim(0, max(linear, axes.get_ylim()[1]))  # more than 0 where no weight is small
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axes.set_xticks(places, [f"{share.threshold:g}" for share in weights.SHARES])
    axes.set(xlabel="threshold for the absolute value of a weight", ylabel="share of the weights below it (%)")
    style.panel_title(axes, "small weights, log scale")


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
        style.panel_title(axes, "L1 norm of each layer")
    else:
        axes.set(yscale="log", ylabel="L1 norm per weight")
        style.panel_title(axes, "L1 norm of each layer per weight, log scale")


def make(job: Job) -> None:
    """The table with its page and its figure."""
    title = f"Sizes of the weights: {job.title}"
    table = weights.summarise(job.runs, job.input.weights, job.conditions)
    job.write("weight_sizes.csv", TABLE, table)
    write(job.folder / "weight_sizes.html", title, table, job.conditions)
    sizes, diverged = sizes_of(table), weights.diverged(table)
    figure = draw(sizes, title, job.named, diverged) if sizes else style.only_words(title, diverged)
    style.save(figure, *job.paths("weight_sizes"))
