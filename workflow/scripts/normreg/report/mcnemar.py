"""Pairs of saved models compared image by image, as a page of the report."""

from pathlib import Path

import pandas as pd

from normreg.analysis import agreement, study_tables
from normreg.analysis import summary as summaries
from normreg.analysis.inference import LEVEL
from normreg.config import factors
from normreg.report import html
from normreg.report.job import Job


def write(path: str | Path, title: str, table: pd.DataFrame, diverged: str = "") -> None:
    """Writes the table of `agreement.compare_models`. `diverged` says which runs of this seed diverged."""
    said = [diverged] if diverged else []
    if table.empty:
        none = "This study has no two conditions with and without a factor that are otherwise equal."
        html.write_page(path, title, said or [none], {})
        return
    html.write_page(path, title, [*said, *_reading(table)], {"": _format(table)})


def _reading(table: pd.DataFrame) -> list[str]:
    seed = table["seed"].iloc[0]
    texts = [
        f"Each row compares two saved models, those of seed {seed}, on these test images, and nothing else. It does "
        "not say what L1, L2 or ghost batch norm do: another seed gives other models, and the result can be the "
        "opposite. For effects of factors see the page of effects, which uses all seeds.",
        "McNemar's exact test uses only the images that one of the two models gets right and the other wrong. If the "
        "models are equally good on images of this kind, both numbers are about equal. p is the chance of numbers at "
        f"least so unequal. Adjusted p (Holm) allows for all {len(table)} comparisons of this page.",
    ]
    low = int((table["p_adjusted"] < LEVEL).sum())
    if low:
        texts.append(f"{low} of {len(table)} pairs of models differ by more than chance (adjusted p below 0.05).")
    else:
        texts.append("No pair of models differs by more than chance (adjusted p below 0.05).")
    two = table[table["engine"].str.contains(" and ")]
    if len(two):
        names = ", ".join(f"{row['with']} and {row['without']}" for _, row in two.iterrows())
        texts.append(f"Different engines trained the two models of: {names}.")
    return texts


def _format(table: pd.DataFrame) -> pd.DataFrame:
    def p(values: pd.Series) -> list[str]:
        return ["<0.001" if value < 0.001 else f"{value:.3f}" for value in values]

    return pd.DataFrame(
        {
            "factor": [factors.name_of(f, s) for f, s in zip(table["factor"], table["strength"], strict=True)],
            "with": table["with"],
            "without": table["without"],
            "both right": table["both_right"],
            "only with right": table["only_with"],
            "only without right": table["only_without"],
            "both wrong": table["both_wrong"],
            "p": p(table["p"]),
            "p adjusted": p(table["p_adjusted"]),
        }
    )


def make(job: Job) -> None:
    """`mcnemar.csv` and its page, of the models of the first seed."""
    seed = job.runs[0]["seed"]
    table = agreement.compare_models(job.all_contrasts, job.agreement[0], seed)
    job.write("mcnemar.csv", study_tables.MCNEMAR, table)
    said = summaries.diverged(job.summary[job.summary["seed"] == seed])
    write(job.folder / "mcnemar.html", f"Two saved models, seed {seed}: {job.title}", table, said)
