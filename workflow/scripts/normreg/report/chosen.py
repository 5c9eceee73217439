"""Which strengths the hold-out chooses: `chosen.csv`."""

from normreg.analysis import chosen, response_tables
from normreg.report.job import Job


def make(job: Job) -> None:
    """Writes the table."""
    table = chosen.choose(job.sweeps, job.conditions, job.summary, "final_accuracy", job.spec.train_images)
    job.write("chosen.csv", response_tables.CHOSEN, table)
