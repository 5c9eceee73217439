"""Pairs of saved models compared image by image: `mcnemar.csv` and its page."""

from pathlib import Path

import pandas as pd

from normreg.analysis import agreement
from normreg.analysis import summary as summaries
from normreg.analysis.plan import LEVEL
from normreg.config import factors
from normreg.report import html, words
from normreg.report.job import NO_FACTORS, Job
from normreg.utils.tables import Table, columns_of

TABLE = Table(
    "comparisons of two models",
    columns_of(str, "factor")
    | columns_of(float, "strength")
    | columns_of(str, "without", "with")
    | columns_of(int, "seed")
    | columns_of(str, "engine")
    | columns_of(int, "both_right", "only_with", "only_without", "both_wrong")
    | columns_of(float, "p", "p_adjusted")
    | columns_of(str, "run"),
    may_be_empty=frozenset({"strength"}),
)
_NUMBERS = {
    "both_right": "both right",
    "only_with": "only with right",
    "only_without": "only without right",
    "both_wrong": "both wrong",
}


def write(path: str | Path, title: str, table: pd.DataFrame, diverged: str = "") -> None:
    """Writes the table of `agreement.compare_models`. `diverged` says which runs of this seed diverged."""
    if table.empty:
        html.write_page(path, title, [diverged or NO_FACTORS], {})
    else:
        html.write_page(path, title, [diverged, *_reading(table)], {"": _format(table)})


def _reading(table: pd.DataFrame) -> list[str]:
    low = int((table["p_adjusted"] < LEVEL).sum())
    found = f"{low} of {len(table)} pairs of models differ" if low else "No pair of models differs"
    two = table[table["engine"].str.contains(" and ")]
    names = ", ".join(f"{row['with']} and {row['without']}" for _, row in two.iterrows())
    return [
        f"Each row compares two saved models, those of seed {table['seed'].iloc[0]}, on these test images, and nothing "
        "else. It does not say what L1, L2 or ghost batch norm do: another seed gives other models, and the result can "
        "be the opposite. For effects of factors see the page of effects, which uses all seeds.",
        "McNemar's exact test uses only the images that one of the two models gets right and the other wrong. If the "
        "models are equally good on images of this kind, both numbers are about equal. p is the chance of numbers at "
        f"least so unequal. Adjusted p (Holm) allows for all {len(table)} comparisons of this page.",
        f"{found} by more than chance (adjusted p below 0.05).",
        f"Different engines trained the two models of: {names}." if names else "",
    ]


def _format(table: pd.DataFrame) -> pd.DataFrame:
    names = [factors.name_of(*pair) for pair in zip(table["factor"], table["strength"], strict=True)]
    shown = table[["with", "without", *_NUMBERS]].rename(columns=_NUMBERS)
    shown.insert(0, "factor", names)
    return shown.assign(**{"p": table["p"].map(words.p_value), "p adjusted": table["p_adjusted"].map(words.p_value)})


def make(job: Job) -> None:
    """The table and its page, of the models of the first seed."""
    seed = job.runs[0]["seed"]
    table = agreement.compare_models(job.all_contrasts, job.agreement[0], seed)
    job.write("mcnemar.csv", TABLE, table)
    said = summaries.diverged(job.summary[job.summary["seed"] == seed])
    write(job.folder / "mcnemar.html", f"Two saved models, seed {seed}: {job.title}", table, said)
