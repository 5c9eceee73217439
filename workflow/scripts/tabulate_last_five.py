"""Tabulates the last five epochs of every run of a study."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.pages import last_five

    table = last_five.collect(snakemake.params.runs, snakemake.input.metrics)
    last_five.write(table, snakemake.params.title, snakemake.output.page, snakemake.output.csv)
