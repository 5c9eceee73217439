"""Published against measured values of a study: `published.csv`, its page and its figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from normreg.analysis import published
from normreg.analysis import summary as summaries
from normreg.analysis.inference import LEAST_SEEDS
from normreg.analysis.quantities import CROSS_ENTROPY, PERCENT, QUANTITIES, Quantity
from normreg.analysis.verdicts import Origin, PublishedVerdict
from normreg.config.factors import PENALTIES
from normreg.config.labels import Named
from normreg.report import html, style, words
from normreg.report.job import Job
from normreg.report.looks import looks as find_looks
from normreg.report.palette import PENALTY_STYLES
from normreg.utils.tables import Table, columns_of

TABLE = Table(
    "published values",
    columns_of(str, "condition", "penalty", "norm", "quantity")
    | columns_of(float, "published")
    | columns_of(str, "best_epochs")
    | columns_of(float, "measured", "measured_low", "measured_high")
    | columns_of(int, "seeds")
    | columns_of(float, "half_width", "difference")
    | columns_of(str, "verdict", "best_of_3", "no_verdict", "engines")
    | columns_of(int, "diverged")
    | columns_of(str, "from", "note", "run"),
    may_be_empty=frozenset(
        {"published", "best_epochs", "measured", "measured_low", "measured_high", "half_width", "difference"}
        | {"verdict", "best_of_3", "no_verdict", "from", "note"}
    ),
)
DRAWN = ("final_accuracy", "last5_accuracy", "last5_loss")  # keys of `QUANTITIES` that have a panel
SIGNS = {
    "*": "from the README only",
    "‡": "other epochs, not compared",
    "†": "outside the spread of seeds",
}
_LEAST_SPAN = {PERCENT: 0.25, CROSS_ENTROPY: 0.004}  # an axis spans at least this: one image more stays small
_PLOT, _NUMBER, _GAP = 1.95, 0.63, 0.18  # widths: plot, each of two number columns, between panels; inches
_ROW, _HEAD, _BOTTOM, _TOP = 0.27, 0.78, 1.34, 0.62  # heights, inches
_SIZE = 8.5  # of text, points
_OPEN: dict[str, Any] = {"marker": "D", "markersize": 7, "markerfacecolor": "white", "linestyle": "", "zorder": 3}
_FULL: dict[str, Any] = {"marker": "o", "markersize": 4.5, "linestyle": "", "zorder": 4}
_BAR: dict[str, Any] = {"linewidth": 4.5, "alpha": 0.35, "solid_capstyle": "butt"}
_LINK: dict[str, Any] = {"linewidth": 1.3, "color": "#bdbdbd", "zorder": 2.5}
_LEGEND: dict[str, Any] = {"loc": "lower left", "ncols": 4, "frameon": False, "borderpad": 0, "borderaxespad": 0}
_RULER: dict[str, Any] = {"linewidth": 1.2, "color": style.GREY, "marker": "|", "markersize": 7, "markeredgewidth": 1.2}


def write(
    path: str | Path,
    title: str,
    source: str,
    comparison: pd.DataFrame,
    readme: Sequence[Mapping[str, Any]],
    diverged: str = "",
    offset: tuple[float, float, float] | None = None,
) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        title: heading of the page.
        source: where the published values come from.
        comparison: the table of `published.compare`.
        readme: one entry for each difference between the study's README and its code, with the keys `key`, `readme`,
            `executed` and `note`.
        diverged: a sentence on the runs that diverged.
        offset: see `published.offset`.
    """
    differences = [{key: entry.get(key) for key in ("key", "readme", "executed", "note")} for entry in readme]
    parts = {
        "": _format(comparison),
        "No verdict": _without_verdict(comparison),
        # As a column too wide for a screen.
        "Notes on the published values": comparison[["condition", "note"]].dropna().drop_duplicates(),
        "Where the README and the executed code differ": pd.DataFrame(differences).map(
            lambda value: words.known(value, str)
        ),
    }
    said = [f"Published values: {source}.", diverged, *_reading(comparison), _offset(offset), _mixed(comparison)]
    html.write_page(path, title, said, parts)


