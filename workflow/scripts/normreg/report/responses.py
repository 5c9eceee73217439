"""The response curves of a study as a page of the report: a sentence for each curve, and every comparison."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from normreg.analysis import answer, plan, response_tables, responses
from normreg.analysis import summary as summaries
from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.analysis.responses import Tables
from normreg.analysis.verdicts import ResponseLevel
from normreg.report import html
from normreg.report.job import Job

_METHOD = (
    "A strength is compared with the condition that lacks it and is equal otherwise (the reference), within each seed. "
    "Over another key, such as the number of training images, the comparison is the effect of a factor at each value. "
    "The band holds the true differences of the whole curve with a probability of 95 %, not of each for itself, and "
    "the p-values are adjusted in the same way: by the largest t statistic over the curve (with one reference this is "
    "Dunnett's test), on residuals without the parts of conditions and seeds. A curve is a family of its own.",
    "Better or worse: the adjusted p is below 0.05. Equivalent: two one-sided tests show that the difference is "
    "smaller than the margin, which the study declares; they are not adjusted. Undecided: neither is shown. Same "
    "experiment: the settings are those of the reference or of an earlier value.",
)
_OWN = (
    "Where the column “own spread because” says why, the residuals of the curve are not used: the difference has the "
    "error of its own spread over seeds, and Šidák's adjustment."
)
_SHAPE = (
    "Whether there is a dependence on the strength at all is one test over a straight line and an umbrella for each "
    "strength; strengths that diverge, collapse or scatter far more are left out of it. The best of several means is "
    "lucky too: its difference on the same runs is too good. Choose on the hold-out and measure on fresh seeds."
)
_STYLE = "td:last-child { white-space: normal; min-width: 10em; }"
_CELLS = {"difference": "difference", "low": "band from", "high": "to"}


def write(path: str | Path, title: str, found: Tables, notes: Sequence[str]) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        title: heading of the page.
        found: see `responses.estimate`.
        notes: see `plan.notes`.
    """
    table = found.responses
    parts: dict[str, pd.DataFrame] = {}
    for sweep in table["sweep"].unique():
        for key in table["quantity"].unique():
            own = table[(table["sweep"] == sweep) & (table["quantity"] == key)]
            parts |= tables_of(sweep, QUANTITIES[key], own)
    if len(found.shapes):
        parts["Does it depend on the strength?"] = _shapes(found.shapes)
    html.write_page(path, title, _reading(found, notes), parts, _STYLE)


def _reading(found: Tables, notes: Sequence[str]) -> list[str]:
    text = [*answer.response_sentences(found.responses, found.shapes), *notes, *_METHOD]
    if found.responses["objection"].notna().any():
        text.append(_OWN)
    return [*text, _SHAPE] if len(found.shapes) else text


def tables_of(sweep: str, quantity: Quantity, own: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables of one sweep and quantity, by their headings. `own` are its rows of `responses.csv`."""
    sign = "positive" if quantity.better_up else "negative"
    compared, means = own[own["level"] != ResponseLevel.MEAN], own[own["level"] == ResponseLevel.MEAN]
    parts = {}
    if len(compared):
        unit = f"{quantity.difference_unit}; {sign} is better"
        parts[f"{sweep}: {quantity.heading} ({unit})"] = _compared(compared, quantity)
    if len(means):
        parts[f"{sweep}: {quantity.phrase}, means over seeds"] = _means(means, quantity)
    return parts


def _compared(rows: pd.DataFrame, quantity: Quantity) -> pd.DataFrame:
    shown = []
    for row in rows.to_dict("records"):
        cells = {"curve": answer.curve_name(row), "value": row["value"], "without": _text(row["reference"])}
        cells |= {"seeds": str(row["seeds"])}
        cells |= {name: _number(row[key], quantity) for key, name in _CELLS.items()}
        cells |= {"p adjusted": _p(row["p_adjusted"]), "verdict": answer.verdict(row) or "no reference"}
        shown.append({**cells, "collapses": collapses(row), "own spread because": _text(row["objection"])})
    columns = pd.DataFrame(shown)
    return columns.loc[:, columns.notna().any() & (columns != "").any()]


def _means(rows: pd.DataFrame, quantity: Quantity) -> pd.DataFrame:
    values, curves = rows["value"].unique(), rows["curve"].unique()
    known = {(row["curve"], row["value"]): row for row in rows.to_dict("records")}
    shown = []
    for curve in curves:
        own = [known.get((curve, value)) for value in values]
        name = answer.curve_name(next(row for row in own if row))
        cells = [None if row is None or pd.isna(row["mean"]) else quantity.write(row["mean"]) for row in own]
        shown.append({"condition": name, **dict(zip(values, cells, strict=True))})
    return pd.DataFrame(shown)


def _shapes(rows: pd.DataFrame) -> pd.DataFrame:
    shown = []
    for row in rows.to_dict("records"):
        quantity = QUANTITIES[row["quantity"]]
        test = answer.shape_text(row) or "no test: fewer than three conditions to pool, or seeds"
        cells = {"sweep": row["sweep"], "curve": answer.curve_name(row), "what": test}
        cells |= {"best": answer.best_text(row).removeprefix("the best mean is ")}
        cells["best − without"] = _number(row["best_difference"], quantity) or ""
        shown.append({**cells, "unit": quantity.difference_unit})
    return pd.DataFrame(shown)


def collapses(row: Mapping[Any, Any]) -> str:
    """How many runs of a comparison collapsed: "2 of 3 runs", or nothing."""
    if pd.isna(row["collapses"]) or not row["collapses"]:
        return ""
    return f"{row['collapses']:.0f} of {row['runs']:.0f} runs"


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _number(value: float | None, quantity: Quantity) -> str | None:
    return None if value is None or pd.isna(value) else quantity.write_difference(value)


def _p(value: float | None) -> str | None:
    if value is None or pd.isna(value):
        return None
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def make(job: Job) -> None:
    """The tables of the response curves, and their page."""
    rules, data = job.params.rules, job.spec
    facts = responses.Facts(job.summary, job.conditions, rules["margin"], data.train_images, data.test_images)
    found = responses.estimate(job.sweeps, facts)
    job.write("responses.csv", response_tables.RESPONSES, found.responses)
    job.write("response_seeds.csv", response_tables.RESPONSE_SEEDS, found.seeds)
    job.write("response_shapes.csv", response_tables.RESPONSE_SHAPES, found.shapes)
    notes = [summaries.diverged(job.summary), plan.margin_note(rules["margin"], data.test_images)]
    notes += plan.notes(rules["planned_seeds"], job.summary["seed"].nunique(), sorted(set(job.summary["engine"])))
    write(job.folder / "responses.html", f"Response curves: {job.title}", found, list(filter(None, notes)))
