"""Makes the tables, pages or figures of one rule: see `normreg.report.registry`."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    jobs.pin_threads(snakemake.threads)
    from normreg.report import registry
    from normreg.report.job import Job

    registry.make(snakemake.params.made, Job(snakemake))