def _reading(comparison: pd.DataFrame) -> list[str]:
    smaller, larger = published.SAME_CONFIGURATION_DIFFERED
    seeds = min((int(count) for count in comparison["seeds"] if count), default=0)
    if seeds < LEAST_SEEDS:
        return [
            f"{words.count(seeds, 'seed')} measured: no verdict. For comparison: in two cases, two published runs had "
            f"the same configuration. Their last-five means differed by {smaller:.2f} and {larger:.2f} points."
        ]
    given, outside, best, expected = published.count_outside(comparison)
    chance = (
        f"{outside} of {given} verdicts are outside. If every published run was one more seed of the same training, "
        f"{expected:.1f} of {given} would be expected outside by chance (5 %). The quantities of one run are not "
        f"independent, so they are often outside together. {best} are also outside of what the best of "
        f"{published.BEST_OF} runs would "
        "give, which is perhaps what was published."
    )
    return [
        "Within the spread of seeds: the published value lies in the 95 % prediction interval of one more seed, which "
        "is the measured mean plus and minus the half-width. All runs are tested on the same images, so the sampling "
        "error of these images is not part of it. The interval assumes that the values of the seeds are normal.",
        chance if given else "",
    ]


def _offset(offset: tuple[float, float, float] | None) -> str:
    """A sentence on the whole study: whether its accuracies are higher or lower than measured, all together."""
    if offset is None:
        return ""
    mean, low, high = (f"{value:+.3f}".replace("-", "−") for value in offset)
    said = "more than" if not offset[1] <= offset[0] <= offset[2] else "as much as"
    return (
        f"One test for the whole study: the published final accuracies are {mean} points from the measured means, as a "
        f"mean over the conditions. One more seed would be {low} to {high} points away (95 %), so the study differs by "
        f"{said} one more seed can."
    )


def _mixed(comparison: pd.DataFrame) -> str:
    """A sentence about conditions whose seeds were trained by different engines, if there are any."""
    several = comparison[comparison["engines"].str.contains(",")].drop_duplicates("condition")
    named = "; ".join(f"{row['condition']}: {row['engines']}" for _, row in several.iterrows())
    text = f"Different engines trained the seeds of some conditions ({named}). All of them count as seeds here."
    return text if named else ""


def _without_verdict(comparison: pd.DataFrame) -> pd.DataFrame:
    """Which published values have no verdict, and why. Too few seeds are said above the table."""
    missing = comparison[comparison["no_verdict"].notna() & (comparison["no_verdict"] != published.FEW_SEEDS)]
    groups = missing.groupby(["condition", "no_verdict"], sort=False)["quantity"]
    rows = [(name, ", ".join(QUANTITIES[key].name for key in keys), why) for (name, why), keys in groups]
    return pd.DataFrame(rows, columns=["condition", "quantities", "because"])


def _format(comparison: pd.DataFrame) -> pd.DataFrame:
    """The table as text. None stands for what was not published, or not compared."""

    def text(row: pd.Series, key: str, sign: str = "", more: int = 0) -> str | None:
        return words.known(row[key], lambda value: f"{value:{sign}.{QUANTITIES[row['quantity']].digits + more}f}")

    rows = []
    for _, row in comparison.iterrows():
        shown = {
            "condition": row["condition"],
            "quantity": QUANTITIES[row["quantity"]].label,
            "published": text(row, "published"),
            "published best at epoch": "" if row["quantity"] != "best_accuracy" else row["best_epochs"],
            "measured": text(row, "measured"),
        }
        if row["seeds"] > 1:  # known values, so there are both ends
            shown["range over seeds"] = f"{text(row, 'measured_low')} to {text(row, 'measured_high')}"
        shown |= {"half-width": text(row, "half_width", more=1), "difference": text(row, "difference", "+")}
        rows.append(shown | {key: words.known(row[key], str) for key in ("verdict", "from")})
    table = pd.DataFrame(rows)
    if comparison["best_epochs"].isna().all():
        del table["published best at epoch"]
    return table.dropna(axis="columns", how="all")


