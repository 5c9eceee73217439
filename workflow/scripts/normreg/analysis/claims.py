"""Judges what published studies say of their experiments: by settings, and by runs that are paired by seed.

A claim of kind *setting* is judged from the study file, without any run: supported if each setting has the claimed
value in every condition that the claim names, else contradicted. A claim of kind *untestable* is not testable. This
says only that no run can decide it.

A claim of kind *effect* has tests, and of kind *curve* tests of a number of each curve. Each test has a verdict of its
own. It is about a condition `with`, and
compares it with the condition `without` in the same seed, or with a `value`. These rules apply in this order:

1. Not testable: both conditions have the same settings; or they differ in more than the claimed factor (not if the
   test is about the whole recipes); or the run is on another data set; or it is too short for the statistic.
2. Too few seeds: fewer than three. A seed does not count if different engines trained its two runs.
3. Not distinguishable: all seeds give the same number, so that there is no spread and no test.
4. Direction *higher* or *lower*: supported if the difference from 0 is significant and has this sign, contradicted if
   it is significant and has the other sign. No difference as large as the margin, if it is equivalent to 0: whether
   there is a smaller one stays open, and more seeds may tell. Else not distinguishable. If the claim is about a value,
   equivalence is not asked.
5. Direction *none* (changes nothing): supported if the difference is equivalent to 0. Contradicted if it is significant
   and not equivalent. Else not distinguishable.
6. Direction *near* (a published value could be one more run): contradicted if the value is outside of the 95 %
   prediction interval, as on the page of published values. Else supported if this interval reaches at most twice the
   margin to each side. Else not distinguishable.

Significant: the two-sided p-value of Student's t is below 0.05 after Holm's adjustment (1979) for all tests of the
study but those of *near*. There a small p-value speaks against the claim, and an adjustment would make it easier to
support. Equivalent: two one-sided t-tests (Schuirmann 1987) at the margin, each at 5 %, not adjusted. The margin is
that of the study, of accuracies in points and of losses in nats. A single run varies more than a mean, so `near` allows
twice the margin: 0.1 points, as two published runs of one configuration differed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from normreg.analysis import inference
from normreg.analysis.contrasts import find_confounded, find_distinct
from normreg.analysis.inference import LEAST_SEEDS
from normreg.analysis.plan import LEVEL
from normreg.analysis.quantities import QUANTITIES
from normreg.analysis.summary import LAST, by_seed, diverged, engines_by_seed
from normreg.analysis.verdicts import ClaimVerdict
from normreg.config.claims import DATASET, Claim, executed
from normreg.config.condition import Condition
from normreg.data.specs import DATASETS, DatasetSpec
from normreg.utils.tables import Table, columns_of

NEAR = "near"  # the direction of a claim that a published value could be one more run
COURSES = ("train_objective", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
TABLE = Table(
    "claims",
    columns_of(str, "claim", "kind", "text", "evidence", "reading", "with", "without")
    | columns_of(float, "value")
    | columns_of(str, "quantity", "statistic", "direction")
    | columns_of(float, "margin")
    | columns_of(int, "seeds")
    | columns_of(float, "measured", "low", "high", "p", "p_equivalence", "p_adjusted")
    | columns_of(str, "verdict", "why", "run"),
    may_be_empty=frozenset({"reading", "with", "without", "value", "quantity", "statistic", "direction", "margin"})
    | frozenset({"seeds", "measured", "low", "high", "p", "p_equivalence", "p_adjusted"}),
)
# Numbers of a curve from an epoch on, in its unit: what each is, with {} for the epoch, and a function of the values of
# all epochs, float (E,), and of that epoch, 1 to E. A curve that only falls rises by 0.
STATISTICS: Mapping[str, tuple[str, Callable[[np.ndarray, int], Any]]] = {
    "lowest": ("lowest value from epoch {} on", lambda values, start: values[start - 1 :].min()),
    "drop": (
        "highest value from epoch {} on, minus the last value",
        lambda values, start: values[start - 1 :].max() - values[-1],
    ),
    "rises": (
        "sum of upward moves after epoch {}",
        lambda values, start: np.diff(values[start - 1 :]).clip(min=0).sum(),
    ),
    "largest_rise": (
        "largest upward move after epoch {}",
        lambda values, start: np.diff(values[start - 1 :]).clip(min=0).max(initial=0),
    ),
    "fall": ("value at epoch {} minus the last value", lambda values, start: values[start - 1] - values[-1]),
    "change": (
        "mean of the last five epochs minus that of the five up to epoch {}",
        lambda values, start: values[-LAST:].mean() - values[max(start - LAST, 0) : start].mean(),
    ),
}


@dataclass(frozen=True)
class Measured:
    """The runs of a study.

    Attributes:
        dataset: the data set they were trained on.
        conditions: the resolved conditions.
        margin: the study's margin, of "accuracy" and of "loss".
        summary: see `summary.summarise`.
        courses: by condition and seed, the columns `COURSES` of metrics.csv, each float (E,).
    """

    dataset: DatasetSpec
    conditions: Mapping[str, Condition]
    margin: Mapping[str, float]
    summary: pd.DataFrame
    courses: Mapping[tuple[str, int], Mapping[str, np.ndarray]]


def judge(claims: Sequence[Claim], runs: Measured) -> pd.DataFrame:
    """The columns of `TABLE` but `run`: one row a claim, or one row a test for claims with tests."""
    rows: list[dict[str, Any]] = []
    for claim in claims:
        head = {"claim": claim["id"], "kind": _kind(claim), "text": claim["text"], "evidence": claim["evidence"]}
        if "settings" in claim:
            rows.append(head | _judge_settings(claim, runs.conditions))
        if "reason" in claim:
            rows.append(head | {"verdict": ClaimVerdict.NOT_TESTABLE, "why": claim["reason"]})
        rows += [head | _measure(test, runs) for test in claim.get("tests", [])]
    adjusted = [row.get("p", np.nan) if row.get("direction") != NEAR else np.nan for row in rows]
    for row, p in zip(rows, inference.holm(adjusted), strict=True):
        row["p_adjusted"] = p
        if "verdict" not in row:  # its reason says too which of its runs diverged and have no part in it
            row["verdict"], why = decide(row)
            own = runs.summary["condition"].isin([row["with"], row.get("without")])
            row["why"] = f"{why} {diverged(runs.summary[own])}".rstrip()
    table = pd.DataFrame(rows, columns=[name for name in TABLE.columns if name != "run"])
    return table.astype({"seeds": "Int64"})


def decide(row: Mapping[str, Any]) -> tuple[ClaimVerdict, str]:
    """The verdict of a test and its reason, by the rules 2 to 6 above. `row` has the known cells of `TABLE`."""
    seeds = row["seeds"]
    if seeds < LEAST_SEEDS:
        return ClaimVerdict.TOO_FEW, f"{seeds} seed{'s' if seeds != 1 else ''}; {LEAST_SEEDS} are the least."
    if "p" not in row:
        return ClaimVerdict.NOT_DISTINGUISHABLE, inference.NO_SPREAD
    if row["direction"] == NEAR:
        return _decide_near(row["p"] < LEVEL, row["high"] - row["low"] <= 4 * row["margin"])
    return _decide_difference(row, row["p_adjusted"] < LEVEL, row.get("p_equivalence", 1.0) < LEVEL)


def _decide_near(outside: bool, precise: bool) -> tuple[ClaimVerdict, str]:
    if outside:
        return ClaimVerdict.CONTRADICTED, "The value is too far from our runs to be one more of them."
    if precise:
        return ClaimVerdict.SUPPORTED, "The value could be one more of our runs."
    return ClaimVerdict.NOT_DISTINGUISHABLE, "The value could be one more of our runs, but these vary too much to tell."


def _decide_difference(row: Mapping[str, Any], significant: bool, equivalent: bool) -> tuple[ClaimVerdict, str]:
    none = row["direction"] == "none"
    if equivalent and (none or not significant):
        verdict = ClaimVerdict.SUPPORTED if none else ClaimVerdict.SMALLER
        return verdict, "The difference is smaller than the margin."
    if significant and none:
        return ClaimVerdict.CONTRADICTED, "There is a difference, and it is not shown to be smaller than the margin."
    if significant:
        sign = "higher" if row["measured"] > row.get("value", 0.0) else "lower"
        verdict = ClaimVerdict.SUPPORTED if sign == row["direction"] else ClaimVerdict.CONTRADICTED
        return verdict, f"It is {sign}{', by less than the margin' if equivalent else ''}."
    if none:
        return (
            ClaimVerdict.NOT_DISTINGUISHABLE,
            "These seeds show neither a difference nor that it is below the margin.",
        )
    return ClaimVerdict.NOT_DISTINGUISHABLE, "These seeds do not tell the difference from chance."


def _kind(claim: Claim) -> str:
    if "tests" in claim:
        return "curve" if "statistic" in claim["tests"][0] else "effect"
    return "setting" if "settings" in claim else "untestable"


def _judge_settings(claim: Claim, conditions: Mapping[str, Condition]) -> dict[str, Any]:
    """The verdict on settings, and every setting that is not as claimed (or all of them, if none differs)."""
    found = [(entry["key"], entry["claimed"], executed(entry["key"], conditions)) for entry in claim["settings"]]
    wrong = [(key, claimed, values) for key, claimed, values in found if any(value != claimed for value in values)]
    said = "; ".join(
        f"{key} {' and '.join(map(_show, values))}" + (f", not {_show(claimed)}" if wrong else "")
        for key, claimed, values in wrong or found
    )
    verdict = ClaimVerdict.CONTRADICTED if wrong else ClaimVerdict.SUPPORTED
    return {"verdict": verdict, "why": f"Executed: {said}."}


def _show(value: Any) -> str:
    return f"{value:g}".replace("e-0", "e-") if isinstance(value, float) else str(value)


def _measure(test: Mapping[str, Any], runs: Measured) -> dict[str, Any]:
    """The cells of a test, with an estimate, or with a verdict where the runs cannot test the claim."""
    margin = runs.margin[QUANTITIES[test["quantity"]].margin]
    row: dict[str, Any] = {"reading": "executed", **test, "margin": margin}
    if "statistic" in test:
        row["statistic"] = STATISTICS[test["statistic"]][0].format(row.pop("from_epoch"))
    if barrier := _barrier(test, runs):
        return row | {"verdict": ClaimVerdict.NOT_TESTABLE, "why": barrier}
    return row | _estimate(test, _values(test, runs), margin)


def _barrier(test: Mapping[str, Any], runs: Measured) -> str | None:
    """Why these runs cannot test the claim. None if they can."""
    pair = {test[key]: runs.conditions[test[key]] for key in ("without", "with") if key in test}
    names, images = " and ".join(pair), runs.dataset.train_images
    if len(set(find_distinct(pair, images).values())) < len(pair):
        return f"{names} have the same settings."
    if test.get("reading") != "recipes" and (confounded := find_confounded(pair, images)):
        return f"{names} differ also in {confounded[0].also}."
    if runs.dataset.key != DATASET:
        return f"This run is on {runs.dataset.name}, the claim is about {DATASETS[DATASET].name}."
    epochs, first = min(condition["epochs"] for condition in pair.values()), test.get("from_epoch", 0)
    return f"The run has {epochs} epochs, the claim is about epoch {first} and later." if first > epochs else None


def _values(test: Mapping[str, Any], runs: Measured) -> pd.DataFrame:
    """One row a seed, one column a condition: what is compared. Missing where another engine trained the pair."""
    values = by_seed(runs.summary, "final_accuracy" if "statistic" in test else test["quantity"])
    if "statistic" in test:
        number = STATISTICS[test["statistic"]][1]
        for name in {test["with"], test.get("without", test["with"])}:
            for seed in values.index[values[name].notna()]:  # of a run that diverged, the value stays unknown
                values.loc[seed, name] = number(runs.courses[name, seed][test["quantity"]], test["from_epoch"])
    if "value" not in test:
        engines = engines_by_seed(runs.summary)
        values = values.where(engines[test["with"]] == engines[test["without"]])
    return values


def _estimate(test: Mapping[str, Any], values: pd.DataFrame, margin: float) -> dict[str, Any]:
    """What seeds say of a test. `measured`, `low` and `high` are a difference, or a mean if there is a value."""
    alone, against = values[[test["with"]]].to_numpy(), test.get("value", 0.0)
    if test["direction"] == NEAR:
        found = inference.one_more(alone[:, 0])
    elif "value" in test:
        found = inference.paired(alone, np.ones(1))
    else:
        found = inference.paired(values[[test["with"], test["without"]]].to_numpy(), np.array([1.0, -1.0]))
    cells: dict[str, Any] = {"seeds": found.seeds, "measured": found.difference if found.seeds else None}
    if found.testable:
        low, high = found.interval()
        difference = replace(found, difference=found.difference - against)
        cells |= {"low": low, "high": high, "p": difference.p()}
        if "value" not in test or test["direction"] == "none":
            cells["p_equivalence"] = difference.p_equivalence(margin)
    return cells
