"""How lines of conditions look: colour and marker show the penalty, line and filling the norm, shades the strength."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from normreg.config.factors import PENALTIES
from normreg.config.labels import Named, by_pair
from normreg.report import style
from normreg.report.job import Drawn
from normreg.report.palette import NORM_STYLES, PENALTY_STYLES

AnyDrawn = TypeVar("AnyDrawn", bound=Drawn)
_ROW = 0.21  # height of a row of a legend; inches, like all lengths here
_SIZE = 9.0  # of its texts, points
_SAMPLE, _AROUND = 0.75, 0.4  # width of the sample of a line with the gaps beside it, and of the figure's margins
MANY = 12  # of more conditions, lines are thin and have no bands; there are no labels at their ends
# Amounts for `shaded`, towards white or black, of conditions that nothing orders. Five, because then no pair of shade
# and marker repeats among 15.
_SHADES = (0.0, -0.45, 0.2, -0.25, 0.35)
_WEAKEST, _STRONGEST = 0.38, -0.55  # amounts for `shaded` of conditions that their strength orders
_WEAKEST_GREY = 0.56
_SIZES = {
    "D": 4.4,
    "^": 5.6,
    "v": 5.6,
    "<": 5.6,
    ">": 5.6,
    "P": 5.8,
    "X": 5.8,
    "d": 5.8,
    "*": 7.0,
}  # look alike in size


@dataclass(frozen=True)
class Look:
    """How the line of one condition is drawn, and what it is called."""

    label: str
    name: str  # written in the legend; empty if penalty and norm identify the condition
    color: str
    text_color: str
    linestyle: Any
    marker: str
    marker_face: str
    marker_size: float  # points
    width: float  # points
    shade: float | None  # see `Named`
    penalty: str  # the label of the penalty

    def line(self) -> dict[str, Any]:
        """Keyword arguments for `Axes.plot`."""
        return {
            "color": self.color,
            "linestyle": self.linestyle,
            "linewidth": self.width,
            "marker": self.marker,
            "markersize": self.marker_size,
            "markerfacecolor": self.marker_face,
            "markeredgecolor": self.color,
            "markeredgewidth": min(1.1, self.width),
        }


def looks(courses: Sequence[Drawn], named: Mapping[str, Named] | None = None) -> dict[str, Look]:
    """A look for every condition. No two are equal, up to 15 with the same penalty and norm.

    Conditions with the same penalty and norm differ in marker and shade, and the legend names them. If their strengths
    order them, so are the shades: the weakest is light, the strongest dark.

    Args:
        courses: the conditions.
        named: what they are called. Without it, penalty and norm alone tell.
    """
    if named is None:
        named = by_pair({course.condition: (course.penalty, course.norm) for course in courses})
    seen: Counter[tuple[str, str, bool]] = Counter()
    result = {}
    for course in weakest_first(courses, {name: one["shade"] for name, one in named.items()}):
        name = named[course.condition]
        key = (course.penalty, course.norm, name["shade"] is None)
        result[course.condition] = _look(course, seen[key], name, many=len(courses) > MANY)
        seen[key] += 1
    return {course.condition: result[course.condition] for course in courses}


def weakest_first(courses: Sequence[AnyDrawn], shades: Mapping[str, float | None]) -> list[AnyDrawn]:
    """The conditions in the order of their shades, and after them those that nothing orders."""
    return sorted(courses, key=lambda course: (shades[course.condition] is None, shades[course.condition] or 0.0))


def _look(course: Drawn, variant: int, named: Named, many: bool) -> Look:
    penalty, norm = PENALTY_STYLES[course.penalty], NORM_STYLES[course.norm]
    marker = penalty.markers[variant % len(penalty.markers)]
    ordered = named["shade"] is not None
    usual = shaded(penalty.color, _SHADES[variant % len(_SHADES)])
    color = usual if named["shade"] is None else ramp(penalty.color, named["shade"])
    baseline = course.penalty == "none"
    thin = 1.8 if baseline and not ordered else 0.9  # the baseline stands out
    return Look(
        label=named["label"],
        name=named["level"],
        color=color,
        text_color=penalty.color,  # a lightened colour is too pale to read
        linestyle=norm.line,
        marker=marker,
        marker_face=color if norm.filled else "white",
        marker_size=_SIZES.get(marker, 5.0) * (0.7 if many else 1),
        width=thin if many else (2.1 if baseline else 1.5),
        shade=named["shade"],
        penalty=named.get("penalty", PENALTIES[course.penalty].label),
    )


def penalty_of(looks: Sequence[Look], penalty: str) -> str:
    """What conditions of one penalty call it, if all of them call it the same. Else the usual label."""
    found = {look.penalty for look in looks}
    return found.pop() if len(found) == 1 else PENALTIES[penalty].label


def ramp(color: str, shade: float) -> str:
    """A colour between a light (shade 0) and a dark one (shade 1) of the same hue."""
    if color == PENALTY_STYLES["none"].color:
        return shaded(color, _WEAKEST_GREY * (1 - shade))
    return shaded(color, _WEAKEST + (_STRONGEST - _WEAKEST) * shade)


def shaded(color: str, amount: float) -> str:
    """`color` moved towards white (amount > 0) or black (amount < 0)."""
    if color == PENALTY_STYLES["none"].color and amount < 0:
        amount = -amount  # the colour is almost black and has no darker shade
    target = 1.0 if amount > 0 else 0.0
    red, green, blue = (c + (target - c) * abs(amount) for c in to_rgb(color))
    return to_hex((red, green, blue))


def legend(
    figure: Figure,
    drawn: Sequence[Drawn],
    looks: Mapping[str, Look],
    texts: Mapping[str, str],
    title: str,
    right: bool = False,
) -> None:
    """Adds a legend with the line and the text of each condition, below the axes or at their right.

    Below, the figure becomes as much taller as the legend is.
    """
    room = figure.get_figwidth() - _AROUND
    handles = [
        Line2D(
            [], [], label=style.shortened(texts[one.condition], room - _SAMPLE, _SIZE), **looks[one.condition].line()
        )
        for one in drawn
    ]
    widest = max(style.text_width(str(handle.get_label()), _SIZE) for handle in handles)
    columns = 1 if right else max(1, min(len(handles), int(room / (widest + _SAMPLE))))
    figure.legend(
        handles=handles,
        loc="outside right center" if right else "outside lower left",
        ncols=columns,
        labelcolor=[looks[one.condition].text_color for one in drawn],
        fontsize=_SIZE,
        frameon=False,
        title=title,
        alignment="left",
        handlelength=3.4,
        columnspacing=1.2,
    )
    if not right:
        figure.set_figheight(figure.get_figheight() + _ROW * math.ceil(len(handles) / columns) + 0.35)
