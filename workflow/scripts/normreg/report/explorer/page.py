"""Puts the page together: the template, its style, its script and the data, all in one file."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from normreg.analysis import agreement, contrasts
from normreg.analysis.quantities import EPOCH_QUANTITIES
from normreg.report import html, words
from normreg.report.explorer import assets, content, curves, responses
from normreg.report.explorer.curves import METRICS
from normreg.report.explorer.responses import Swept
from normreg.report.job import Course, Job


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
        data: what `curves.describe`, `content.describe_mistakes` and `content.same_runs` give, and what
            `responses.describe` gives as `responses` where the study has sweeps.
        courses: for the table of final values, which needs no script.
        swept: for the tables of the responses, which need none either. Without sweeps, that view is absent.
        diverged: a sentence on the runs that diverged.
    """
    page = html.TEMPLATES.from_string(assets.read("explorer.html")).render(
        title=title,
        facts=words.finished(facts(data), diverged),
        style=assets.read("explorer.css"),
        sweeps=[one.name for one in swept],
        tables=responses.tables(swept),
        finals=html.write_table(finals(courses, data)),
        data=embedded(data),
        script=assets.script(),
    )
    html.save(path, page)


def embedded(data: Mapping[str, Any]) -> str:
    """JSON that can stand inside a script element. There, `<` could begin `</script>` or `<!--`."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def facts(data: Mapping[str, Any]) -> str:
    """One sentence on what the page shows."""
    seeds = [one["seeds"] for one in data["conditions"]]
    numbers = {"condition": len(seeds), "seed": len(set().union(*seeds)), "run": sum(map(len, seeds))}
    kinds = ", ".join(words.count(number, noun) for noun, number in numbers.items())
    return f"{kinds}. {data['wrongImages']:,} of {data['testImages']:,} test images are missed by one or more runs."


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


def make(job: Job) -> None:
    """The explorer of all curves, mistakes and, where there are sweeps, responses."""
    path, title = job.folder / "explorer.html", f"Explorer: {job.title}"
    courses = {metric: job.courses(metric).found for metric in METRICS}
    diverged = job.courses(METRICS[0]).diverged
    if not courses[METRICS[0]]:
        html.write_page(path, title, [diverged], {})
        return
    found, changes = job.agreement
    distinct = contrasts.find_distinct(job.conditions, job.spec.train_images)
    images = content.wrong_images(found)
    confidence = agreement.confidences(job.input.predictions, job.runs, job.data.test_labels, distinct, images)
    files = job.folder / "responses.csv", job.folder / "response_seeds.csv"
    swept = [responses.read(*files, job.identity, sweep.name, sweep.over) for sweep in job.sweeps]
    drawn = curves.describe(courses, job.conditions, job.named)
    drawn |= {"responses": responses.describe(swept)} if swept else {}
    others = len(embedded(drawn)) + sum(len(table) for part in responses.tables(swept) for _, table in part.tables)
    mistaken = content.describe_mistakes(job.data, found, images, confidence, changes, others)
    write(path, title, {**drawn, **mistaken, "same": content.same_runs(distinct)}, courses, swept, diverged)
