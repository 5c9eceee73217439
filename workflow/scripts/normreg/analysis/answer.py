"""What a study found, in one sentence for each effect. The same words stand in the table and in the figure."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from normreg.analysis import study_tables
from normreg.analysis.quantities import QUANTITIES
from normreg.analysis.verdicts import EffectVerdict, Level
from normreg.config import factors
from normreg.utils import tables


def read(path: str | Path, study: str) -> pd.DataFrame:
    """The table of `effects.estimate`, from the `effects.csv` of a finished run. `study` is the identity of its runs.

    Raises:
        DataError: the file is unreadable or changed, or belongs to another study.
    """
    return tables.read_frame(path, study_tables.EFFECTS, study)


def sentences(table: pd.DataFrame) -> list[str]:
    """One sentence for each effect of the accuracy, from the table of `effects.estimate`."""
    effects = table[table["level"] == Level.EFFECT]
    return [_sentence(row) for row in effects.to_dict("records") if QUANTITIES[row["quantity"]].percent]


def _sentence(row: Mapping[Hashable, Any]) -> str:
    quantity = QUANTITIES[row["quantity"]]
    seeds = f"{row['seeds']} seed{'' if row['seeds'] == 1 else 's'}"
    text = f"{name_of(row)}: "
    if pd.isna(row["difference"]):
        lost = row["verdict"] == EffectVerdict.DIVERGED
        return f"{text}{verdict(row)}." if lost else f"{text}no seed has all the runs that it needs."
    text += f"{quantity.write_difference(row['difference'])} {quantity.difference_unit}"
    if not pd.isna(row["low"]):
        low, high = (quantity.write_difference(row[key]) for key in ("low", "high"))
        text += f" (95 % interval {low} to {high})"
    text += f", {seeds}: {verdict(row)}"
    return f"{text}; {collapses(row)}." if row["collapses"] else f"{text}."


def verdict(row: Mapping[Hashable, Any]) -> str:
    """The verdict of an effect or an interaction, with the margin or the number of diverged runs that it is about."""
    margin = f"{row['margin']:g} {QUANTITIES[row['quantity']].difference_unit}"
    if row["verdict"] == EffectVerdict.EQUIVALENT:
        return f"{row['verdict']} within {margin}"
    if row["verdict"] == EffectVerdict.DIVERGED:
        return diverged(row) or str(row["verdict"])
    return str(row["verdict"]).replace("the margin", margin)


def diverged(row: Mapping[Hashable, Any]) -> str:
    """How many runs with the factor and without it diverged. Empty if none did, and for an interaction."""
    if pd.isna(row["runs"]):
        return ""
    own, other = (f"{row[key]:.0f} of {row['runs']:.0f}" for key in ("diverged", "diverged_without"))
    if row["diverged"]:
        return f"diverged in {own} runs" + (f" with it and {other} without it" if row["diverged_without"] else "")
    return f"without it, {other} runs diverged" if row["diverged_without"] else ""


def collapses(row: Mapping[Hashable, Any]) -> str:
    """How many of an effect's runs have collapsed."""
    return f"collapses in {row['collapses']:.0f} of {row['runs']:.0f} runs"


def name_of(row: Mapping[Hashable, Any]) -> str:
    """The name of an effect or an interaction: "L1 1e-5", "L1 1e-5 × GBN, 2 splits"."""
    name = factors.name_of(row["factor"], row["strength"])
    return f"{name} × {row['other']}" if row["level"] == Level.INTERACTION else name
