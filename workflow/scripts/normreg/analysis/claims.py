"""Judges what a published study says of its experiments. The rules are in `normreg.analysis.claim_rules`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from normreg.analysis import inference
from normreg.analysis.claim_rules import decide
from normreg.analysis.contrasts import find_confounded, find_distinct
from normreg.analysis.epoch_statistics import STATISTICS
from normreg.analysis.inference import LEAST_SEEDS, LEVEL, holm
from normreg.analysis.quantities import QUANTITIES
from normreg.analysis.summary import by_seed, diverged, engines_by_seed
from normreg.analysis.verdicts import ClaimKind, ClaimVerdict
from normreg.config.claims import DATASET, Claim, Comparison, executed
from normreg.config.condition import Condition
from normreg.data.specs import DATASETS, DatasetSpec

_EQUAL = 1e-5  # relative to a value: more than the rounding of files
COURSES = ("train_objective", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
COLUMNS = (
    *("claim", "kind", "text", "evidence", "reading", "with", "without", "value", "quantity", "statistic"),
    *("direction", "margin", "seeds", "measured", "low", "high", "p", "p_equivalence", "p_adjusted", "verdict", "why"),
)


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


@dataclass(frozen=True)
class _Estimate:
    """What seeds say of a test. `measured`, `low` and `high` are a difference, or a mean if there is a value."""

    seeds: int
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_equivalence: float | None = None


def judge(claims: Sequence[Claim], runs: Measured) -> pd.DataFrame:
    """The columns `COLUMNS`: one row a claim, or one row a test for claims of kind effect and curve."""
    rows: list[dict[str, Any]] = []
    for claim in claims:
        head = {"claim": claim["id"], **{key: claim[key] for key in ("kind", "text", "evidence")}}
        if claim["kind"] == ClaimKind.SETTING:
            rows.append(head | _judge_settings(claim, runs.conditions))
        elif claim["kind"] == ClaimKind.UNTESTABLE:
            rows.append(head | {"verdict": ClaimVerdict.NOT_TESTABLE, "why": claim["reason"]})
        else:
            rows += [head | _measure(test, runs) for test in claim["tests"]]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["p_adjusted"] = holm(table["p"].astype(float).tolist())
    table["verdict"], table["why"] = zip(*(_decide(row, runs.summary) for row in _rows(table)), strict=True)
    return table.astype({"seeds": "Int64"})


def _decide(row: Mapping[str, Any], summary: pd.DataFrame) -> tuple[ClaimVerdict, str]:
    """The verdict of a row and its reason. That of a test says which of its runs diverged and have no part in it."""
    if row["verdict"] is not None:
        return row["verdict"], row["why"]
    verdict, why = decide(row)
    return verdict, f"{why} {diverged(summary[summary['condition'].isin([row['with'], row['without']])])}".rstrip()


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows, with None where a cell is empty."""
    return table.astype(object).where(table.notna(), None).to_dict("records")  # type: ignore[no-any-return]


def _judge_settings(claim: Claim, conditions: Mapping[str, Condition]) -> dict[str, Any]:
    """The verdict on settings, and every setting that is not as claimed (or all of them, if none differs)."""
    found = [(entry["key"], entry["claimed"], executed(entry["key"], conditions)) for entry in claim["settings"]]
    wrong = [each for each in found if any(not _equal(value, each[1]) for value in each[2])]
    said = "; ".join(
        f"{key} {' and '.join(map(_show, values))}" + (f", not {_show(claimed)}" if wrong else "")
        for key, claimed, values in wrong or found
    )
    verdict = ClaimVerdict.CONTRADICTED if wrong else ClaimVerdict.SUPPORTED
    return {"verdict": verdict, "why": f"Executed: {said}."}


def _equal(one: Any, other: Any) -> bool:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return math.isclose(one, other, rel_tol=1e-9) if numbers else bool(one == other)


def _show(value: Any) -> str:
    return f"{value:g}".replace("e-0", "e-") if isinstance(value, float) else str(value)


