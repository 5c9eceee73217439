"""Colours, markers and lines of what conditions have: penalties, norms and factors.

The hues are Okabe and Ito's, a little darker: text in these colors has a contrast of 4.5:1 on white. Any two stay 30
apart (CIE 1976) for readers with protanopia, deuteranopia or tritanopia. No two penalties share a marker, so they
differ in grey print too.
"""

from collections.abc import Mapping
from typing import NamedTuple

from normreg.config.factors import DECOUPLED, LAMBDAS, NORMS
from normreg.report.style import INK

_BLACK, _VERMILION, _BLUE, _PURPLE, _PLUM = "#1a1a1a", "#c24a00", "#0066cc", "#b04c90", "#5d0066"


class PenaltyStyle(NamedTuple):
    """The color of the lines of a penalty, and matplotlib's markers, which conditions of one penalty and norm take."""

    color: str
    markers: str


class NormStyle(NamedTuple):
    """Matplotlib's line style, and whether markers are filled or open."""

    line: str | tuple[int, tuple[float, ...]]
    filled: bool


PENALTY_STYLES: Mapping[str, PenaltyStyle] = {
    "none": PenaltyStyle(_BLACK, "o8hH"),  # round
    "l1": PenaltyStyle(_VERMILION, "^v<>"),  # triangles
    "l2": PenaltyStyle(_BLUE, "spP"),
    "l1l2": PenaltyStyle(_PURPLE, "DXd*"),
}
NORM_STYLES: Mapping[str, NormStyle] = {
    "bn": NormStyle("-", filled=True),
    "gbn": NormStyle((0, (4, 1.5)), filled=False),
    "gn": NormStyle((0, (1, 1.2)), filled=True),
    "ln": NormStyle((0, (6, 1.5, 1, 1.5)), filled=False),
    "in": NormStyle((0, (2, 1, 2, 3)), filled=True),
    "none": NormStyle((0, (1, 3)), filled=False),
}


_FACTORS = {factor.label: _BLUE for factor in (*LAMBDAS.values(), DECOUPLED)} | {LAMBDAS["l1"].label: _VERMILION}
_FACTORS |= {norm.label: _PLUM for norm in NORMS.values()}


def factor_color(factor: str) -> str:
    """The color of the rows of a factor in figures of effects. It is the color of a penalty only if it is one."""
    return _FACTORS.get(factor, INK)
