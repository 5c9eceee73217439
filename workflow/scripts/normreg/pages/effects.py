"""The effects of a study's factors as a page of the report, and the comparisons the study does not allow."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from normreg.analysis import effects
from normreg.analysis.contrasts import ConfoundedPair
from normreg.analysis.quantities import POINTS, QUANTITIES, Quantity
from normreg.analysis.verdicts import Confounding, Level
from normreg.pages import html


def write(
    path: str | Path,
    title: str,
    table: pd.DataFrame,
    confounded: Sequence[ConfoundedPair],
    fewer_splits: Mapping[str, str],
) -> None:
    """Writes the `table` of `effects.estimate`, with a part for each quantity, and what `contrasts` found amiss.

    These are the `confounded` pairs, and conditions with fewer ghost batches than they ask for, with how many.
    """
    parts = {}
    for key in effects.EFFECT_QUANTITIES if len(table) else ():
        quantity = QUANTITIES[key]
        parts[_heading(quantity)] = _format(table[table["quantity"] == key], quantity)
    if confounded:
        parts["What this study cannot compare"] = pd.DataFrame(
            [{"one": pair.one, "other": pair.other, "why": _why(pair)} for pair in confounded]
        )
    if fewer_splits:
        parts["Fewer ghost batches than asked for"] = pd.DataFrame(
            [{"condition": name, "ghost batches": said} for name, said in fewer_splits.items()]
        )
    html.write_page(path, title, _reading(table), parts)


def _heading(quantity: Quantity) -> str:
    """Names the quantity, its unit, and the sign of a difference that is better."""
    unit = f"{POINTS}; " if quantity.percent else ""
    sign = "positive" if quantity.better_up else "negative"
    return f"{quantity.heading[0].upper()}{quantity.heading[1:]} ({unit}{sign} is better)"


def _why(pair: ConfoundedPair) -> str:
    return pair.kind if pair.kind is Confounding.SAME else f"{pair.kind} {pair.also}"


def _reading(table: pd.DataFrame) -> list[str]:
    if table.empty:
        return ["This study has no two conditions with and without a factor that are otherwise equal."]
    pairs = (
        "Each difference compares two conditions that differ in one factor and in nothing else: the value with the "
        "factor minus the value without it, for the same seed. Both share initial weights, order of the images and "
        "random draws. A seed does not count if different engines trained its two runs. A row of several pairs is "
        "their mean. These pairs differ in other factors. If the other factors change the effect, the mean is not the "
        "effect in any single condition."
    )
    if table["low"].isna().all():
        seeds = int(table["seeds"].max())
        few = f"{seeds} seed{'s' if seeds != 1 else ''}"
        return [pairs, f"{few}: no intervals and no verdicts. Repeat with --config seeds=5 or more."]
    return [
        pairs,
        "Each interval is a 95 % interval for its own row (Student's, which assumes that differences over seeds are "
        "normal). Shown: the p-value is below 0.05 after Holm's adjustment for the number of effects on this page. Not "
        "shown: these seeds do not tell the effect from chance; the interval says how large it may still be. Pairs "
        "have no verdict of their own. A dash means that there are fewer than three seeds, or that all differences are "
        "equal.",
        "All runs are tested on the same images. So the intervals say what to expect when networks are trained again "
        "and tested on these images. On other images the same models would differ by other amounts.",
    ]


def _format(rows: pd.DataFrame, quantity: Quantity) -> pd.DataFrame:
    """The table as text. Pairs have empty cells where only effects have a value. None stands for an unknown value."""

    def text(value: float) -> str | None:
        return None if pd.isna(value) else quantity.write_difference(value)

    def p(value: float) -> str | None:
        if pd.isna(value):
            return None
        return "<0.001" if value < 0.001 else f"{value:.3f}"

    shown = []
    for _, row in rows.iterrows():
        effect, single = row["level"] == Level.EFFECT, row["pairs"] == 1
        cells: dict[str, str | None] = {
            "effect": effects.name_of(row["factor"], row["strength"]) if effect else "",
            "with": row["with"] if single else f"mean of {row['pairs']} pairs",
            "without": row["without"] if single else "",
            "seeds": str(row["seeds"]),
            "difference": text(row["difference"]),
        }
        if rows["low"].notna().any():
            cells |= {"from": text(row["low"]), "to": text(row["high"])}
            verdict = None if pd.isna(row["verdict"]) else row["verdict"]
            own = {"p": p(row["p"]), "p adjusted": p(row["p_adjusted"]), "verdict": verdict}
            cells |= own if effect else dict.fromkeys(own, "")
        shown.append(cells)
    return pd.DataFrame(shown)
