"""The effects of a study's factors: `effects.csv`, its page, which says too what cannot be compared, and its figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from normreg.analysis import answer, contrasts, effects, images, study_tables
from normreg.analysis.contrasts import ConfoundedPair
from normreg.analysis.power import MOST_SEEDS, Spread
from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.analysis.verdicts import Confounding, EffectVerdict, Level, Method
from normreg.report import effects_figure, html, style, words
from normreg.report.job import NO_FACTORS, Job

NO_NEW_IMAGES = f"Of these runs there is none: it needs the predictions of {images.LEAST_IMAGES} test images or more."
# Effects for which seeds are counted: of a quantity in percent, and of another.
_SIZES = {True: (0.02, 0.05, 0.1), False: (0.0005, 0.001, 0.002)}


def write(
    path: str | Path,
    title: str,
    table: pd.DataFrame,
    notes: Sequence[str],
    confounded: Sequence[ConfoundedPair],
    fewer_splits: Mapping[str, str],
) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        title: heading of the page.
        table: see `effects.estimate`.
        notes: see `plan.notes`.
        confounded: see `contrasts.find_confounded`.
        fewer_splits: see `contrasts.find_fewer_splits`.
    """
    parts: dict[str, pd.DataFrame] = {}
    for key, own in table.groupby("quantity", sort=False):
        parts |= _parts(own, QUANTITIES[str(key)])
    cannot = [{"one": pair.one, "other": pair.other, "why": _why(pair)} for pair in confounded]
    fewer = [{"condition": name, "ghost batches": said} for name, said in fewer_splits.items()]
    parts["What this study cannot compare"] = pd.DataFrame(cannot)
    parts["Fewer ghost batches than asked for"] = pd.DataFrame(fewer)
    html.write_page(path, title, _reading(table, notes), parts)


def _parts(own: pd.DataFrame, quantity: Quantity) -> dict[str, pd.DataFrame]:
    """The tables of one quantity: effects, interactions, what the seeds can show, and both ways of estimating."""
    name = quantity.margin.replace("_", " ")
    crossed, tested = own[own["level"] == Level.INTERACTION], own[own["level"] != Level.PAIR]
    if tested["low"].isna().all():
        tested = tested.iloc[:0]
    return {
        f"Effects on the {_heading(quantity)}": _effects(own[own["level"] != Level.INTERACTION], quantity),
        f"Interactions, {name}": _effects(crossed, quantity),
        f"What these seeds can show, {name}": _power(tested, quantity),
        f"Both ways to estimate, {name}": _both_ways(tested, quantity),
    }


def _heading(quantity: Quantity) -> str:
    """Names the quantity, its unit, and the sign of a difference that is better."""
    sign = "positive" if quantity.better_up else "negative"
    return f"{quantity.heading} ({quantity.difference_unit}; {sign} is better)"


def _why(pair: ConfoundedPair) -> str:
    return pair.kind if pair.kind is Confounding.SAME else f"{pair.kind} {pair.also}"


def _reading(table: pd.DataFrame, notes: Sequence[str]) -> list[str]:
    if table.empty:
        return [NO_FACTORS]
    text = [*answer.sentences(table), *notes]
    text.append(
        "Each difference compares two conditions that differ in one factor and in nothing else: the value with the "
        "factor minus the value without it, for the same seed. Both share initial weights, order of the images and "
        "random draws. A row of several pairs is their mean. The pairs differ in other factors. If the interactions "
        "below are not small, the mean is not the effect in any single condition. An interaction is the effect of the "
        "first factor with the second factor, minus its effect without the second factor."
    )
    if table["verdict"].dropna().eq(EffectVerdict.TOO_FEW).all():
        return [*text, "Fewer than three seeds: no intervals and no verdicts. Repeat with --config seeds=5 or more."]
    return [
        *text,
        "Better or worse: p is below 0.05 after Holm's adjustment for the number of effects. Equivalent: two one-sided "
        "tests show that the effect is smaller than the margin, which the study declares. Undecided: neither is shown. "
        "The interval says how large the effect may still be. Too few seeds: fewer than three. No spread: all seeds "
        "give the same difference, so nothing can be tested. Diverged: the objective, the validation loss or a weight "
        "became infinite or NaN. Then the difference is that of the other runs, and nothing is tested. Accuracy is the "
        "main question. Loss is a second one with its own adjustment. Intervals are 95 % intervals, each for its own "
        "row.",
        "All runs are tested on the same images. So the first interval and the verdict say what to expect when "
        "networks are trained again and tested on these images. The interval on new images also allows for other test "
        "images of the same kind, from what the saved models do image by image. "
        + ("" if table["low_new_images"].notna().any() else NO_NEW_IMAGES),
    ]


