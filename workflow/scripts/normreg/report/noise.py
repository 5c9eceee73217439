"""The noise floor of a study, by how much runs differ that have the same settings: `noise.csv` and its page."""

from pathlib import Path

import pandas as pd

from normreg.analysis import noise
from normreg.analysis.inference import LEAST_SEEDS
from normreg.analysis.quantities import QUANTITIES
from normreg.report import html, words
from normreg.report.job import Job
from normreg.utils.tables import Table, columns_of

_SPREAD = (
    *("residual_sd", "residual_low", "residual_high", "within_sd"),
    *("correlation", "correlation_low", "correlation_high", "paired_sd", "independent_sd", "least_difference"),
)
_REPEATS = ("repeat_median", "repeat_95", "repeat_largest")
_SAMPLING = ("test_set_share", "test_set_sd", "training_sd")
TABLE = Table(
    "the noise floor",
    columns_of(str, "quantity")
    | columns_of(int, "conditions", "seeds", "left_out")
    | columns_of(str, "engines")
    | columns_of(int, "repeat_pairs")
    | columns_of(float, *_REPEATS, *_SPREAD)
    | columns_of(int, "test_runs")
    | columns_of(float, *_SAMPLING)
    | columns_of(str, "run"),
    may_be_empty=frozenset({"engines", *_REPEATS, *_SPREAD, *_SAMPLING}),
)
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


def write(path: str | Path, title: str, table: pd.DataFrame, diverged: str = "") -> None:
    """Writes the table of `noise.describe`: what it says in sentences, then all numbers.

    `diverged` is a sentence on the runs that diverged.
    """
    first = table.iloc[0]
    lost = f"{diverged} In numbers over seeds, no run of these conditions counts." if diverged else ""
    texts = [lost, _repeats(first), *_seeds(first), _sampling(table), _counts(first)]
    html.write_page(path, title, texts, {"": _format(table)})


def _repeats(row: pd.Series) -> str:
    if not row["repeat_pairs"]:
        return (
            f"{'One' if row['seeds'] else 'No'} complete seed: how much runs differ from seed to seed cannot be given. "
            "Repeat with --config seeds=5 or more."
        )
    return (
        f"Two runs that differ only in the seed differ by about {_in_unit(row, 'repeat_median')} in the "
        f"{QUANTITIES[row['quantity']].name} (median of {row['repeat_pairs']} differences). 95 % of the differences "
        f"are at most {_in_unit(row, 'repeat_95')}, the largest is {_in_unit(row, 'repeat_largest')}."
    )


def _seeds(row: pd.Series) -> list[str]:
    """What the seeds can tell, and what pairing them saves."""
    if pd.isna(row["least_difference"]):
        if row["seeds"] < LEAST_SEEDS:
            return [f"Spreads, the correlation of seeds and what pairing saves need {LEAST_SEEDS} seeds or more."]
        reason = "there is one condition" if row["conditions"] < 2 else "all seeds have the same values"
        return [f"The residual spread and what pairing saves cannot be given, because {reason}."]
    saved = 100 * row["correlation"]
    interval = f"95 % interval {100 * row['correlation_low']:.0f} to {100 * row['correlation_high']:.0f}"
    pairing = "Pairing (all conditions of a seed share initial weights, order and draws) saved"
    if saved > 0:
        text = f"{pairing} {saved:.0f} % of the variance of a difference ({interval})."
    else:
        text = (
            f"{pairing} nothing here: the correlation of the seeds across conditions is {row['correlation']:.2f}, not "
            f"above 0. It would have changed the variance of a difference by {-saved:+.0f} % ({interval} % saved)."
        )
    return [
        f"With these {row['seeds']} seeds, an observed difference of two conditions under "
        f"{_in_unit(row, 'least_difference')} cannot be told from chance (95 % interval, for one comparison planned "
        "beforehand). The mean effect of a factor over several pairs is more precise: see the page of effects.",
        text,
    ]


def _sampling(table: pd.DataFrame) -> str:
    row = table[table["test_runs"] > 0]
    if row.empty or pd.isna(row.iloc[0]["test_set_share"]):
        return "How much the choice of the test images matters cannot be given: it needs two runs or more."
    found = row.iloc[0]
    source = "the seeds of each condition" if found["seeds"] > 1 else "the conditions of one seed, taken as equal runs"
    return (
        f"{_share(found['test_set_share'])} of the variance of one final accuracy comes from the choice of the test "
        "images: their difficulty, which all runs share. On other test images of this number, the accuracy of the same "
        f"training would vary by {found['test_set_sd']:.3f} points for this reason (standard deviation) and by "
        f"{found['training_sd']:.3f} because networks are trained again. More seeds make only the second part smaller. "
        f"(From {found['test_runs']} saved models: {source}.)"
    )


def _counts(row: pd.Series) -> str:
    numbers = words.count(row["conditions"], "distinct condition"), words.count(row["seeds"], "complete seed")
    text = f"From {' and '.join(numbers)}"
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
        columns[f"{quantity.name} ({quantity.difference_unit})"] = [_cell(row, key) for key in _ROWS]
    shown = pd.DataFrame(columns, index=list(_ROWS.values())).dropna(axis=0, how="all").dropna(axis=1, how="all")
    return shown.reset_index(names="")


def _cell(row: pd.Series, key: str) -> str | None:
    """A number with the digits of a difference, or of a correlation; and its interval, where there is one."""
    if key == "test_set_share":
        return words.known(row[key], _share)
    digits = 2 if key == "correlation" else QUANTITIES[row["quantity"]].difference_digits
    low, high = (row.get(f"{key.removesuffix('_sd')}_{end}") for end in ("low", "high"))
    interval = "" if pd.isna(low) else f" ({low:.{digits}f} to {high:.{digits}f})"
    return words.known(row[key], lambda value: f"{value:.{digits}f}{interval}")


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if value >= 0.005 else "< 1 %"


def _in_unit(row: pd.Series, key: str) -> str:
    """A spread. It has the digits of a difference."""
    quantity = QUANTITIES[row["quantity"]]
    return f"{row[key]:.{quantity.difference_digits}f} {quantity.difference_unit}"


def make(job: Job) -> None:
    """The table and its page."""
    table = noise.describe(job.summary, job.agreement[0])
    job.write("noise.csv", TABLE, table)
    write(job.folder / "noise.html", f"Noise floor: {job.title}", table, job.agreement[0].diverged)
