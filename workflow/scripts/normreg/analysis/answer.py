"""What a study found, in a sentence or two for each effect and each response curve.

The same words stand in tables, figures and the explorer.
"""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from normreg.analysis import response_tables, study_tables
from normreg.analysis.quantities import QUANTITIES
from normreg.analysis.verdicts import EffectVerdict, Level, Objection, ResponseLevel
from normreg.config import factors
from normreg.config.factors import DECOUPLED, condition_labels
from normreg.config.values import write
from normreg.utils import tables

_Row = Mapping[Hashable, Any]
# The order in which a sentence names verdicts. Others follow.
_VERDICTS = (
    *(EffectVerdict.BETTER, EffectVerdict.SLIGHTLY_BETTER, EffectVerdict.WORSE, EffectVerdict.SLIGHTLY_WORSE),
    EffectVerdict.DIVERGED,
    *(EffectVerdict.EQUIVALENT, EffectVerdict.UNDECIDED, EffectVerdict.NO_SPREAD, EffectVerdict.TOO_FEW),
)
_ORDER = {verdict: place for place, verdict in enumerate(_VERDICTS)}


def read(path: str | Path, study: str) -> pd.DataFrame:
    """The table of `effects.estimate`, from the `effects.csv` of a finished run. `study` is the identity of its runs.

    Raises:
        DataError: the file is unreadable or changed, or belongs to another study.
    """
    return tables.read_frame(path, study_tables.EFFECTS, study)


def sentences(table: pd.DataFrame) -> list[str]:
    """One sentence for each effect, from the table of `effects.estimate`: the first quantity, then other verdicts."""
    effects = table[table["level"] == Level.EFFECT]
    first, *others = [rows.to_dict("records") for _, rows in effects.groupby("quantity", sort=False)] or [[]]
    return [_sentence(row, [rows[place] for rows in others]) for place, row in enumerate(first)]


def _sentence(row: _Row, others: Sequence[_Row]) -> str:
    """What an effect does to one quantity. `others` are its rows for other quantities, told where verdicts differ."""
    quantity = QUANTITIES[row["quantity"]]
    seeds = f"{row['seeds']} seed{'' if row['seeds'] == 1 else 's'}"
    text = f"{name_of(row)}: "
    if pd.isna(row["difference"]):
        lost = row["verdict"] == EffectVerdict.DIVERGED
        return f"{text}{verdict(row)}." if lost else f"{text}no seed has all the runs that it needs."
    text += f"{quantity.write_difference(row['difference'])} {quantity.difference_unit}"
    if not pd.isna(row["low"]):
        low, high = (quantity.write_difference(row[key]) for key in ("low", "high"))
        text += f" (95 % interval {low} to {high}{new_interval(row)})"
    text += f", {seeds}: {verdict(row)}{new_verdict(row)}"
    said = [collapses(row)] if collapses(row) else []
    for other in others:
        if other["verdict"] != row["verdict"] and verdict(other):
            said.append(f"{QUANTITIES[other['quantity']].margin.replace('_', ' ')}: {verdict(other)}")
    return "; ".join((text, *said)) + "."


def new_interval(row: _Row) -> str:
    """The interval on new images, to stand after the other one. Empty if it is not known."""
    low, high = row["low_new_images"], row["high_new_images"]
    if pd.isna(low):
        return ""
    write_ = QUANTITIES[row["quantity"]].write_difference
    return f", on new images {write_(low)} to {write_(high)}"


def new_verdict(row: _Row) -> str:
    """The verdict on new images of the same kind, where it is another one. It stands after the verdict on these."""
    new = row["verdict_new_images"]
    if pd.isna(new) or new == row["verdict"]:
        return ""
    said = verdict({**row, "verdict": new})
    needed = row["images_for_equivalence"]
    if row["verdict"] == EffectVerdict.EQUIVALENT and new == EffectVerdict.UNDECIDED:
        enough = "no number of test images is enough with these seeds" if pd.isna(needed) else ""
        said += f" ({enough or f'equivalent would need about {_rough(needed)} test images'})"
    return f" on these images; on new images of the same kind {said}"


def _rough(number: float) -> str:
    """Two digits of a large number: 23,000."""
    return f"{float(f'{number:.2g}'):,.0f}"


def verdict(row: _Row) -> str:
    """The verdict, with the margin or the number of diverged runs that it is about. Empty if nothing was compared."""
    if pd.isna(row["verdict"]):
        return ""
    margin = f"{row['margin']:g} {QUANTITIES[row['quantity']].difference_unit}"
    if row["verdict"] == EffectVerdict.EQUIVALENT:
        return f"{row['verdict']} within {margin}"
    if row["verdict"] == EffectVerdict.DIVERGED:
        return diverged(row) or str(row["verdict"])
    return str(row["verdict"]).replace("the margin", margin)


def diverged(row: _Row) -> str:
    """How many runs with the factor and without it diverged. Empty if none did, and for an interaction."""
    if pd.isna(row["runs"]):
        return ""
    own, other = (f"{row[key]:.0f} of {row['runs']:.0f}" for key in ("diverged", "diverged_without"))
    if row["diverged"]:
        return f"diverged in {own} runs" + (f" with it and {other} without it" if row["diverged_without"] else "")
    return f"without it, {other} runs diverged" if row["diverged_without"] else ""


def collapses(row: _Row) -> str:
    """How many of an effect's runs failed. Empty if none did."""
    kinds = ("collapses", "collapses in {} runs"), ("far_below", "{} runs far below the others of their condition")
    counts = (said.format(f"{row[kind]:.0f} of {row['runs']:.0f}") for kind, said in kinds if row[kind] > 0)
    return "; ".join(counts)


