"""Compares a study's published values with the measured ones, as CSV and as a page."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import published, study_tables, summary
    from normreg.config import identity
    from normreg.pages import published as page
    from normreg.utils import tables

    block = snakemake.params.published
    runs = snakemake.params.runs
    table = published.compare(block, summary.read(snakemake.input.summary, runs))
    study = identity.identify_all([run["identity"] for run in runs])
    tables.write_frame(snakemake.output.csv, study_tables.PUBLISHED, table, study)
    title, readme = snakemake.params.title, snakemake.params.readme
    page.write(snakemake.output.page, title, block["source"], table, readme)
