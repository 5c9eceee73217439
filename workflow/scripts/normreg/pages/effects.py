"""The effects of a study's factors as a page of the report, and the comparisons the study does not allow."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from normreg.analysis import effects
from normreg.analysis.contrasts import Misfit
from normreg.pages import html

_QUANTITIES = {
    "last5_accuracy": ("Accuracy, mean of the last five epochs (points; positive is better)", 3),
    "last5_loss": ("Loss, mean of the last five epochs (negative is better)", 5),
}


def write(path: str | Path, title: str, table: pd.DataFrame, misfits: Sequence[Misfit]) -> None:
    """Writes the `table` of `normreg.analysis.effects.estimate`, a part for each quantity, and the `misfits`."""
    parts = {
        heading: _format(table[table["quantity"] == quantity], digits)
        for quantity, (heading, digits) in _QUANTITIES.items()
        if len(table)
    }
    if misfits:
        parts["What this study cannot compare"] = pd.DataFrame(
            [
                {"one": m.one, "other": m.other, "why": f"differ also in {m.also}" if m.also else "the same experiment"}
                for m in misfits
            ]
        )
    html.write_page(path, title, _reading(table), parts)


def _reading(table: pd.DataFrame) -> list[str]:
    if table.empty:
        return ["This study has no two conditions with and without a factor that are equal in all else."]
    pairs = (
        "A difference is that of two conditions which differ in one factor and in nothing else, with the factor minus "
        "without it, within a seed: both share initial weights, order and random draws (a seed whose two runs were "
        "trained by different engines does not count). A row of several pairs is their mean, over whatever other "
        "factors they have; where factors act on each other it is the effect on no single condition."
    )
    if table["low"].isna().all():
        seeds = int(table["seeds"].max())
        few = f"{seeds} seed{'s' if seeds != 1 else ''}"
        return [pairs, f"{few}: no intervals and no verdicts. Repeat with --config seeds=5, or more."]
    return [
        pairs,
        "Intervals are 95 %, each for itself (Student's, which takes differences over seeds as normal). Shown: the "
        "p-value is below 0.05 after Holm's adjustment for the number of effects on this page. Not shown: these seeds "
        "do not tell it from chance; the interval says how large it may still be. Pairs have no verdict of their own. "
        "A dash stands where there are fewer than three seeds, or all differences are equal.",
        "All runs are tested on the same images, so this is about training again and testing on these images. On "
        "others the same models would differ by other amounts.",
    ]


def _format(rows: pd.DataFrame, digits: int) -> pd.DataFrame:
    """The table with `digits` after the point; empty where a pair has nothing of its own, None where it is unknown."""

    def text(value: float, form: str) -> str | None:
        return None if pd.isna(value) else f"{value:{form}}".replace("-", "−")

    def p(value: float) -> str | None:
        return "<0.001" if value < 0.001 else text(value, ".3f")

    shown = []
    for _, row in rows.iterrows():
        effect, single = row["level"] == "effect", row["pairs"] == 1
        cells: dict[str, str | None] = {
            "effect": effects.name_of(row["factor"], row["strength"]) if effect else "",
            "with": row["with"] if single else f"mean of {row['pairs']} pairs",
            "without": row["without"] if single else "",
            "seeds": str(row["seeds"]),
            "difference": text(row["difference"], f"+.{digits}f"),
        }
        if rows["low"].notna().any():
            cells |= {"from": text(row["low"], f"+.{digits}f"), "to": text(row["high"], f"+.{digits}f")}
            verdict = None if pd.isna(row["verdict"]) else row["verdict"]
            own = {"p": p(row["p"]), "p adjusted": p(row["p_adjusted"]), "verdict": verdict}
            cells |= own if effect else dict.fromkeys(own, "")
        shown.append(cells)
    return pd.DataFrame(shown)
