"""The recall of each class: `recall.csv` and its page."""

import numpy as np
import pandas as pd

from normreg.analysis.agreement import Classes
from normreg.report import html
from normreg.report.job import Job
from normreg.utils.tables import Table, columns_of

TABLE = Table(
    "recalls of classes",
    columns_of(str, "condition", "class")
    | columns_of(int, "images", "seeds")
    | columns_of(float, "recall", "lowest", "highest")
    | columns_of(str, "run"),
)


def tabulate(classes: Classes, names: list[str]) -> pd.DataFrame:
    """One row for each condition and class: the share of its images that the saved models get right, in percent.

    It is a mean over seeds, with the lowest and the highest. Classes without a test image are left out.
    """
    rows = []
    for condition in dict.fromkeys(classes.conditions):
        wrong = classes.wrong[classes.rows_of(condition)]
        for number in np.unique(classes.labels):
            own = classes.labels == number
            recalls = 100 * (1 - wrong[:, own].mean(axis=1))
            about = {"condition": condition, "class": names[number], "images": int(own.sum()), "seeds": len(recalls)}
            rows.append({**about, "recall": recalls.mean(), "lowest": recalls.min(), "highest": recalls.max()})
    return pd.DataFrame(rows, columns=[name for name in TABLE.columns if name != "run"])


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each class and one column for each condition, the class that is hardest for all first."""
    wide = table.pivot(index="class", columns="condition", values="recall")[table["condition"].unique()]
    wide = wide.loc[wide.mean(axis=1).sort_values(kind="stable").index].map("{:.2f}".format)
    wide.insert(0, "test images", table.groupby("class")["images"].first().map("{:,}".format))
    return wide.reset_index()


def make(job: Job) -> None:
    """The table and its page."""
    classes, _ = job.agreement
    table = tabulate(classes, [str(name) for name in job.data.class_names])
    job.write("recall.csv", TABLE, table)
    text = (
        "The share of the test images of each class that the saved models get right, in percent, as a mean over seeds. "
        "Their mean over classes is the balanced accuracy. recall.csv has the lowest and the highest seed."
    )
    parts = {} if table.empty else {"": _shown(table)}
    html.write_page(job.folder / "recall.html", f"Recall of each class: {job.title}", [classes.diverged, text], parts)
