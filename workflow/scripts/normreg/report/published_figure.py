"""Published against measured values of a study: one row per condition, one panel per quantity."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from normreg.analysis.inference import LEVEL
from normreg.analysis.published import SAME_CONFIGURATION_DIFFERED
from normreg.analysis.quantities import CROSS_ENTROPY, PERCENT, QUANTITIES, Quantity
from normreg.analysis.verdicts import Origin, PublishedVerdict
from normreg.config.factors import PENALTIES
from normreg.config.labels import Named
from normreg.report import style
from normreg.report.looks import looks
from normreg.report.palette import PENALTY_STYLES
from normreg.report.study_inputs import PUBLISHED_QUANTITIES, Pair

SIGNS = {
    "*": "from the README only",
    "‡": "other epochs, not compared",
    "†": "outside the spread of seeds",
}
_LEAST_SPAN = {PERCENT: 0.25, CROSS_ENTROPY: 0.004}  # an axis spans at least this: one image more stays small
_PLOT, _NUMBER, _GAP = 1.95, 0.63, 0.18  # widths: plot, each of two number columns, between panels; inches
_ROW, _HEAD, _BOTTOM, _TOP = 0.27, 0.78, 1.34, 0.62  # heights, inches
_SIZE, _INK = 8.5, "#333333"  # size of text, in points; its colour where it is not that of the penalty
_OPEN: dict[str, Any] = {"marker": "D", "markersize": 7, "markerfacecolor": "white", "linestyle": "", "zorder": 3}
_FULL: dict[str, Any] = {"marker": "o", "markersize": 4.5, "linestyle": "", "zorder": 4}
_BAR: dict[str, Any] = {"linewidth": 4.5, "alpha": 0.35, "solid_capstyle": "butt"}
_LINK: dict[str, Any] = {"linewidth": 1.3, "color": "#bdbdbd", "zorder": 2.5}
_LEGEND: dict[str, Any] = {"loc": "lower left", "ncols": 4, "frameon": False, "borderpad": 0, "borderaxespad": 0}
_RULER: dict[str, Any] = {"linewidth": 1.2, "color": style.GREY, "marker": "|", "markersize": 7, "markeredgewidth": 1.2}


@matplotlib.rc_context(style.RC)
def draw(pairs: Sequence[Pair], title: str, named: Mapping[str, Named] | None = None, diverged: str = "") -> Figure:
    """Draws one panel for each quantity in `pairs`, side by side. Panels of the same unit have the same scale.

    Each panel has its quantity as label. The label of a line is its condition, followed by "published", "measured",
    "range" or "link". See `looks` for `named`. `diverged` is a sentence on the runs that diverged.
    """
    labels = {name: look.label for name, look in looks(pairs, named).items()}
    colors = {pair.condition: PENALTY_STYLES[pair.penalty].color for pair in pairs}
    quantities = [quantity for quantity in PUBLISHED_QUANTITIES if any(pair.quantity == quantity for pair in pairs)]
    left = 0.4 + max(style.text_width(label, 9) for label in labels.values())
    step = _PLOT + 2 * _NUMBER + _GAP
    width, height = max(left + step * len(quantities), 7.6), _BOTTOM + _ROW * len(colors) + _HEAD + _TOP
    figure = style.new_figure(width, height)
    style.heading(figure, title, style.joined(_subtitle(pairs), diverged))
    for place, quantity in enumerate(quantities):
        box = (left + place * step) / width, _BOTTOM / height, _PLOT / width, _ROW * len(colors) / height
        axes = figure.add_axes(box, label=quantity)
        axes.set_xlim(*_limits(pairs, QUANTITIES[quantity]))
        _draw_frame(axes, [labels[condition] for condition in colors], QUANTITIES[quantity])
        axes.tick_params(labelleft=place == 0)
        for pair in pairs:
            if pair.quantity == quantity:
                _draw_pair(axes, list(colors).index(pair.condition), pair)
    for name, color in zip(figure.axes[0].get_yticklabels(), colors.values(), strict=True):
        name.set_color(color)
    _draw_legend(figure, pairs)
    return figure


def _subtitle(pairs: Sequence[Pair]) -> str:
    seeds = sorted({pair.seeds for pair in pairs})
    few = "" if any(pair.verdict for pair in pairs) else ", too few for a verdict"
    count = " to ".join(str(end) for end in dict.fromkeys((seeds[0], seeds[-1])))
    measured = "one seed: no verdict" if seeds == [1] else f"measured: mean and range over {count} seeds{few}"
    return f"{measured}; published values are of one run each"


def _limits(pairs: Sequence[Pair], quantity: Quantity) -> tuple[float, float]:
    """Ends of an axis: it shows the better half of the values, and those at most three times as far from the best."""
    same = [pair for pair in pairs if QUANTITIES[pair.quantity].unit == quantity.unit]
    values = [value for pair in same for value in (pair.published, pair.measured, pair.low, pair.high)]
    known = np.array([value for value in values if value is not None])
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
        repeats = np.array([0, *SAME_CONFIGURATION_DIFFERED])
        up = np.full(len(repeats), 1 + 0.39 / (_ROW * len(labels)))
        axes.plot(start + repeats, up, transform=axes.get_xaxis_transform(), clip_on=False, label="ruler", **_RULER)
        text = "published runs of one configuration\ndiffered by " + " and ".join(f"{one:.2f}" for one in repeats[1:])
        _write(axes, _PLOT * repeats.max() / (end - start) + 0.1, 0.39, text, size=_SIZE, va="center")


def _write(axes: Axes, right: float, up: float, text: str, **look: Any) -> None:
    """Writes text at `right` and `up`, in inches from the upper left corner of a panel."""
    axes.annotate(text, (0, 1), (72 * right, 72 * up), "axes fraction", "offset points", color=style.GREY, **look)


def _draw_pair(axes: Axes, row: int, pair: Pair) -> None:
    """Draws both values, a line between them, and the range over the seeds. Writes the numbers at the right."""
    color, course = PENALTY_STYLES[pair.penalty].color, QUANTITIES[QUANTITIES[pair.quantity].course]
    if pair.seeds > 1:
        axes.plot([pair.low, pair.high], [row, row], label=f"{pair.condition} range", color=color, **_BAR)
    if pair.published is not None:
        if pair.compared:
            axes.plot([pair.published, pair.measured], [row, row], label=f"{pair.condition} link", **_LINK)
        _mark(axes, pair.published, row, f"{pair.condition} published", color=color, **_OPEN)
    _mark(axes, pair.measured, row, f"{pair.condition} measured", color=color, **_FULL)
    look: dict[str, Any] = {"va": "center", "size": _SIZE, "transform": axes.get_yaxis_transform()}
    signs = _signs(pair)
    for column, (value, ink) in enumerate(((pair.published, _INK), (pair.measured, color))):
        place = 1 + (column + 1) * _NUMBER / _PLOT
        axes.text(place, row, "–" if value is None else course.write(value), ha="right", color=ink, **look)
        axes.text(place, row, signs[column], ha="left", color=ink, **look)


def _signs(pair: Pair) -> tuple[str, str]:
    """The signs after the published number and the sign after the measured one, made of keys of `SIGNS`."""
    if pair.published is None:
        return "", ""
    said = ("*" if pair.origin is Origin.README else "") + ("" if pair.compared else "‡")
    return said, "†" if pair.verdict is PublishedVerdict.OUTSIDE else ""


def _mark(axes: Axes, value: float, row: int, label: str, **look: Any) -> None:
    """Draws a point. A value beyond the axis becomes a triangle at that end of the axis."""
    low, high = axes.get_xlim()
    if not low <= value <= high:
        look |= {"marker": "<" if value < low else ">", "markersize": look["markersize"] + 1.5}
    axes.plot([np.clip(value, low, high)], [row], clip_on=False, label=label, **look)


def _draw_legend(figure: Figure, pairs: Sequence[Pair]) -> None:
    """Explains, below the panels, first the marks, then the colours and signs."""
    marks = {"published": _OPEN, "measured": _FULL}
    if any(pair.seeds > 1 for pair in pairs):
        marks["range over seeds"] = _BAR
    if any(line.get_marker() in ("<", ">") for axes in figure.axes for line in axes.lines):
        marks["beyond the axis"] = _FULL | {"marker": "<", "markersize": 6}
    used = [key for key in PENALTIES if key in {pair.penalty for pair in pairs}]
    width, height = figure.get_size_inches()
    top = [Line2D([], [], color=_INK, label=label, **look) for label, look in marks.items()]
    low = [Line2D([], [], color=PENALTY_STYLES[key].color, linewidth=4.5, label=PENALTIES[key].label) for key in used]
    for handles, left, up in ((top, 0.2, 0.60), (low, 0.85, 0.34)):
        figure.legend(handles=handles, bbox_to_anchor=(left / width, up / height), **_LEGEND)
    figure.text(0.2 / width, 0.365 / height, "penalty", color=style.GREY)
    signs = [f"{sign} {meaning}" for sign, meaning in SIGNS.items() if any(sign in "".join(_signs(p)) for p in pairs)]
    verdicts = [pair.verdict for pair in pairs if pair.verdict]
    outside, given = verdicts.count(PublishedVerdict.OUTSIDE), len(verdicts)
    if outside:
        signs[-1] += f": {outside} of {given}, {LEVEL * given:.1f} expected by chance"
    figure.text(0.2 / width, 0.13 / height, "      ".join(signs), color=style.GREY)