@matplotlib.rc_context(style.RC)
def draw(comparison: pd.DataFrame, title: str, named: Mapping[str, Named] | None = None, diverged: str = "") -> Figure:
    """Draws one panel for each of `DRAWN` in the table of `published.compare`, side by side.

    Panels of the same unit have the same scale. What was not measured is left out. Each panel has its quantity as
    label. The label of a line is its condition, followed by "published", "measured", "range" or "link". See `looks` for
    `named`. `diverged` is a sentence on the runs that diverged.
    """
    drawn = comparison[comparison["quantity"].isin(DRAWN) & comparison["measured"].notna()]
    drawn = drawn.rename(columns={"from": "origin"})  # no name of an attribute
    if drawn.empty:
        return style.only_words(title, diverged)
    pairs = list(drawn.itertuples())
    looks = find_looks(pairs, named)
    quantities = [quantity for quantity in DRAWN if (drawn["quantity"] == quantity).any()]
    left = 0.4 + max(style.text_width(look.label, 9) for look in looks.values())
    step = _PLOT + 2 * _NUMBER + _GAP
    width, tall = max(left + step * len(quantities), 7.6), _ROW * len(looks)
    figure = style.new_figure(width, _BOTTOM + tall + _HEAD + _TOP)
    style.heading(figure, title, style.joined(_subtitle(drawn), diverged))
    for place, quantity in enumerate(quantities):
        axes = style.place(figure, quantity, left + place * step, _BOTTOM, _PLOT, tall)
        axes.set_xlim(*_limits(drawn, QUANTITIES[quantity]))
        _draw_frame(axes, [look.label for look in looks.values()], QUANTITIES[quantity])
        axes.tick_params(labelleft=place == 0)
        for pair in pairs:
            if pair.quantity == quantity:
                _draw_pair(axes, list(looks).index(pair.condition), pair)
    for name, look in zip(figure.axes[0].get_yticklabels(), looks.values(), strict=True):
        name.set_color(look.text_color)
    _draw_legend(figure, drawn)
    return figure


def _subtitle(drawn: pd.DataFrame) -> str:
    few = "" if drawn["verdict"].notna().any() else ", too few for a verdict"
    one = (drawn["seeds"] == 1).all()
    measured = "one seed: no verdict" if one else f"measured: mean and range over {words.seeds(drawn)}{few}"
    return f"{measured}; published values are of one run each"


def _limits(drawn: pd.DataFrame, quantity: Quantity) -> tuple[float, float]:
    """Ends of an axis: it shows the better half of the values, and those at most three times as far from the best."""
    same = drawn[[QUANTITIES[key].unit == quantity.unit for key in drawn["quantity"]]]
    values = same[["published", "measured", "measured_low", "measured_high"]].to_numpy(float).ravel()
    known = values[~np.isnan(values)]
    behind = known.max() - known if quantity.better_up else known - known.min()
    shown = known[behind <= 3 * max(np.sort(behind)[(len(known) - 1) // 2], _LEAST_SPAN[quantity.unit])]
    margin = max(0.08 * np.ptp(shown), (_LEAST_SPAN[quantity.unit] - np.ptp(shown)) / 2)
    return float(shown.min() - margin), float(shown.max() + margin)


def _draw_frame(axes: Axes, labels: Sequence[str], quantity: Quantity) -> None:
    """Draws a panel without its values. One panel gets a ruler: how much runs of one configuration differed."""
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params("y", length=0, pad=9)
    axes.tick_params("x", labelsize=_SIZE)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], min_n_ticks=3))
    axes.ticklabel_format(axis="x", useOffset=False, style="plain")
    axes.set_xlabel(f"{QUANTITIES[quantity.course].title}, {quantity.better} is better", size=_SIZE)
    _write(axes, 0, 0.58, quantity.phrase, size=9.5)
    for column, text in enumerate(("published", "measured"), start=1):
        _write(axes, _PLOT + column * _NUMBER, 0.1, text, size=_SIZE, ha="right")
    if quantity.key == "last5_accuracy":
        start, end = axes.get_xlim()
        repeats = np.array([0, *published.SAME_CONFIGURATION_DIFFERED])
        up = np.full(len(repeats), 1 + 0.39 / (_ROW * len(labels)))
        axes.plot(start + repeats, up, transform=axes.get_xaxis_transform(), clip_on=False, label="ruler", **_RULER)
        text = "published runs of one configuration\ndiffered by " + " and ".join(f"{one:.2f}" for one in repeats[1:])
        _write(axes, _PLOT * repeats.max() / (end - start) + 0.1, 0.39, text, size=_SIZE, va="center")


def _write(axes: Axes, right: float, up: float, text: str, **look: Any) -> None:
    """Writes text at `right` and `up`, in inches from the upper left corner of a panel."""
    axes.annotate(text, (0, 1), (72 * right, 72 * up), "axes fraction", "offset points", color=style.GREY, **look)


