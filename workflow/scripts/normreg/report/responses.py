"""The response curves of a study: three tables, and a page with a sentence for each curve and every comparison."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from normreg.analysis import answer, response_tables, responses
from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.analysis.responses import Tables
from normreg.analysis.verdicts import ResponseLevel
from normreg.report import html, words
from normreg.report.job import Job

_METHOD = (
    "A strength is compared with the condition that lacks it and is equal otherwise (the reference), within each seed. "
    "Over another key, such as the number of training images, the comparison is the effect of a factor at each value. "
    "The band holds the true differences of the whole curve with a probability of 95 %, not of each for itself, and "
    "the p-values are adjusted in the same way: by the largest t statistic over the curve (with one reference this is "
    "Dunnett's test), on residuals without the parts of conditions and seeds. A curve is a family of its own.",
    "Better or worse: the adjusted p is below 0.05. Equivalent: two one-sided tests show that the difference is "
    "smaller than the margin, by p-values with Holm's adjustment for the values of the curve. The 90 % interval beside "
    "the band is of its value alone. Undecided: neither is shown. Same experiment: the settings are those of the "
    "reference or of an earlier value.",
)
_OWN = (
    "Where “own spread” says yes, the residuals of the curve are not used: the difference has the error of its own "
    "spread over seeds, and Šidák's adjustment. Why:"
)
_SHAPE = (
    "Whether there is a dependence on the strength at all is one test over a straight line and an umbrella for each "
    "strength; strengths that diverge, collapse or scatter far more are left out of it. The best of several means is "
    "lucky too: its difference on the same runs is too good. Choose on the hold-out and measure on fresh seeds."
)
_CELLS = {"difference": "difference", "low": "band from", "high": "to", "low_90": "90 %: from", "high_90": "90 %: to"}


def write(path: str | Path, title: str, found: Tables, notes: Sequence[str]) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        title: heading of the page.
        found: see `responses.estimate`.
        notes: see `Job.notes`.
    """
    parts: dict[str, pd.DataFrame] = {}
    for (sweep, key), own in found.responses.groupby(["sweep", "quantity"], sort=False):
        parts |= tables_of(sweep, QUANTITIES[key], own)
    parts["Does it depend on the strength?"] = _shapes(found.shapes)
    text = [*answer.response_sentences(found.responses, found.shapes), *notes, *_METHOD]
    objections = found.responses["objection"].dropna().unique()
    text.append(f"{_OWN} {'; '.join(objections)}." if len(objections) else "")
    text.append(_SHAPE if len(found.shapes) else "")
    html.write_page(path, title, text, parts)


def tables_of(sweep: str, quantity: Quantity, own: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables of one sweep and quantity, by their headings. `own` are its rows of `responses.csv`."""
    sign = "positive" if quantity.better_up else "negative"
    compared, means = own[own["level"] != ResponseLevel.MEAN], own[own["level"] == ResponseLevel.MEAN]
    unit = f"{quantity.difference_unit}; {sign} is better"
    parts = {
        f"{sweep}: {quantity.heading} ({unit})": _compared(compared, quantity),
        f"{sweep}: {quantity.phrase}, means over seeds": _means(means, quantity),
    }
    return {heading: part for heading, part in parts.items() if len(part)}


def _compared(rows: pd.DataFrame, quantity: Quantity) -> pd.DataFrame:
    shown = [
        {
            "curve": answer.curve_name(row),
            "value": row["value"],
            "without": words.text(row["reference"]),
            "seeds": str(row["seeds"]),
            **{name: words.known(row[key], quantity.write_difference) for key, name in _CELLS.items()},
            "p adjusted": words.p_value(row["p_adjusted"]),
            "verdict": answer.verdict(row) or "no reference",
            "failed runs": answer.collapses(row),
            "own spread": "" if pd.isna(row["objection"]) else "yes",
        }
        for row in rows.to_dict("records")
    ]
    columns = pd.DataFrame(shown)
    return columns.loc[:, columns.notna().any() & (columns != "").any()]


def _means(rows: pd.DataFrame, quantity: Quantity) -> pd.DataFrame:
    """A row for each condition and a column for each value."""
    values, shown = rows["value"].unique(), []
    for _, own in rows.groupby("curve", sort=False):
        means = own.set_index("value")["mean"].reindex(values)
        cells = {str(value): words.known(mean, quantity.write) for value, mean in means.items()}
        shown.append({"condition": answer.curve_name(own.iloc[0].to_dict()), **cells})
    return pd.DataFrame(shown)


def _shapes(rows: pd.DataFrame) -> pd.DataFrame:
    shown = []
    for row in rows.assign(left_out=0).to_dict("records"):  # what is left out is said once, above the tables
        quantity = QUANTITIES[row["quantity"]]
        shown.append(
            {
                "sweep": row["sweep"],
                "curve": answer.curve_name(row),
                "what": answer.shape_text(row) or "no test: fewer than three conditions to pool, or seeds",
                "best": answer.best_text(row).removeprefix("the best mean is "),
                "best − without": words.known(row["best_difference"], quantity.write_difference) or "",
                "unit": quantity.difference_unit,
            }
        )
    return pd.DataFrame(shown)


def make(job: Job) -> None:
    """The tables and the page."""
    facts = responses.Facts(job.summary, job.conditions, job.rules, job.spec.train_images)
    found = responses.estimate(job.sweeps, facts)
    job.write("responses.csv", response_tables.RESPONSES, found.responses)
    job.write("response_seeds.csv", response_tables.RESPONSE_SEEDS, found.seeds)
    job.write("response_shapes.csv", response_tables.RESPONSE_SHAPES, found.shapes)
    write(job.folder / "responses.html", f"Response curves: {job.title}", found, job.notes())
