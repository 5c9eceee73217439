"""What the page needs to draw the curves: the look of each condition, its values, and groups to show or hide."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.markers import MarkerStyle

from normreg.analysis.quantities import EPOCH_QUANTITIES
from normreg.config.condition import Condition
from normreg.config.factors import FACTORS, NORMS, PENALTIES, is_decoupled, lambda_factors, penalty_label
from normreg.config.labels import Named
from normreg.report.axes import Time
from normreg.report.job import Course
from normreg.report.looks import Look, shaded
from normreg.report.looks import looks as find_looks
from normreg.report.palette import PENALTY_STYLES

METRICS = ("validation_accuracy", "validation_loss", "train_accuracy", "train_loss")
_DARK = 0.0091  # luminance of the page's dark background, --back in explorer.css
_CONTRAST = 5.0  # of a line on it, and of text in the same color
_GRAY = "#707070"  # of the weakest condition without a penalty
_STRONGEST = 0.75  # the amount of white in the line of the strongest condition


def describe(
    courses: Mapping[str, Sequence[Course]],
    conditions: Mapping[str, Condition],
    named: Mapping[str, Named] | None = None,
) -> dict[str, Any]:
    """The part of the page's data that is about curves. See `describe_condition` for `conditions`, `looks` for `named`.

    `metrics` has, for each of `METRICS`, its name and digits and `values[condition][seed][epoch]`, null if unknown. If
    `shares` is true, the epochs are whole percents of each run, because the runs are of very different length.
    """
    first = courses[METRICS[0]]
    time, looks = Time.of(first), find_looks(first, named)
    metrics = {}
    for key in METRICS:
        quantity = EPOCH_QUANTITIES[key]
        values = [_all_places(course, time) for course in courses[key]]
        facts = {"title": quantity.title, "digits": quantity.digits, "percent": quantity.percent}
        metrics[key] = {**facts, "values": values}
    return {
        "conditions": [describe_condition(course, looks[course.condition], time) for course in first],
        "shares": time.shares,
        "groups": groups(first, conditions) + _levels(first, looks),
        "metrics": metrics,
    }


def describe_condition(course: Course, look: Look, time: Time) -> dict[str, Any]:
    """Name, label, seeds, length and look of one condition. `marker` is the path of an SVG, 10 units wide.

    `last` is its last epoch, `epochs` the place of that on the axis.
    """
    return {
        "name": course.condition,
        "label": look.label,
        "seeds": list(course.seeds),
        "epochs": int(time.places(course)[-1]),
        "last": int(course.epochs[-1]),
        "light": look.text_color,
        "dark": for_dark(look.text_color),
        "line": look.color,
        "lineDark": _line_for_dark(look),
        "dash": "" if isinstance(look.linestyle, str) else " ".join(f"{1.5 * part:g}" for part in look.linestyle[1]),
        "marker": marker_path(look.marker),
        "filled": look.marker_face == look.color,
        "width": look.width,
    }


def groups(courses: Sequence[Course], conditions: Mapping[str, Condition]) -> list[dict[str, Any]]:
    """Groups of conditions: by penalty, by norm, and with each factor. `members` are places in the list of conditions.

    A group is left out if another one has the same members.
    """
    found: dict[tuple[int, ...], str] = {}

    def add(label: str, members: list[int]) -> None:
        if members:
            found.setdefault(tuple(members), label)

    for key in PENALTIES:
        members = [i for i, course in enumerate(courses) if course.penalty == key]
        decoupled = all(is_decoupled(conditions[courses[i].condition]) for i in members)
        add(f"penalty {penalty_label(key, decoupled)}", members)
    for key, norm in NORMS.items():
        add(norm.label, [i for i, course in enumerate(courses) if course.norm == key])
    for label in FACTORS:
        add(
            f"with {label}",
            [i for i, course in enumerate(courses) if label in _penalised(conditions[course.condition])],
        )
    return [{"label": label, "members": list(members)} for members, label in found.items()]


def _penalised(condition: Condition) -> set[str]:
    """The labels of the lambdas that a condition has."""
    lambdas: Mapping[str, float] = condition["lambdas"]  # type: ignore[assignment]
    return {factor.label for key, factor in lambda_factors(condition).items() if lambdas[key]}


def _levels(courses: Sequence[Course], looks: Mapping[str, Look]) -> list[dict[str, Any]]:
    """Groups of conditions with the same value of what a sweep varies, the weakest first."""
    found: dict[str, list[int]] = {}
    for place, course in enumerate(courses):
        if looks[course.condition].shade is not None:
            found.setdefault(looks[course.condition].name, []).append(place)

    def strength(members: list[int]) -> float:
        return float(np.mean([looks[courses[place].condition].shade or 0.0 for place in members]))

    several = [(level, members) for level, members in found.items() if len(members) > 1]
    several.sort(key=lambda one: strength(one[1]))
    return [{"label": level, "members": members} for level, members in several]


def _line_for_dark(look: Look) -> str:
    """The color of a line on the dark page. There the weakest of ordered conditions is dark, the strongest light."""
    if look.shade is None:
        return for_dark(look.color)
    hue = for_dark(_GRAY if look.text_color == PENALTY_STYLES["none"].color else look.text_color)
    return shaded(hue, _STRONGEST * look.shade)


def for_dark(color: str) -> str:
    """A color that can be read on the page's dark background: it is mixed with white as far as needed.

    The color of the baseline has no hue. It becomes the opposite gray, because the baseline should stand out there too.
    The contrast is that of WCAG 2.
    """
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
    if len(set(rgb)) == 1:
        rgb = 255 - rgb
    for share in np.linspace(0, 1, 41):
        mixed = np.rint(rgb + (255 - rgb) * share)
        if (_luminance(mixed) + 0.05) / (_DARK + 0.05) >= _CONTRAST:
            break
    return "#" + "".join(f"{int(part):02x}" for part in mixed)


def _luminance(rgb: np.ndarray) -> float:
    """Relative luminance as WCAG 2 defines it, 0 to 1."""
    parts = rgb / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ np.array([0.2126, 0.7152, 0.0722]))


def marker_path(code: str) -> str:
    """The path of one of matplotlib's markers for an SVG, 10 units wide. One without a face is lines."""
    marker = MarkerStyle(code, "full")
    path, filled = marker.get_path().transformed(marker.get_transform()), bool(marker.is_filled())
    found = []
    for outline in path.to_polygons(closed_only=filled):
        corners = np.asarray(outline)[: -1 if filled else None]
        found.append("M" + "L".join(f"{10 * x:.2f} {-10 * y:.2f}" for x, y in corners) + ("Z" if filled else ""))
    return "".join(found)


def _all_places(course: Course, time: Time) -> list[list[float | None]]:
    """The values of each seed at each place of the axis from 1 on, None where the metric was not measured.

    If several epochs have one place, their last value counts.
    """
    places = np.maximum(np.rint(time.places(course)).astype(int), 1)
    values = np.full((len(course.seeds), places[-1]), np.nan)
    for column, place in enumerate(places):
        values[:, place - 1] = course.values[:, column]
    return [[rounded(value) for value in seed] for seed in values]


def rounded(value: float) -> float | None:
    """A value with the digits that a CSV file has, None if it is unknown."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
