"""The noise floor of a study as a page of the report: by how much runs differ that have the same settings."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from normreg.analysis import noise, study_tables
from normreg.analysis.inference import LEAST_SEEDS
from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.report import html
from normreg.report.job import Job

_ROWS = {  # the column of noise.csv, and the beginning of its row on the page
    "repeat_median": "two runs that differ only in the seed: median difference",
    "repeat_95": "95 % of such differences are at most",
    "repeat_largest": "the largest of them",
    "within_sd": "standard deviation of the seeds of one condition",
    "residual_sd": "standard deviation that is left after the means of condition and seed (95 % interval)",
    "correlation": "correlation of the seeds across conditions (95 % interval)",
    "paired_sd": "standard deviation of a difference of two conditions, same seed",
    "independent_sd": "the same, different seeds",
    "least_difference": "smaller differences of two conditions cannot be told from chance with these seeds",
    "test_set_sd": "standard deviation of one accuracy over test sets of this size: the choice of the images",
    "training_sd": "the same: training again, on fixed test images",
    "test_set_share": "share of this variance that is due to the choice of the images",
}
_PARTS = {"correlation", "test_set_share"}  # they have no unit


def write(path: str | Path, title: str, table: pd.DataFrame, diverged: str = "") -> None:
    """Writes the table of `noise.describe`: what it says in sentences, then all numbers.

    `diverged` is a sentence on the runs that diverged.
    """
    first = table.iloc[0]
    texts = [f"{diverged} In numbers over seeds, no run of these conditions counts."] if diverged else []
    texts += [*_repeats(first), *_seeds(first), *_sampling(table), _counts(first)]
    shown = _format(table)
    html.write_page(path, title, texts, {} if shown.empty else {"": shown})


def _repeats(row: pd.Series) -> list[str]:
    quantity = QUANTITIES[row["quantity"]]
    if not row["repeat_pairs"]:
        return [
            f"{'One' if row['seeds'] else 'No'} complete seed: how much runs differ from seed to seed cannot be given. "
            "Repeat with --config seeds=5 or more."
        ]
    say = _in_unit(quantity)
    return [
        f"Two runs that differ only in the seed differ by about {say(row['repeat_median'])} in the {quantity.name} "
        f"(median of {row['repeat_pairs']} differences). 95 % of the differences are at most {say(row['repeat_95'])}, "
        f"the largest is {say(row['repeat_largest'])}."
    ]


def _seeds(row: pd.Series) -> list[str]:
    """What the seeds can tell, and what pairing them saves."""
    if pd.isna(row["least_difference"]):
        if row["seeds"] < LEAST_SEEDS:
            return [f"Spreads, the correlation of seeds and what pairing saves need {LEAST_SEEDS} seeds or more."]
        reason = "there is one condition" if row["conditions"] < 2 else "all seeds have the same values"
        return [f"The residual spread and what pairing saves cannot be given, because {reason}."]
    say = _in_unit(QUANTITIES[row["quantity"]])
    saved = 100 * row["correlation"]
    interval = f"95 % interval {100 * row['correlation_low']:.0f} to {100 * row['correlation_high']:.0f}"
    texts = [
        f"With these {row['seeds']} seeds, an observed difference of two conditions under "
        f"{say(row['least_difference'])} cannot be told from chance (95 % interval, for one comparison planned "
        "beforehand). The mean effect of a factor over several pairs is more precise: see the page of effects."
    ]
    if saved > 0:
        texts.append(
            f"Pairing (all conditions of a seed share initial weights, order and draws) saved {saved:.0f} % of the "
            f"variance of a difference ({interval})."
        )
    else:
        texts.append(
            "Pairing (all conditions of a seed share initial weights, order and draws) saved nothing here: the "
            f"correlation of the seeds across conditions is {row['correlation']:.2f}, not above 0. It would have "
            f"changed the variance of a difference by {-saved:+.0f} % ({interval} % saved)."
        )
    return texts


def _sampling(table: pd.DataFrame) -> list[str]:
    row = table[table["test_runs"] > 0]
    if row.empty or pd.isna(row.iloc[0]["test_set_share"]):
        return ["How much the choice of the test images matters cannot be given: it needs two runs or more."]
    found = row.iloc[0]
    source = "the seeds of each condition" if found["seeds"] > 1 else "the conditions of one seed, taken as equal runs"
    return [
        f"{_share(found['test_set_share'])} of the variance of one final accuracy comes from the choice of the "
        f"test images: their difficulty, which all runs share. On other test images of this number, the accuracy of "
        f"the same training would vary by {found['test_set_sd']:.3f} points for this reason (standard deviation) and "
        f"by {found['training_sd']:.3f} because networks are trained again. More seeds make only the second part "
        f"smaller. (From {found['test_runs']} saved models: {source}.)"
    ]


def _counts(row: pd.Series) -> str:
    plural = "" if row["conditions"] == 1 else "s"
    text = f"From {row['conditions']} distinct condition{plural} and {row['seeds']} complete seeds"
    if row["seeds"] == 1:
        text = text[:-1]
    if row["left_out"]:
        text += f"; {row['left_out']} left out, because a run is missing or two engines trained the seed"
    if row["engines"] and " and " in row["engines"]:
        text += f". Seeds of different engines ({row['engines']}) are taken together"
    return f"{text}. A run that collapsed counts in all numbers."


def _format(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each measure and a column for each quantity. Those without any number are left out."""
    columns = {}
    for _, row in table.iterrows():
        quantity = QUANTITIES[row["quantity"]]
        columns[f"{quantity.name} ({quantity.difference_unit})"] = [_cell(row, key, quantity) for key in _ROWS]
    shown = pd.DataFrame(columns, index=list(_ROWS.values())).dropna(axis=0, how="all").dropna(axis=1, how="all")
    return shown.reset_index(names="")


def _cell(row: pd.Series, key: str, quantity: Quantity) -> str | None:
    value = row[key]
    if pd.isna(value):
        return None
    if key == "test_set_share":
        return _share(value)
    write: Callable[[float], str] = "{:.2f}".format if key in _PARTS else _number(quantity)
    low = f"{key.removesuffix('_sd')}_low"
    if low not in row or pd.isna(row[low]):
        return write(value)
    return f"{write(value)} ({write(row[low])} to {write(row[low.replace('_low', '_high')])})"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if value >= 0.005 else "< 1 %"


def _number(quantity: Quantity) -> Callable[[float], str]:
    """Spreads are written like differences."""
    return f"{{:.{quantity.difference_digits}f}}".format


def _in_unit(quantity: Quantity) -> Callable[[float], str]:
    number = _number(quantity)
    return lambda value: f"{number(value)} {quantity.difference_unit}"


def make(job: Job) -> None:
    """`noise.csv` and its page."""
    table = noise.describe(job.summary, job.agreement[0])
    job.write("noise.csv", study_tables.NOISE, table)
    write(job.folder / "noise.html", f"Noise floor: {job.title}", table, job.agreement[0].diverged)
