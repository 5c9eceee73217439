"""A page of the report: published against measured values, and where the study's README differs from its code."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from normreg.analysis import published
from normreg.analysis.quantities import QUANTITIES
from normreg.pages import html


def write(
    path: str | Path, title: str, source: str, comparison: pd.DataFrame, readme: Sequence[Mapping[str, Any]]
) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        title: heading of the page.
        source: where the published values come from.
        comparison: the table of `published.compare`.
        readme: one entry for each difference between the study's README and its code, with the keys `key`, `readme`,
            `executed` and `note`.
    """
    parts = {"": _format(comparison)}
    notes = comparison[["condition", "note"]].dropna().drop_duplicates()  # as a column too wide for a screen
    if len(notes):
        parts["Notes on the published values"] = notes
    if readme:
        parts["Where the README and the executed code differ"] = pd.DataFrame(
            [{key: entry.get(key) for key in ("key", "readme", "executed", "note")} for entry in readme]
        ).map(lambda value: None if value is None else str(value))
    html.write_page(path, title, [f"Published values: {source}.", _reading(int(comparison["seeds"].min()))], parts)


def _reading(seeds: int) -> str:
    smaller, larger = published.SAME_CONFIGURATION_DIFFERED
    if seeds < published.LEAST_SEEDS:
        return (
            f"{seeds} seed{'s' if seeds > 1 else ''} measured: no verdict. For comparison: in two cases, two published "
            f"runs had the same configuration. Their last-five means differed by {smaller:.2f} and {larger:.2f} points."
        )
    return (
        "Within the spread of seeds: the published value lies in the 95 % prediction interval of one more seed. "
        "All runs are tested on the same images, so the sampling error of these images is not part of it."
    )


def _format(comparison: pd.DataFrame) -> pd.DataFrame:
    """The table as text. None stands for what was not published."""

    def text(row: pd.Series, key: str, sign: str = "") -> str | None:
        digits = QUANTITIES[row["quantity"]].digits
        return None if pd.isna(row[key]) else f"{row[key]:{sign}.{digits}f}"

    rows = []
    for _, row in comparison.iterrows():
        shown = {
            "condition": row["condition"],
            "quantity": QUANTITIES[row["quantity"]].label,
            "published": text(row, "published"),
        }
        shown["measured"] = text(row, "measured")
        if row["seeds"] > 1:
            shown["range over seeds"] = f"{text(row, 'measured_low')} to {text(row, 'measured_high')}"
        shown["difference"] = text(row, "difference", "+")
        shown |= {key: None if pd.isna(row[key]) else row[key] for key in ("verdict", "from")}
        rows.append(shown)
    return pd.DataFrame(rows).dropna(axis="columns", how="all")
