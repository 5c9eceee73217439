"""Chooses a strength on each curve of strengths of a study, by its accuracy on the hold-out."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import chosen, response_tables, summary
    from normreg.config import datasets, identity, sweeps
    from normreg.utils import tables

    runs, conditions = snakemake.params.runs, snakemake.params.conditions
    found = [sweeps.from_plain(sweep) for sweep in snakemake.params.sweeps]
    images = datasets.find(snakemake.wildcards.dataset).train_images
    read = summary.read(snakemake.input.summary, runs)
    table = chosen.choose(found, conditions, read, "final_accuracy", images)
    study = identity.identify_all([run["identity"] for run in runs])
    tables.write_frame(snakemake.output.csv, response_tables.CHOSEN, table, study)