def _draw_pair(axes: Axes, row: int, pair: Any) -> None:
    """Draws both values, a line between them, and the range over the seeds. Writes the numbers at the right.

    `pair` is a row of the table as a named tuple.
    """
    color, course = PENALTY_STYLES[pair.penalty].color, QUANTITIES[QUANTITIES[pair.quantity].course]
    compared, name = not np.isnan(pair.difference), pair.condition
    if pair.seeds > 1:
        ends = [pair.measured_low, pair.measured_high]
        axes.plot(ends, [row, row], label=f"{name} range", color=color, **_BAR)
    if compared:
        axes.plot([pair.published, pair.measured], [row, row], label=f"{name} link", **_LINK)
    if not np.isnan(pair.published):
        _mark(axes, pair.published, row, f"{name} published", color=color, **_OPEN)
    _mark(axes, pair.measured, row, f"{name} measured", color=color, **_FULL)
    look: dict[str, Any] = {"va": "center", "size": _SIZE, "transform": axes.get_yaxis_transform()}
    columns = ((pair.published, style.INK), (pair.measured, color))
    for column, ((value, ink), sign) in enumerate(zip(columns, _signs(pair), strict=True), start=1):
        place = 1 + column * _NUMBER / _PLOT
        axes.text(place, row, words.known(value, course.write) or "–", ha="right", color=ink, **look)
        axes.text(place, row, sign, ha="left", color=ink, **look)


def _signs(pair: Any) -> tuple[str, str]:
    """The signs after the published number and the sign after the measured one, made of keys of `SIGNS`."""
    if np.isnan(pair.published):
        return "", ""
    said = ("*" if pair.origin == Origin.README else "") + ("‡" if np.isnan(pair.difference) else "")
    return said, "†" if pair.verdict == PublishedVerdict.OUTSIDE else ""


def _mark(axes: Axes, value: float, row: int, label: str, **look: Any) -> None:
    """Draws a point. A value beyond the axis becomes a triangle at that end of the axis."""
    low, high = axes.get_xlim()
    if not low <= value <= high:
        look |= {"marker": "<" if value < low else ">", "markersize": look["markersize"] + 1.5}
    axes.plot([np.clip(value, low, high)], [row], clip_on=False, label=label, **look)


def _draw_legend(figure: Figure, drawn: pd.DataFrame) -> None:
    """Explains, below the panels, first the marks, then the colours and signs."""
    marks = {"published": _OPEN, "measured": _FULL}
    if (drawn["seeds"] > 1).any():
        marks["range over seeds"] = _BAR
    if any(line.get_marker() in ("<", ">") for axes in figure.axes for line in axes.lines):
        marks["beyond the axis"] = _FULL | {"marker": "<", "markersize": 6}
    used = [key for key in PENALTIES if (drawn["penalty"] == key).any()]
    top = [Line2D([], [], color=style.INK, label=label, **look) for label, look in marks.items()]
    low = [Line2D([], [], color=PENALTY_STYLES[key].color, linewidth=4.5, label=PENALTIES[key].label) for key in used]
    width, height = figure.get_size_inches()
    for handles, left, up in ((top, 0.2, 0.60), (low, 0.85, 0.34)):
        figure.legend(handles=handles, bbox_to_anchor=(left / width, up / height), **_LEGEND)
    figure.text(0.2 / width, 0.365 / height, "penalty", color=style.GREY)
    seen = "".join("".join(_signs(pair)) for pair in drawn.itertuples())
    signs = [f"{sign} {meaning}" for sign, meaning in SIGNS.items() if sign in seen]
    given, outside, _, expected = published.count_outside(drawn)
    if outside:
        signs[-1] += f": {outside} of {given}, {expected:.1f} expected by chance"
    figure.text(0.2 / width, 0.13 / height, "      ".join(signs), color=style.GREY)


def make(job: Job) -> None:
    """The table with its page and its figure."""
    block, title = job.params.published, f"Published and measured: {job.title}"
    table, diverged = published.compare(block, job.summary), summaries.diverged(job.summary)
    job.write("published.csv", TABLE, table)
    write(
        job.folder / "published.html",
        title,
        block["source"],
        table,
        job.params.readme,
        diverged,
        published.offset(table, job.summary),
    )
    style.save(draw(table, title, job.named, diverged), *job.paths("published"))