def _measure(test: Comparison, runs: Measured) -> dict[str, Any]:
    """The cells of a test, with an estimate, or with a verdict where the runs cannot test the claim."""
    margin = test.get("margin", runs.margin["accuracy" if QUANTITIES[test["quantity"]].percent else "loss"])
    row: dict[str, Any] = {"reading": "executed", **test, "margin": margin}
    if start := row.pop("from_epoch", None):
        row["statistic"] = STATISTICS[test["statistic"]].text.format(start)
    if barrier := _barrier(test, runs):
        return row | {"verdict": ClaimVerdict.NOT_TESTABLE, "why": barrier}
    return row | vars(_estimate(test, _values(test, runs), margin))


def _barrier(test: Mapping[str, Any], runs: Measured) -> str | None:
    """Why these runs cannot test the claim. None if they can."""
    names = [name for name in (test.get("without"), test["with"]) if name is not None]
    pair, images = {name: runs.conditions[name] for name in names}, runs.dataset.train_images
    if len(set(find_distinct(pair, images).values())) < len(names):
        return f"{' and '.join(names)} have the same settings."
    if test.get("reading") != "recipes" and (confounded := find_confounded(pair, images)):
        return f"{' and '.join(names)} differ also in {confounded[0].also}."
    if runs.dataset.key != DATASET:
        return f"This run is on {runs.dataset.name}, the claim is about {DATASETS[DATASET].name}."
    epochs = min(condition["epochs"] for condition in pair.values())
    if test.get("from_epoch", 0) > epochs:
        return f"The run has {epochs} epochs, the claim is about epoch {test['from_epoch']} and later."
    return None


def _values(test: Mapping[str, Any], runs: Measured) -> pd.DataFrame:
    """One row a seed, one column a condition: what is compared. Missing where another engine trained the pair."""
    values = by_seed(runs.summary, "final_accuracy" if "statistic" in test else test["quantity"])
    if "statistic" in test:
        statistic = STATISTICS[test["statistic"]].of
        for name in {test["with"], test.get("without", test["with"])}:
            values[name] = [  # of a run that diverged, the value stays unknown
                statistic(runs.courses[name, seed][test["quantity"]], test["from_epoch"]) if final == final else final
                for seed, final in values[name].items()
            ]
    if "value" not in test:
        engines = engines_by_seed(runs.summary)
        values = values.where(engines[test["with"]] == engines[test["without"]])
    return values


def _estimate(test: Mapping[str, Any], values: pd.DataFrame, margin: float) -> _Estimate:
    with_, value = values[test["with"]], test.get("value")
    if value is None:
        return _paired(with_, values[test["without"]], margin)
    if test["direction"] == "near":
        known = with_.dropna().to_numpy()
        return _one_more(known, value, _EQUAL * np.abs(known).max(initial=0))
    estimate = _paired(with_, with_ * 0 + value, margin if test["direction"] == "none" else None)
    moved = {key: getattr(estimate, key) for key in ("measured", "low", "high")}
    shifted = {key: None if number is None else number + value for key, number in moved.items()}
    return _Estimate(**(vars(estimate) | shifted))


def _paired(one: pd.Series, other: pd.Series, margin: float | None) -> _Estimate:
    """The mean difference of two columns of values over seeds, with its tests."""
    found = inference.paired(np.column_stack([one, other]), np.array([1.0, -1.0]))
    if not found.testable:
        return _Estimate(found.seeds, found.difference if found.seeds else None)
    equivalence = None if margin is None else found.p_equivalence(margin)
    return _Estimate(found.seeds, found.difference, *found.interval(), found.p(), equivalence)


def _one_more(measured: np.ndarray, value: float, noise: float) -> _Estimate:
    """The 95 % prediction interval of one more run, and the p of `value` as that run (Hahn and Meeker 1991)."""
    count, mean = len(measured), float(measured.mean()) if len(measured) else None
    if mean is None or count < LEAST_SEEDS or np.ptp(measured) <= noise:
        return _Estimate(count, mean)
    spread = float(measured.std(ddof=1) * np.sqrt(1 + 1 / count))
    reach = float(stats.t.ppf(1 - LEVEL / 2, count - 1)) * spread
    p = float(2 * stats.t.sf(abs(value - mean) / spread, count - 1))
    return _Estimate(count, mean, mean - reach, mean + reach, p)
