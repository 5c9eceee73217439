"""Summarises the sizes of the trained weights of a study, as CSV and as a page."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import study_tables, weights
    from normreg.config import identity
    from normreg.pages import weights as page
    from normreg.utils import tables

    conditions, runs = snakemake.params.conditions, snakemake.params.runs
    table = weights.summarise(runs, snakemake.input.weights, conditions)
    study = identity.identify_all([run["identity"] for run in runs])
    tables.write_frame(snakemake.output.csv, study_tables.WEIGHT_SIZES, table, study)
    page.write(snakemake.output.page, snakemake.params.title, table, conditions)
