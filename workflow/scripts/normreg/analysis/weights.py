"""Sizes of the trained weights: norms and shares of small weights per condition, beside those without a penalty."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from normreg.analysis import run_tables
from normreg.config.condition import Condition
from normreg.config.factors import LAMBDAS, lambda_factors, references
from normreg.config.identity import RunFacts
from normreg.models.description import ROOT
from normreg.utils import tables

# Parts of a model. The other parts are its layers. `role` tells them apart, because a layer may be called so too: it is
# the name of these parts, WEIGHT for a layer that has weights, and for another layer the role of its first parameter.
ALL, WEIGHTS = "all", "weights"


@dataclass(frozen=True)
class Size:
    """A measure of the weights of a part of a model. A share is of its elements, in percent, below a `threshold`."""

    key: str
    name: str
    digits: int
    threshold: float | None = None


L1, L2 = Size("l1_norm", "L1 norm", 1), Size("l2_norm", "L2 norm", 2)
SHARES = tuple(Size(name, f"% below {below:g}", 2, below) for name, below in run_tables.SHARES.items())
SIZES = (L1, L2, *SHARES)


def summarise(
    runs: Sequence[RunFacts], files: Sequence[str | Path], conditions: Mapping[str, Condition]
) -> pd.DataFrame:
    """A row per condition, part of the model and measure: mean and range over the seeds, beside the control's mean.

    Args:
        runs: the runs of the study.
        files: their `weights.csv`, in the same order.
        conditions: the resolved conditions of the study.

    Returns:
        Columns condition, penalty, norm, part (`ALL` parameters, `WEIGHTS` alone if there are any, or one layer),
        layer_type (its class), role, elements, size (a key of `SIZES`), mean, low, high, seeds, diverged (runs that
        diverged: they are none of the seeds), control (see `find_controls`; None if there is none) and ratio (mean
        divided by the control's mean).

    Raises:
        DataError: a file is unreadable, was changed, or is of another run.
    """
    found = pd.DataFrame([row for run, file in zip(runs, files, strict=True) for row in _measure(run, file)])
    keys = ["condition", "penalty", "norm", "part", "layer_type", "role", "elements", "size"]
    groups = found.groupby(keys, sort=False)["value"]
    table = groups.agg(mean="mean", low="min", high="max", seeds="count", diverged="size").reset_index()
    table["diverged"] -= table["seeds"]
    table["control"] = table["condition"].map(find_controls(conditions))
    place = ["part", "role", "size"]
    means = table.set_index(["condition", *place])["mean"].to_dict()
    controls = [means.get(key, np.nan) for key in table[["control", *place]].itertuples(index=False, name=None)]
    table["ratio"] = table["mean"] / pd.Series(controls, dtype=float).replace(0.0, np.nan)
    return table


def _measure(run: RunFacts, file: str | Path) -> Iterator[dict[str, Any]]:
    """The sizes of each part of one model."""
    table = tables.read_frame(file, run_tables.WEIGHTS, run["identity"])
    layers = table["parameter"].str.rpartition(".")[0].replace("", ROOT)
    weights = table[table["role"] == run_tables.WEIGHT]
    parts = [(part, part, part, rows) for part, rows in ((ALL, table), (WEIGHTS, weights)) if len(rows)]
    for layer, rows in table.groupby(layers, sort=False):
        role = run_tables.WEIGHT if (rows["role"] == run_tables.WEIGHT).any() else rows["role"].iloc[0]
        parts.append((str(layer), rows["layer_type"].iloc[0], role, rows))
    head = {key: run[key] for key in ("condition", "penalty", "norm")}
    for part, kind, role, rows in parts:
        count = int(rows["elements"].sum())
        # A run that diverged has no sizes: then the sums are NaN.
        values = {L1: rows["l1"].sum(skipna=False), L2: np.sqrt(rows["l2_squared"].sum(skipna=False))}
        values |= {share: 100 * (rows[share.key] * rows["elements"]).sum(skipna=False) / count for share in SHARES}
        for size, value in values.items():
            row = {**head, "part": part, "layer_type": kind, "role": role, "elements": count}
            yield row | {"size": size.key, "value": float(value)}


def find_controls(conditions: Mapping[str, Condition]) -> dict[str, str | None]:
    """For each condition with a lambda above 0 the first one with all lambdas 0 and otherwise equal settings.

    None if there is no such condition, and for a condition without a penalty.
    """
    found = references(conditions, [factor.key for factor in LAMBDAS.values()], conditions)
    return {name: found[name] if any(conditions[name]["lambdas"].values()) else None for name in conditions}


def strengths(condition: Condition) -> str:
    """The penalties in use with their strengths: "L1 1e-5 + L2 1e-4"."""
    lambdas: Mapping[str, Any] = condition["lambdas"]
    return " + ".join(factor.name(lambdas[key]) for key, factor in lambda_factors(condition).items() if lambdas[key])


def sentences(table: pd.DataFrame, conditions: Mapping[str, Condition]) -> list[str]:
    """What the numbers of `summarise` say, one sentence for each condition that has a control."""
    said = []
    shown = SHARES[len(SHARES) // 2]
    whole = table[table["role"] == ALL].set_index(["condition", "size"])
    for name, control in find_controls(conditions).items():
        if control is not None and not np.isnan(whole.loc[(name, L1.key), "ratio"]):
            norms = [f"{size.name} {change(whole.loc[(name, size.key), 'ratio'])}" for size in (L1, L2)]
            shares = [f"{whole.loc[(one, shown.key), 'mean']:.{shown.digits}f} %" for one in (name, control)]
            said.append(
                f"{name} ({strengths(conditions[name])}) against {control}: {' and '.join(norms)}; {shares[0]} of the "
                f"parameters are below {shown.threshold:g}, without the penalty {shares[1]}."
            )
    return said


def diverged(table: pd.DataFrame) -> str:
    """A sentence on the runs that diverged, from the table of `summarise`. Empty if none did."""
    runs = table.drop_duplicates("condition").set_index("condition")
    return run_tables.diverged_sentence(runs["diverged"].to_dict(), (runs["seeds"] + runs["diverged"]).to_dict())


def change(ratio: float) -> str:
    """A ratio to the control as words: "16 % smaller"."""
    percent = 100 * (ratio - 1)
    if abs(percent) < 0.05:
        return "the same to 0.1 %"
    return f"{abs(percent):.{0 if abs(percent) >= 10 else 1}f} % {'larger' if percent > 0 else 'smaller'}"
