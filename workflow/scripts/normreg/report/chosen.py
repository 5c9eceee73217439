"""Which strengths the hold-out chooses: `chosen.csv`."""

from normreg.analysis import response_tables, strengths
from normreg.report.job import Job


def make(job: Job) -> None:
    """Writes the table."""
    table = strengths.choose(job.sweeps, job.conditions, job.summary, "final_accuracy", job.spec.train_images)
    job.write("chosen.csv", response_tables.CHOSEN, table)
