"""Judges the runs in docs/data anew; writes the answer, tables and figures of docs/results.md and the README.

    .venv/bin/python docs/judge.py

It needs no training: a new rule of verdict needs only this. What is written stands between two comments. Sentences
around the tables are checked by hand.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

import pandas as pd
from tables import table, written

from normreg.analysis import answer, contrasts, effects, responses
from normreg.analysis.plan import Rules
from normreg.analysis.quantities import QUANTITIES
from normreg.analysis.verdicts import Level, ResponseLevel
from normreg.config import datasets, labels, studies
from normreg.report import effects_figure, response_figure, style
from normreg.workflow.study import Study

ROOT = Path(__file__).resolve().parents[1]
DATA = datasets.find("mnist")
SWEEPS = {  # studies with their sweep
    **{"little-data": "little-data", "l1-strength-5k": "l1", "l2-strength-5k": "l2", "ghost-size-5k": "splits"},
    **{"l2-strength": "l2", "l1-strength": "l1", "ghost-size": "splits"},
}
CONFIRMED = "l2-strength-5k-confirm"


def read(name: str) -> tuple[studies.Run, pd.DataFrame, Rules]:
    """A study, its runs (as `summary.csv`), and what its verdicts go by."""
    runs = pd.read_csv(ROOT / f"docs/data/mnist-{name}.csv", dtype={"condition": str}, keep_default_na=False)
    texts = {"condition", "penalty", "norm", "engine", "validation"}
    numbers = [column for column in runs if column not in texts]
    runs[numbers] = runs[numbers].apply(pd.to_numeric, errors="coerce")
    lacking = {key: value for key, value in {"diverged_epoch": None, "validation": "test"}.items() if key not in runs}
    run = studies.load_named_run(name.removesuffix(studies.CONFIRM))
    if name.endswith(studies.CONFIRM):
        run = studies.only(run, list(dict.fromkeys(runs["condition"])))
    rules = Rules(studies.margin_of(run, DATA.test_images), DATA.test_images, DATA.network_shape.classes)
    return run, runs.assign(**lacking), rules


def effects_of(name: str) -> pd.DataFrame:
    """The table of `effects.estimate`."""
    run, runs, rules = read(name)
    declared = {key: run.conditions[key] for key in run.declared}
    found = contrasts.find_contrasts(declared, DATA.train_images, run.reference, run.crossed)
    return effects.estimate(found, runs, rules)


def effects_tables(rows: pd.DataFrame) -> dict[str, str]:
    """A table for each quantity: the effects and interactions of the controlled study."""
    heading = "| effect | difference | 95 % interval | p adjusted | verdict | decided by | 80 % find |"
    found = {}
    for key, own in rows[rows["level"] != Level.PAIR].groupby("quantity", sort=False):
        write = QUANTITIES[str(key)].write_difference
        found[f"controlled, {key}"] = table(
            heading,
            [
                (
                    *(answer.name_of(row), write(row["difference"]), f"{write(row['low'])} to {write(row['high'])}"),
                    *(f"{row['p_adjusted']:.3f}", answer.verdict(row), row["method"]),
                    write(row["detectable"]).lstrip("+"),
                )
                for row in own.to_dict("records")
            ],
        )
    return found


def cells(row: Mapping[Any, Any], ends: tuple[str, str] = ("low", "high")) -> tuple[str, str]:
    """A difference with its band, and the verdict with the runs that failed."""
    write = QUANTITIES[row["quantity"]].write_difference
    low, high = (write(row[end]) for end in ends)
    failed = answer.collapses(row)
    return f"{write(row['difference'])} ({low} to {high})", answer.verdict(row) + (f"; {failed}" if failed else "")


def confirmed_table(rows: pd.DataFrame) -> str:
    """The chosen strengths: the effects on fresh seeds."""
    accuracy, loss = (own.to_dict("records") for _, own in rows[rows["with"].notna()].groupby("quantity", sort=False))
    heading = (
        "| chosen on the hold-out | accuracy, difference (95 % interval) | verdict | loss, difference (95 % interval) "
        "| verdict |"
    )
    chosen = [(one, other) for one, other in zip(accuracy, loss, strict=True) if one["factor"] == "L2"]
    norms = {key: condition["norm"].upper() for key, condition in studies.load_named_run(CONFIRMED).conditions.items()}
    return table(
        heading,
        [(f"{norms[one['with']]}: {answer.name_of(one)}", *cells(one), *cells(other)) for one, other in chosen],
    )


def response_table(name: str, sweep: str) -> str:
    """A row for each value of each curve: accuracy and loss."""
    run, runs, rules = read(name)
    tables = responses.estimate(run.sweeps, responses.Facts(runs, run.conditions, rules, DATA.train_images))
    draw_response(name, sweep, tables)
    rows = tables.responses[tables.responses["level"] != ResponseLevel.MEAN]
    accuracy, loss = (own.to_dict("records") for _, own in rows.groupby("quantity", sort=False))
    first = {"little-data": "| factor | images", "splits": "| ghost batches"}.get(sweep, f"| norm | {sweep.upper()}")
    shown = []
    for one, other in zip(accuracy, loss, strict=True):
        value = str(one["value"]).split(" / ", maxsplit=1)[0]
        value = f"{int(value):,}" if value.isdecimal() and sweep == "little-data" else value
        norm = {"little-data": (one["curve"],), "splits": ()}.get(sweep, (str(one["norm"]).upper(),))
        shown.append((*norm, value, *cells(one), *cells(other)))
    return table(f"{first} | accuracy, difference (band) | verdict | loss, difference (band) | verdict |", shown)


def draw(name: str, rows: pd.DataFrame, file: str) -> None:
    """The figure of effects."""
    run = studies.load_named_run(name)
    names = {key: named["label"] for key, named in labels.name_conditions(run.conditions, list(run.declared)).items()}
    figure = effects_figure.draw(rows, f"Effects: {Study(run, DATA, ()).title}", names)
    style.save(figure, ROOT / f"docs/images/{file}.png")


def draw_response(name: str, sweep: str, found: responses.Tables) -> None:
    """The figure of a sweep."""
    run = studies.load_named_run(name)
    (own,) = run.sweeps
    title = response_figure.title_of(own.over, found.responses, Study(run, DATA, ()).title)
    figure = response_figure.draw(found.responses, found.seeds, title, own.over)
    kind, size = name.partition("-")[0], "5k" if name.endswith("-5k") else "all"
    ending = name.replace("-", "_") if sweep == "little-data" else f"{kind}_{size}"
    style.save(figure, ROOT / f"docs/images/response_{ending}.png")


def main() -> None:
    """Writes all tables."""
    controlled = effects_of("controlled")
    said = "\n".join(f"- {sentence}" for sentence in answer.sentences(controlled))
    confirmed = effects_of(CONFIRMED)
    draw("controlled", controlled, "effects")
    draw(CONFIRMED, confirmed, "effects_l2_5k_confirm")
    texts = {"answer": said, **effects_tables(controlled), CONFIRMED: confirmed_table(confirmed)}
    texts |= {name: response_table(name, sweep) for name, sweep in SWEEPS.items()}
    for name in ("README.md", "docs/results.md"):
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        here = {key: lines for key, lines in texts.items() if f"<!-- {key}:" in text}
        path.write_text(written(text, here, "docs/judge.py"), encoding="utf-8")


if __name__ == "__main__":
    main()
