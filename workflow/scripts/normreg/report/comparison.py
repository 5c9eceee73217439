"""The main graph: one metric of all conditions of a study, over all epochs, and the last epochs enlarged."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.config.labels import Named
from normreg.report import style
from normreg.report.axes import common_range, scale_name, use_error_scale
from normreg.report.inputs import Course, band_name
from normreg.report.job import Job
from normreg.report.labels import draw_finals, final_labels, finals_width
from normreg.report.legend import Legend
from normreg.report.looks import MANY, Look
from normreg.report.looks import looks as find_looks
from normreg.report.timeline import Time

_WIDTH = 9.6  # inches, like all lengths here; wider figures are shown smaller in the report
_PANELS = 5.1  # least width of both panels together
_LEFT, _BETWEEN = 0.72, 0.58  # left of each panel, for its ticks


@matplotlib.rc_context(style.RC)
def draw(
    courses: Sequence[Course], title: str, metric: str, named: Mapping[str, Named] | None = None, diverged: str = ""
) -> Figure:
    """Draws all `courses` in one panel, their last epochs again in a second one, and a legend below both.

    The labels of the axes are "all epochs", "last epochs", "final values" and "legend". Each line has its condition's
    name as label. With more than `MANY` conditions there are no "final values" beside the lines: the legend has them.

    Args:
        courses: one per condition, at least one.
        title: of the figure.
        metric: a key of `QUANTITIES`, a column of metrics.csv.
        named: what the conditions are called, see `looks`.
        diverged: see `inputs.Courses`.
    """
    quantity, looks = QUANTITIES[metric], find_looks(courses, named)
    many = len(courses) > MANY
    labels = [] if many else final_labels(courses, looks, quantity)
    gutter = 0.2 if many else finals_width(courses, labels)
    legend = _legend(courses, looks, quantity)
    width = max(_LEFT + _BETWEEN + _PANELS + gutter, legend.width + 0.4, _WIDTH)
    height = 5.2 + legend.height
    figure = style.new_figure(width, height)
    style.heading(figure, title, style.joined(_subtitle(courses), diverged))
    bottom, top = legend.height + 0.6, height - 0.95
    panels = width - gutter - _LEFT - _BETWEEN
    everything = _place(figure, "all epochs", _LEFT, bottom, 0.6 * panels, top - bottom)
    ending = _place(figure, "last epochs", width - gutter - 0.4 * panels, bottom, 0.4 * panels, top - bottom)
    if not many:
        final = _place(figure, "final values", width - gutter, bottom, gutter, top - bottom)
    below = _place(figure, "legend", 0.2, 0.08, width - 0.4, legend.height)
    _draw_all(everything, courses, looks, quantity)
    _draw_end(ending, courses, looks, quantity)
    everything.axvspan(*ending.get_xlim(), color="#f3f0e6", zorder=0, linewidth=0)
    if not many:
        draw_finals(final, ending, courses, looks, labels)
    legend.draw(below)
    return figure


def _legend(courses: Sequence[Course], looks: dict[str, Look], quantity: Quantity) -> Legend:
    """The legend. That of many conditions also has the final values."""
    if len(courses) <= MANY:
        return Legend(courses, looks)
    texts = {one.condition: f"{quantity.write(one.final)}  {looks[one.condition].name}".rstrip() for one in courses}
    return Legend(courses, looks, _WIDTH - 0.4, texts, "penalty; final value")


def _place(figure: Figure, name: str, left: float, bottom: float, width: float, height: float) -> Axes:
    """Adds axes with the label `name`. Position and size are in inches."""
    full_width, full_height = figure.get_size_inches()
    box = (left / full_width, bottom / full_height, width / full_width, height / full_height)
    return figure.add_axes(box, label=name)


def _subtitle(courses: Sequence[Course]) -> str:
    """Says what a line shows: one seed, or the median over several seeds."""
    counts = sorted({len(course.seeds) for course in courses})
    if counts == [1]:
        seeds = sorted({course.seeds[0] for course in courses})
        return f"seed {seeds[0]}" if len(seeds) == 1 else "one seed per condition"
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    if len(courses) > MANY:
        return f"median over {number} seeds; without bands, which would hide the lines of {len(courses)} conditions"
    return f"median and {band_name(courses)} over {number} seeds"


def _draw_lines(axes: Axes, courses: Sequence[Course], looks: dict[str, Look], marks: int) -> None:
    """Draws lines with about `marks` markers each, shifted from line to line, so that no marker hides another.

    The more bands there are, the paler they are. Otherwise many of them hide the lines.
    """
    alpha, time = 0.5 / max(6, len(courses)), Time.of(courses)
    for number, course in enumerate(courses):
        look, places = looks[course.condition], time.places(course)
        step = max(1, round(len(course.epochs) / marks))
        shift = number * step // len(courses) % step
        axes.plot(places, course.middle, label=course.condition, markevery=(shift, step), **look.line())
        if len(course.seeds) > 1 and len(courses) <= MANY:
            axes.fill_between(places, *course.band, color=look.color, alpha=alpha, linewidth=0)


def _draw_all(axes: Axes, courses: Sequence[Course], looks: dict[str, Look], quantity: Quantity) -> None:
    time = Time.of(courses)
    _draw_lines(axes, courses, looks, marks=8 if len(courses) <= MANY else 4)
    use_error_scale(axes, quantity, np.concatenate([course.values.ravel() for course in courses]))
    axes.set_xlim(time.start - 0.02 * time.last, time.last + 0.02 * time.last)
    axes.set_xticks(time.ticks(time.start))
    axes.set_xlabel(time.label)
    axes.set_ylabel(quantity.title)
    axes.set_title(f"{time.everything}, {scale_name(quantity)}", loc="left", size=9.5, color=style.GREY)


def _draw_end(axes: Axes, courses: Sequence[Course], looks: dict[str, Look], quantity: Quantity) -> None:
    """Draws the last epochs on a linear scale that fits the range in which most lines end."""
    time = Time.of(courses)
    first, last = time.end, time.last
    few = len(courses) <= MANY
    _draw_lines(axes, courses, looks, marks=10**6 if few and last - first < 12 else 10 if few else 3)
    places = {course.condition: time.places(course) for course in courses}
    shown = [course for course in courses if places[course.condition][-1] >= first] or list(courses)
    low = np.array([course.band[0][places[course.condition] >= first].min() for course in shown])
    high = np.array([course.band[1][places[course.condition] >= first].max() for course in shown])
    finals = np.array([course.final for course in shown])
    bottom, top = common_range(low if few else finals, high if few else finals, finals, quantity.better_up)
    margin = max(0.05 * (top - bottom), 10.0**-quantity.digits)
    axes.set_ylim(bottom - margin, top + margin)
    axes.set_xlim(first - 0.04 * (last - first) - 0.1, last + 0.04 * (last - first) + 0.1)
    axes.set_xticks(time.ticks(first, most=10))
    axes.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    axes.set_xlabel("share of the run (%)" if time.shares else time.label)
    axes.set_facecolor("#fcfbf7")
    outside = 0 if few else int(((finals < bottom) | (finals > top)).sum())
    away = f"; {outside} end outside" if outside else ""
    axes.set_title(f"{time.ending}, enlarged{away}", loc="left", size=9.5, color=style.GREY)


def make(job: Job) -> None:
    """The accuracy graph and the loss graph of all conditions."""
    for quantity in ("accuracy", "loss"):
        metric = f"validation_{quantity}"
        (courses, diverged), title = job.courses(metric), job.heading(quantity)
        figure = style.only_words(title, diverged)
        if courses:
            figure = draw(courses, title, metric, job.named, diverged)
        style.save(figure, *job.paths(metric))
