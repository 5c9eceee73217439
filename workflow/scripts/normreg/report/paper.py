"""What a paper needs of a study, as Markdown and LaTeX: means and standard deviations, intervals, verdicts."""

from collections.abc import Sequence

import pandas as pd

from normreg.analysis import answer
from normreg.analysis import summary as summaries
from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.analysis.verdicts import Level
from normreg.report import html, words
from normreg.report.job import Job

CONDITIONS, EFFECTS = "Conditions", "Effects"
# Characters that text fonts lack.
_TEX = str.maketrans({"−": "$-$", "→": r"$\to$", "×": r"$\times$", "·": r"$\cdot$", "λ": r"$\lambda$"})


def conditions(summary: pd.DataFrame, quantities: Sequence[Quantity]) -> pd.DataFrame:
    """One row for each condition: its finished and diverged runs, and mean and standard deviation over them."""
    grouped = summary.groupby("condition", sort=False)
    shown = pd.DataFrame({"seeds": grouped["final_accuracy"].count().astype(str)})
    if summary["diverged_epoch"].notna().any():
        shown["diverged"] = grouped["diverged_epoch"].count().astype(str)
    for quantity in quantities:
        mean, spread = grouped[quantity.key].mean(), grouped[quantity.key].std(ddof=1)
        shown[quantity.label] = [words.known(value, quantity.write) or "" for value in mean]
        shown[f"SD of {quantity.label}"] = [words.known(value, quantity.write) or "" for value in spread]
    return shown.reset_index()


def effects(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each effect and interaction of `effects.csv`: estimate, 95 % interval, adjusted p and verdict."""
    shown = []
    for row in table[table["level"] != Level.PAIR].to_dict("records"):
        quantity = QUANTITIES[row["quantity"]]
        difference, low, high = (
            words.known(row[key], quantity.write_difference) or "" for key in ("difference", "low", "high")
        )
        shown.append(
            {
                "effect": answer.name_of(row),
                "on": f"{quantity.name} ({quantity.difference_unit})",
                "seeds": str(row["seeds"]),
                "estimate": difference,
                "95 % interval": f"{low} to {high}" if low else "",
                "p (Holm)": words.p_value(row["p_adjusted"]) or "",
                "verdict": answer.verdict(row),
            }
        )
    return pd.DataFrame(shown)


def markdown(title: str, notes: Sequence[str], parts: dict[str, pd.DataFrame]) -> str:
    """The tables as Markdown."""
    written = [f"## {name}\n\n{part.to_markdown(index=False, disable_numparse=True)}" for name, part in parts.items()]
    return "\n\n".join([f"# {title}", *notes, *written]) + "\n"


def latex(title: str, notes: Sequence[str], parts: dict[str, pd.DataFrame]) -> str:
    """The tables as LaTeX, for the package booktabs. Title and notes are comments."""
    written = []
    for name, part in parts.items():
        styler = part.style.hide(axis="index").format(escape="latex").format_index(escape="latex", axis="columns")
        written.append(styler.to_latex(hrules=True, caption=name, label=f"tab:{name.lower()}"))
    comments = (f"% {' '.join(note.split())}" for note in (title, *notes))
    text = "\n".join([*comments, *written])
    return text.translate(_TEX)


def make(job: Job) -> None:
    """`summary.md` and `summary.tex`."""
    judged = summaries.judged(job.summary, job.params.rules["judge"])
    parts = {CONDITIONS: conditions(job.summary, judged)}
    if job.contrasts:
        parts[EFFECTS] = effects(answer.read(job.folder / "effects.csv", job.identity))
    for ending, write in (("md", markdown), ("tex", latex)):
        html.save(job.folder / f"summary.{ending}", write(job.title, job.notes(), parts))
