"""What the page needs to draw response curves: for each sweep and quantity the panels, with their places and words."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from normreg.analysis import answer
from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.analysis.verdicts import EffectVerdict, ResponseLevel
from normreg.report import html, response_figure, response_panel
from normreg.report import responses as page
from normreg.report.explorer.curves import for_dark, marker_path, rounded

_GRID = "Two keys are crossed, so there are cells and no curves: they are in the table below, and in response_{}.svg."


@dataclass(frozen=True)
class Swept:
    """A sweep: its name, its keys, and its rows of `responses.csv` and of `response_seeds.csv`."""

    name: str
    over: Sequence[str]
    rows: pd.DataFrame
    seeds: pd.DataFrame

    @property
    def compared(self) -> pd.DataFrame:
        """The rows that are not plain means."""
        return self.rows[self.rows["level"] != ResponseLevel.MEAN]

    @property
    def quantities(self) -> list[Quantity]:
        """The accuracy and the loss."""
        return [QUANTITIES[key] for key in self.rows["quantity"].unique()]


def read(path: str | Path, seeds: str | Path, study: str, name: str, over: Sequence[str]) -> Swept:
    """Reads a sweep over the keys `over` from both tables. `study` is the identity of the runs.

    Raises:
        DataError: see `response_figure.read`.
    """
    return Swept(name, over, *response_figure.read(path, seeds, study, name))


def describe(swept: Sequence[Swept]) -> dict[str, Any]:
    """The part of the page's data that is about responses: `marks`, paths by matplotlib's codes, words, `sweeps`."""
    codes = sorted({code for code, _ in [*response_panel.MARKS.values(), ("o", False), ("D", True)]})
    return {
        "marks": {code: marker_path(code) for code in codes},
        "absent": response_panel.ABSENT,
        "words": {"far": response_panel.OUTSIDE, "seed": response_panel.SEED, "within": response_panel.WITHIN},
        "sweeps": [_describe_sweep(one) for one in swept],
    }


class Tabled(NamedTuple):
    """The tables of one sweep and quantity ("accuracy" or "loss") as HTML, with their headings."""

    sweep: str
    quantity: str
    tables: list[tuple[str, str]]


def tables(swept: Sequence[Swept]) -> list[Tabled]:
    """The tables of all sweeps, which need no script. With it, those of one sweep and quantity are seen."""
    found = []
    for one in swept:
        for quantity in one.quantities:
            parts = page.tables_of(one.name, quantity, one.rows[one.rows["quantity"] == quantity.key])
            shown = [(heading, html.write_table(table)) for heading, table in parts.items()]
            found.append(Tabled(one.name, quantity.margin, shown))
    return found


def _describe_sweep(one: Swept) -> dict[str, Any]:
    compared = one.compared
    if response_figure.is_grid(compared):
        note, compared = _GRID.format(one.name), compared.iloc[:0]
    else:
        note = response_figure.subtitle(compared if len(compared) else one.rows)
        note = f"{note[0].upper()}{note[1:]}."
    quantities = {quantity.margin: _describe_quantity(one, compared, quantity) for quantity in one.quantities}
    return {
        "name": one.name,
        "key": response_figure.name_of(one.over[0], one.compared),
        "note": note,
        "quantities": quantities,
    }


def _describe_quantity(one: Swept, compared: pd.DataFrame, quantity: Quantity) -> dict[str, Any]:
    rows = compared[compared["quantity"] == quantity.key]
    seeds = one.seeds[(one.seeds["quantity"] == quantity.key) & (one.seeds["level"] != ResponseLevel.MEAN)]
    panels = [
        _describe_panel(own, seeds[seeds["curve"] == curve], quantity)
        for curve, own in rows.groupby("curve", sort=False)
    ]
    known = set(rows["verdict"].dropna())
    legend = [[str(verdict), *mark] for verdict, mark in response_panel.MARKS.items() if verdict in known]
    return {"axis": response_figure.axis_of(quantity), "up": quantity.better_up, "legend": legend, "panels": panels}


def _describe_panel(rows: pd.DataFrame, seeds: pd.DataFrame, quantity: Quantity) -> dict[str, Any]:
    """One curve of one quantity. Places on the axis of values are shares of its length.

    `numbers` has a row for each seed, with the difference at each point. `ends` are those of the other axis.
    """
    arranged = response_panel.Arranged.of(rows)
    low, high = arranged.ends
    ends, color = response_panel.limits(rows, quantity), response_panel.color_of(rows)
    light, dark = (response_panel.shades(one, len(rows)) for one in (color, for_dark(color)))
    first = arranged.rows.iloc[0].to_dict()
    shared = arranged.absent is not None and arranged.rows["reference"].nunique(dropna=False) == 1
    texts = response_panel.texts_of(arranged.rows)
    points = [
        _describe_point(row, quantity, seeds, ends)
        | {"x": round((at - low) / (high - low), 4), "text": text, "light": shade, "dark": bright}
        for row, at, text, shade, bright in zip(
            arranged.rows.to_dict("records"),
            arranged.at,
            texts,
            light,
            reversed(dark),
            strict=True,
        )
    ]
    return {
        "title": answer.curve_name(first),
        "against": f"against {first['reference']}" if shared and not pd.isna(first["reference"]) else "",
        "margin": rounded(first["margin"]),
        "ends": [rounded(end) for end in ends],
        "absent": None if arranged.absent is None else round((arranged.absent - low) / (high - low), 4),
        "light": color,
        "dark": for_dark(color),
        "numbers": [[rounded(number) for number in line] for line in arranged.numbers(seeds)],
        "points": points,
    }


def _describe_point(
    row: Mapping[Hashable, Any], quantity: Quantity, seeds: pd.DataFrame, ends: tuple[float, float]
) -> dict[str, Any]:
    """`cut` is the number beside the mark of a value outside the axis."""
    difference = row["difference"]
    code, filled = response_panel.MARKS.get(row["verdict"], ("o", False))
    outside = not (np.isnan(difference) or ends[0] <= difference <= ends[1])
    return {
        **{name: rounded(row[name]) for name in ("difference", "low", "high")},
        "mark": [code, filled],
        "cut": response_panel.short(difference, quantity) if outside else None,
        "said": _say(row, quantity, seeds[(seeds["value"] == row["value"]) & seeds["number"].notna()]),
    }


def _say(row: Mapping[Hashable, Any], quantity: Quantity, seeds: pd.DataFrame) -> str:
    """What is told of a point. Nothing where nothing was compared, unless its runs diverged."""
    write = quantity.write_difference
    if np.isnan(row["difference"]):
        return f"{row['value']}: {answer.verdict(row)}." if row["verdict"] == EffectVerdict.DIVERGED else ""
    band = "" if np.isnan(row["low"]) else f" (band {write(row['low'])} to {write(row['high'])})"
    each = [f"{seed} {write(number)}" for seed, number in zip(seeds["seed"], seeds["number"], strict=True)]
    parts = [f"{row['value']}: {write(row['difference'])} {quantity.difference_unit}{band}"]
    parts += [answer.verdict(row), answer.collapses(row)]
    return f"{', '.join(filter(None, parts))}. Seed{'s' if len(each) > 1 else ''}: {'; '.join(each)}."
