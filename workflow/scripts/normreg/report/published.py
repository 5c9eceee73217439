"""A page of the report: published against measured values, and where the study's README differs from its code."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from normreg.analysis import published, study_tables
from normreg.analysis.inference import LEAST_SEEDS
from normreg.analysis.quantities import QUANTITIES
from normreg.report import html, study_inputs, style
from normreg.report import published_figure as figures
from normreg.report.job import Job


def write(
    path: str | Path,
    title: str,
    source: str,
    comparison: pd.DataFrame,
    readme: Sequence[Mapping[str, Any]],
    diverged: str = "",
) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        title: heading of the page.
        source: where the published values come from.
        comparison: the table of `published.compare`.
        readme: one entry for each difference between the study's README and its code, with the keys `key`, `readme`,
            `executed` and `note`.
        diverged: a sentence on the runs that diverged.
    """
    parts = {"": _format(comparison)}
    without = _without_verdict(comparison)
    if len(without):
        parts["No verdict"] = without
    notes = comparison[["condition", "note"]].dropna().drop_duplicates()  # as a column too wide for a screen
    if len(notes):
        parts["Notes on the published values"] = notes
    if readme:
        parts["Where the README and the executed code differ"] = pd.DataFrame(
            [{key: entry.get(key) for key in ("key", "readme", "executed", "note")} for entry in readme]
        ).map(lambda value: None if value is None else str(value))
    said = [f"Published values: {source}.", *filter(None, [diverged]), *_reading(comparison), *_mixed(comparison)]
    html.write_page(path, title, said, parts)


def _reading(comparison: pd.DataFrame) -> list[str]:
    smaller, larger = published.SAME_CONFIGURATION_DIFFERED
    seeds = min((int(count) for count in comparison["seeds"] if count), default=0)
    if seeds < LEAST_SEEDS:
        return [
            f"{seeds} seed{'s' if seeds != 1 else ''} measured: no verdict. For comparison: in two cases, two "
            "published runs had the same configuration. Their last-five means differed by "
            f"{smaller:.2f} and {larger:.2f} points."
        ]
    given, outside, expected = published.count_outside(comparison)
    told = [
        "Within the spread of seeds: the published value lies in the 95 % prediction interval of one more seed, which "
        "is the measured mean plus and minus the half-width. All runs are tested on the same images, so the sampling "
        "error of these images is not part of it. The interval assumes that the values of the seeds are normal."
    ]
    if given:
        told.append(
            f"{outside} of {given} verdicts are outside. If every published run was one more seed of the same "
            f"training, {expected:.1f} of {given} would be expected outside by chance (5 %). The quantities of one run "
            "are not independent, so they are often outside together."
        )
    return told


def _mixed(comparison: pd.DataFrame) -> list[str]:
    """A sentence about conditions whose seeds were trained by different engines, if there are any."""
    several = comparison[comparison["engines"].str.contains(",")].drop_duplicates("condition")
    if several.empty:
        return []
    named = "; ".join(f"{row['condition']}: {row['engines']}" for _, row in several.iterrows())
    return [f"Different engines trained the seeds of some conditions ({named}). All of them count as seeds here."]


def _without_verdict(comparison: pd.DataFrame) -> pd.DataFrame:
    """Which published values have no verdict, and why. Too few seeds are said above the table."""
    missing = comparison[comparison["no_verdict"].notna() & (comparison["no_verdict"] != published.FEW_SEEDS)]
    groups = missing.groupby(["condition", "no_verdict"], sort=False)["quantity"]
    rows = [(*key, ", ".join(QUANTITIES[name].name for name in names)) for key, names in groups]
    return pd.DataFrame(rows, columns=["condition", "because", "quantities"])[["condition", "quantities", "because"]]


def _format(comparison: pd.DataFrame) -> pd.DataFrame:
    """The table as text. None stands for what was not published, or not compared."""

    def text(row: pd.Series, key: str, sign: str = "", more: int = 0) -> str | None:
        digits = QUANTITIES[row["quantity"]].digits + more
        return None if pd.isna(row[key]) else f"{row[key]:{sign}.{digits}f}"

    rows = []
    for _, row in comparison.iterrows():
        shown = {
            "condition": row["condition"],
            "quantity": QUANTITIES[row["quantity"]].label,
            "published": text(row, "published"),
            "published best at epoch": "" if row["quantity"] != "best_accuracy" else row["best_epochs"],
        }
        shown["measured"] = text(row, "measured")
        if row["seeds"] > 1:  # known values, so there are both ends
            shown["range over seeds"] = f"{text(row, 'measured_low')} to {text(row, 'measured_high')}"
        shown["half-width"] = text(row, "half_width", more=1)
        shown["difference"] = text(row, "difference", "+")
        shown |= {key: None if pd.isna(row[key]) else row[key] for key in ("verdict", "from")}
        rows.append(shown)
    table = pd.DataFrame(rows)
    if comparison["best_epochs"].isna().all():
        del table["published best at epoch"]
    return table.dropna(axis="columns", how="all")


def make(job: Job) -> None:
    """`published.csv` with its page and its figure."""
    block, title = job.params.published, f"Published and measured: {job.title}"
    table = published.compare(block, job.summary)
    job.write("published.csv", study_tables.PUBLISHED, table)
    pairs, diverged = study_inputs.read_published(job.folder / "published.csv", job.identity)
    write(job.folder / "published.html", title, block["source"], table, job.params.readme, diverged)
    figure = figures.draw(pairs, title, job.named, diverged) if pairs else style.only_words(title, diverged)
    style.save(figure, *job.paths("published"))
