"""Writes all runs of a study with their settings and measured quantities into one long table."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import runs, study_tables, summary
    from normreg.utils import tables

    conditions, place = snakemake.params.conditions, snakemake.wildcards
    table = summary.read(snakemake.input.summary, snakemake.params.runs)
    table = runs.tabulate(table, conditions, place.dataset, snakemake.params.study, place.study)
    tables.write_frame(snakemake.output.csv, study_tables.runs(runs.varying(conditions)), table)
