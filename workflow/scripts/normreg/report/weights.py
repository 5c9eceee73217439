"""A page of the report: what the penalties did to the sizes of the weights."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from normreg.analysis import study_tables, weights
from normreg.analysis.weights import Size
from normreg.config.condition import Condition
from normreg.report import html, style
from normreg.report import weights_figure as figures
from normreg.report.job import Job

_PARTS = {weights.ALL: "All parameters", weights.WEIGHTS: "Weights only, without biases and norms"}
_READING = (
    "Norms and shares are of the saved models. The L1 norm is the sum of the absolute values, the L2 norm the root of "
    "the sum of squares. Training seldom makes a weight exactly 0, so sparsity is given as shares below thresholds. "
    "The control is the condition that has no penalty and is otherwise equal. Where a norm follows a convolution, it "
    "divides by the size of the convolution's output. So smaller weights there do not change by themselves what the "
    "network computes."
)


def write(path: str | Path, title: str, table: pd.DataFrame, conditions: Mapping[str, Condition]) -> None:
    """Writes the `table` of `weights.summarise`: sentences, then a table for each part of the model."""
    said = list(filter(None, [weights.diverged(table), *weights.sentences(table, conditions)]))
    seeds = int(table["seeds"].max())
    if seeds > 1:
        said = [f"Numbers are means over {seeds} seeds, with the range in brackets.", *said]
    if not table["control"].notna().any():
        said.append("No condition of this study has a control, so changes are not given.")
    parts = {
        heading: _format(table[table["role"] == part]) for part, heading in _PARTS.items() if part in set(table["role"])
    }
    html.write_page(path, title, [_READING, *said], parts)


def _format(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per condition. A norm has its change against the control beside it."""
    shown = []
    for condition, own in rows.groupby("condition", sort=False):
        by_size = own.set_index("size")
        cells: dict[str, str | None] = {"condition": str(condition), "elements": f"{own['elements'].iloc[0]:,}"}
        for size in weights.SIZES:
            row = by_size.loc[size.key]
            cells[size.name] = _value(row, size)
            if size.threshold is None:
                cells[f"{size.name} against control"] = _change(row["ratio"])
        control = own["control"].iloc[0]
        shown.append(cells | {"control": None if pd.isna(control) else str(control)})
    return pd.DataFrame(shown).dropna(axis="columns", how="all")


def _value(row: pd.Series, size: Size) -> str | None:
    if not row["seeds"]:
        return None
    mean, low, high = (f"{row[key]:.{size.digits}f}" for key in ("mean", "low", "high"))
    return mean if row["seeds"] == 1 else f"{mean} ({low} to {high})"


def _change(ratio: float) -> str | None:
    return None if pd.isna(ratio) else f"{100 * (ratio - 1):+.1f} %".replace("-", "−")


def make(job: Job) -> None:
    """`weight_sizes.csv` with its page and its figure."""
    title = f"Sizes of the weights: {job.title}"
    table = weights.summarise(job.runs, job.input.weights, job.conditions)
    job.write("weight_sizes.csv", study_tables.WEIGHT_SIZES, table)
    write(job.folder / "weight_sizes.html", title, table, job.conditions)
    sizes, diverged = figures.read(job.folder / "weight_sizes.csv", job.identity)
    figure = figures.draw(sizes, title, job.named, diverged) if sizes else style.only_words(title, diverged)
    style.save(figure, *job.paths("weight_sizes"))
