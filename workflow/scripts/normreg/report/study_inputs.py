"""What figures of a whole study are drawn from: its tables of effects and of published values."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from normreg.analysis import effects, run_tables, study_tables
from normreg.analysis.quantities import EFFECT_QUANTITIES
from normreg.analysis.verdicts import Origin, PublishedVerdict
from normreg.config.factors import NORMS, PENALTIES
from normreg.errors import AGAIN, DataError
from normreg.utils import tables

PUBLISHED_QUANTITIES = ("final_accuracy", "last5_accuracy", "last5_loss")  # keys of `QUANTITIES` that have a panel
_EFFECT_ROW = ["level", "factor", "strength", "other", "without", "with"]  # they identify a row
_FAILURES = ["runs", "collapses", "diverged", "diverged_without"]
_EFFECT_NUMBERS = ["strength", "pairs", "margin", "seeds", "difference", "low", "high", *_FAILURES]


@dataclass(frozen=True)
class Pair:
    """A published value and what was measured, for one condition and quantity."""

    condition: str
    penalty: str
    norm: str
    quantity: str
    published: float | None
    measured: float  # mean over the seeds
    low: float  # range over the seeds
    high: float
    seeds: int
    origin: Origin | None  # of the published value; None if there is none
    compared: bool  # false where nothing was published, or a value of other epochs
    verdict: PublishedVerdict | None  # None if it is not compared, or if the seeds have no spread or are too few


def read_published(path: str | Path, study: str) -> tuple[list[Pair], str]:
    """Reads the table of `normreg.analysis.published.compare`. Keeps the rows of `PUBLISHED_QUANTITIES`, in order.

    What was not measured is left out; a sentence says which runs diverged. `study` is the identity of its runs.

    Raises:
        DataError: the file is unreadable or changed, it belongs to another study, a penalty, an origin or a verdict is
            unknown, or there is no row to draw.
    """
    columns = tables.read(path, study_tables.PUBLISHED, study)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    try:
        pairs = [_pair(row) for row in rows if row["quantity"] in PUBLISHED_QUANTITIES and row["measured"] is not None]
    except ValueError as error:
        raise DataError(f"{path}: cannot be read as published values: {error}. {AGAIN}") from error
    finals = {row["condition"]: row for row in rows if row["quantity"] == PUBLISHED_QUANTITIES[0]}
    lost = {name: row["diverged"] for name, row in finals.items()}
    diverged = run_tables.diverged_sentence(lost, {name: lost[name] + row["seeds"] for name, row in finals.items()})
    if not (pairs or diverged):
        raise DataError(f"{path}: no row with a quantity among {', '.join(PUBLISHED_QUANTITIES)}.")
    return pairs, diverged


def _pair(row: dict[str, Any]) -> Pair:
    if row["penalty"] not in PENALTIES or row["norm"] not in NORMS:
        raise ValueError(f"{row['condition']} has an unknown penalty or norm, {row['penalty']} with {row['norm']}")
    names = row["condition"], row["penalty"], row["norm"], row["quantity"]
    origin = Origin(row["from"]) if row["from"] else None
    verdict = PublishedVerdict(row["verdict"]) if row["verdict"] else None
    measured, low, high = (row[name] for name in ("measured", "measured_low", "measured_high"))
    return Pair(
        *names, row["published"], measured, low, high, row["seeds"], origin, row["difference"] is not None, verdict
    )


def read_effects(path: str | Path, study: str) -> pd.DataFrame:
    """Reads the table of `normreg.analysis.effects.estimate`; `study` is the identity of its runs.

    Raises:
        DataError: the file is unreadable or changed, it belongs to another study, a column or number is missing or
            wrong, the quantities have different rows, or there is no row to draw.
    """
    whole = tables.read_frame(path, study_tables.EFFECTS, study)
    table = whole[effects.COLUMNS].astype(dict.fromkeys(_EFFECT_NUMBERS, float))
    panels = list(effect_panels(table).values())
    if not any(set(table["quantity"]) == set(pair) for pair in EFFECT_QUANTITIES):
        raise DataError(f"{path}: its quantities are {', '.join(table['quantity'].unique())}. {AGAIN}")
    names = [own[_EFFECT_ROW].reset_index(drop=True) for own in panels]
    if panels[0].empty or any(not own.equals(names[0]) for own in names):
        raise DataError(f"{path}: expected the same rows for each quantity. {AGAIN}")
    return table


def effect_panels(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each quantity of a table of `read_effects`."""
    return {quantity: table[table["quantity"] == quantity] for quantity in table["quantity"].unique()}
