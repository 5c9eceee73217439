"""One small panel per condition, all with the same scales. Its own line is in front of those of all others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.config.factors import NORMS, PENALTIES
from normreg.config.labels import Named
from normreg.report import comparison, style
from normreg.report.axes import Time, scale_name, use_error_scale
from normreg.report.job import Course, Job, band_name
from normreg.report.looks import MANY, Look, penalty_of, weakest_first
from normreg.report.looks import looks as find_looks

_OTHERS = "#cdcdcd"
_WIDTH, _HEIGHT = 2.0, 1.7  # of a panel; inches, like all lengths here
_GAP = 0.2  # between panels, in addition to the text above each
_LINE = 0.165  # height of one line of that text
_LEFT, _BOTTOM, _RIGHT, _TOP = 0.86, 0.52, 0.2, 0.62


@dataclass(frozen=True)
class _Panel:
    """One panel: its coloured lines, and two lines of text above it."""

    label: str
    own: Sequence[Course]
    head: str
    below: str  # empty if no panel has such a line


@matplotlib.rc_context(style.RC)
def draw(
    courses: Sequence[Course], title: str, metric: str, named: Mapping[str, Named] | None = None, diverged: str = ""
) -> Figure:
    """Draws a grid of panels in the order of `courses`. Above each panel are its final value and name.

    Panels and lines have the name of their condition as label. With more than `MANY` conditions, those of one penalty
    and norm share a panel, which has these two as label.

    Args:
        courses: one per condition, at least one.
        title: of the figure.
        metric: a key of `QUANTITIES`, a column of metrics.csv.
        named: what the conditions are called, see `looks`.
        diverged: see `job.Courses`.
    """
    quantity, looks = QUANTITIES[metric], find_looks(courses, named)
    panels = _panels(courses, looks, quantity)
    columns = columns_for(len(panels))
    rows = -(-len(panels) // columns)
    head = _GAP + _LINE * (2 if any(panel.below for panel in panels) else 1)
    wide = max(_WIDTH, 6.4 / columns)  # so that even a single panel has room for the title
    width = _LEFT + columns * wide + (columns - 1) * _GAP + _RIGHT
    height = _BOTTOM + rows * (_HEIGHT + head) + _TOP
    figure = style.new_figure(width, height)
    style.heading(figure, title, style.joined(_subtitle(courses), diverged))
    bottom, top = _BOTTOM / height, 1 - (_TOP + head) / height
    left, right = _LEFT / width, 1 - _RIGHT / width
    gaps = {"wspace": _GAP / wide, "hspace": head / _HEIGHT}
    grid = figure.add_gridspec(rows, columns, left=left, right=right, bottom=bottom, top=top, **gaps)
    for place, panel in enumerate(panels):
        first = figure.axes[0] if place else None
        axes = figure.add_subplot(grid[divmod(place, columns)], label=panel.label, sharex=first, sharey=first)
        _draw_panel(axes, courses, panel.own, looks)
        _write_head(axes, panel, looks[panel.own[0].condition].text_color, wide)
        lowest = place + columns >= len(panels)
        axes.tick_params(labelsize=8.5, labelleft=place % columns == 0, labelbottom=lowest)
    _share_scales(figure.axes[0], courses, quantity)
    scale = f"{quantity.title}\n{scale_name(quantity)}"
    figure.text(0.25 / width, (bottom + top) / 2, scale, rotation=90, ha="center", va="center")
    figure.text((left + right) / 2, 0.12 / height, Time.of(courses).label, ha="center")
    return figure


def _panels(courses: Sequence[Course], looks: dict[str, Look], quantity: Quantity) -> list[_Panel]:
    """A panel for each condition, with its final value and, if there are several seeds, their range there.

    Many conditions share panels.
    """
    panels = []
    for course, head in zip(courses, comparison.final_labels(courses, looks, quantity), strict=True):
        ends = f"range {quantity.write(course.low[-1])} to {quantity.write(course.high[-1])}"
        panels.append(_Panel(course.condition, [course], head, ends if len(course.seeds) > 1 else ""))
    return _shared(courses, looks, panels) if len(courses) > MANY else panels


def _shared(courses: Sequence[Course], looks: Mapping[str, Look], single: Sequence[_Panel]) -> list[_Panel]:
    """A panel for each penalty and norm. A condition that has one to itself is headed as in `single`."""
    shades = {name: look.shade for name, look in looks.items()}
    panels = []
    for norm in NORMS:
        for penalty in PENALTIES:
            own = [course for course in courses if (course.penalty, course.norm) == (penalty, norm)]
            if len(own) == 1:
                panels.append(replace(single[courses.index(own[0])], label=f"{penalty}-{norm}"))
            elif own:
                ordered = [course for course in weakest_first(own, shades) if shades[course.condition] is not None]
                ends = [looks[course.condition].name for course in ordered[:1] + ordered[-1:]]
                text = f"{ends[0]} (light) to {ends[1]} (dark)" if ends else f"{len(own)} conditions"
                head = f"{penalty_of([looks[course.condition] for course in own], penalty)} · {NORMS[norm].label}"
                panels.append(_Panel(f"{penalty}-{norm}", own, head, text))
    return panels


def columns_for(panels: int) -> int:
    """Number of columns. Up to four panels are in one row. For more, four or three: what leaves fewer empty places.

    More than nine panels have four columns in any case: with three, the figure is much taller than a screen.
    """
    if panels <= 4:
        return panels
    return 4 if panels > 9 else min((4, 3), key=lambda columns: -panels % columns)


def _subtitle(courses: Sequence[Course]) -> str:
    """Says what is coloured and what is grey."""
    seeds = {course.seeds for course in courses}
    counts = {len(one) for one in seeds}
    each = f" ({max(counts)} each)" if len(counts) == 1 else ""
    line = f"coloured: median and {band_name(courses)} over the seeds{each}"
    if counts == {1}:
        line = f"coloured: seed {courses[0].seeds[0]}" if len(seeds) == 1 else "coloured: one seed"
    return line + ("; grey: the other conditions" if len(courses) > 1 else "")


def _draw_panel(axes: Axes, courses: Sequence[Course], own: Sequence[Course], looks: Mapping[str, Look]) -> None:
    """Draws `own` in front of all others. A line that is alone needs no shade of its own."""
    time, shown = Time.of(courses), {course.condition for course in own}
    for other in courses:
        if other.condition not in shown:
            axes.plot(time.places(other), other.middle, label=other.condition, color=_OTHERS, linewidth=0.9, zorder=1.5)
    for course in own:
        look = looks[course.condition]
        color = look.text_color if len(own) == 1 else look.color
        face = color if look.marker_face == look.color else look.marker_face
        strong: dict[str, Any] = {"color": color, "markeredgecolor": color, "markerfacecolor": face}
        strong["linewidth"] = 2.0 if len(own) == 1 else 1.2
        last, places = len(course.epochs) - 1, time.places(course)
        step = max(1, round(last / 6))
        marks = (last % step, step)  # the last epoch is one of them
        axes.plot(places, course.middle, label=course.condition, markevery=marks, zorder=3, **look.line() | strong)
        if len(course.seeds) > 1:
            axes.fill_between(places, *course.band, color=color, alpha=0.2, linewidth=0, zorder=2.5)


def _write_head(axes: Axes, panel: _Panel, color: str, room: float) -> None:
    """Writes the texts above a panel, small enough for `room` inches."""
    size = min(9.5, 9.5 * room / style.text_width(panel.head, 9.5, bold=True))
    pad = 4 + (72 * _LINE if panel.below else 0)
    axes.set_title(panel.head, loc="left", size=size, weight="bold", color=color, pad=pad)
    if panel.below:
        size = min(8.5, 8.5 * room / style.text_width(panel.below, 8.5))
        axes.annotate(panel.below, (0, 1), (0, 4), "axes fraction", "offset points", size=size, color=style.GREY)


def _share_scales(axes: Axes, courses: Sequence[Course], quantity: Quantity) -> None:
    """Sets the scales of one panel. All other panels share them."""
    use_error_scale(axes, quantity, np.concatenate([course.values.ravel() for course in courses]))
    Time.of(courses).use(axes, room=0.03, most=6)


def make(job: Job) -> None:
    """Accuracy and loss, each in a panel per condition."""
    comparison.draw_both(job, "small_multiples", draw)