def _effects(rows: pd.DataFrame, quantity: Quantity) -> pd.DataFrame:
    """Effects with their pairs, or interactions. Pairs have empty cells where only effects have a value."""
    write, tested = quantity.write_difference, rows["low"].notna().any()
    shown = []
    for row in rows.to_dict("records"):
        pair = row["level"] == Level.PAIR
        mean = f"mean of {row['pairs']} pairs" if row["level"] == Level.EFFECT and row["pairs"] > 1 else ""
        cells: dict[str, str | None] = {
            "effect": "" if pair else answer.name_of(row),
            "with": words.text(row["with"]) or mean,
            "without": words.text(row["without"]),
            "seeds": str(row["seeds"]),
            "difference": words.known(row["difference"], write),
        }
        if tested:
            cells |= {"from": words.known(row["low"], write), "to": words.known(row["high"], write)}
            new = answer.new_interval(row).removeprefix(", on new images ")
            cells["on new images"] = "; ".join(filter(None, [new, words.text(row["verdict_new_images"])]))
            cells["p adjusted"] = "" if pair else words.p_value(row["p_adjusted"])
        cells["verdict"] = answer.diverged(row) if pair else answer.verdict(row)
        cells["failed runs"] = answer.collapses(row)
        shown.append(cells)
    columns = pd.DataFrame(shown)
    return columns.loc[:, (columns != "").any()]


def _power(rows: pd.DataFrame, quantity: Quantity) -> pd.DataFrame:
    """The smallest effect that the seeds find in 80 % of studies, and the seeds that given effects would need."""
    shown = []
    for row in rows[rows["detectable"].notna()].to_dict("records"):
        spread, family = Spread.of(row), int((rows["level"] == row["level"]).sum())
        cells = {
            "effect": answer.name_of(row),
            "seeds": str(row["seeds"]),
            "found in 80 %": quantity.write_difference(row["detectable"]).lstrip("+"),
        }
        sizes = sorted({row["margin"], *_SIZES[quantity.percent]})
        cells |= {f"seeds to find {size:g}": _count(spread.seeds_to_find(size, family)) for size in sizes}
        if not pd.isna(row["p_equivalence"]):
            cells[f"seeds to show equivalence within {row['margin']:g}"] = _count(row["seeds_for_equivalence"])
        shown.append(cells)
    return pd.DataFrame(shown)


def _count(seeds: float | None) -> str:
    return words.known(seeds, "{:,.0f}".format) or f"more than {MOST_SEEDS:,}"


def _both_ways(rows: pd.DataFrame, quantity: Quantity) -> pd.DataFrame:
    """The interval of each method, which one decides, and why."""
    shown = []
    for row in rows.to_dict("records"):
        cells: dict[str, str | None] = {"effect": answer.name_of(row)}
        for method in Method:
            low, high = (words.known(row[f"{method}_{end}"], quantity.write_difference) for end in ("low", "high"))
            cells[f"{method}: interval"] = f"{low} to {high}" if low and high else None
            cells[f"{method}: p"] = words.p_value(row[f"{method}_p"])
        because = words.text(row["objection"]) or "the check has no objection"
        shown.append({**cells, "decides": row["method"], "because": because})
    return pd.DataFrame(shown)


def make(job: Job) -> None:
    """The table with its page and its figure."""
    conditions, rules, data = job.declared, job.params.rules, job.spec
    title = f"Effects: {job.title}"
    parts = images.read(job.input.predictions, job.runs, job.data.test_labels, rules["judge"])
    table = effects.estimate(job.contrasts, job.summary, job.rules, parts)
    job.write("effects.csv", study_tables.EFFECTS, table)
    confounded = contrasts.find_confounded(conditions, data.train_images, job.reference)
    fewer = contrasts.find_fewer_splits(conditions, data.train_images)
    notes = job.notes()
    lacking = set(rules["judge"]) - {QUANTITIES[key].margin for key in table["quantity"]}
    if job.contrasts and lacking:
        notes.append(f"Without a verdict, because these runs do not have it: {', '.join(sorted(lacking))}.")
    write(job.folder / "effects.html", title, table, notes, confounded, fewer)
    figure = style.only_words(title, "No two conditions of this study differ in one factor alone.")
    if job.contrasts:
        names = {name: named["label"] for name, named in job.named.items()}
        figure = effects_figure.draw(table, title, names)
    style.save(figure, *job.paths("effects"))
