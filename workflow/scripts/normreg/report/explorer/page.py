"""Puts the page together: the template, its style, its script and the data, all in one file."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from normreg.analysis import agreement, contrasts
from normreg.analysis.quantities import EPOCH_QUANTITIES
from normreg.report import html
from normreg.report.explorer import assets, content, curves, responses
from normreg.report.explorer.curves import METRICS
from normreg.report.explorer.responses import Swept
from normreg.report.inputs import Course
from normreg.report.job import Job
from normreg.utils.atomic import replacing


def write(
    path: str | Path,
    title: str,
    data: Mapping[str, Any],
    courses: Mapping[str, Sequence[Course]],
    swept: Sequence[Swept] = (),
    diverged: str = "",
) -> None:
    """Writes the page. It needs no other file and no network.

    Args:
        path: the file.
        title: study and data set.
        data: what `curves.describe`, `content.describe_mistakes` and `content.same_runs` give, and
            `responses.describe` as `responses` where the study has sweeps.
        courses: for the table of final values, which needs no script.
        swept: for the tables of the responses, which need none either. Without sweeps, that view is absent.
        diverged: a sentence on the runs that diverged.
    """
    parts = {
        "title": escape(title),
        "facts": escape(f"{facts(data)} {diverged}".rstrip()),
        "style": assets.read(assets.STYLE),
        "tab": assets.read(assets.TAB) if swept else "",
        "responses": responses.view(swept) if swept else "",
        "tabled": responses.tables(swept) if swept else "",
        "finals": finals(courses, data).to_html(index=False, border=0, justify="unset"),
        "data": embedded(data),
        "script": assets.script(),
    }
    page = assets.fill(assets.TEMPLATE, parts)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def embedded(data: Mapping[str, Any]) -> str:
    """JSON that can stand inside a script element. There, `<` could begin `</script>` or `<!--`."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def facts(data: Mapping[str, Any]) -> str:
    """One sentence on what the page shows."""
    conditions, images = data["conditions"], data["testImages"]
    seeds, runs = {seed for one in conditions for seed in one["seeds"]}, sum(len(one["seeds"]) for one in conditions)
    kinds = [_count(len(conditions), "condition"), _count(len(seeds), "seed"), _count(runs, "run")]
    return f"{', '.join(kinds)}. {data['wrongImages']:,} of {images:,} test images are missed by one or more runs."


def finals(courses: Mapping[str, Sequence[Course]], data: Mapping[str, Any]) -> pd.DataFrame:
    """A row for each condition: its last epoch, and the median of each metric there, with the range over the seeds."""
    rows = []
    for place, described in enumerate(data["conditions"]):
        row = {"condition": described["label"], "last epoch": described["last"], "seeds": len(described["seeds"])}
        for key in METRICS:
            quantity, course = EPOCH_QUANTITIES[key], courses[key][place]
            low, high = quantity.write(course.low[-1]), quantity.write(course.high[-1])
            spread = f" ({low} to {high})" if len(course.seeds) > 1 else ""
            row[quantity.label] = quantity.write(course.final) + spread
        rows.append(row)
    return pd.DataFrame(rows)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def make(job: Job) -> None:
    """The explorer of all curves, mistakes and, where there are sweeps, responses."""
    path, title = job.folder / "explorer.html", f"Explorer: {job.title}"
    courses, diverged = curves.read(job.input.metrics, job.runs)
    if not courses[METRICS[0]]:
        html.write_page(path, title, [diverged], {})
        return
    data, conditions, train_images = job.data, job.conditions, job.spec.train_images
    found, changes = job.agreement
    images, distinct = content.wrong_images(found), contrasts.find_distinct(conditions, train_images)
    confidence = agreement.confidences(job.input.predictions, job.runs, data.test_labels, distinct, images)
    over = {sweep.name: sweep.over for sweep in job.sweeps}
    tables = job.folder / "responses.csv", job.folder / "response_seeds.csv"
    swept = responses.read(*tables, job.identity, over) if over else []
    drawn = curves.describe(courses, conditions, job.named)
    drawn |= {"responses": responses.describe(swept)} if swept else {}
    others = len(embedded(drawn)) + (len(responses.tables(swept)) if swept else 0)
    mistaken = content.describe_mistakes(data, found, images, confidence, changes, others)
    shown = {**drawn, **mistaken, "same": content.same_runs(distinct)}
    write(path, title, shown, courses, swept, diverged)
