"""The tables of all runs: `summary.csv` and `runs.csv`."""

from normreg.analysis import study_tables
from normreg.analysis import summary as summaries
from normreg.report.job import Job


def make(job: Job) -> None:
    """Writes both tables from the files of all runs."""
    kinds = ("metrics", "predictions", "weights")
    paths = zip(*(job.input[kind] for kind in kinds), strict=True)
    files = [dict(zip(kinds, one, strict=True)) for one in paths]
    held_out, holdout = job.runs[0]["holdout_images"], None
    if held_out:
        from normreg.training import subsets  # PyTorch takes seconds, and most studies have no hold-out

        _, holdout, _ = subsets.holdout(job.data, held_out)
    table = summaries.summarise(job.runs, files, job.data.test_labels, holdout, job.params.target)
    job.write("summary.csv", study_tables.SUMMARY, table, sealed=False)
    rows = summaries.tabulate(table, job.conditions, *job.place)
    job.write("runs.csv", study_tables.runs(summaries.varying(job.conditions)), rows, sealed=False)
