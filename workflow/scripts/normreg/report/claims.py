"""What a published study says of its experiments, beside what these runs say: `claims.csv` and its page."""

from collections import Counter
from pathlib import Path

import pandas as pd

from normreg.analysis import claims
from normreg.analysis.inference import LEAST_SEEDS
from normreg.analysis.quantities import QUANTITIES
from normreg.analysis.run_tables import read_metrics
from normreg.report import html, words
from normreg.report.job import Job

# Texts wrap, and claims are one below another, so that the page can be read on a narrow screen. The tables of single
# claims have no line of headings.
_STYLE = """
td { white-space: normal; text-align: left; vertical-align: top; overflow-wrap: break-word; }
th { text-align: left; }
h2 ~ .table table { width: 100%; max-width: 60em; }
h2 ~ .table table thead { display: none; }
h2 ~ .table table td:first-child { width: 9em; font-weight: 600; }
h2 ~ .table table td:last-child { overflow-wrap: anywhere; }
@media (max-width: 40em) { td, th { padding: 0.3em; } h2 ~ .table table td:first-child { width: 5.5em; } }
"""
_READINGS = {
    "executed": "as executed",
    "readme": "as the README says",
    "recipes": "as recipes, with all that differs",
}
_READING = (
    "Each claim is in our words. Claims about settings are judged by the settings that the notebook executed. Claims "
    "about effects and curves are judged by these runs, paired by seed. A claim with several tests has a verdict for "
    "each. Not testable says only that no run of this study can decide. It does not say that the claim is wrong.",
    "Supported and contradicted need a p-value below 0.05 after Holm's adjustment for all tests on this page, or two "
    "one-sided tests that show a difference smaller than the margin. Not distinguishable: these seeds do not tell. "
    "Intervals are 95 % intervals of the mean; for one more run they are prediction intervals.",
)
_COMPARED = {"higher": "higher than", "lower": "lower than", "none": "the same as", "near": "near"}


def write(path: str | Path, title: str, source: str | None, table: pd.DataFrame) -> None:
    """Writes the table of `claims.judge`. `source` says where the claims were published."""
    claims = {str(name): rows for name, rows in table.groupby("claim", sort=False)}
    overview = pd.DataFrame(
        [{"claim": name, "said": rows["text"].iloc[0], "verdict": _verdicts(rows)} for name, rows in claims.items()]
    )
    parts = {"": overview} | {f"{name} ({rows['kind'].iloc[0]})": _claim(rows) for name, rows in claims.items()}
    few = f"Effects and curves have a verdict from {LEAST_SEEDS} seeds on: repeat with --config seeds=5."
    texts = [f"Published in: {source}." if source else "", *_READING]
    seeds = table["seeds"].dropna()
    texts.append(few if len(seeds) and seeds.max() < LEAST_SEEDS else "")
    html.write_page(path, title, texts, parts, style=_STYLE)


def _verdicts(rows: pd.DataFrame) -> str:
    """The verdicts of a claim: "supported", or by reading: "as executed: not testable; as the README says: ..."."""
    readings = [(name, tests["verdict"]) for name, tests in rows.groupby("reading", sort=False, dropna=False)]
    if len(readings) == 1:
        return _count(rows["verdict"])
    return "; ".join(f"{_READINGS[str(name)]}: {_count(verdicts)}" for name, verdicts in readings)


def _count(verdicts: pd.Series) -> str:
    """Each verdict once, with how often if there are several."""
    counted = Counter(verdicts)
    several = ", ".join(f"{count} {verdict}" for verdict, count in counted.items())
    return several if len(counted) > 1 else str(verdicts.iloc[0])


def _claim(rows: pd.DataFrame) -> pd.DataFrame:
    """A claim as two columns: what a line is about, and its text."""
    first = rows.iloc[0]
    lines = [("said", first["text"]), ("published", first["evidence"])]
    for _, row in rows.iterrows():
        if pd.notna(row["with"]):
            lines.append(("test", _test(row)))
        if pd.notna(row["measured"]):
            lines.append(("measured", _measured(row)))
        lines.append((row["verdict"], row["why"]))
    return pd.DataFrame(lines, columns=["about", "text"])


def _test(row: pd.Series) -> str:
    """Says what a test compares."""
    quantity = QUANTITIES[row["quantity"]].label
    against = row["without"] if pd.isna(row["value"]) else f"{row['value']:g}"
    if pd.notna(row["statistic"]):
        quantity += f", {row['statistic']}"
    return f"{quantity}: {row['with']} {_COMPARED[row['direction']]} {against} ({_READINGS[row['reading']]})"


def _measured(row: pd.Series) -> str:
    """The difference or the mean, its interval, seeds, margin and p."""
    alone, near = pd.notna(row["value"]), row["direction"] == "near"
    digits = QUANTITIES[row["quantity"]].digits + 1  # one more than a single run has: it is a mean or a difference
    mean, low, high = (
        words.known(row[key], lambda value: f"{value:.{digits}f}" if alone else words.signed(value, digits))
        for key in ("measured", "low", "high")
    )
    parts = [f"{'mean' if alone else 'difference'} {mean}"]
    if low is not None:
        parts.append(f"{'one more run' if near else 'interval'} {low} to {high}")
    parts.append(words.count(row["seeds"], "seed"))
    if near or pd.notna(row["p_equivalence"]):
        parts.append(f"margin {row['margin']:g}")
    for key, name in (("p_adjusted", "adjusted p"), ("p_equivalence", "p of equivalence")):
        if pd.notna(row[key]):
            parts.append(f"{name} {words.p_value(row[key])}".replace("<", "below "))
    return "; ".join(parts)


def make(job: Job) -> None:
    """`claims.csv` and its page."""
    measured = claims.Measured(
        dataset=job.spec,
        conditions=job.conditions,
        margin=job.params.rules["margin"],
        summary=job.summary,
        courses={
            (run["condition"], run["seed"]): read_metrics(file, claims.COURSES, run["identity"], run["epochs"])
            for run, file in zip(job.runs, job.input.metrics, strict=True)
        },
    )
    table = claims.judge(job.params.claimed["claims"], measured)
    job.write("claims.csv", claims.TABLE, table)
    write(job.folder / "claims.html", f"Claims: {job.title}", job.params.claimed["source"], table)
