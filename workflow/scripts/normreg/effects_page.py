"""The effects of a study's factors as a page of the report, and the comparisons the study does not allow."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from normreg import tables
from normreg.contrasts import Misfit
from normreg.effects import LEAST_SEEDS

_QUANTITIES = {
    "last5_accuracy": ("Accuracy, mean of the last five epochs (points)", 3),
    "final_accuracy": ("Final accuracy (points)", 3),
    "last5_loss": ("Loss, mean of the last five epochs", 5),
}


def write(path: str | Path, title: str, effects: pd.DataFrame, misfits: Sequence[Misfit]) -> None:
    """Writes the table of `normreg.effects.estimate`, a part for each quantity, and the `misfits`."""
    parts = {
        heading: _format(effects[effects["quantity"] == quantity], digits)
        for quantity, (heading, digits) in _QUANTITIES.items()
        if len(effects)
    }
    if misfits:
        parts["What this study cannot compare"] = pd.DataFrame(
            [
                {"one": m.one, "other": m.other, "why": f"differ also in {m.also}" if m.also else "the same experiment"}
                for m in misfits
            ]
        )
    tables.write_page(path, title, _reading(effects), parts)


def _reading(effects: pd.DataFrame) -> list[str]:
    if effects.empty:
        return ["No two conditions of this study differ in one factor alone, so it shows the effect of none."]
    text = (
        "A difference is that of two conditions which differ in one factor and in nothing else, with the factor minus "
        "without it, within a seed: both share initial weights, order and random draws. A row of several pairs is "
        "their mean."
    )
    seeds = int(effects["seeds"].min())
    if seeds < LEAST_SEEDS:
        few = f"{seeds} seed{'s' if seeds > 1 else ''}"
        return [text, f"{few}: no intervals and no verdicts. Repeat with --config seeds=5, or more."]
    return [
        text,
        f"Intervals are 95 % (Student's, {seeds} seeds). Real: the p-value is below 0.05 after Holm's adjustment for "
        "the number of effects in a table, means and single pairs apart. Not shown: these seeds do not tell it from "
        "chance; the interval says how large it may still be.",
    ]


def _format(rows: pd.DataFrame, digits: int) -> pd.DataFrame:
    def text(value: float, form: str) -> str | None:
        return None if pd.isna(value) else f"{value:{form}}"

    shown = [
        {
            "factor": row["factor"],
            "strength": f"{row['strength']:g}",
            "with": row["with"] if row["pairs"] == 1 else f"mean of {row['pairs']} pairs",
            "without": row["without"] if row["pairs"] == 1 else None,
            "difference": text(row["difference"], f"+.{digits}f"),
            "from": text(row["low"], f"+.{digits}f"),
            "to": text(row["high"], f"+.{digits}f"),
            "p": text(row["p"], ".3f"),
            "p adjusted": text(row["p_adjusted"], ".3f"),
            "verdict": None if pd.isna(row["verdict"]) else row["verdict"],
        }
        for _, row in rows.iterrows()
    ]
    return pd.DataFrame(shown).dropna(axis="columns", how="all")
