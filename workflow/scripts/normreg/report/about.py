"""About a run: configuration, settings, versions, devices, data and times, as the last page of the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from normreg.report import html, words
from normreg.report.job import Job
from normreg.training import checkpoint

_STYLE = "td { white-space: normal; text-align: left; vertical-align: top; } td:first-child { white-space: nowrap; }"


def write(
    path: str | Path,
    title: str,
    tables: Mapping[str, Mapping[str, Any]],
    made: Sequence[Mapping[str, str]],
    seconds: float,
) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        title: heading of the page.
        tables: by heading, keys and their values.
        made: for each run how it was made, each with the same keys, such as engine, device, torch. Equal ones are
            counted.
        seconds: training time of all runs together.
    """
    parts = {
        heading: pd.DataFrame({"key": list(values), "value": [str(value) for value in values.values()]})
        for heading, values in tables.items()
        if values
    }
    parts["How the runs were made"] = pd.DataFrame(made).value_counts(sort=False).rename("runs").reset_index()
    text = (
        f"{words.count(len(made), 'run')}, {_time(seconds)} of training together. Every checkpoint has its settings, "
        "seed, versions and the digest of its data. The configuration is that of the call that made this page."
    )
    html.write_page(path, title, [text], parts, _STYLE)


def _time(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"


def make(job: Job) -> None:
    """The page. The configuration is no param: a change of it alone reruns nothing."""
    runs = [checkpoint.load(file) for file in job.input.checkpoints]
    made = [
        {"engine": run["engine"], "device": run["device"], **run["versions"], "data": run["data_digest"]}
        for run in runs
    ]
    tables = {
        "Configuration": {key: value for key, value in job.config.items() if key != "report"},
        "Settings of all conditions": job.params.settings["shared"],
        "Settings that differ": job.params.settings["own"],
    }
    write(job.folder / "about.html", f"About this run: {job.title}", tables, made, job.summary["seconds"].sum())