def name_of(row: _Row) -> str:
    """The name of an effect or an interaction: "L1 1e-5", "L1 1e-5 × GBN, 2 splits"."""
    name = factors.name_of(row["factor"], row["strength"])
    return f"{name} × {row['other']}" if row["level"] == Level.INTERACTION else name


def read_responses(folder: Path, study: str) -> list[str]:
    """The sentences of a finished run with sweeps, from its tables in `folder`. `study` is the identity of its runs.

    Raises:
        DataError: a file is unreadable or changed, or belongs to another study.
    """
    kinds = {"responses.csv": response_tables.RESPONSES, "response_shapes.csv": response_tables.RESPONSE_SHAPES}
    return response_sentences(*(tables.read_frame(folder / name, kind, study) for name, kind in kinds.items()))


def response_sentences(responses: pd.DataFrame, shapes: pd.DataFrame) -> list[str]:
    """What each curve says of the accuracy, and where the loss says something else.

    Args:
        responses: see `responses.Tables`.
        shapes: the same.
    """
    tested = responses[responses["level"] != ResponseLevel.MEAN]
    tests = {(row["sweep"], row["curve"], row["quantity"]): row for row in shapes.to_dict("records")}
    said = []
    for (sweep, curve), rows in tested.groupby(["sweep", "curve"], sort=False):
        percent = rows["quantity"].map(lambda key: QUANTITIES[key].percent)
        accuracy, loss = (rows[kind].to_dict("records") for kind in (percent, ~percent))
        text = _response_sentence(accuracy, tests.get((sweep, curve, accuracy[0]["quantity"])))
        of_loss = _verdicts(loss)
        said.append(text if of_loss in ([], _verdicts(accuracy)) else f"{text} By the loss: {'; '.join(of_loss)}.")
    return said


def curve_name(row: _Row) -> str:
    """What a curve is called: "L1 · BN" for the strengths of "l1-bn", else its own name."""
    if pd.isna(row["penalty"]):
        return str(row["curve"])
    decoupled = [row["curve"]] if DECOUPLED.label in str(row["factor"]) else []
    return condition_labels({row["curve"]: (row["penalty"], row["norm"])}, decoupled)[row["curve"]]


def shape_text(test: _Row) -> str:
    """What the test of the shape says, or nothing if there was no test."""
    if pd.isna(test["p"]):
        return ""
    p = "p < 0.001" if test["p"] < 0.001 else f"p = {test['p']:.3f}"
    shown = test["p"] < 0.05
    name = QUANTITIES[test["quantity"]].margin
    text = (
        f"{name} depends on the strength ({p})" if shown else f"that {name} depends on the strength is not shown ({p})"
    )
    return (
        f"{text}; strengths that diverge, collapse or scatter far more are left out of this"
        if test["left_out"]
        else text
    )


def best_text(test: _Row) -> str:
    """Where the mean is best. This is the best of several, so its difference is too good: docs/statistics.md."""
    if pd.isna(test["p"]) or pd.isna(test["best"]):  # without a test there are too few seeds to say where
        return ""
    if pd.isna(test["best_strength"]):
        return f"the best mean is without {test['factor']}"
    return f"the best mean is at {write(test['best_strength'])}"


def _response_sentence(rows: Sequence[_Row], test: _Row | None) -> str:
    first = rows[0]
    judged = (row for row in rows if not pd.isna(row["verdict"]) and row["verdict"] != EffectVerdict.DIVERGED)
    counts = sorted({int(row["seeds"]) for row in judged})
    seeds = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0] if counts else 0}"
    reference = (
        f" against {first['reference']}" if first["level"] == ResponseLevel.STRENGTH and first["reference"] else ""
    )
    text = f"{first['sweep']}, {curve_name(first)}{reference}, {seeds} seed{'' if seeds == '1' else 's'}: "
    values, parts = _values(rows), _verdicts(rows)
    collapsed = [place for place, row in enumerate(rows) if not pd.isna(row["collapses"]) and row["collapses"] > 0]
    parts += [f"runs collapse at {_listed(collapsed, values)}"] if collapsed else []
    scattered = [place for place, row in enumerate(rows) if row["objection"] == Objection.SCATTERS]
    parts += [f"runs scatter far more at {_listed(scattered, values)}"] if scattered else []
    parts += [said for said in (shape_text(test), best_text(test)) if said] if test else []
    return text + "; ".join(parts) + "."


def _verdicts(rows: Sequence[_Row]) -> list[str]:
    """Each verdict with the values that have it: "better at 1e-3", "undecided at 1e-6 to 1e-4"."""
    values = _values(rows)
    places: dict[str, list[int]] = {}
    for place in sorted(range(len(rows)), key=lambda place: _ORDER.get(rows[place]["verdict"], len(_ORDER))):
        said = verdict(rows[place]) or "without a reference, so not compared,"
        places.setdefault(said, []).append(place)
    return [f"{said} at {_listed(found, values)}" for said, found in places.items()]


def _values(rows: Sequence[_Row]) -> list[str]:
    """The values as texts: of keys that move together the first alone."""
    firsts = [str(row["value"]).split(" / ")[0] for row in rows]
    texts = firsts if len(set(firsts)) == len(firsts) else [str(row["value"]) for row in rows]
    return ["all images" if text == "all" else text for text in texts]  # "worse at all" would mean something else


def _listed(places: Sequence[int], values: Sequence[str]) -> str:
    """The values at these places as a text. Three or more neighbours are a range: "1e-6 to 1e-4"."""
    runs: list[list[int]] = []
    for place in sorted(places):
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    parts = []
    for run in runs:
        shown = [values[place] for place in run]
        parts += [f"{shown[0]} to {shown[-1]}"] if len(run) > 2 else shown
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
